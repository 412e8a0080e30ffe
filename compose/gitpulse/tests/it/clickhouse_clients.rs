//! The embedded ClickHouse under clients that know nothing of it: curl, the clickhouse crate with validation on, and two Python clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use testing::skipped;
use tokio::io::AsyncWriteExt;

use crate::engines::shared;

/// A database of the test's own.
async fn database(name: &str) -> Client {
    let client = Client::default().with_url(&shared().clickhouse_url);
    // The shared engine is this process's own and begins empty.
    client.query(&format!("CREATE DATABASE {name}")).execute().await.unwrap();
    client.with_database(name)
}

#[derive(Row, Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Entry {
    id: u64,
    name: String,
    labels: Vec<String>,
    note: Option<String>,
    version: (i64, u8, u16, Option<String>),
    #[serde(with = "clickhouse::serde::uuid")]
    key: uuid::Uuid,
}

async fn round_trip(client: Client) {
    client
        .query(
            "CREATE TABLE entries (id UInt64, name String, labels Array(String), note Nullable(String), \
             version Tuple(Int64, UInt8, UInt16, Nullable(String)), key UUID) ENGINE = MergeTree ORDER BY id",
        )
        .execute()
        .await
        .unwrap();
    let rows: Vec<Entry> = (0..5000)
        .map(|id| Entry {
            id,
            name: format!("n{id}"),
            labels: vec!["a".to_owned()],
            note: (id % 2 == 0).then(|| "x".to_owned()),
            version: (id.cast_signed(), 1, 2, Some("v".to_owned())),
            key: uuid::Uuid::from_u128(id.into()),
        })
        .collect();
    let mut insert = client.insert::<Entry>("entries").await.unwrap();
    for row in &rows {
        insert.write(row).await.unwrap();
    }
    insert.end().await.unwrap();
    let mut aborted = client.insert::<Entry>("entries").await.unwrap();
    for row in &rows {
        aborted.write(row).await.unwrap();
    }
    drop(aborted);

    assert_eq!(
        client.query("SELECT ?fields FROM entries ORDER BY id").fetch_all::<Entry>().await.unwrap(),
        rows
    );
    assert!(
        client.query("SELECT ?fields FROM entries WHERE 0").fetch_all::<Entry>().await.unwrap().is_empty()
    );
    let bound = client.query("SELECT count() FROM entries WHERE id < ? AND name != ?").bind(100).bind("n5");
    let named = client.query("SELECT count() FROM entries WHERE id < {x:UInt64} AND name = {n:String}");
    let named = named.param("x", 100_u64).param("n", "n5");
    assert_eq!((bound.fetch_one::<u64>().await.unwrap(), named.fetch_one::<u64>().await.unwrap()), (99, 1));
    let missing = client.query("SELECT id FROM nope").fetch_all::<u64>().await.unwrap_err().to_string();
    assert!(missing.contains("Code: 60."), "{missing}");
    let late = "SELECT throwIf(number = 1500000)::UInt64 + number FROM numbers(2000000)";
    let late = client.query(late).fetch_all::<u64>().await.unwrap_err().to_string();
    assert!(late.contains("Code: 395."), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clickhouse_crate_works_compressed() {
    round_trip(database("crate_lz4").await.with_compression(Compression::Lz4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clickhouse_crate_works_uncompressed() {
    round_trip(database("crate_plain").await.with_compression(Compression::None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_finds_a_wrong_type() {
    let client = database("crate_validation").await;
    client.query("CREATE TABLE narrow (id UInt32) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();
    #[derive(Row, Serialize)]
    struct Wide {
        id: u64,
    }
    let mut insert = client.insert::<Wide>("narrow").await.unwrap();
    let refused = insert.write(&Wide { id: 1 }).await;
    assert!(refused.is_err(), "a u64 was written into a UInt32");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_insert_leaves_nothing() {
    let client = database("cut").await;
    client.query("CREATE TABLE cut (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    let address = shared().clickhouse_url.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "POST /?database=cut&query=INSERT+INTO+cut+FORMAT+TSV HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n1\n2\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    drop(socket);
    // An insert that is still under way would show up later than this one.
    client.query("INSERT INTO cut VALUES (7)").execute().await.unwrap();
    let running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO cut FORMAT TSV%'";
    crate::deployment::eventually("the cut insert ends", async || {
        match client.query(running).fetch_one::<u64>().await {
            Ok(0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(client.query("SELECT a FROM cut").fetch_all::<u64>().await.unwrap(), [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_clickhouses_answers_and_statuses() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skipped("there is no curl on this machine");
    }
    let url = &shared().clickhouse_url;
    let curl = |query: &str, sql: &str| {
        let arguments = ["-s", "-o", "-", "-w", " %{http_code}", &format!("{url}/{query}"), "--data", sql];
        let output = Command::new("curl").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(curl("", "SELECT 1"), "1\n 200");
    assert_eq!(curl("?default_format=JSONEachRow", "SELECT 1 AS a"), "{\"a\":1}\n 200");
    assert_eq!(curl("?max_block_size=7", "SELECT getSetting('max_block_size')"), "7\n 200");
    assert_ne!(curl("", "SELECT getSetting('max_block_size')"), "7\n 200");
    for (query, sql, code, status) in [
        ("", "SELEKT 1", "Code: 62.", " 400"),
        ("", "SELECT * FROM nope", "Code: 60.", " 404"),
        ("?database=nope", "SELECT 1", "Code: 81.", " 404"),
        ("?user=bob", "SELECT 1", "Code: 516.", " 403"),
    ] {
        let answer = curl(query, sql);
        assert!(answer.starts_with(code) && answer.ends_with(status), "{query} {sql}: {answer}");
    }
}

/// Versions that are known to work; installed once, beside the engines.
const PYTHON_CLIENTS: [&str; 3] = ["clickhouse-connect[lz4]==1.12.0", "aiochclient==2.7.0", "aiohttp"];

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_work_unchanged() {
    let Some(python) = python_with_clients() else {
        return skipped("there is no python3 with venv on this machine");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clickhouse_clients.py");
    let output = Command::new(python).arg(script).arg(&shared().clickhouse_url).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

/// A Python that has the clients, in the folder for the build's temporary files.
fn python_with_clients() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = folder.join("bin/python");
    let marker = folder.join(format!("installed-{}", PYTHON_CLIENTS.join("-").replace(['[', ']', '='], "_")));
    if marker.exists() {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output().ok()?;
    if !made.status.success() {
        return None;
    }
    let installed =
        Command::new(&python).args(["-m", "pip", "install", "-q"]).args(PYTHON_CLIENTS).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    std::fs::write(marker, "").unwrap();
    Some(python)
}
