//! Outcomes. Every request for a webhook path ends in exactly one outcome.

use std::collections::BTreeMap;

use crate::client::{head, post};
use crate::server::{ACME_TOKEN, FENCED_TOKEN, PUSH, SHARED, TestServer, signed, timestamp};

const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

#[tokio::test]
async fn what_was_received_is_the_sum_of_the_outcomes() {
    let flags = [
        "--body-limit-bytes",
        "2048",
        "--body-timeout-ms",
        "500",
        "--publish-timeout-ms",
        "2000",
        "--header-timeout-ms",
        "60000",
    ];
    let server = TestServer::start(&flags).await;
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    server.deliver("/api/v1/webhooks/gitlab/acme", ACME_TOKEN, "no JSON").await.accepted_id();
    server.deliver(SHARED, "wrong", PUSH).await.check_error(401, "unauthorized");
    server.deliver(SHARED, FENCED_TOKEN, PUSH).await.check_error(403, "forbidden");
    server.deliver(SHARED, ACME_TOKEN, [b' '; 2049]).await.check_error(413, "too_large");
    let encoded = post(SHARED, &[TOKEN, ("Content-Encoding", "gzip")], PUSH);
    server.exchange(encoded).await.check_error(415, "unsupported_encoding");
    let slow = head(SHARED, &[TOKEN, ("Content-Length", "100")]);
    server.exchange(slow).await.check_error(408, "body_timeout");
    let broken = [head(SHARED, &[TOKEN, CHUNKED]), b"zz\r\n".into()].concat();
    server.exchange(broken).await.check_error(400, "body_broken");
    // None of these is a request for a webhook path.
    server.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.exchange(post("/nowhere", &[], "")).await.check_error(404, "not_found");
    server.exchange(post(SHARED, &[("Content-Length", "1")], PUSH)).await;
    server.kafka.cluster.broker_down(1).unwrap();
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    server.break_spool();
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.check_error(503, "unavailable");
    let expected = [
        ("accepted", 2),
        ("body_broken", 1),
        ("body_timeout", 1),
        ("forbidden", 1),
        ("spooled", 1),
        ("too_large", 1),
        ("unauthorized", 1),
        ("unavailable", 1),
        ("unsupported_encoding", 1),
    ];
    assert_eq!(server.outcomes(), expected.map(|(outcome, count)| (outcome.to_owned(), count)).into());
    assert_eq!(server.metric("gitpulse_ingest_received_total"), 10);
    assert_eq!(server.metric("gitpulse_ingest_request_seconds_count"), 10);
    assert_eq!(server.metric("gitpulse_ingest_events_total{kind=\"push\"}"), 2);
    assert_eq!(server.metric("gitpulse_ingest_events_total{kind=\"other\"}"), 1);
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_in_its_body_is_counted() {
    let server = TestServer::start(&[]).await;
    for number in 1..=5 {
        let mut connection = server.connect().await;
        connection.send([head(SHARED, &[TOKEN, ("Content-Length", "1000")]), PUSH.into()].concat()).await;
        server.until("gitpulse_ingest_received_total", number).await;
        drop(connection);
        server.until_ended(number).await;
    }
    let outcomes: BTreeMap<String, u64> = server.outcomes();
    let lost = ["aborted", "body_broken"].map(|outcome| outcomes.get(outcome).copied().unwrap_or_default());
    assert_eq!(lost.iter().sum::<u64>(), 5, "{outcomes:?}");
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
    server.check_nothing_published();
}

#[tokio::test]
async fn what_a_client_sent_whole_is_kept_although_it_hangs_up() {
    let server = TestServer::start(&["--publish-timeout-ms", "1000"]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    let mut connection = server.connect().await;
    connection.send(post(SHARED, &[TOKEN], PUSH)).await;
    server.until("gitpulse_ingest_body_bytes_total", PUSH.len() as u64).await;
    drop(connection);
    server.until_ended(1).await;
    assert_eq!(server.outcomes(), [("spooled".to_owned(), 1)].into());
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
}

#[tokio::test]
async fn refusals_are_counted_by_cause_from_zero() {
    let server = TestServer::start(&[]).await;
    let unauthorized =
        |reason: &str| server.metric(&format!("gitpulse_ingest_unauthorized_total{{reason=\"{reason}\"}}"));
    let reasons = ["missing", "unknown_tenant", "token", "signature", "malformed", "stale"];
    assert_eq!(reasons.map(unauthorized), [0; 6]);
    let requests = [
        post(SHARED, &[], PUSH),
        post("/api/v1/webhooks/gitlab/nobody", &[TOKEN], PUSH),
        post(SHARED, &[("X-Gitlab-Token", "wrong")], PUSH),
        signed("/api/v1/webhooks/gitlab/acme", "id", &timestamp(0), PUSH),
        post(SHARED, &[("webhook-signature", "v1,AAAA")], PUSH),
        signed(SHARED, "id", "0", PUSH),
    ];
    for request in requests {
        server.exchange(request).await.check_error(401, "unauthorized");
    }
    assert_eq!(reasons.map(unauthorized), [1; 6]);
    assert_eq!(server.outcome("unauthorized"), 6);
}
