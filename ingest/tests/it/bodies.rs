//! How much of a body is read, and for how long. A client that sends too much can read the reason, even while still sending.

use std::time::{Duration, Instant};

use ingest::body::{BodyError, BodyLimits, Sender};
use prometheus::IntGauge;

use crate::client::{GUARD, head, post};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer, timestamp};

/// The largest body of a webhook.
const LIMIT: usize = 25 * 1024 * 1024;
const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");
const SOMEBODY: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A push of exactly `length` bytes.
fn push_of(length: usize) -> Vec<u8> {
    let mut body = br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main","filler":""#.to_vec();
    body.resize(length - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

/// A chunked request.
fn chunked(body: &[u8], chunk_length: usize) -> Vec<u8> {
    let mut request = head(SHARED, &[TOKEN, CHUNKED]);
    for chunk in body.chunks(chunk_length) {
        request.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn an_announced_body_of_exactly_the_limit_passes_whole() {
    let server = TestServer::start(&["--body-timeout-ms", "60000"]).await;
    let body = push_of(LIMIT);
    server.deliver(SHARED, ACME_TOKEN, &body).await.accepted_id();
    assert!(server.kafka.record().json().as_bytes() == body, "the payload was changed");
    assert_eq!(server.metric("gitpulse_ingest_body_bytes_total"), LIMIT as u64);
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
}

#[tokio::test]
async fn a_chunked_body_of_exactly_the_limit_passes_whole() {
    let server = TestServer::start(&["--body-timeout-ms", "60000"]).await;
    let body = push_of(LIMIT);
    server.exchange(chunked(&body, 1_000_003)).await.accepted_id();
    assert!(server.kafka.record().json().as_bytes() == body, "the payload was changed");
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
}

#[tokio::test]
async fn one_byte_more_than_the_limit_is_413_announced_or_not() {
    let server = TestServer::start(&["--body-timeout-ms", "60000"]).await;
    let body = push_of(LIMIT + 1);
    server.deliver(SHARED, ACME_TOKEN, &body).await.check_error(413, "too_large");
    server.exchange(chunked(&body, 1_000_003)).await.check_error(413, "too_large");
    assert_eq!(server.outcome("too_large"), 2);
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
    server.check_nothing_published();
}

#[tokio::test]
async fn ten_gigabytes_are_refused_by_their_announcement() {
    let server = TestServer::start(&["--body-timeout-ms", "60000"]).await;
    for length in ["10737418240", "9223372036854775807", "18446744073709551613"] {
        let mut connection = server.connect().await;
        connection.send(head(SHARED, &[TOKEN, ("Content-Length", length)])).await;
        connection.answer().await.check_error(413, "too_large");
        assert!(connection.answers().await.is_empty());
    }
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
}

#[tokio::test]
async fn whoever_goes_on_sending_can_read_the_413() {
    let server = TestServer::start(&["--body-limit-bytes", "65536"]).await;
    let mut connection = server.connect().await;
    connection.send(head(SHARED, &[TOKEN, ("Content-Length", "10737418240")])).await;
    connection.answer_while_sending(&[b'x'; 65_536]).await.check_error(413, "too_large");
    let mut connection = server.connect().await;
    connection.send(head(SHARED, &[TOKEN, CHUNKED])).await;
    let chunk = [&b"10000\r\n"[..], &[b'x'; 65_536], b"\r\n"].concat();
    connection.answer_while_sending(&chunk).await.check_error(413, "too_large");
    server.check_nothing_published();
}

#[tokio::test]
async fn a_body_too_slow_is_408_and_its_connection_is_closed() {
    let server = TestServer::start(&["--body-timeout-ms", "300"]).await;
    for headers in [[TOKEN, ("Content-Length", "1000")], [TOKEN, CHUNKED]] {
        let started = Instant::now();
        let mut connection = server.connect().await;
        connection.send([&head(SHARED, &headers)[..], b"4\r\n{\"ob\r\n"].concat()).await;
        connection.answer().await.check_error(408, "body_timeout");
        assert!(connection.answers().await.is_empty());
        assert!(started.elapsed() < GUARD / 4);
    }
    assert_eq!(server.outcome("body_timeout"), 2);
    server.check_nothing_published();
}

#[tokio::test]
async fn a_body_that_trickles_is_408_however_steadily() {
    let server = TestServer::start(&["--body-timeout-ms", "300"]).await;
    let mut connection = server.connect().await;
    connection.send(head(SHARED, &[TOKEN, ("Content-Length", "100000")])).await;
    let answers = connection.answers_while_trickling(&[b' '; 100_000], Duration::from_millis(10)).await;
    assert_eq!(answers.len(), 1);
    answers[0].check_error(408, "body_timeout");
}

#[tokio::test]
async fn compressed_bodies_are_415_and_identity_is_fine() {
    let server = TestServer::start(&[]).await;
    let encoded = async |encodings: &[&str]| {
        let encodings = encodings.iter().map(|encoding| ("Content-Encoding", *encoding));
        let headers: Vec<_> = [TOKEN].into_iter().chain(encodings).collect();
        server.exchange(post(SHARED, &headers, PUSH)).await
    };
    for encodings in
        [&["gzip"][..], &["deflate"], &["br"], &["GZIP"], &["identity, gzip"], &["identity", "gzip"]]
    {
        encoded(encodings).await.check_error(415, "unsupported_encoding");
    }
    server.check_nothing_published();
    encoded(&["identity"]).await.accepted_id();
    encoded(&["Identity"]).await.accepted_id();
    let unknown = post(SHARED, &[("Content-Encoding", "gzip")], PUSH);
    server.exchange(unknown).await.check_error(401, "unauthorized");
}

#[tokio::test]
async fn what_is_only_announced_takes_no_memory() {
    let flags = ["--body-timeout-ms", "60000", "--body-buffer-mib", "64"];
    let server = TestServer::start(&flags).await;
    let length = LIMIT.to_string();
    let timestamp = timestamp(0);
    let forged = [
        ("webhook-id", "msg-1"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Content-Length", &length),
    ];
    let mut idle = Vec::new();
    for _ in 0..24 {
        let mut connection = server.connect().await;
        connection.send(&head(SHARED, &forged)).await;
        idle.push(connection);
    }
    server.until("gitpulse_ingest_received_total", 24).await;
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
    server.exchange(post(SHARED, &[TOKEN], PUSH)).await.accepted_id();
}

#[tokio::test]
async fn a_body_waits_until_others_give_memory_back() {
    // 64 MiB, half of it for proven senders: enough for one of these bodies.
    let flags = ["--body-timeout-ms", "60000", "--body-buffer-mib", "64"];
    let server = TestServer::start(&flags).await;
    let length = LIMIT.to_string();
    let announced = head(SHARED, &[TOKEN, ("Content-Length", &length)]);
    let body = push_of(LIMIT);
    let mut first = server.connect().await;
    first.send(&announced).await;
    first.send(&body[..LIMIT - 1]).await;
    server.until("gitpulse_ingest_buffered_bytes", LIMIT as u64).await;
    let mut second = server.connect().await;
    second.send(&announced).await;
    server.until("gitpulse_ingest_received_total", 2).await;
    drop(first);
    second.send(&body).await;
    second.answer().await.accepted_id();
}

#[tokio::test]
async fn bodies_of_unproven_senders_take_nothing_from_proven_ones() {
    let reserved = IntGauge::new("reserved", "reserved").unwrap();
    let limits = BodyLimits::new(LIMIT, Duration::from_secs(60), 2, reserved.clone());
    let chunk = bytes::Bytes::from_static(&[0; 600 * 1024]);
    let whole = || futures_util::stream::iter([Ok::<_, warp::Error>(chunk.clone())]);
    let held = limits.read(whole(), None, Sender::Unproven(SOMEBODY)).await.unwrap();
    // Each half is 1 MiB.
    assert_eq!(reserved.get(), 600 * 1024);
    assert!(matches!(limits.read(whole(), None, Sender::Unproven(SOMEBODY)).await, Err(BodyError::NoMemory)));
    assert_eq!(limits.read(whole(), None, Sender::Proven).await.unwrap().bytes.len(), 600 * 1024);
    drop(held);
    assert_eq!(reserved.get(), 0);
    limits.read(whole(), None, Sender::Unproven(SOMEBODY)).await.unwrap();
}
