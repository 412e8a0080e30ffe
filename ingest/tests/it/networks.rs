//! Allowed networks. Only a trusted proxy may name the address of a sender, and only a sender with the secret is told that its network is not
//! allowed.

use crate::client::post;
use crate::server::{ACME_TOKEN, ADMIN_TOKEN, FENCED_TOKEN, PUSH, SHARED, TestServer};

const FENCED: &str = "/api/v1/webhooks/gitlab/fenced";

#[tokio::test]
async fn a_forbidden_network_is_403_with_the_right_secret_alone() {
    let server = TestServer::start(&[]).await;
    for path in [SHARED, FENCED] {
        server.deliver(path, FENCED_TOKEN, PUSH).await.check_error(403, "forbidden");
    }
    server.deliver(FENCED, "wrong", PUSH).await.check_error(401, "unauthorized");
    server.exchange(post(FENCED, &[], PUSH)).await.check_error(401, "unauthorized");
    assert_eq!(server.outcome("forbidden"), 2);
    server.check_nothing_published();
}

#[tokio::test]
async fn a_forged_forwarded_address_changes_nothing() {
    let server = TestServer::start(&["--trusted-proxies", "10.0.0.0/8"]).await;
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"] {
        let value = if name == "Forwarded" { "for=203.0.113.9" } else { "203.0.113.9" };
        let headers = [("X-Gitlab-Token", FENCED_TOKEN), (name, value)];
        server.exchange(post(FENCED, &headers, PUSH)).await.check_error(403, "forbidden");
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn the_address_that_a_trusted_proxy_forwards_counts() {
    let server = TestServer::start(&["--trusted-proxies", "127.0.0.1/32,10.0.0.0/8"]).await;
    let forwarded = async |address: &str| {
        let headers = [("X-Gitlab-Token", FENCED_TOKEN), ("X-Forwarded-For", address)];
        server.exchange(post(FENCED, &headers, PUSH)).await
    };
    forwarded("203.0.113.9").await.accepted_id();
    forwarded("198.51.100.1, 203.0.113.9, 10.1.2.3").await.accepted_id();
    forwarded("198.51.100.1").await.check_error(403, "forbidden");
    forwarded("203.0.113.9, 198.51.100.1").await.check_error(403, "forbidden");
    forwarded("203.0.113.9, nonsense").await.check_error(403, "forbidden");
    server.deliver(FENCED, FENCED_TOKEN, PUSH).await.check_error(403, "forbidden");
    assert_eq!(server.kafka.records().len(), 2);
}

#[tokio::test]
async fn test_events_need_a_token_wherever_they_come_from() {
    let server = TestServer::start(&["--trusted-proxies", "127.0.0.1/32"]).await;
    let path = "/api/v1/webhooks/test";
    for headers in [
        &[][..],
        &[("Origin", "http://page.example.com")],
        &[("X-Forwarded-For", "127.0.0.1")],
        &[("Authorization", "Bearer wrong")],
        &[("X-Gitlab-Token", "wrong")],
    ] {
        server.exchange(post(path, headers, "")).await.check_error(401, "unauthorized");
    }
    server.check_nothing_published();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let right = [("X-Forwarded-For", "198.51.100.1"), ("Authorization", bearer.as_str())];
    // No ClickHouse is running, so the event cannot become visible.
    server.exchange(post(path, &right, "")).await.check_error(503, "unavailable");
    assert_eq!(server.kafka.record().envelope.tenant(), "gitpulse-test");
    server.exchange(post(path, &[("X-Gitlab-Token", ACME_TOKEN)], "")).await.check_error(503, "unavailable");
    assert_eq!(server.kafka.records().len(), 2);
}

#[tokio::test]
async fn one_test_event_is_under_way_at_a_time() {
    let server = TestServer::start(&["--publish-timeout-ms", "7000"]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    let request = post("/api/v1/webhooks/test", &[("X-Gitlab-Token", ACME_TOKEN)], "");
    let mut connections = Vec::new();
    for _ in 0..20 {
        let mut connection = server.connect().await;
        connection.send(&request).await;
        connections.push(connection);
    }
    let mut busy = 0;
    for mut connection in connections {
        let answer = connection.answer().await;
        busy += usize::from(answer.status == 429);
        assert!([429, 503].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(busy, 19);
}
