use std::time::Duration;

use schemas::migration::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::clickhouse::{ClickHouse, ClickHouseError};

/// Checks the code of an answer, and whether it is worth a retry.
#[track_caller]
fn check(answer: &str, expected: Option<u32>, passes: bool) {
    let error = Error::BadResponse(answer.to_owned());
    assert_eq!(code(&error), expected.map(Code), "{answer:?}");
    assert_eq!(is_transient(&error), passes, "{answer:?}");
}

#[test]
fn overload_passes_and_a_missing_table_does_not() {
    for (answer, expected, passes) in [
        ("Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)", 159, true),
        ("Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)", 241, true),
        ("Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)", 242, true),
        ("Code: 319. DB::Exception: Unknown status of an insert. (UNKNOWN_STATUS_OF_INSERT)", 319, true),
        ("Code: 741. DB::Exception: Table UUID mismatch. (TABLE_UUID_MISMATCH)", 741, true),
        ("Code: 999. Coordination::Exception: Session expired. (KEEPER_EXCEPTION)", 999, true),
        ("Code: 16. DB::Exception: No such column x. (NO_SUCH_COLUMN_IN_TABLE)", 16, false),
        ("Code: 60. DB::Exception: Table does not exist. (UNKNOWN_TABLE)", 60, false),
        ("Code: 81. DB::Exception: Database does not exist. (UNKNOWN_DATABASE)", 81, false),
        ("Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)", 164, false),
        ("Code: 497. DB::Exception: Not enough privileges. (ACCESS_DENIED)", 497, false),
        ("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", 516, false),
    ] {
        check(answer, Some(expected), passes);
    }
}

#[test]
fn too_many_parts_pass_and_too_many_partitions_do_not() {
    let parts = "Code: 252. DB::Exception: Too many parts (3000 with average size of 1 MiB) in table 'gitpulse.event_facts'. \
                 Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)";
    let partitions = "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100). The limit is \
                      controlled by 'max_partitions_per_insert_block' setting. (TOO_MANY_PARTS)";
    check(parts, Some(252), true);
    check(partitions, Some(252), false);
    // Which of them it was is unknown; the retries end anyway.
    check("Code: 252", Some(252), true);
}

#[test]
fn a_code_without_words_is_a_code() {
    // What the client makes of the header if the body is empty or cannot be read.
    check("Code: 60", Some(60), false);
    check("Code: 241", Some(241), true);
    // A body that was cut off.
    check("Code: 60.", Some(60), false);
    check("Code: 60. DB::Exc", Some(60), false);
    check("Code:60", Some(60), false);
    check(" Code: 60\n", Some(60), false);
}

#[test]
fn the_first_code_of_several_lines_counts() {
    check("Code: 60.\r\nDB::Exception: Table\ndoes not exist.\n(UNKNOWN_TABLE)", Some(60), false);
    check(
        "__exception__\r\nrnywyenlaeqynhmu\r\nCode: 60. DB::Exception: no (UNKNOWN_TABLE)",
        Some(60),
        false,
    );
    let on_cluster = "Code: 279. DB::Exception: All connection tries failed. Log:\n\n\
                      Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)";
    check(on_cluster, Some(279), true);
    check("Code: 60. DB::Exception: There was an error on [host:9000]: Code: 241.", Some(60), false);
}

#[test]
fn exceptions_of_libraries_have_codes_too() {
    check("Poco::Exception. Code: 1000, e.code() = 111, Connection refused (version 26.7)", Some(1000), true);
    check("std::exception. Code: 1001, type: std::bad_alloc, e.what() = no memory", Some(1001), true);
}

#[test]
fn what_has_no_code_passes() {
    for answer in [
        "",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "<html>Error Code: 60. The server did not answer.</html>",
        "Code:",
        "Code: ",
        "Code: sixty",
        "Code: 99999999999999999999. DB::Exception: no number of ClickHouse's",
    ] {
        check(answer, None, true);
    }
}

#[test]
fn a_lost_connection_passes_and_rows_that_cannot_be_written_do_not() {
    assert!(is_transient(&Error::Network("connection reset".into())));
    assert!(is_transient(&Error::TimedOut));
    assert!(!is_transient(&Error::RowNotFound));
    assert!(!is_transient(&Error::SchemaMismatch("a column has another type".to_owned())));
    assert_eq!(code(&Error::Network("Code: 60. DB::Exception: not ClickHouse's word".into())), None);
}

/// What the client returns for an answer.
async fn through_the_client(answer: &'static str) -> (Option<Code>, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = clickhouse::Client::default().with_url(format!("http://{}", listener.local_addr().unwrap()));
    let target = Target { database: "gitpulse".to_owned(), cluster: None };
    let clickhouse = ClickHouse { client, target };
    let answering = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"FORMAT Null") {
            assert!(connection.read_buf(&mut request).await.unwrap() > 0);
        }
        connection.write_all(answer.as_bytes()).await.unwrap();
    });
    let error = clickhouse.ping(Duration::from_secs(30)).await.unwrap_err();
    answering.await.unwrap();
    let passes = match &error {
        ClickHouseError::Client(error) => is_transient(error),
        ClickHouseError::Timeout(_) => panic!("no answer"),
    };
    (error.code(), passes)
}

#[tokio::test]
async fn a_header_alone_is_enough() {
    let empty = "HTTP/1.1 404 Not Found\r\nX-ClickHouse-Exception-Code: 60\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(through_the_client(empty).await, (Some(Code::UNKNOWN_TABLE), false));
    let unreadable = "HTTP/1.1 404 Not Found\r\nX-ClickHouse-Exception-Code: 60\r\nContent-Length: 90\r\nConnection: close\r\n\r\nCode: 6";
    assert_eq!(through_the_client(unreadable).await, (Some(Code::UNKNOWN_TABLE), false));
    let of_a_proxy = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(through_the_client(of_a_proxy).await, (None, true));
}
