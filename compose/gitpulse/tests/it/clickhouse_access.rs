//! Access to the embedded ClickHouse, and what a statement can reach: no page of a browser, no other machine, no name server; and a statement ends
//! with its client, the engine with its supervisor.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use embedded::supervisor::Supervisor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::deployment::eventually;
use crate::engines::{shared, start_clickhouse};

fn address(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// The status of the answer to a request with these headers.
async fn status(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_browser_is_answered() {
    let address = address(&shared().clickhouse_url);
    let host = address.to_string();
    let host = ("Host", host.as_str());
    for (headers, expected) in [
        (vec![host], 200),
        (vec![host, ("Sec-Fetch-Site", "none")], 200),
        // An image on some page: no Origin, and an address as the host.
        (vec![host, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], 403),
        (vec![host, ("Sec-Fetch-Site", "same-site")], 403),
        (vec![host, ("Origin", "http://page.example.com")], 403),
        (vec![("Host", "0.0.0.0:8123")], 403),
        (vec![("Host", "page.example.com:8123")], 403),
    ] {
        assert_eq!(status(address, "/?query=SELECT%201", &headers).await, expected, "{headers:?}");
    }
}

async fn refusal(client: &clickhouse::Client, sql: &str) -> String {
    client.query_raw(sql).execute().await.expect_err(sql).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_reaches_no_other_source() {
    let client = clickhouse::Client::default().with_url(&shared().clickhouse_url);
    let nearby = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    nearby.set_nonblocking(true).unwrap();
    let at = nearby.local_addr().unwrap();
    for source in [
        format!("url('http://{at}/x', 'CSV', 'a String')"),
        "url('http://'||(SELECT 'a.title.example.com')||'/x', 'CSV', 'a String')".to_owned(),
        format!("remote('{at}', 'system', 'one')"),
        format!("remoteSecure('{at}', 'system', 'one')"),
        format!("mysql('{at}', 'd', 't', 'u', 'p')"),
        format!("postgresql('{at}', 'd', 't', 'u', 'p')"),
        format!("mongodb('{at}', 'd', 't', 'u', 'p', 'a String')"),
        format!("redis('{at}', 'k', 'k String')"),
        format!("s3('http://{at}/bucket/x', NOSIGN, 'CSV', 'a String')"),
        format!("azureBlobStorage('http://{at}/x', 'c', 'b', 'u', 'a2V5', 'CSV', 'auto', 'a String')"),
        "file('config.xml', 'LineAsString')".to_owned(),
        "sqlite('x.db', 't')".to_owned(),
        "jdbc('x', 't')".to_owned(),
        "odbc('x', 't')".to_owned(),
        "executable('x.sh', 'CSV', 'a String')".to_owned(),
    ] {
        let said = refusal(&client, &format!("SELECT * FROM {source} SETTINGS http_max_tries = 1")).await;
        let refused = [
            "Not enough privileges",
            "does not exist inside user scripts",
            "Bucket name",
            "NOSIGN",
            "ermission",
        ];
        assert!(refused.iter().any(|text| said.contains(text)), "{source}: {said}");
    }
    for statement in [
        format!("CREATE TABLE reach (a String) ENGINE = URL('http://{at}/x', 'CSV')"),
        format!("CREATE DATABASE reach ENGINE = PostgreSQL('{at}', 'd', 'u', 'p')"),
        format!(
            "CREATE DICTIONARY reach (k UInt64, v String) PRIMARY KEY k SOURCE(HTTP(url 'http://{at}/x' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)"
        ),
        "BACKUP TABLE system.one TO File('x')".to_owned(),
        "GRANT URL ON *.* TO default".to_owned(),
    ] {
        let said = refusal(&client, &statement).await;
        assert!(said.contains("Not enough privileges"), "{statement}: {said}");
    }
    // A disk within a table is not a source with a right of its own: there the kernel has to refuse.
    let disk = format!(
        "CREATE TABLE reach (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://{at}/x/')"
    );
    refusal(&client, &disk).await;
    assert!(nearby.accept().is_err(), "it connected");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_gives_the_engine_no_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, url) = start_clickhouse(&folder.path().join("engine")).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.pid().unwrap())).unwrap();
    assert!(status.lines().any(|line| line == "Seccomp:\t2"), "{status}");
    // Here each source has its right, and still nothing is reached: neither by TCP nor by a name, which is resolved by UDP.
    let tables = folder.path().join("engine/tables");
    engine.stop(Duration::from_secs(30)).await.unwrap();
    std::fs::write(tables.join("config.xml"), "<clickhouse></clickhouse>").unwrap();
    let (_engine, url_again) = start_clickhouse(&folder.path().join("engine")).await;
    let client = clickhouse::Client::default().with_url(url_again);
    let nearby = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    nearby.set_nonblocking(true).unwrap();
    let at = nearby.local_addr().unwrap();
    for source in [
        format!("url('http://{at}/x', 'CSV', 'a String')"),
        "url('http://title.example.com/x', 'CSV', 'a String')".to_owned(),
        format!("remote('{at}', 'system', 'one')"),
    ] {
        let said = refusal(&client, &format!("SELECT * FROM {source} SETTINGS http_max_tries = 1")).await;
        assert!(!said.contains("Not enough privileges"), "{source}: {said}");
    }
    assert!(nearby.accept().is_err(), "it connected");
    drop(url);
}

/// Number of running statements, not counting this one.
async fn running(client: &clickhouse::Client) -> u64 {
    client.query("SELECT toUInt64(count() - 1) FROM system.processes").fetch_one().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, url) = start_clickhouse(&folder.path().join("engine")).await;
    let client = clickhouse::Client::default().with_url(&url);
    // More than can run at once; some clients leave before their statement has begun, some in the middle of its rows.
    let heavy = "SELECT%20count()%20FROM%20numbers(10000000000000)%20WHERE%20number%20%25%207%20=%203";
    let rows = "SELECT%20number%20FROM%20numbers(10000000000000)%20WHERE%20number%20%3C%20300000%20OR%20number%20%3E%209999999999000";
    let mut clients = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(address(&url)).await.unwrap();
        let statement = if number % 3 == 0 { rows } else { heavy };
        let request = format!("GET /?query={statement} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        clients.push(stream);
    }
    let mut first = [0; 1];
    clients[0].read_exact(&mut first).await.unwrap();
    drop(clients);
    let began = Instant::now();
    eventually("the statements end", async || match running(&client).await {
        0 => Ok(()),
        count => Err(format!("{count} still run")),
    })
    .await;
    eprintln!("statements of clients that left ended after {:.1} s", began.elapsed().as_secs_f64());
}

/// Stops an engine in which an endless statement runs.
async fn stop(engine: Supervisor) -> Duration {
    let began = Instant::now();
    engine.stop(Duration::from_secs(60)).await.unwrap();
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_ends_although_a_statement_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, url) = start_clickhouse(&folder.path().join("engine")).await;
    let client = clickhouse::Client::default().with_url(&url);
    let statement = "SELECT arrayFold((acc, x) -> cityHash64(acc, x), range(1000000), toUInt64(0))";
    let asking = client.clone();
    let stuck = tokio::spawn(async move { asking.query_raw(statement).execute().await });
    eventually(
        "the statement runs",
        async || if running(&client).await > 0 { Ok(()) } else { Err(String::new()) },
    )
    .await;
    let took = stop(engine).await;
    assert!(took < Duration::from_secs(50), "{took:?}");
    assert!(stuck.await.unwrap().is_err());
}
