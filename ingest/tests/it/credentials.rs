//! Authentication. Without a secret no record reaches Kafka, and a refusal does not show what was wrong.

use std::time::Instant;

use crate::client::{GUARD, head, post};
use crate::server::{
    ACME_TOKEN, ADMIN_TOKEN, FENCED_TOKEN, GLOBEX_KEY, PUSH, SHARED, TestServer, signature, signed, timestamp,
};

/// Requests that are refused, each with its reason in the metrics.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let now = timestamp(0);
    let right = signature(GLOBEX_KEY, "id", &now, PUSH);
    let with = |headers: &[(&str, &str)]| post(SHARED, headers, PUSH);
    let sign = |id: &str, time: &str, signature: &str| {
        with(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)])
    };
    vec![
        ("missing", with(&[])),
        ("missing", with(&[("X-Gitlab-Token", ACME_TOKEN), ("X-Gitlab-Token", ACME_TOKEN)])),
        ("missing", with(&[("Authorization", ACME_TOKEN), ("Private-Token", ACME_TOKEN)])),
        ("token", with(&[("X-Gitlab-Token", "wrong")])),
        ("token", with(&[("X-Gitlab-Token", "")])),
        ("token", with(&[("X-Gitlab-Token", &ACME_TOKEN[..ACME_TOKEN.len() - 1])])),
        ("token", with(&[("X-Gitlab-Token", GLOBEX_KEY)])),
        ("token", with(&[("X-Gitlab-Token", ADMIN_TOKEN)])),
        ("token", post("/api/v1/webhooks/gitlab/acme", &[("X-Gitlab-Token", FENCED_TOKEN)], PUSH)),
        ("signature", sign("other-id", &now, &right)),
        ("signature", sign("id", &timestamp(1), &right)),
        (
            "signature",
            post(
                "/api/v1/webhooks/gitlab/acme",
                &[("webhook-id", "id"), ("webhook-timestamp", &now), ("webhook-signature", &right)],
                PUSH,
            ),
        ),
        (
            "signature",
            post(
                SHARED,
                &[("webhook-id", "id"), ("webhook-timestamp", &now), ("webhook-signature", &right)],
                "{}",
            ),
        ),
        ("malformed", with(&[("webhook-signature", &right)])),
        ("malformed", with(&[("webhook-signature", &right), ("X-Gitlab-Token", ACME_TOKEN)])),
        ("malformed", sign("id", "yesterday", &right)),
        ("malformed", sign("id", &now, "v1,*")),
        ("malformed", sign("id", &now, &right.replace("v1,", "v2,"))),
        ("stale", signed(SHARED, "id", &timestamp(-400), PUSH)),
        ("stale", signed(SHARED, "id", &timestamp(400), PUSH)),
        ("stale", sign("id", &i64::MIN.to_string(), &right)),
        ("unknown_tenant", post("/api/v1/webhooks/gitlab/nobody", &[("X-Gitlab-Token", ACME_TOKEN)], PUSH)),
        ("unknown_tenant", signed("/api/v1/webhooks/gitlab/nobody", "id", &now, PUSH)),
        ("missing", post("/api/v1/webhooks/gitlab/nobody", &[], PUSH)),
    ]
}

#[tokio::test]
async fn every_cause_of_a_401_gets_the_same_bytes_and_no_record() {
    let server = TestServer::start(&[]).await;
    let expected = server.exchange(post(SHARED, &[], PUSH)).await;
    expected.check_error(401, "unauthorized");
    for (reason, request) in refused() {
        let series = format!("gitpulse_ingest_unauthorized_total{{reason=\"{reason}\"}}");
        let before = server.metric(&series);
        let answer = server.exchange(&request).await;
        let shown = String::from_utf8_lossy(&request);
        assert_eq!(answer.body, expected.body, "{shown}");
        assert_eq!(answer.head_without_date(), expected.head_without_date(), "{shown}");
        assert_eq!(server.metric(&series), before + 1, "{reason}: {shown}");
    }
    assert_eq!(server.outcome("unauthorized"), 1 + refused().len() as u64);
    server.check_nothing_published();
}

#[tokio::test]
async fn missing_credentials_are_answered_before_the_body_is_sent() {
    let server = TestServer::start(&["--body-timeout-ms", "60000"]).await;
    let started = Instant::now();
    for headers in [&[("Content-Length", "1000")], &[("Transfer-Encoding", "chunked")]] {
        let mut connection = server.connect().await;
        connection.send(head(SHARED, headers)).await;
        connection.answer().await.check_error(401, "unauthorized");
        assert!(
            connection.answers().await.is_empty(),
            "an unread body cannot be followed by another request"
        );
    }
    assert!(started.elapsed() < GUARD / 4);
    assert_eq!(server.metric("gitpulse_ingest_body_bytes_total"), 0);
}

#[tokio::test]
async fn missing_credentials_are_answered_while_the_body_is_still_being_sent() {
    let server = TestServer::start(&[]).await;
    let mut connection = server.connect().await;
    connection.send(head(SHARED, &[("Content-Length", "20000000000")])).await;
    connection.answer_while_sending(&[b'x'; 65_536]).await.check_error(401, "unauthorized");
}

#[tokio::test]
async fn a_signature_is_never_replaced_by_a_token() {
    let server = TestServer::start(&[]).await;
    let now = timestamp(0);
    let wrong = signature("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "id", &now, PUSH);
    for signature in [wrong.as_str(), "", "v1,", "v1a,AAAA"] {
        let headers = [
            ("X-Gitlab-Token", ACME_TOKEN),
            ("webhook-id", "id"),
            ("webhook-timestamp", &now),
            ("webhook-signature", signature),
        ];
        server.exchange(post(SHARED, &headers, PUSH)).await.check_error(401, "unauthorized");
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn one_right_signature_among_several_is_enough() {
    let server = TestServer::start(&[]).await;
    let now = timestamp(0);
    let right = signature(GLOBEX_KEY, "id", &now, PUSH);
    let wrong = signature("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "id", &now, PUSH);
    let rotated = format!("{wrong} v2,AAAA {right}");
    let headers = [("webhook-id", "id"), ("webhook-timestamp", &now), ("webhook-signature", &rotated)];
    server.exchange(post(SHARED, &headers, PUSH)).await.accepted_id();
}

#[tokio::test]
async fn the_secrets_of_one_tenant_open_no_path_of_another() {
    let server = TestServer::start(&[]).await;
    for path in ["/api/v1/webhooks/gitlab/globex", "/api/v1/webhooks/gitlab/fenced"] {
        server.deliver(path, ACME_TOKEN, PUSH).await.check_error(401, "unauthorized");
    }
    for path in ["/api/v1/webhooks/gitlab/acme", "/api/v1/webhooks/gitlab/fenced"] {
        server.exchange(signed(path, "id", &timestamp(0), PUSH)).await.check_error(401, "unauthorized");
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn a_replay_is_taken_within_the_tolerance_alone_and_is_the_same_event() {
    let server = TestServer::start(&["--signature-tolerance-seconds", "30"]).await;
    let request = signed(SHARED, "msg", &timestamp(-10), PUSH);
    let id = server.exchange(&request).await.accepted_id();
    assert_eq!(server.exchange(&request).await.accepted_id(), id);
    let stale = signed(SHARED, "msg", &timestamp(-31), PUSH);
    server.exchange(&stale).await.check_error(401, "unauthorized");
    let records = server.kafka.records();
    assert_eq!(records.iter().map(|record| record.envelope.id()).collect::<Vec<_>>(), [id, id]);
}
