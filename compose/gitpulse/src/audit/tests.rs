use chrono::TimeDelta;
use gitlab::metrics::Outcome;
use prometheus::Registry;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use runtime::kafka::KafkaConfig;
use runtime::publisher::PublisherConfig;

use super::*;

const TOPIC: &str = "gitpulse.audit";

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
}

fn publisher(brokers: &str) -> Publisher {
    let flags = <Flags as clap::Parser>::parse_from(["test", "--kafka-brokers", brokers]);
    Publisher::new(&flags.kafka, &flags.publisher, &Registry::new()).unwrap()
}

fn caller() -> Caller {
    Caller::new(Role::Backfill, "https://gitlab.example.com", "default")
}

fn call(number: u64) -> Call {
    Call {
        number,
        at: DateTime::from_timestamp_millis(1_795_305_600_120).unwrap(),
        method: "GET",
        path: format!("/api/v4/projects/{number}"),
        status: Some(200),
        outcome: Outcome::Ok,
        duration: Duration::from_millis(31),
        bytes: 7,
        token: "the token".to_owned(),
        budget_left: 599,
    }
}

/// A log that is started after this many calls were made, and the metrics that it counts in.
fn started(brokers: &str, calls: u64) -> (AuditLog, Registry) {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let (sender, receiver) = mpsc::channel(WAITING);
    let audit = Audit::from(sender.clone());
    for number in 1..=calls {
        sender.try_send(call(number)).unwrap();
    }
    let log = AuditLog::start(
        (audit, receiver),
        caller(),
        publisher(brokers),
        TopicPrefix::default(),
        Some(metrics),
    );
    (log, registry)
}

fn unaudited(registry: &Registry) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "gitpulse_gitlab_unaudited_total").unwrap();
    family.get_metric()[0].get_counter().get_value()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_before_the_end_is_written_once() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 3, 1).unwrap();
    let (log, registry) = started(&cluster.bootstrap_servers(), 1_200);
    assert_eq!(log.finish().await.written, 1_200);
    assert_eq!(unaudited(&registry), 0.0);

    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[TOPIC]).unwrap();
    let mut numbers = Vec::new();
    let mut partitions = std::collections::BTreeSet::new();
    while numbers.len() < 1_200 {
        let record = consumer.recv().await.unwrap();
        partitions.insert(record.partition());
        numbers.push(Audited::parse(record.payload().unwrap()).unwrap().call.number);
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=1_200), "{} numbers", numbers.len());
    assert_eq!(partitions.len(), 1, "a run is one key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_is_away_costs_the_log_and_not_the_command() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (log, registry) = started(&free.to_string(), 700);
    let began = std::time::Instant::now();
    assert_eq!(log.finish().await.written, 0);
    assert!(began.elapsed() < END_WITHIN * 2, "{:?}", began.elapsed());
    assert_eq!(unaudited(&registry), 700.0, "those on their way, and those that were never taken");
}

#[test]
fn a_call_says_who_made_it_and_for_whom() {
    let caller = caller();
    let Audited { instance, tenant, call, .. } = caller.audited(call(7));
    assert_eq!((&*instance, &*tenant), ("https://gitlab.example.com", "default"));
    assert_eq!((&*call.role, call.run, call.number), ("backfill", caller.run, 7));
    assert_eq!((call.status, &*call.outcome, call.duration_ms), (Some(200), "ok", 31));
}

#[test]
fn runs_sort_by_time() {
    let at = DateTime::from_timestamp_millis(1_795_305_600_120).unwrap();
    let (first, later) = (run_id(at, [255; 10]), run_id(at + TimeDelta::milliseconds(1), [0; 10]));
    assert!(first.to_string() < later.to_string());
    assert_eq!(first.get_version_num(), 7);
    assert_ne!(run_id(at, [1; 10]), run_id(at, [2; 10]));
}
