//! A spool, the task that empties it, and a Kafka in this process. In: deliveries, and a Kafka that stops and starts. Out: what arrived there.

use std::collections::BTreeSet;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tempfile::TempDir;

use super::*;
use crate::Publisher;
use crate::kafka::KafkaConfig;
use crate::outbox::{AnswerAfter, Outbox, OutboxError, Stored};
use crate::publisher::PublisherConfig;

/// A Kafka in this process, an outbox that sends to it, and what arrives there.
struct TestOutbox {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: TempDir,
}

struct Running {
    outbox: Outbox,
    draining: crate::outbox::Draining,
    registry: Registry,
}

impl TestOutbox {
    fn new() -> TestOutbox {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("gitlab.push", 1, 1).unwrap();
        TestOutbox { cluster, folder: tempfile::tempdir().unwrap() }
    }

    fn start(&self, spool_mib: u32) -> Running {
        self.answering_after(AnswerAfter::Kafka, spool_mib)
    }

    fn answering_after(&self, answer_after: AnswerAfter, spool_mib: u32) -> Running {
        #[derive(clap::Parser)]
        struct Settings {
            #[command(flatten)]
            kafka: KafkaConfig,
            #[command(flatten)]
            publisher: PublisherConfig,
        }
        let brokers = self.cluster.bootstrap_servers();
        let flags = ["test", "--kafka-brokers", &brokers, "--publish-timeout-ms", "500"];
        let properties = ["--kafka-properties", "reconnect.backoff.max.ms=200,message.timeout.ms=2000"];
        let settings =
            <Settings as clap::Parser>::try_parse_from([&flags[..], &properties].concat()).unwrap();
        let registry = Registry::new();
        let publisher = Publisher::new(&settings.kafka, &settings.publisher, &registry).unwrap();
        let spool = Spool::open(self.folder.path(), spool_mib, &registry).unwrap();
        let (outbox, draining) = Outbox::start(publisher, spool, answer_after);
        Running { outbox, draining, registry }
    }

    /// The numbers of all records in Kafka, each as often as it is there.
    fn arrived(&self) -> Vec<u64> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "reader")
            .create()
            .unwrap();
        let (low, high) = consumer.fetch_watermarks("gitlab.push", 0, GUARD).unwrap();
        assert_eq!(low, 0, "the mock cluster has forgotten records");
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset("gitlab.push", 0, Offset::Beginning).unwrap();
        consumer.assign(&assignment).unwrap();
        let mut numbers = Vec::new();
        while (numbers.len() as i64) < high {
            let message = consumer.poll(GUARD).expect("a record is missing").unwrap();
            let text = std::str::from_utf8(message.payload().unwrap()).unwrap();
            numbers.push(text.split(':').next().unwrap().parse().unwrap());
        }
        numbers
    }
}

impl Running {
    /// Kills the process: what it did not finish stays undone.
    async fn kill(self) {
        self.draining.stop(Duration::ZERO).await;
        drop(self.outbox);
    }

    /// Sends a record until it goes to Kafka at once, which takes a moment for a new client and after Kafka was away.
    async fn until_kafka_takes(&self, number: u64) {
        let sending = async {
            while self.outbox.send(record(number, 100)).await.unwrap() != Stored::Kafka {
                until(|| !self.outbox.is_spooling()).await;
            }
        };
        tokio::time::timeout(GUARD, sending).await.expect("Kafka takes nothing");
        assert!(!self.outbox.is_spooling());
    }

    async fn until_drained(&self) {
        until(|| self.outbox.status().spool.records == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kafka_is_away_events_are_kept_and_they_arrive_when_it_is_back() {
    let test = TestOutbox::new();
    let running = test.start(64);
    running.until_kafka_takes(0).await;
    running.until_drained().await;
    test.cluster.broker_down(1).unwrap();
    assert_eq!(running.outbox.send(record(1, 100)).await.unwrap(), Stored::Spool);
    assert!(running.outbox.is_spooling(), "one missed deadline opens the breaker");
    let started = Instant::now();
    for number in 2..100 {
        assert_eq!(running.outbox.send(record(number, 100)).await.unwrap(), Stored::Spool);
    }
    assert!(started.elapsed() < Duration::from_secs(49), "each of them waited for Kafka");
    assert_eq!(metric(&running.registry, "gitpulse_spool_breaker_open"), 1.0);
    assert!(metric(&running.registry, "gitpulse_spool_oldest_seconds") > 0.0);
    // The first, which missed its deadline, and what the drain is trying to send.
    assert!(metric(&running.registry, "gitpulse_publisher_buffered_bytes") < 10_000.0);

    test.cluster.broker_up(1).unwrap();
    running.until_drained().await;
    assert!(!running.outbox.is_spooling(), "what the drain published closes the breaker");
    running.until_kafka_takes(100).await;
    let arrived: BTreeSet<u64> = test.arrived().into_iter().collect();
    assert_eq!(arrived, (0..=100).collect());
    until(|| metric(&running.registry, "gitpulse_spool_bytes") == 0.0).await;
    assert!(segment::numbers(test.folder.path()).unwrap().0.is_empty());
    assert_eq!(metric(&running.registry, "gitpulse_spool_oldest_seconds"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_last_process_ended() {
    let test = TestOutbox::new();
    test.cluster.broker_down(1).unwrap();
    for start in 0..3 {
        let running = test.start(64);
        for number in start * 10..start * 10 + 10 {
            assert_eq!(running.outbox.send(record(number, 100)).await.unwrap(), Stored::Spool);
        }
        running.kill().await;
    }
    test.cluster.broker_up(1).unwrap();
    let running = test.start(64);
    running.until_drained().await;
    assert_eq!(test.arrived().into_iter().collect::<BTreeSet<u64>>(), (0..30).collect());
    running.kill().await;
    let running = test.start(64);
    assert_eq!(running.outbox.status().spool.records, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_spool_events_are_refused_and_none_that_was_accepted_is_lost() {
    let test = TestOutbox::new();
    test.cluster.broker_down(1).unwrap();
    let running = test.start(1);
    let mut accepted = BTreeSet::new();
    let mut refused = 0;
    for number in 0..60 {
        match running.outbox.send(record(number, 20_000)).await {
            Ok(stored) => {
                assert_eq!(stored, Stored::Spool);
                accepted.insert(number);
            }
            Err(OutboxError::Unavailable { spool, .. }) => {
                assert_eq!(spool, SpoolError::Full);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused >= 8, "{refused}");
    test.cluster.broker_up(1).unwrap();
    running.until_drained().await;
    assert!(test.arrived().into_iter().collect::<BTreeSet<u64>>().is_superset(&accepted));
    until(|| running.outbox.status().spool.refuses.is_none()).await;
    running.until_kafka_takes(60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_set_aside_and_all_that_is_whole_arrives() {
    let test = TestOutbox::new();
    let (spool, _) = open(test.folder.path());
    for number in 0..40 {
        append(&spool, record(number, 100)).await.unwrap();
    }
    drop(spool);
    let path = segment::path(test.folder.path(), 2);
    let mut bytes = std::fs::read(&path).unwrap();
    let before = segment::scan(test.folder.path(), 1).records;
    let in_segment = segment::scan(test.folder.path(), 2).records;
    let offset = bytes.len() / 2;
    bytes[offset] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let Scan { good, records, .. } = segment::scan(test.folder.path(), 2);

    let running = test.start(64);
    assert_eq!(metric(&running.registry, "gitpulse_spool_damaged_total{damage=\"changed\"}"), 1.0);
    running.until_drained().await;
    until(|| segment::numbers(test.folder.path()).unwrap().0.is_empty()).await;
    let lost = before + records..before + in_segment;
    let whole: BTreeSet<u64> = (0..40).filter(|number| !lost.contains(number)).collect();
    assert_eq!(test.arrived().into_iter().collect::<BTreeSet<u64>>(), whole);
    let aside = std::fs::read(segment::damaged_path(test.folder.path(), 2)).unwrap();
    assert_eq!(aside, bytes[good as usize..]);
    running.kill().await;
    let running = test.start(64);
    assert_eq!(metric(&running.registry, "gitpulse_spool_damaged_total{damage=\"changed\"}"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_damaged_while_it_is_written_costs_nothing_but_its_rest() {
    let test = TestOutbox::new();
    test.cluster.broker_down(1).unwrap();
    let running = test.start(64);
    for number in 0..50 {
        assert_eq!(running.outbox.send(record(number, 100)).await.unwrap(), Stored::Spool);
    }
    let path = segment::path(test.folder.path(), 1);
    let frame = frame::length(&record(10, 100)) as usize;
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - frame / 2;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    test.cluster.broker_up(1).unwrap();
    running.until_drained().await;
    running.until_kafka_takes(50).await;
    let arrived: BTreeSet<u64> = test.arrived().into_iter().collect();
    assert_eq!(arrived, (0..=50).filter(|number| *number != 49).collect());
    let aside = segment::damaged_path(test.folder.path(), 1);
    assert_eq!(std::fs::read(aside).unwrap(), bytes[bytes.len() - frame..]);
    assert_eq!(metric(&running.registry, "gitpulse_spool_damaged_total{damage=\"changed\"}"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_kafka_refuses_hold_up_no_others() {
    let test = TestOutbox::new();
    let (spool, _) = open(test.folder.path());
    for number in 0..20 {
        let topic = if number % 2 == 0 { "gitlab.push" } else { "gitlab.nowhere" };
        append(&spool, TopicRecord { topic: topic.to_owned(), ..record(number, 10) }).await.unwrap();
    }
    drop(spool);
    let running = test.start(64);
    until(|| running.outbox.status().spool.records == 10).await;
    let arrived: BTreeSet<u64> = test.arrived().into_iter().collect();
    assert_eq!(arrived, (0..20).filter(|number| number % 2 == 0).collect());
    running.until_kafka_takes(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_after_the_disk_arrives_and_leaves_nothing() {
    let test = TestOutbox::new();
    let running = test.answering_after(AnswerAfter::Disk, 64);
    for number in 0..100 {
        assert_ne!(running.outbox.send(record(number, 100)).await.unwrap(), Stored::Kafka);
    }
    running.until_drained().await;
    assert_eq!(test.arrived().into_iter().collect::<BTreeSet<u64>>(), (0..100).collect());
    assert!(!running.outbox.is_spooling());
    assert_eq!(running.outbox.send(record(100, 100)).await.unwrap(), Stored::Disk);
    running.until_drained().await;
    until(|| segment::numbers(test.folder.path()).unwrap().0.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_after_the_disk_waits_for_a_kafka_that_is_away_through_a_restart() {
    let test = TestOutbox::new();
    test.cluster.broker_down(1).unwrap();
    let running = test.answering_after(AnswerAfter::Disk, 64);
    let started = Instant::now();
    for number in 0..50 {
        let stored = running.outbox.send(record(number, 100)).await.unwrap();
        assert!(matches!(stored, Stored::Disk | Stored::Spool), "{stored:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(24), "each of them waited for Kafka");
    until(|| running.outbox.is_spooling()).await;
    running.kill().await;
    let running = test.answering_after(AnswerAfter::Disk, 64);
    assert_eq!(running.outbox.status().spool.records, 50);
    test.cluster.broker_up(1).unwrap();
    running.until_drained().await;
    assert_eq!(test.arrived().into_iter().collect::<BTreeSet<u64>>(), (0..50).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_nothing_that_kafka_takes() {
    let test = TestOutbox::new();
    let running = test.answering_after(AnswerAfter::Disk, 1);
    // Larger than the spool.
    assert_eq!(running.outbox.send(record(0, 2_000_000)).await.unwrap(), Stored::Kafka);
    assert_eq!(running.outbox.send(record(1, 100)).await.unwrap(), Stored::Disk);
    running.until_drained().await;
    assert_eq!(test.arrived(), [0, 1]);
}
