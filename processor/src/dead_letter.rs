//! Keeps records that could not be decoded. In: a record and the reason. Out: a record on the dead letter topic with the same key and value, and
//! everything else in headers; and from that, a row of `dead_letters`. Never loses a byte, never blocks other records.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fail::fail_point;
use rdkafka::Message;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use runtime::fault::chain;
use runtime::publisher::PublishError;
use runtime::{Publisher, Retry};
use schemas::Envelope;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decode::DecodeError;
use crate::rows::{DeadLetterRow, Rows, earliest_first};

/// How long a write to Kafka is retried before the processor stops with an error.
const PUBLISH_TRIES_FOR: Duration = Duration::from_secs(120);

const REASON: &str = "reason";
const ERROR: &str = "error";
const TOPIC: &str = "origin-topic";
const PARTITION: &str = "origin-partition";
const OFFSET: &str = "origin-offset";
const FAILED_AT: &str = "failed-at";

/// A dead letter did not reach Kafka.
#[derive(Debug, thiserror::Error)]
#[error("a dead letter could not be written to Kafka")]
pub struct DeadLetterError(#[source] PublishError);

/// A record that could not be decoded.
#[derive(Debug)]
pub struct DeadLetter {
    /// Key of the record.
    pub key: Vec<u8>,
    /// Value of the record.
    pub value: Vec<u8>,
    /// Its position, and the reason.
    pub headers: OwnedHeaders,
}

impl DeadLetter {
    /// The dead letter of a record.
    pub fn new(record: &impl Message, error: &DecodeError, failed_at: DateTime<Utc>) -> DeadLetter {
        let partition = record.partition().to_string();
        let offset = record.offset().to_string();
        let failed_at = failed_at.timestamp_millis().to_string();
        let error_text = chain(error);
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new()
            .insert(header(REASON, error.reason()))
            .insert(header(ERROR, error_text.as_str()))
            .insert(header(TOPIC, record.topic()))
            .insert(header(PARTITION, partition.as_str()))
            .insert(header(OFFSET, offset.as_str()))
            .insert(header(FAILED_AT, failed_at.as_str()));
        DeadLetter {
            key: record.key().unwrap_or_default().to_vec(),
            value: record.payload().unwrap_or_default().to_vec(),
            headers,
        }
    }

    /// Writes it to Kafka, and retries while Kafka is unavailable.
    pub async fn publish(
        self,
        publisher: Publisher,
        topic: Arc<str>,
        shutdown: CancellationToken,
    ) -> Result<(), DeadLetterError> {
        let retry = Retry {
            until: Instant::now() + PUBLISH_TRIES_FOR,
            shutdown: &shutdown,
            warning: "a dead letter could not be written to Kafka and is tried again",
        };
        let published =
            retry.run(PublishError::is_transient, || self.try_to_publish(&publisher, &topic)).await;
        published.map_err(DeadLetterError)
    }

    async fn try_to_publish(&self, publisher: &Publisher, topic: &str) -> Result<(), PublishError> {
        fail_point!("dead_letter::before_publish", |_| std::process::abort());
        publisher.publish_raw(topic, &self.key, &self.value, self.headers.clone()).await?;
        fail_point!("dead_letter::after_publish", |_| std::process::abort());
        Ok(())
    }
}

/// The row for a record of the dead letter topic. Its id is made from the origin topic and the bytes, so that a failure has one row however often
/// the record is read.
pub fn row(record: &impl Message, read_at: DateTime<Utc>) -> Rows {
    let header = |name: &str| -> Option<&str> {
        let headers = record.headers()?;
        let value = headers.iter().find(|header| header.key == name)?.value?;
        std::str::from_utf8(value).ok()
    };
    let number = |name: &str| header(name).and_then(|text| text.parse::<i64>().ok());
    let value = record.payload().unwrap_or_default();
    let topic = header(TOPIC).unwrap_or_default();
    let failed_at = number(FAILED_AT).unwrap_or_else(|| read_at.timestamp_millis());
    let row = DeadLetterRow {
        id: id(topic, value),
        event_id: Envelope::parse(value).ok().map(|envelope| envelope.id()),
        reason: header(REASON).unwrap_or("unknown").to_owned(),
        error: header(ERROR).unwrap_or_default().to_owned(),
        topic: topic.to_owned(),
        partition: number(PARTITION).and_then(|partition| partition.try_into().ok()).unwrap_or(-1),
        offset: number(OFFSET).unwrap_or(-1),
        record_key: record.key().unwrap_or_default().to_vec(),
        record: value.to_vec(),
        failed_at,
        precedence: earliest_first(failed_at),
    };
    Rows { dead_letters: vec![row], ..Rows::default() }
}

fn id(topic: &str, value: &[u8]) -> Uuid {
    let mut name = topic.as_bytes().to_vec();
    name.push(0);
    name.extend_from_slice(&Sha256::digest(value));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &name)
}
