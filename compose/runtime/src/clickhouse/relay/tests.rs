use std::time::Duration;

use clickhouse::error::Error;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::{ClickHouse, ClickHouseConfig, ClickHouseError, is_transient};
use crate::Secret;

const PATIENCE: Duration = Duration::from_secs(30);
const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Please sign in";
/// An answer that shows a server's name but no sign that it ran a statement.
const HALF: &str = "HTTP/1.1 200 OK\r\nX-ClickHouse-Server-Display-Name: db\r\nContent-Length: 3\r\n\r\nOk.";
const OWN: &str = "HTTP/1.1 200 OK\r\nX-ClickHouse-Query-Id: 1\r\nX-ClickHouse-Summary: {\"written_rows\":\"1\"}\r\nContent-Length: 0\r\n\r\n";
const NAMED: &str = "HTTP/1.1 200 OK\r\nx-clickhouse-query-id: 1\r\nx-clickhouse-server-display-name: db\r\nContent-Length: 0\r\n\r\n";

#[derive(clickhouse::Row, Serialize)]
struct Counted {
    count: u64,
}

/// A client of a server that gives this answer to each request of a connection, once it has read the request.
async fn answered(answer: &'static str) -> ClickHouse {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while connection.read_buf(&mut request).await.is_ok_and(|count| count > 0) {
                    // The statement of a ping, or the last chunk of an insert.
                    if request.ends_with(b"FORMAT Null") || request.ends_with(b"0\r\n\r\n") {
                        request.clear();
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    at(url)
}

fn at(url: String) -> ClickHouse {
    ClickHouse::new(&ClickHouseConfig {
        url,
        database: "gitpulse".to_owned(),
        user: "default".to_owned(),
        password: Secret::new(""),
        cluster: None,
    })
}

async fn insert(clickhouse: &ClickHouse) -> Result<(), Error> {
    let client = clickhouse.client.clone().with_validation(false);
    let mut insert = client.insert::<Counted>("counts").await?;
    insert.write(&Counted { count: 1 }).await?;
    insert.end().await
}

async fn check(answer: &'static str, is_clickhouses: bool) {
    let clickhouse = answered(answer).await;
    // Twice, over one connection if it may stay open.
    for _ in 0..2 {
        let inserted = tokio::time::timeout(PATIENCE, insert(&clickhouse)).await.unwrap();
        let pinged = clickhouse.ping(PATIENCE).await;
        if is_clickhouses {
            inserted.unwrap();
            pinged.unwrap();
            continue;
        }
        let error = inserted.unwrap_err();
        assert!(is_transient(&error), "{error}");
        assert!(error.to_string().contains("answered 200 in its place"), "{error}");
        let error = pinged.unwrap_err();
        assert!(error.to_string().contains("answered 200 in its place"), "{error}");
    }
}

#[tokio::test]
async fn a_page_with_status_200_is_no_answer_of_clickhouse() {
    check(PAGE, false).await;
    check(HALF, false).await;
}

#[tokio::test]
async fn what_clickhouse_answers_passes_as_it_is() {
    check(OWN, true).await;
    check(NAMED, true).await;
}

#[tokio::test]
async fn where_nobody_listens_the_network_is_to_blame() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let clickhouse = at(format!("http://{free}"));
    let error = clickhouse.ping(PATIENCE).await.unwrap_err();
    assert!(matches!(error, ClickHouseError::Client(Error::Network(_))), "{error:?}");
}

/// ClickHouse ends a statement whose reader has gone, which it notices by the closed connection.
#[tokio::test]
async fn a_question_that_nobody_waits_for_ends_with_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clickhouse = at(format!("http://{}", listener.local_addr().unwrap()));
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let question = tokio::spawn(async move { clickhouse.ping(PATIENCE).await });
    let ended = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"FORMAT Null") {
            assert!(connection.read_buf(&mut request).await.unwrap() > 0);
        }
        asked.send(()).unwrap();
        connection.read_buf(&mut request).await.unwrap_or_default()
    });
    was_asked.await.unwrap();
    question.abort();
    assert_eq!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap(), 0);
}
