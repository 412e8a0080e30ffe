//! The embedded ClickHouse with unmodified clients: curl, the clickhouse crate with validation on, and those of other languages.

use std::process::Command;

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use testing::skipped;
use tokio::io::AsyncWriteExt;

use crate::client_programs;
use crate::delivery::client;
use crate::engines::{shared, start_clickhouse};

/// A database for one test.
async fn database(name: &str) -> Client {
    let client = Client::default().with_url(&shared().clickhouse_url);
    // The shared engine belongs to this process and starts empty.
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

/// Runs a client program, which reports what fails.
pub(crate) fn run(mut command: Command) {
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_work_unchanged() {
    let Some(mut python) = client_programs::python("clients.py") else {
        return skipped("there is no python3 with venv on this machine");
    };
    python.arg(&shared().clickhouse_url);
    run(python);
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_go_and_grafanas_plugin_work_unchanged_in_every_compression() {
    let Some(mut go) = client_programs::go() else {
        return skipped("there is no Go, 1.21 or newer, on this machine");
    };
    go.arg(&shared().clickhouse_url);
    run(go);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_node_works_unchanged() {
    let Some(mut node) = client_programs::node() else {
        return skipped("there is no npm on this machine");
    };
    node.arg(&shared().clickhouse_url);
    run(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jdbc_driver_works_unchanged_its_cancel_and_read_only_sessions_included() {
    let Some(mut java) = client_programs::java() else {
        return skipped("there is no Maven, or no Java, on this machine");
    };
    let address = shared().clickhouse_url.strip_prefix("http://").unwrap();
    java.arg(format!("jdbc:clickhouse://{address}/default"));
    run(java);
}

/// The machine may be busy, and some answers are large.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// Sends a raw HTTP request; returns the whole answer.
async fn ask(
    query: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let mut request = client().post(format!("{}/{query}", shared().clickhouse_url)).timeout(PATIENCE);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.body(body.to_owned()).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn results_above_the_old_limit_come_in_formats_that_frame_them() {
    let rows = "FROM (SELECT number, repeat(toString(number % 10), 1000) AS text FROM numbers(150000))";
    for (format, begin, end) in [
        ("JSON", &b"{\n\t\"meta\""[..], &b"}\n}\n"[..]),
        ("JSONCompact", b"{", b"}\n"),
        ("Arrow", b"ARROW1", b"ARROW1"),
        ("ArrowStream", b"\xff\xff\xff\xff", b"\0\0\0\0"),
        ("Parquet", b"PAR1", b"PAR1"),
        ("ORC", b"ORC", b""),
        ("XML", b"<?xml", b"</result>\n"),
    ] {
        let (status, headers, body) = ask(
            "?output_format_parquet_compression_method=none",
            &[],
            &format!("SELECT * {rows} FORMAT {format} -- all"),
        )
        .await;
        assert_eq!((status, headers["x-clickhouse-format"].to_str().unwrap()), (200, format));
        assert!(body.starts_with(begin) && body.ends_with(end), "{format}: {} bytes", body.len());
        assert!(
            matches!(format, "Arrow" | "ArrowStream" | "ORC" | "Parquet") || body.len() > 150_000_000,
            "{format}: {} bytes",
            body.len()
        );
    }
    let named_by_header = [("x-clickhouse-format", "JSON")];
    let (_, _, body) = ask("", &named_by_header, "SELECT 1 AS a;").await;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&answer["data"][0]["a"], &answer["rows"]), (&1.into(), &1.into()));
    let (status, _, body) = ask("", &[], "SELECT throwIf(number = 99) FROM numbers(100) FORMAT JSON").await;
    let text = String::from_utf8(body).unwrap();
    assert!(status == 500 && text.starts_with("Code: 395."), "{status} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_large_result_ends_its_statement() {
    let url = format!("{}/?query_id=leaver", shared().clickhouse_url);
    let sql = "SELECT number, repeat('leaver', 100) FROM numbers(1000000000) FORMAT JSON";
    let mut answer = client().post(url).timeout(PATIENCE).body(sql).send().await.unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    let running =
        "SELECT count() FROM system.processes WHERE query LIKE '%leaver%' AND query NOT LIKE '%processes%'";
    assert_eq!(ask("", &[], running).await.2, b"1\n");
    drop(answer);
    crate::deployment::eventually("the statement ends", async || {
        match ask("", &[], running).await.2.as_slice() {
            b"0\n" => Ok(()),
            other => Err(String::from_utf8_lossy(other).into_owned()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_killed_by_the_id_that_its_client_gave_it() {
    let slow = tokio::spawn(ask(
        "?query_id=slow'one",
        &[],
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
    ));
    crate::deployment::eventually("it is killed", async || {
        let killed = ask("", &[], "KILL QUERY WHERE query_id = 'slow\\'one' SYNC").await.2;
        if killed.is_empty() { Err("nothing is killed yet".to_owned()) } else { Ok(()) }
    })
    .await;
    let (status, _, body) = slow.await.unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(status == 500 && text.starts_with("Code: 394."), "{status} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_reads_on() {
    let in_session = async |sql: &str| {
        let (status, _, body) = ask("?session_id=reads&max_threads=1", &[], sql).await;
        (status, String::from_utf8(body).unwrap())
    };
    assert_eq!(in_session("SET max_block_size = 77, readonly = 2").await.0, 200);
    assert_eq!(in_session("SELECT getSetting('max_block_size')").await, (200, "77\n".to_owned()));
    assert_eq!(in_session("SET max_block_size = 78").await.0, 200);
    for refused in [
        "CREATE TABLE made_in_a_read_only_session (a Int8) ENGINE = Memory",
        "SET readonly = 0",
        "SET readonly = 1",
        "INSERT INTO t VALUES (1)",
    ] {
        let (status, text) = in_session(refused).await;
        assert!(status == 500 && text.starts_with("Code: 164."), "{refused}: {status} {text}");
    }
    for sql in ["SET readonly = 1", "SET readonly = 1", "SELECT 1"] {
        assert_eq!(ask("?session_id=only_reads&max_threads=1", &[], sql).await.0, 200, "{sql}");
    }
    let (_, _, refused) = ask("?session_id=only_reads", &[], "SET max_block_size = 78").await;
    assert!(refused.starts_with(b"Code: 164."), "{}", String::from_utf8_lossy(&refused));
    assert_eq!(in_session("USE system").await.0, 200);
    assert_eq!(in_session("SELECT count() > 0 FROM one").await, (200, "1\n".to_owned()));
    assert_eq!(ask("", &[], "CREATE TABLE made_beside_it (a Int8) ENGINE = Memory").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_for_who_he_is_can_read_why() {
    let (status, headers, body) =
        ask("?user=bob&compress=1", &[("accept-encoding", "gzip")], "SELECT 1").await;
    assert!(
        status == 403 && body.starts_with(b"Code: 516.") && !headers.contains_key("content-encoding"),
        "{body:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_that_is_idle_for_longest_makes_room() {
    // An engine of its own, without other sessions.
    let folder = tempfile::tempdir().unwrap();
    let (_engine, url) = start_clickhouse(folder.path()).await;
    let client = client();
    let at = async |session: &str, sql: &'static str| {
        let request = client.post(format!("{url}/?session_id={session}")).timeout(PATIENCE);
        let answer = request.body(sql).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for session in ["first", "second"] {
        assert_eq!(at(session, "SET max_block_size = 77").await.0, 200);
    }
    for number in 0..198 {
        let (status, text) = at(&format!("other_{number}"), "SELECT 1").await;
        assert_eq!(status, 200, "session {number}: {text}");
    }
    // It was used again, so it is not the one idle for longest.
    assert_eq!(at("first", "SELECT getSetting('max_block_size')").await.1, "77\n");
    assert_eq!(at("one_too_many", "SELECT 1").await, (200, "1\n".to_owned()));
    assert_eq!(at("first", "SELECT getSetting('max_block_size')").await.1, "77\n");
    assert_ne!(at("second", "SELECT getSetting('max_block_size')").await.1, "77\n");
}
