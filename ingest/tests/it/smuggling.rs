//! Request smuggling: bytes that two readers could split differently. If this server and a proxy in front of it might disagree about the end of a
//! request, the server reads at most one request and closes the connection.

use crate::client::{head, post};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer};

const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

/// The hidden request: on its own it would be accepted.
fn hidden() -> Vec<u8> {
    post(SHARED, &[TOKEN], r#"{"object_kind":"tag_push"}"#)
}

/// Sends `bytes` on one connection; returns the statuses of all responses.
async fn statuses(server: &TestServer, bytes: &[u8]) -> Vec<u16> {
    let mut connection = server.connect().await;
    connection.send(bytes).await;
    connection.answers().await.iter().map(|answer| answer.status).collect()
}

/// Checks that `bytes`, followed by a valid request, are refused before any request is read.
async fn check_refused(server: &TestServer, bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(statuses(server, &[bytes, &hidden()].concat()).await, [400], "{shown}");
    assert_eq!(server.metric("gitpulse_ingest_received_total"), 0, "{shown}");
}

#[tokio::test]
async fn a_length_and_chunks_together_are_one_request_at_most() {
    let server = TestServer::start(&[]).await;
    let hidden = hidden();
    let length = (hidden.len() + 5).to_string();
    let length = ("Content-Length", length.as_str());
    for headers in [[TOKEN, length, CHUNKED], [TOKEN, CHUNKED, length]] {
        let before = server.metric("gitpulse_ingest_received_total");
        let statuses =
            statuses(&server, &[&head(SHARED, &headers)[..], b"0\r\n\r\n", &hidden].concat()).await;
        assert_eq!(statuses.len(), 1, "{statuses:?}");
        assert!(server.metric("gitpulse_ingest_received_total") <= before + 1);
    }
    assert!(server.kafka.records().iter().all(|record| record.topic == "gitlab.other"));
}

#[tokio::test]
async fn two_different_lengths_are_400() {
    let server = TestServer::start(&[]).await;
    for lengths in [["0", "63"], ["63", "0"], ["0", "00063"]] {
        let lengths = lengths.map(|length| ("Content-Length", length));
        check_refused(&server, &head(SHARED, &[&[TOKEN][..], &lengths].concat())).await;
    }
    check_refused(&server, &head(SHARED, &[TOKEN, ("Content-Length", "0, 63")])).await;
    server.check_nothing_published();
}

#[tokio::test]
async fn lengths_that_are_no_number_are_400() {
    let server = TestServer::start(&[]).await;
    for length in ["-1", "+5", "0x5", "5 5", "5;", "", "99999999999999999999999", "1e3"] {
        check_refused(&server, &head(SHARED, &[TOKEN, ("Content-Length", length)])).await;
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn codings_that_end_in_anything_but_chunks_are_400() {
    let server = TestServer::start(&[]).await;
    for coding in
        ["identity", "xchunked", "chunked, identity", "gzip", "chunked x", "\x0bchunked", "chunked;q=1"]
    {
        check_refused(&server, &head(SHARED, &[TOKEN, ("Transfer-Encoding", coding)])).await;
    }
    let old = String::from_utf8(head(SHARED, &[TOKEN, CHUNKED])).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    check_refused(&server, old.as_bytes()).await;
    server.check_nothing_published();
}

#[tokio::test]
async fn a_compressed_transfer_is_not_taken_for_the_body() {
    let server = TestServer::start(&[]).await;
    let request =
        [&head(SHARED, &[TOKEN, ("Transfer-Encoding", "gzip, chunked")])[..], b"2\r\n{}\r\n0\r\n\r\n"];
    let answer = server.exchange(request.concat()).await;
    assert!(matches!(answer.status, 400 | 415 | 501), "{answer:?}");
    server.check_nothing_published();
}

#[tokio::test]
async fn a_request_hidden_by_bare_line_feeds_has_its_own_credentials_or_none() {
    let server = TestServer::start(&[]).await;
    // RFC 9112, section 2.2, allows a recipient to accept a bare LF as a line end, and hyper does. A proxy that knows only CR LF sees a single
    // value of one header here: what it hides is a separate request, which does not inherit the credentials of the first.
    let hidden = format!(
        "POST {SHARED} HTTP/1.1\nHost: x\nContent-Length: {}\nConnection: close\n\n{PUSH}",
        PUSH.len()
    );
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\n{}: {}\r\nX-Value: a\n\n{hidden}\r\n\r\n",
        TOKEN.0, TOKEN.1
    );
    assert_eq!(statuses(&server, request.as_bytes()).await, [200, 401]);
    server.check_nothing_published();
}

#[tokio::test]
async fn bytes_behind_a_body_are_the_next_request_and_never_part_of_it() {
    let server = TestServer::start(&[]).await;
    let close = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let both =
        [&post(SHARED, &[TOKEN], PUSH)[..], &post(SHARED, &[("X-Gitlab-Token", "wrong")], PUSH), close]
            .concat();
    assert_eq!(statuses(&server, &both).await, [200, 401, 200]);
    assert_eq!(server.kafka.record().json(), PUSH);
}

#[tokio::test]
async fn the_body_of_a_refused_request_is_never_read_as_a_request() {
    let server = TestServer::start(&["--body-limit-bytes", "1024"]).await;
    let hidden = hidden();
    let length = hidden.len().to_string();
    let missing = head(SHARED, &[("Content-Length", &length), ("Connection", "close")]);
    assert_eq!(statuses(&server, &[missing, hidden.clone()].concat()).await, [401]);
    let waiting =
        head(SHARED, &[("Content-Length", &length), ("Expect", "100-continue"), ("Connection", "close")]);
    assert_eq!(statuses(&server, &[waiting, hidden.clone()].concat()).await, [401]);
    let encoded = [TOKEN, ("Content-Encoding", "gzip"), ("Content-Length", &length), ("Connection", "close")];
    assert_eq!(statuses(&server, &[head(SHARED, &encoded), hidden.clone()].concat()).await, [415]);
    let unknown = head("/nowhere", &[("Content-Length", &length), ("Connection", "close")]);
    assert_eq!(statuses(&server, &[unknown, hidden].concat()).await, [404]);
    server.check_nothing_published();
}
