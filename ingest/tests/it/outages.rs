//! Kafka in trouble. A 200 still stands for a record in Kafka; whatever cannot be stored is answered 503 in time, and the next
//! delivery is taken as soon as Kafka is back.

use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::client::{Answer, post, within};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer};

/// How long a publish may take here.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
/// What else an answer may take on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

async fn start() -> TestServer {
    let timeout = PUBLISH_TIMEOUT.as_millis().to_string();
    let server = TestServer::start(&["--publish-timeout-ms", &timeout]).await;
    until_accepted(&server).await;
    server
}

/// Delivers until a delivery is accepted: the client of a Kafka that was away takes a moment to come back.
async fn until_accepted(server: &TestServer) -> Answer {
    within(async {
        loop {
            let answer = server.deliver(SHARED, ACME_TOKEN, PUSH).await;
            if answer.status == 200 {
                break answer;
            }
            check_unavailable(&answer);
        }
    })
    .await
}

#[track_caller]
fn check_unavailable(answer: &Answer) {
    answer.check_error(503, "unavailable");
    let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(retry_after > 0);
}

/// Checks that a delivery is refused within the publish timeout.
async fn check_refused_in_time(server: &TestServer) {
    let started = Instant::now();
    let answer = server.deliver(SHARED, ACME_TOKEN, PUSH).await;
    assert!(started.elapsed() < PUBLISH_TIMEOUT + SLACK);
    check_unavailable(&answer);
}

#[tokio::test]
async fn while_the_broker_is_down_deliveries_are_503_and_afterwards_200() {
    let server = start().await;
    server.kafka.cluster.broker_down(1).unwrap();
    check_refused_in_time(&server).await;
    check_refused_in_time(&server).await;
    server.kafka.cluster.broker_up(1).unwrap();
    let id = until_accepted(&server).await.accepted_id();
    assert!(server.kafka.records().iter().any(|record| record.envelope.id == id));
}

#[tokio::test]
async fn without_enough_replicas_deliveries_are_503_and_afterwards_200() {
    let server = start().await;
    let before = server.kafka.records().len();
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1000];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    check_refused_in_time(&server).await;
    assert_eq!(server.kafka.records().len(), before);
    server.kafka.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    until_accepted(&server).await;
    assert!(server.kafka.records().len() > before);
}

#[tokio::test]
async fn a_broker_too_slow_is_503_and_a_slow_one_is_waited_for() {
    let server = start().await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::from_millis(100)).unwrap();
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    server.kafka.cluster.broker_round_trip_time(1, Duration::from_secs(3)).unwrap();
    check_refused_in_time(&server).await;
    server.kafka.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    until_accepted(&server).await;
}

#[tokio::test]
async fn many_deliveries_during_an_outage_are_all_answered_in_time() {
    let server = start().await;
    // The start may have been refused while the client was connecting.
    let before = server.outcome("unavailable");
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
    for connection in &mut connections {
        check_unavailable(&connection.answer().await);
    }
    assert!(started.elapsed() < PUBLISH_TIMEOUT + SLACK);
    assert_eq!(server.outcome("unavailable") - before, 100);
}

#[tokio::test]
async fn an_error_that_kafka_repeats_once_costs_no_delivery() {
    let server = start().await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    until_accepted(&server).await;
}

#[tokio::test]
async fn a_record_that_kafka_refuses_for_good_is_503_and_the_next_is_200() {
    let server = start().await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    check_refused_in_time(&server).await;
    until_accepted(&server).await;
}

#[tokio::test]
async fn a_producer_that_failed_for_good_is_replaced() {
    let server = start().await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH; 3];
    server.kafka.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    until_accepted(&server).await;
    until_accepted(&server).await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_503_and_is_not_made() {
    let flags = ["--kafka-topic-prefix", "nowhere", "--publish-timeout-ms", "500"];
    let server = TestServer::start(&flags).await;
    check_refused_in_time(&server).await;
    server.check_nothing_published();
}
