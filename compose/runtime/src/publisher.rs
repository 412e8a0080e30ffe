//! Writes records to Kafka. In: a [`TopicRecord`]. Out: its position once all in-sync replicas have it, or an error within the
//! deadline. Never holds more than the configured memory, and never waits in a queue that is full.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Message, Statistics};
use schemas::TopicRecord;
use schemas::topic::MAX_DEAD_LETTER_BYTES;
use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore, oneshot};
use tokio::time::Instant;

use crate::kafka::KafkaConfig;
use crate::kafka::log::ClientLog;

/// The media type of an envelope: CloudEvents in structured JSON mode.
const CONTENT_TYPE: &str = "application/cloudevents+json";
/// Timeout for records that no request is waiting on.
const RAW_TIMEOUT: Duration = Duration::from_secs(6);

/// Timeout and memory limit of a publisher.
#[derive(Debug, Clone, Args)]
pub struct PublisherConfig {
    /// Milliseconds to wait for Kafka to acknowledge a webhook's event, which then goes to the spool; more than 4000 count as 4000
    #[arg(long = "publish-timeout-ms", env = "GITPULSE_PUBLISH_TIMEOUT_MS", default_value_t = 1000, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(10..=7000))]
    pub timeout_ms: u64,

    /// MiB of events that may wait for Kafka's acknowledgement at the same time
    #[arg(long = "publish-buffer-mib", env = "GITPULSE_PUBLISH_BUFFER_MIB", default_value_t = 256, value_name = "MIB",
          value_parser = clap::value_parser!(u32).range(64..=900))]
    pub buffer_mib: u32,
}

/// Where Kafka put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
}

/// Why a record was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The memory limit for unacknowledged records is reached.
    #[error("too many bytes wait for Kafka's acknowledgement")]
    Overloaded,
    /// No topic accepts a record of this size.
    #[error("the record is larger than any topic accepts")]
    TooLarge,
    /// Kafka did not answer in time. The record may still arrive: it was not refused.
    #[error("Kafka did not acknowledge in time")]
    Timeout,
    /// Kafka, or the client, refused the record.
    #[error("Kafka refused the record")]
    Kafka(#[source] KafkaError),
}

impl PublishError {
    /// Whether another try could succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            PublishError::Overloaded | PublishError::Timeout => true,
            PublishError::TooLarge => false,
            PublishError::Kafka(error) => {
                error.rdkafka_error_code() != Some(RDKafkaErrorCode::MessageSizeTooLarge)
            }
        }
    }

    /// Whether this looks as if Kafka accepts nothing at the moment; else it refuses only this record or its topic.
    pub fn is_outage(&self) -> bool {
        match self {
            PublishError::Overloaded | PublishError::Timeout => true,
            PublishError::TooLarge => false,
            PublishError::Kafka(error) => !matches!(
                error.rdkafka_error_code(),
                Some(
                    RDKafkaErrorCode::MessageSizeTooLarge
                        | RDKafkaErrorCode::InvalidMessage
                        | RDKafkaErrorCode::InvalidMessageSize
                        | RDKafkaErrorCode::InvalidRecord
                        | RDKafkaErrorCode::InvalidTopic
                        | RDKafkaErrorCode::PolicyViolation
                        | RDKafkaErrorCode::TopicAuthorizationFailed
                        | RDKafkaErrorCode::UnknownPartition
                        | RDKafkaErrorCode::UnknownTopic
                        | RDKafkaErrorCode::UnknownTopicOrPartition
                )
            ),
        }
    }

    /// Bounded label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            PublishError::Overloaded => "overloaded",
            PublishError::TooLarge => "too_large",
            PublishError::Timeout => "timeout",
            PublishError::Kafka(_) => "kafka",
        }
    }
}

/// Why a publisher could not be created.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// librdkafka does not know a property or cannot use its value.
    #[error("the Kafka client refuses its settings")]
    Kafka(#[from] KafkaError),
    /// Two publishers on one registry.
    #[error("metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Metrics of a publisher.
#[derive(Clone)]
struct Metrics {
    records: IntCounterVec,
    acknowledged: prometheus::IntCounter,
    acknowledge_seconds: Histogram,
    buffered_bytes: IntGauge,
    buffered_records: IntGauge,
}

impl Metrics {
    fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let records = IntCounterVec::new(
            Opts::new("gitpulse_publisher_records_total", "Records given to Kafka, by outcome"),
            &["outcome"],
        )?;
        let acknowledge_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_publisher_acknowledge_seconds",
                "From handing a record to the client to the acknowledgement of all in-sync replicas",
            )
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
        )?;
        let buffered_bytes = IntGauge::new(
            "gitpulse_publisher_buffered_bytes",
            "Bytes that wait for Kafka's acknowledgement",
        )?;
        let buffered_records = IntGauge::new(
            "gitpulse_publisher_buffered_records",
            "Records in librdkafka's queues, as it reports them",
        )?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(acknowledge_seconds.clone()))?;
        registry.register(Box::new(buffered_bytes.clone()))?;
        registry.register(Box::new(buffered_records.clone()))?;
        let acknowledged = records.with_label_values(&["acknowledged"]);
        for reason in ["overloaded", "too_large", "timeout", "kafka"] {
            records.with_label_values(&[reason]);
        }
        Ok(Metrics { records, acknowledged, acknowledge_seconds, buffered_bytes, buffered_records })
    }
}

/// State that travels with a record through librdkafka and comes back with the result.
struct Pending {
    fate: oneshot::Sender<Result<Position, KafkaError>>,
    bytes: i64,
    /// Memory is released when librdkafka drops the record, which may be after the caller gave up.
    _admission: OwnedSemaphorePermit,
}

struct Context {
    metrics: Metrics,
    log: ClientLog,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        self.metrics.buffered_records.set(statistics.msg_cnt as i64);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.report(&error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        self.metrics.buffered_bytes.sub(pending.bytes);
        let fate = match result {
            Ok(record) => Ok(Position { partition: record.partition(), offset: record.offset() }),
            Err((error, _)) => Err(error.clone()),
        };
        // A caller that gave up is gone, and has answered already.
        let _ = pending.fate.send(fate);
    }
}

/// Publishes records; cheap to clone. All clones share one producer and one memory limit.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    kafka: KafkaConfig,
    timeout: Duration,
    /// In KiB.
    admission: Arc<Semaphore>,
    producer: RwLock<Arc<ThreadedProducer<Context>>>,
    metrics: Metrics,
}

impl Publisher {
    /// A publisher; connects in the background.
    pub fn new(
        kafka: &KafkaConfig,
        config: &PublisherConfig,
        registry: &Registry,
    ) -> Result<Publisher, StartError> {
        let metrics = Metrics::register(registry)?;
        let producer = start(kafka, &metrics)?;
        Ok(Publisher {
            shared: Arc::new(Shared {
                kafka: kafka.clone(),
                timeout: Duration::from_millis(config.timeout_ms),
                admission: Arc::new(Semaphore::new(config.buffer_mib as usize * 1024)),
                producer: RwLock::new(Arc::new(producer)),
                metrics,
            }),
        })
    }

    /// Publishes an event and waits for the acknowledgement of all in-sync replicas, no longer than the publish timeout.
    ///
    /// After [`PublishError::Timeout`] the record may still be written: publishing it again makes a duplicate, which the tables do
    /// not count.
    pub async fn publish(&self, record: &TopicRecord) -> Result<Position, PublishError> {
        self.publish_within(record, self.shared.timeout).await
    }

    /// Publishes an event as [`Publisher::publish`] does, and waits no longer than `timeout`.
    pub async fn publish_within(
        &self,
        record: &TopicRecord,
        timeout: Duration,
    ) -> Result<Position, PublishError> {
        let headers = OwnedHeaders::new_with_capacity(1)
            .insert(Header { key: "content-type", value: Some(CONTENT_TYPE) });
        self.publish_bytes(&record.topic, &record.key, &record.value, headers, timeout).await
    }

    /// The publish timeout.
    pub fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    /// Publishes bytes that are not an event, such as dead letters, with headers of their own.
    pub async fn publish_raw(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: OwnedHeaders,
    ) -> Result<Position, PublishError> {
        self.publish_bytes(topic, key, value, headers, RAW_TIMEOUT).await
    }

    async fn publish_bytes(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: OwnedHeaders,
        timeout: Duration,
    ) -> Result<Position, PublishError> {
        let started = Instant::now();
        let published = tokio::time::timeout(timeout, self.send(topic, key, value, headers)).await;
        let result = published.unwrap_or_else(|_| match self.shared.admission.available_permits() {
            0 => Err(PublishError::Overloaded),
            _ => Err(PublishError::Timeout),
        });
        match &result {
            Ok(_) => {
                self.shared.metrics.acknowledged.inc();
                self.shared.metrics.acknowledge_seconds.observe(started.elapsed().as_secs_f64());
            }
            Err(error) => self.shared.metrics.records.with_label_values(&[error.reason()]).inc(),
        }
        result
    }

    async fn send(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: OwnedHeaders,
    ) -> Result<Position, PublishError> {
        let bytes = key.len() + value.len();
        if bytes > MAX_DEAD_LETTER_BYTES {
            return Err(PublishError::TooLarge);
        }
        let kibibytes = u32::try_from(bytes / 1024 + 1).map_err(|_| PublishError::Overloaded)?;
        let admission = self.shared.admission.clone().acquire_many_owned(kibibytes).await;
        let admission = admission.map_err(|_| PublishError::Overloaded)?;
        let (fate, outcome) = oneshot::channel();
        let pending = Box::new(Pending { fate, bytes: bytes as i64, _admission: admission });
        let producer = self.shared.producer.read().await.clone();
        let record = BaseRecord::with_opaque_to(topic, pending).key(key).payload(value).headers(headers);
        self.shared.metrics.buffered_bytes.add(bytes as i64);
        if let Err((error, record)) = producer.send(record) {
            self.shared.metrics.buffered_bytes.sub(record.delivery_opaque.bytes);
            return match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Err(PublishError::Overloaded),
                Some(RDKafkaErrorCode::Fatal) => Err(self.renew(producer, error).await),
                _ => Err(PublishError::Kafka(error)),
            };
        }
        match outcome.await {
            Ok(Ok(position)) => Ok(position),
            Ok(Err(error)) if producer.client().fatal_error().is_some() => {
                Err(self.renew(producer, error).await)
            }
            Ok(Err(error)) => Err(PublishError::Kafka(error)),
            Err(_) => Err(PublishError::Kafka(KafkaError::Canceled)),
        }
    }

    /// Replaces a producer after a fatal error: an idempotent producer never recovers from one by itself.
    async fn renew(&self, failed: Arc<ThreadedProducer<Context>>, error: KafkaError) -> PublishError {
        let mut producer = self.shared.producer.write().await;
        if Arc::ptr_eq(&producer, &failed) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the Kafka producer failed for good; it is replaced"
            );
            match start(&self.shared.kafka, &self.shared.metrics) {
                Ok(renewed) => *producer = Arc::new(renewed),
                Err(error) => return PublishError::Kafka(error),
            }
        }
        PublishError::Kafka(error)
    }

    /// Waits until Kafka has acknowledged everything or `timeout` has passed. Dropping a producer would purge what it still holds.
    pub async fn flush(&self, timeout: Duration) {
        let producer = self.shared.producer.read().await.clone();
        let flushed = tokio::task::spawn_blocking(move || producer.flush(timeout)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "events were still waiting for Kafka at the end"
            );
        }
    }
}

fn start(kafka: &KafkaConfig, metrics: &Metrics) -> Result<ThreadedProducer<Context>, KafkaError> {
    kafka.producer().create_with_context(Context { metrics: metrics.clone(), log: ClientLog::default() })
}
