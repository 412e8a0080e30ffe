//! Outages of Kafka and of the disk. A 200 means a record in Kafka or on disk; records on disk reach Kafka as soon as it is back. If neither
//! accepts an event, the response is 503 in time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use uuid::Uuid;

use crate::client::{Answer, post, within};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer};

/// How long these tests wait for Kafka.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
/// Additional time for a response on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

async fn start(flags: &[&str]) -> TestServer {
    let timeout = PUBLISH_TIMEOUT.as_millis().to_string();
    // Short timeouts, so that the next attempt comes soon.
    let properties = "reconnect.backoff.max.ms=200,message.timeout.ms=3000";
    let fixed = ["--publish-timeout-ms", &timeout, "--kafka-properties", properties];
    let server = TestServer::start(&[&fixed[..], flags].concat()).await;
    until_kafka_takes(&server).await;
    server
}

/// Delivers until a delivery goes to Kafka directly. A new client needs a moment, and so does one after an outage.
async fn until_kafka_takes(server: &TestServer) {
    let before = server.outcome("accepted");
    within(async {
        while server.outcome("accepted") == before {
            server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
        }
    })
    .await;
    server.until("gitpulse_spool_records", 0).await;
}

/// Sends a push with its own number.
async fn deliver(server: &TestServer, number: u64) -> Answer {
    let id = format!("outage-{number}");
    server.exchange(post(SHARED, &[("X-Gitlab-Token", ACME_TOKEN), ("Idempotency-Key", &id)], PUSH)).await
}

/// Checks that a delivery is accepted and kept on disk; returns its id.
async fn check_spooled(server: &TestServer, number: u64) -> Uuid {
    let before = server.outcome("spooled");
    let started = Instant::now();
    let id = deliver(server, number).await.accepted_id();
    assert!(started.elapsed() < PUBLISH_TIMEOUT + SLACK);
    assert_eq!(server.outcome("spooled"), before + 1);
    id
}

/// Checks that everything accepted is in Kafka once the spool is empty, and that Kafka is used again.
async fn check_all_arrive(server: &TestServer, accepted: impl IntoIterator<Item = Uuid>) {
    server.until("gitpulse_spool_records", 0).await;
    let arrived: BTreeSet<Uuid> =
        server.kafka.records().into_iter().map(|record| record.envelope.id()).collect();
    let missing: Vec<Uuid> = accepted.into_iter().filter(|id| !arrived.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    until_kafka_takes(server).await;
    assert_eq!(server.metric("gitpulse_spool_breaker_open"), 0);
    assert_eq!(server.outcome("unavailable"), 0);
}

#[track_caller]
fn check_unavailable(answer: &Answer) {
    answer.check_error(503, "unavailable");
    let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(retry_after > 0);
}

#[tokio::test]
async fn while_the_broker_is_down_deliveries_are_200_and_arrive_when_it_is_back() {
    let server = start(&[]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    let mut accepted = vec![check_spooled(&server, 0).await];
    assert_eq!(server.metric("gitpulse_spool_breaker_open"), 1, "one missed deadline opens the breaker");
    let started = Instant::now();
    for number in 1..=20 {
        accepted.push(check_spooled(&server, number).await);
    }
    assert!(started.elapsed() < 20 * PUBLISH_TIMEOUT, "each of them waited for Kafka");
    // Not the deliveries already answered, only those that the drain is trying.
    assert!(server.metric("gitpulse_publisher_buffered_bytes") < 20_000);
    assert_eq!(server.metric("gitpulse_ingest_buffered_bytes"), 0);
    server.kafka.cluster.broker_up(1).unwrap();
    check_all_arrive(&server, accepted).await;
}

#[tokio::test]
async fn without_enough_replicas_deliveries_are_200_and_arrive_afterwards() {
    let server = start(&[]).await;
    let before = server.kafka.records().len();
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1000];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let id = check_spooled(&server, 0).await;
    assert_eq!(server.kafka.records().len(), before);
    server.kafka.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    check_all_arrive(&server, [id]).await;
}

#[tokio::test]
async fn a_broker_too_slow_is_not_waited_for_and_a_slow_one_is() {
    let server = start(&[]).await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::from_millis(50)).unwrap();
    until_kafka_takes(&server).await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::from_secs(2)).unwrap();
    let id = check_spooled(&server, 0).await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    check_all_arrive(&server, [id]).await;
}

#[tokio::test]
async fn many_deliveries_during_an_outage_are_all_answered_in_time_and_all_arrive() {
    let server = start(&[]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    let started = Instant::now();
    let mut connections = Vec::new();
    for number in 0..100 {
        let mut connection = server.connect().await;
        let key = number.to_string();
        connection
            .send(post(SHARED, &[("X-Gitlab-Token", ACME_TOKEN), ("Idempotency-Key", &key)], PUSH))
            .await;
        connections.push(connection);
    }
    let mut accepted = Vec::new();
    for connection in &mut connections {
        accepted.push(connection.answer().await.accepted_id());
    }
    assert!(started.elapsed() < PUBLISH_TIMEOUT + Duration::from_secs(1) + SLACK);
    server.kafka.cluster.broker_up(1).unwrap();
    check_all_arrive(&server, accepted).await;
    assert_eq!(
        server.metric("gitpulse_ingest_received_total"),
        server.outcomes().values().sum::<u64>(),
        "every request ends in one outcome"
    );
}

#[tokio::test]
async fn an_error_that_kafka_repeats_once_costs_no_delivery() {
    let server = start(&[]).await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let id = deliver(&server, 0).await.accepted_id();
    check_all_arrive(&server, [id]).await;
}

#[tokio::test]
async fn a_record_that_kafka_refuses_once_is_tried_again() {
    let server = start(&[]).await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let id = check_spooled(&server, 0).await;
    check_all_arrive(&server, [id]).await;
}

#[tokio::test]
async fn a_record_too_large_for_its_topic_is_503_and_not_kept() {
    let server = start(&[]).await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    check_unavailable(&deliver(&server, 0).await);
    assert_eq!(server.metric("gitpulse_spool_records"), 0);
    until_kafka_takes(&server).await;
}

#[tokio::test]
async fn a_producer_that_failed_for_good_is_replaced() {
    let server = start(&[]).await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH; 3];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let accepted = [deliver(&server, 0).await.accepted_id(), deliver(&server, 1).await.accepted_id()];
    check_all_arrive(&server, accepted).await;
}

#[tokio::test]
async fn an_event_whose_topic_does_not_exist_is_kept_and_the_topic_is_not_made() {
    let flags = ["--kafka-topic-prefix", "nowhere", "--publish-timeout-ms", "500"];
    let server = TestServer::start(&flags).await;
    check_spooled(&server, 0).await;
    assert_eq!(server.metric("gitpulse_spool_records"), 1);
    server.check_nothing_published();
}

#[tokio::test]
async fn with_a_full_spool_deliveries_are_503_and_what_was_accepted_arrives() {
    let server = start(&["--spool-max-mib", "1"]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    let body = format!(r#"{{"object_kind":"push","filler":"{}"}}"#, "x".repeat(50_000));
    let mut accepted = Vec::new();
    let refused = within(async {
        loop {
            let answer = server.deliver(SHARED, ACME_TOKEN, &body).await;
            if answer.status != 200 {
                break answer;
            }
            accepted.push(answer.accepted_id());
        }
    })
    .await;
    check_unavailable(&refused);
    assert!((15..=21).contains(&accepted.len()), "{}", accepted.len());
    let started = Instant::now();
    check_unavailable(&server.deliver(SHARED, ACME_TOKEN, &body).await);
    assert!(started.elapsed() < PUBLISH_TIMEOUT + SLACK);
    server.kafka.cluster.broker_up(1).unwrap();
    server.until("gitpulse_spool_records", 0).await;
    until_kafka_takes(&server).await;
    let arrived: BTreeSet<Uuid> =
        server.kafka.records().into_iter().map(|record| record.envelope.id()).collect();
    assert!(accepted.iter().all(|id| arrived.contains(id)));
}

#[tokio::test]
async fn without_kafka_and_without_a_disk_deliveries_are_503_until_one_is_back() {
    let server = start(&[]).await;
    server.kafka.cluster.broker_down(1).unwrap();
    server.break_spool();
    for number in 0..3 {
        let started = Instant::now();
        check_unavailable(&deliver(&server, number).await);
        assert!(started.elapsed() < PUBLISH_TIMEOUT + SLACK);
    }
    assert_eq!(server.metric("gitpulse_spool_usable"), 0);
    server.mend_spool();
    server.until("gitpulse_spool_usable", 1).await;
    let id = check_spooled(&server, 3).await;
    server.break_spool();
    server.kafka.cluster.broker_up(1).unwrap();
    server.mend_spool();
    server.until("gitpulse_spool_records", 0).await;
    assert!(server.kafka.records().iter().any(|record| record.envelope.id() == id));
}

#[tokio::test]
async fn with_an_empty_spool_on_a_broken_disk_deliveries_find_out_that_kafka_is_back() {
    let server = start(&[]).await;
    server.break_spool();
    server.kafka.cluster.broker_down(1).unwrap();
    check_unavailable(&deliver(&server, 0).await);
    assert_eq!(server.metric("gitpulse_spool_breaker_open"), 1);
    server.kafka.cluster.broker_up(1).unwrap();
    within(async { while deliver(&server, 1).await.status != 200 {} }).await;
    assert_eq!(server.metric("gitpulse_spool_breaker_open"), 0);
}

#[tokio::test]
async fn a_project_that_floods_is_kept_on_disk_where_kafka_is_slow() {
    let flags = ["--publish-timeout-ms", "4000", "--project-concurrency", "1"];
    let server = TestServer::start(&flags).await;
    until_kafka_takes(&server).await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::from_millis(600)).unwrap();
    let mut flood = Vec::new();
    for _ in 0..8 {
        let mut connection = server.connect().await;
        connection.send(post(SHARED, &[("X-Gitlab-Token", ACME_TOKEN)], PUSH)).await;
        flood.push(connection);
    }
    for connection in &mut flood {
        connection.answer().await.accepted_id();
    }
    assert!(server.metric("gitpulse_ingest_late_turns_total") >= 4);
    assert_eq!(server.metric("gitpulse_spool_breaker_open"), 0);
    assert_eq!(server.outcome("spooled"), server.metric("gitpulse_ingest_late_turns_total"));
    server.kafka.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    server.until("gitpulse_spool_records", 0).await;
}
