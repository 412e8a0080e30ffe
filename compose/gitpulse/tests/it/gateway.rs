//! Between the processor and its tables: a gateway that answers in ClickHouse's place, and tables that somebody changed by hand. Nothing is lost, and
//! `/readyz` reports the fault.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::shared;

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 38\r\nConnection: close\r\n\r\n<html><h1>Maintenance</h1>Back soon.\r\n";

/// A gateway in front of ClickHouse that is open or shows a page. When it closes, kept connections end.
struct Gateway {
    address: SocketAddr,
    closed: watch::Sender<bool>,
}

impl Gateway {
    async fn start(clickhouse_url: &str) -> Gateway {
        let upstream: SocketAddr = clickhouse_url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (closed, is_closed) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut is_closed = is_closed.clone();
                tokio::spawn(async move {
                    if *is_closed.borrow_and_update() {
                        return show_page(stream).await;
                    }
                    let mut server = TcpStream::connect(upstream).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut stream, &mut server) => (),
                        _ = is_closed.wait_for(|is_closed| *is_closed) => (),
                    }
                });
            }
        });
        Gateway { address, closed }
    }
}

async fn show_page(mut stream: TcpStream) {
    let mut request = [0; 16 * 1024];
    if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
        let _ = stream.write_all(PAGE.as_bytes()).await;
        // The client's further bytes are discarded until it has read the page.
        while stream.read(&mut request).await.is_ok_and(|count| count > 0) {}
    }
}

fn push(number: u64) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/b{number}","before":"a{number}","after":"b{number}","commits":[]}}"#
    )
    .into_bytes()
}

async fn deliver(ingest: &Role, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let sent = send(&client(), &ingest.webhooks(), &format!("delivery-{number}"), push(number)).await;
        assert_eq!(sent, Answer::Status(200));
    }
}

async fn readiness(processor: &Role) -> (u16, String) {
    let answer = client().get(format!("http://{}/readyz", processor.address)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_status_200_in_front_of_clickhouse_loses_nothing() {
    let deployment = Deployment::new("gateway");
    let gateway = Gateway::start(&shared().clickhouse_url).await;
    let url = format!("http://{}", gateway.address);
    let behind = deployment.clone().with("GITPULSE_CLICKHOUSE_URL", &url);
    let (ingest, mut processor) = (deployment.ingest(), behind.processor());
    deliver(&ingest, 0..1).await;
    deployment.until_count("SELECT count() FROM events", 1).await;

    gateway.closed.send_replace(true);
    deliver(&ingest, 1..7).await;
    eventually("the processor says that nothing is stored", async || {
        let (status, told) = readiness(&processor).await;
        if status == 503 && told.contains("storing:") && told.contains("in its place") {
            Ok(())
        } else {
            Err(format!("{status}: {told}"))
        }
    })
    .await;
    assert!(processor.ended().is_none(), "{}", processor.log());
    assert_eq!(deployment.value::<u64>("SELECT count() FROM events").await, 1);

    gateway.closed.send_replace(false);
    deployment.until_count("SELECT count() FROM events", 7).await;
    eventually("the processor is ready", async || match readiness(&processor).await {
        (200, _) => Ok(()),
        (status, told) => Err(format!("{status}: {told}")),
    })
    .await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM pushes").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_changed_takes_rows_as_long_as_it_has_their_columns() {
    let deployment = Deployment::new("by_hand");
    let change = async |statement: &str| deployment.client.query(statement).execute().await.unwrap();
    // Neither has a default, and no client needs to know the type of the second.
    change("ALTER TABLE event_facts ADD COLUMN remark String").await;
    change("ALTER TABLE push_facts ADD COLUMN total AggregateFunction(sum, UInt64)").await;
    let (ingest, processor) = (deployment.ingest(), deployment.processor());
    deliver(&ingest, 0..2).await;
    deployment.until_count("SELECT count() FROM pushes", 2).await;
    deployment.until_count("SELECT count() FROM events", 2).await;
    // A column gets another type while the processor still caches the old one.
    change("ALTER TABLE event_facts DROP COLUMN remark").await;
    change("ALTER TABLE event_facts MODIFY COLUMN origin String").await;
    deliver(&ingest, 2..4).await;
    deployment.until_count("SELECT count() FROM events", 4).await;
    drop(processor);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_have_the_types_of_their_migrations() {
    let deployment = Deployment::new("types");
    let query = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table NOT IN \
                 (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%View')";
    let all: Vec<(String, String, String)> = deployment.client.query(query).fetch_all().await.unwrap();
    let mut compared = 0;
    for (table, column, found) in all {
        // Rollups and the ledger are made elsewhere; our rows go into neither.
        let columns = schemas::migration::columns::columns(&table);
        if !columns.is_empty() {
            let found = schemas::migration::columns::condensed(&found);
            assert_eq!(columns.get(&column), Some(&found), "{table}.{column}");
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared} columns");
}
