//! Kafka in this process. In: topics. Out: the records in them. Tests must stay small: a partition of the mock cluster keeps only 5 MiB, or its
//! last record.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use schemas::topic::MAX_RECORD_BYTES;
use schemas::{Envelope, Payload};
use tokio::time::Instant;

use crate::client::GUARD;

/// The existing topics, with one partition each. The mock cluster needs time to create one, and creates none automatically.
const TOPICS: [&str; 4] = ["gitlab.push", "gitlab.tag_push", "gitlab.pipeline", "gitlab.other"];

/// One broker.
pub(crate) struct TestKafka {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

/// A record as seen by a consumer.
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) envelope: Envelope,
}

impl Record {
    /// The payload's text; panics if the payload is not JSON.
    pub(crate) fn json(&self) -> &str {
        match self.envelope.payload() {
            Payload::Json(json) => json,
            Payload::Binary(_) => panic!("the payload is no JSON"),
        }
    }
}

impl TestKafka {
    pub(crate) fn start() -> TestKafka {
        let cluster = MockCluster::new(1).unwrap();
        for topic in TOPICS {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        TestKafka { cluster }
    }

    pub(crate) fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Everything in Kafka now, topic by topic.
    pub(crate) fn records(&self) -> Vec<Record> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("receive.message.max.bytes", (3 * MAX_RECORD_BYTES).to_string())
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        let mut expected = 0;
        for topic in TOPICS {
            let (low, high) = consumer.fetch_watermarks(topic, 0, GUARD).unwrap();
            if high > low {
                assignment.add_partition_offset(topic, 0, Offset::Offset(low)).unwrap();
                expected += (high - low) as usize;
            }
        }
        consumer.assign(&assignment).unwrap();
        let mut records = Vec::new();
        let deadline = Instant::now() + GUARD;
        while records.len() < expected {
            assert!(Instant::now() < deadline, "{} of {expected} records could be read", records.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.unwrap();
            let header = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), String::from_utf8(header.value.unwrap().to_vec()).unwrap())
            };
            records.push(Record {
                topic: message.topic().to_owned(),
                key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
                headers: message.headers().unwrap().iter().map(header).collect(),
                envelope: Envelope::parse(message.payload().unwrap()).unwrap(),
            });
        }
        records.sort_by(|a, b| a.topic.cmp(&b.topic));
        records
    }

    /// The only record in Kafka; panics if there are none or several.
    pub(crate) fn record(&self) -> Record {
        let mut records = self.records();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }
}
