//! Responses to authentic deliveries and to requests without a route. A 200 means a record in Kafka.

use schemas::envelope::{body_event_id, delivery_event_id};
use schemas::{EventKind, Origin, Payload};

use crate::client::post;
use crate::server::{ACME, ACME_TOKEN, PUSH, SHARED, TestServer, signed, timestamp};

#[tokio::test]
async fn a_delivery_with_a_token_is_answered_200_and_is_in_kafka() {
    let server = TestServer::start(&[]).await;
    let headers = [
        ("X-Gitlab-Token", ACME_TOKEN),
        ("Idempotency-Key", "f5e5f430"),
        ("X-Gitlab-Event", "Tag Push Hook"),
    ];
    let answer = server.exchange(post(SHARED, &headers, PUSH)).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let record = server.kafka.record();
    assert_eq!(record.topic, "gitlab.push");
    assert_eq!(record.key, format!("{ACME}/project/42/push/refs/heads/main"));
    assert_eq!(record.headers, [("content-type".to_owned(), "application/cloudevents+json".to_owned())]);
    let envelope = &record.envelope;
    assert_eq!(envelope.id(), answer.accepted_id());
    assert_eq!(envelope.id(), delivery_event_id(ACME, "f5e5f430"));
    assert_eq!((envelope.source(), envelope.kind()), (ACME, EventKind::Push));
    assert_eq!((envelope.tenant(), envelope.origin()), ("acme", Origin::Webhook));
    assert_eq!(envelope.delivery_id(), Some("f5e5f430"));
    assert!(envelope.traceparent().is_some());
    assert_eq!(record.json(), PUSH);
}

#[tokio::test]
async fn a_signed_delivery_is_answered_200_and_is_in_kafka() {
    let server = TestServer::start(&[]).await;
    let mut request = signed(SHARED, "msg-1", &timestamp(0), PUSH);
    let more = b"Idempotency-Key: not-signed\r\nX-Gitlab-Instance: https://gitlab.globex.example/\r\nHost:";
    let host = request.windows(5).position(|window| window == b"Host:").unwrap();
    request.splice(host..host + 5, *more);
    let answer = server.exchange(request).await;
    let record = server.kafka.record();
    assert_eq!(record.key, "https://gitlab.globex.example/project/42/push/refs/heads/main");
    assert_eq!(record.envelope.id(), answer.accepted_id());
    assert_eq!(record.envelope.id(), delivery_event_id("https://gitlab.globex.example", "msg-1"));
    assert_eq!(record.envelope.tenant(), "globex");
    assert_eq!(record.envelope.delivery_id(), Some("msg-1"));
}

#[tokio::test]
async fn the_path_of_a_tenant_takes_its_token_and_its_signature() {
    let server = TestServer::start(&[]).await;
    server.deliver("/api/v1/webhooks/gitlab/acme", ACME_TOKEN, PUSH).await.accepted_id();
    let request = signed("/api/v1/webhooks/gitlab/globex", "msg-2", &timestamp(-200), PUSH);
    server.exchange(request).await.accepted_id();
    let mut tenants: Vec<String> =
        server.kafka.records().into_iter().map(|record| record.envelope.tenant().to_owned()).collect();
    tenants.sort();
    assert_eq!(tenants, ["acme", "globex"]);
}

#[tokio::test]
async fn an_authentic_body_that_is_no_json_is_kept_whole_in_other() {
    let server = TestServer::start(&[]).await;
    let body = b" not JSON \x00\xff\xfe{\r\n\r\n";
    let answer = server.deliver(SHARED, ACME_TOKEN, body).await;
    let record = server.kafka.record();
    assert_eq!(record.topic, "gitlab.other");
    assert_eq!(record.envelope.id(), answer.accepted_id());
    assert_eq!(record.envelope.id(), body_event_id(ACME, body));
    assert_eq!(*record.envelope.payload(), Payload::Binary(body.to_vec()));
    assert_eq!(record.key, format!("{ACME}/project/0/other/{}", record.envelope.id()));
}

#[tokio::test]
async fn authentic_json_of_unforeseen_kind_or_shape_is_kept_whole_in_other() {
    let server = TestServer::start(&[]).await;
    let bodies = [
        r#"{"object_kind":"wormhole","project_id":42,"depth":1e400}"#,
        r#"{"object_kind":["push"],"project_id":-3}"#,
        r#"{"object_kind":"push","object_kind":"push"}"#,
        r#"[{"object_kind":"push"}]"#,
        r#""push""#,
        "{}",
        "17",
    ];
    for body in bodies {
        server.deliver(SHARED, ACME_TOKEN, body).await.accepted_id();
    }
    let records = server.kafka.records();
    assert!(records.iter().all(|record| record.topic == "gitlab.other"));
    assert_eq!(records.iter().map(|record| record.json()).collect::<Vec<_>>(), bodies);
}

#[tokio::test]
async fn an_empty_body_is_kept_as_well() {
    let server = TestServer::start(&[]).await;
    server.deliver(SHARED, ACME_TOKEN, "").await.accepted_id();
    assert_eq!(*server.kafka.record().envelope.payload(), Payload::Binary(Vec::new()));
}

#[tokio::test]
async fn the_same_delivery_twice_has_one_id() {
    let server = TestServer::start(&[]).await;
    let request = signed(SHARED, "msg-3", &timestamp(0), PUSH);
    let resent = signed(SHARED, "msg-3", &timestamp(60), PUSH);
    let id = server.exchange(&request).await.accepted_id();
    assert_eq!(server.exchange(&request).await.accepted_id(), id);
    assert_eq!(server.exchange(&resent).await.accepted_id(), id);
    let unnamed = server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    assert_eq!(server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id(), unnamed);
}

#[tokio::test]
async fn values_of_pipeline_variables_do_not_reach_kafka() {
    let server = TestServer::start(&[]).await;
    let body = r#"{"object_kind":"pipeline","object_attributes":{"id":1,"variables":[{"key":"K","value":"hunter2"}]}}"#;
    server.deliver(SHARED, ACME_TOKEN, body).await.accepted_id();
    assert_eq!(server.kafka.record().json(), body.replace("hunter2", "[REDACTED]"));
}

#[tokio::test]
async fn another_method_on_a_known_path_is_405() {
    let server = TestServer::start(&[]).await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in [SHARED, "/api/v1/webhooks/gitlab/acme", "/api/v1/webhooks/test"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {ACME_TOKEN}\r\n\r\n");
            server.exchange(request).await.check_error(405, "method_not_allowed");
        }
    }
    server.exchange(post("/healthz", &[], "")).await.check_error(405, "method_not_allowed");
    server.check_nothing_published();
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    let server = TestServer::start(&[]).await;
    let paths = [
        "/",
        "/api",
        "/api/v1/webhooks",
        "/api/v1/webhooks/gitlab/acme/more",
        "/API/v1/webhooks/gitlab",
        "//api/v1/webhooks/gitlab",
        "/api/v1/webhooks/github",
        "/metrics",
        "/readyz",
    ];
    for path in paths {
        server.deliver(path, ACME_TOKEN, PUSH).await.check_error(404, "not_found");
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn a_large_body_to_an_unknown_path_still_gets_its_404() {
    let server = TestServer::start(&[]).await;
    let body = vec![b' '; 8 * 1024 * 1024];
    server.deliver("/nowhere", ACME_TOKEN, body).await.check_error(404, "not_found");
}

#[tokio::test]
async fn healthz_says_ok() {
    let server = TestServer::start(&[]).await;
    let answer = server.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    assert_eq!(server.metric("gitpulse_ingest_received_total"), 0);
}
