//! Malformed requests. Whatever arrives, the server closes the connection in time, publishes nothing and keeps serving.

use std::time::{Duration, Instant};

use crate::client::{GUARD, head, post};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer};

const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

/// Checks that these bytes are refused before they become a request, and that the connection ends.
async fn check_refused(server: &TestServer, bytes: impl AsRef<[u8]>, statuses: &[u16]) {
    let shown = String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(300)]).into_owned();
    let mut connection = server.connect().await;
    connection.send(bytes).await;
    let answers = connection.answers().await;
    assert_eq!(answers.len(), 1, "{shown}");
    assert!(statuses.contains(&answers[0].status), "{shown}: {}", answers[0].status);
}

/// Checks that the server still serves, and that this delivery is the only thing that it ever published.
async fn check_unharmed(server: &TestServer) {
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    assert_eq!(server.kafka.record().json(), PUSH);
}

#[tokio::test]
async fn headers_too_slow_end_the_connection() {
    let server = TestServer::start(&["--header-timeout-ms", "300"]).await;
    let started = Instant::now();
    for bytes in ["", "P", "POST /api/v1/webhooks/gitlab HTTP/1.1\r\nX-Gitlab-Token: "] {
        let mut connection = server.connect().await;
        connection.send(bytes).await;
        assert!(connection.answers().await.is_empty());
    }
    let mut connection = server.connect().await;
    let slow = post(SHARED, &[("X-Filler", &"x".repeat(10_000))], PUSH);
    assert!(connection.answers_while_trickling(&slow, Duration::from_millis(10)).await.is_empty());
    assert!(started.elapsed() < GUARD / 4);
    check_unharmed(&server).await;
}

#[tokio::test]
async fn many_idle_connections_are_all_ended_and_others_are_served() {
    let server = TestServer::start(&["--header-timeout-ms", "500", "--max-connections", "100"]).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(server.connect().await);
    }
    check_unharmed(&server).await;
    for mut connection in idle {
        assert!(connection.answers().await.is_empty());
    }
}

#[tokio::test]
async fn an_idle_kept_connection_is_ended() {
    let server = TestServer::start(&["--header-timeout-ms", "300"]).await;
    let mut connection = server.connect().await;
    connection.send(post(SHARED, &[TOKEN], PUSH)).await;
    connection.answer().await.accepted_id();
    assert!(connection.answers().await.is_empty());
}

#[tokio::test]
async fn a_peer_that_reads_no_answers_does_not_hold_its_connection_for_ever() {
    let flags = ["--header-timeout-ms", "300", "--max-connections", "1"];
    let server = TestServer::start(&flags).await;
    let mut deaf = server.connect().await;
    let requests = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    deaf.send_until_refused(&requests).await;
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
}

#[tokio::test]
async fn fewer_bytes_than_announced_are_no_delivery() {
    let server = TestServer::start(&[]).await;
    let short = [head(SHARED, &[TOKEN, ("Content-Length", "1000")]), PUSH.into()].concat();
    let mut finished = server.connect().await;
    finished.send(&short).await;
    finished.finish_sending().await;
    assert!(finished.answers().await.iter().all(|answer| answer.status == 400));
    let mut closed = server.connect().await;
    closed.send(&short).await;
    drop(closed);
    let unended = [head(SHARED, &[TOKEN, CHUNKED]), b"2\r\n{}\r\n".into()].concat();
    let mut closed = server.connect().await;
    closed.send(&unended).await;
    drop(closed);
    check_unharmed(&server).await;
    server.until("gitpulse_ingest_received_total", 4).await;
    server.until_ended(4).await;
    assert_eq!(server.outcome("accepted"), 1);
}

#[tokio::test]
async fn chunks_without_a_length_are_a_delivery() {
    let server = TestServer::start(&[]).await;
    let (one, two) = PUSH.split_at(20);
    let body =
        format!("14;name=\"value\"\r\n{one}\r\n{:x}\r\n{two}\r\n000\r\nX-Trailer: 1\r\n\r\n", two.len());
    let answer = server.exchange([head(SHARED, &[TOKEN, CHUNKED]), body.into()].concat()).await;
    answer.accepted_id();
    assert_eq!(server.kafka.record().json(), PUSH);
}

#[tokio::test]
async fn malformed_chunks_are_400() {
    let server = TestServer::start(&[]).await;
    let bodies = [
        "zz\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    ];
    for body in bodies {
        check_refused(&server, [head(SHARED, &[TOKEN, CHUNKED]), body.into()].concat(), &[400]).await;
    }
    assert_eq!(server.outcome("body_broken"), bodies.len() as u64);
    check_unharmed(&server).await;
}

#[tokio::test]
async fn a_chunk_larger_than_anything_is_no_delivery() {
    let server = TestServer::start(&["--body-timeout-ms", "300"]).await;
    let body = "7FFFFFFFFFFFFFFF\r\n{}".into();
    check_refused(&server, [head(SHARED, &[TOKEN, CHUNKED]), body].concat(), &[408, 413]).await;
    check_unharmed(&server).await;
}

#[tokio::test]
async fn headers_that_are_none_are_400() {
    let server = TestServer::start(&[]).await;
    let headers: [&[u8]; 7] = [
        b"X-Nul: a\0b",
        b"X-N\0ul: a",
        b"X-Gitlab-Token : x",
        b"no colon",
        b"X-Fold: a\r\n b",
        b"X-Return: a\rb",
        b": nameless",
    ];
    for header in headers {
        let request = [b"POST /api/v1/webhooks/gitlab HTTP/1.1\r\nHost: x\r\n", header, b"\r\n\r\n"].concat();
        check_refused(&server, request, &[400]).await;
    }
    for line in [
        "POST  /api/v1/webhooks/gitlab HTTP/1.1",
        "POST /a b HTTP/1.1",
        "POST / HTTP/9.9",
        "\x16\x03\x01\x02",
    ] {
        check_refused(&server, format!("{line}\r\nHost: x\r\n\r\n"), &[400]).await;
    }
    assert_eq!(server.metric("gitpulse_ingest_received_total"), 0);
    check_unharmed(&server).await;
}

#[tokio::test]
async fn too_many_headers_and_too_long_ones_are_431() {
    let server = TestServer::start(&[]).await;
    let many: Vec<String> = (0..100).map(|number| format!("X-Filler-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
    check_refused(&server, post(SHARED, &many, PUSH), &[431]).await;
    let long = "x".repeat(70 * 1024);
    check_refused(&server, post(SHARED, &[TOKEN, ("X-Filler", &long)], PUSH), &[431]).await;
    check_refused(&server, post(&format!("/{long}"), &[TOKEN], PUSH), &[414, 431]).await;
    let endless =
        server.connect().await.answer_while_sending(b"GET / HTTP/1.1 X-Filler: xxxxxxxxxxxxxxxxxx").await;
    assert!((400..500).contains(&endless.status));
    check_unharmed(&server).await;
}

#[tokio::test]
async fn headers_as_many_and_as_long_as_allowed_pass() {
    let server = TestServer::start(&[]).await;
    let names: Vec<String> = (0..90).map(|number| format!("X-Filler-{number}")).collect();
    let value = "x".repeat(600);
    let mut headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    headers.push(TOKEN);
    server.exchange(post(SHARED, &headers, PUSH)).await.accepted_id();
}
