//! Errors of a broker on demand: F-06, F-07 and F-09, on librdkafka's mock cluster.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use runtime::{Secret, migrate};
use schemas::TopicPrefix;

use crate::deployment::Deployment;
use crate::engine::{Engine, Held};
use crate::engines::{Addresses, clickhouse_child};
use crate::judge::Allows;
use crate::report::Outcome;
use crate::stage::{Scene, Stage};

/// Partitions of each topic.
const PARTITIONS: i32 = 2;
/// More than the number of requests in a test.
const ALL_REQUESTS: usize = 10_000;

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A stage on a mock cluster.
async fn stage(scene: Scene) -> (Mock, Stage) {
    let folder = tempfile::tempdir().unwrap();
    let clickhouse = clickhouse_child(&folder.path().join("clickhouse")).await;
    let clickhouse = Held::start(Engine::ClickHouse, clickhouse).await;
    let mock = MockCluster::new(1).unwrap();
    let (prefix, database) = (scene.slug(), scene.slug());
    for topic in prefix.parse::<TopicPrefix>().unwrap().all() {
        mock.create_topic(&topic.name, PARTITIONS, 1).unwrap();
    }
    let clickhouse_url = format!("http://{}", clickhouse.address());
    let config = ClickHouseConfig {
        url: clickhouse_url.clone(),
        database: database.clone(),
        user: "default".to_owned(),
        password: Secret::new(""),
        cluster: None,
    };
    migrate::tables(&ClickHouse::new(&config)).await.unwrap();
    let addresses = Addresses { brokers: mock.bootstrap_servers(), clickhouse_url };
    let deployment = Deployment::migrated(&addresses, &database);
    let stage = Stage::with_deployment(scene, folder, Vec::new(), clickhouse, deployment);
    (mock, stage.open().await)
}

/// Every produce request is answered with an error for a while.
async fn answers(scene: Scene, error: RDKafkaRespErr, allows: Allows) -> Outcome {
    let (mock, mut stage) = stage(scene).await;
    mock.request_errors(RDKafkaApiKey::Produce, &vec![error; ALL_REQUESTS]);
    stage.go_on(scene.lasts(30)).await;
    mock.clear_request_errors(RDKafkaApiKey::Produce);
    if allows == Allows::No5xx {
        stage.has_spooled().await;
    }
    stage.recover().await;
    let mut outcome = stage.end(allows).await;
    let refused = outcome.verdict.iter().filter_map(|verdict| verdict.answers.get(&503)).sum::<u64>();
    if allows == Allows::Unavailable && refused == 0 {
        outcome.faults.push("nothing was answered 503: the fault was none".to_owned());
    }
    outcome
}

/// F-06: too few replicas are in sync.
pub(crate) async fn not_enough_replicas(scene: Scene) -> Outcome {
    answers(scene, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, Allows::No5xx).await
}

/// F-06: another broker is the leader.
pub(crate) async fn not_leader(scene: Scene) -> Outcome {
    answers(scene, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Allows::No5xx).await
}

/// F-06: replicas did not answer in time; the record may be stored.
pub(crate) async fn request_timed_out(scene: Scene) -> Outcome {
    answers(scene, RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Allows::No5xx).await
}

/// F-06: too large for the topic, which no retry cures: 503, and nothing is stored.
pub(crate) async fn message_too_large(scene: Scene) -> Outcome {
    answers(scene, RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Allows::Unavailable).await
}

/// F-07: a round trip of half a second.
pub(crate) async fn slow(scene: Scene) -> Outcome {
    let (mock, mut stage) = stage(scene).await;
    mock.broker_round_trip_time(1, Duration::from_millis(500)).unwrap();
    stage.go_on(scene.lasts(60)).await;
    mock.broker_round_trip_time(1, Duration::ZERO).unwrap();
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-09: the idempotent producer fails for good, several times.
pub(crate) async fn producer_fatal(scene: Scene) -> Outcome {
    let (mock, mut stage) = stage(scene).await;
    for _ in 0..5 {
        // The error is for a record that was not the last one sent: no retry can be right.
        let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 3];
        mock.request_errors(RDKafkaApiKey::Produce, &errors);
        stage.go_on(scene.lasts(10)).await;
    }
    let log = stage.ingest.as_ref().unwrap().log();
    assert!(log.contains("the Kafka producer failed for good"), "the fault was none: {log}");
    stage.recover().await;
    stage.end(Allows::No5xx).await
}
