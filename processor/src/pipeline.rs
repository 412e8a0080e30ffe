//! The processor: one loop, and a task that stores one batch while the loop reads the next. In: records of all topics. Out: rows in ClickHouse, then
//! committed offsets, in this order. After a crash at any point, records may be read again, but none is missing.

mod assignment;
mod error;
mod store;
mod take;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clickhouse::Client;
use fail::fail_point;
use futures_util::future::OptionFuture;
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use runtime::clickhouse::{ClickHouse, is_transient};
use runtime::kafka::log::ClientLog;
use runtime::kafka::{Kafka, KafkaConfig};
use runtime::{Publisher, Retry};
use schemas::EventKind;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::assignment::Context;
pub use self::error::PipelineError;
use self::store::Storage;
use crate::batch::{Batch, BatchLimits};
use crate::commit::Commits;
use crate::config::ProcessorConfig;
use crate::metrics::Metrics;
use crate::rebuild::swaps;
use crate::rollup::Rollups;
use crate::series;
use crate::share::{self, Share};

/// The timeout for Kafka at the start.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval between checks of logs, including those without new records.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// A batch that is being stored. Dropping it stops that.
type Storing = AbortOnDropHandle<Result<Batch, PipelineError>>;

/// Reads all topics in one consumer group and stores their records.
pub struct Pipeline {
    consumer: Arc<StreamConsumer<Context>>,
    generation: Arc<AtomicU64>,
    storage: Arc<Storage>,
    publisher: Publisher,
    dead_letter_topic: Arc<str>,
    audit_topic: String,
    limits: BatchLimits,
    metrics: Metrics,
    shutdown: CancellationToken,
    /// Background tasks that work on stored rows; they end with it.
    beside: JoinSet<()>,
}

impl Pipeline {
    /// Joins the consumer group for the event topics, the dead letter topic and the audit topic.
    pub async fn start(
        kafka: &KafkaConfig,
        clickhouse: ClickHouse,
        publisher: Publisher,
        config: &ProcessorConfig,
        metrics: Metrics,
    ) -> Result<Pipeline, PipelineError> {
        let client = clickhouse.client.clone();
        let prefix = &kafka.topic_prefix;
        let dead_letter_topic = prefix.dead_letters();
        let mut topics: Vec<String> = EventKind::ALL.iter().map(|kind| prefix.events(*kind)).collect();
        topics.push(dead_letter_topic.clone());
        topics.push(prefix.audit());
        let admin = Kafka::new(kafka)?;
        let missing = admin.missing_topics(METADATA_TIMEOUT).await?;
        if let [first, ..] = missing.as_slice() {
            return Err(PipelineError::MissingTopics(missing.len(), first.clone()));
        }
        // Offsets are only valid for the tables that were written: another or a new database starts at the beginning.
        let group = format!("{}.{}", prefix.processor_group(), database_id(&client, config).await?);

        let cluster = admin.cluster_id(METADATA_TIMEOUT).await.unwrap_or_default();
        let last_swaps = AtomicU64::new(swaps(&client).await?);
        let generation = Arc::new(AtomicU64::new(0));
        let context =
            Context { generation: generation.clone(), metrics: metrics.clone(), log: ClientLog::default() };
        let consumer: StreamConsumer<Context> = kafka.consumer(&group).create_with_context(context)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names)?;
        let consumer = Arc::new(consumer);
        let (shares, share) = watch::channel(Share::default());
        let touched = Arc::new(Notify::new());
        let mut beside = JoinSet::new();
        beside.spawn(share::tell(consumer.clone(), prefix.events(EventKind::Project), shares));
        if config.rollups.rollups {
            let (share, metrics, touched) = (share.clone(), metrics.clone(), touched.clone());
            beside.spawn(Rollups::new(&clickhouse, &config.rollups, share, metrics, touched).run());
        }
        beside.spawn(series::keep(client.clone(), config.series.clone(), metrics.series.clone(), share));
        let storage = Storage {
            client,
            cluster,
            insert_timeout: Duration::from_secs(config.insert_timeout_seconds),
            insert_retry_for: Duration::from_secs(config.insert_retry_seconds),
            metrics: metrics.clone(),
            swaps: last_swaps,
            touched,
        };
        Ok(Pipeline {
            consumer,
            generation,
            storage: Arc::new(storage),
            publisher,
            dead_letter_topic: dead_letter_topic.into(),
            audit_topic: prefix.audit(),
            limits: config.batch_limits(),
            metrics,
            shutdown: CancellationToken::new(),
            beside,
        })
    }

    /// Reads, stores and commits until `shutdown`, then stores the open batch. Returns earlier only for faults that a restart could fix.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        self.shutdown = shutdown;
        let mut beside = std::mem::take(&mut self.beside);
        let finished = tokio::select! {
            finished = self.consume() => finished,
            // They never end: one that ends has panicked.
            Some(Err(panicked)) = beside.join_next() => std::panic::resume_unwind(panicked.into_panic()),
        };
        let finished = match finished {
            // Stopping a processor while ClickHouse is down is not an error and loses nothing.
            Err(error @ PipelineError::Stopped) => {
                tracing::warn!("{error}");
                Ok(())
            }
            finished => finished,
        };
        // Background work is restarted by the next processor. A Kafka client only ends when the last reference is dropped.
        beside.shutdown().await;
        // Leaving the group releases the partitions immediately instead of after the session timeout.
        let consumer = self.consumer;
        let _ = tokio::task::spawn_blocking(move || consumer.unsubscribe()).await;
        finished
    }

    async fn consume(&self) -> Result<(), PipelineError> {
        let mut batch = Batch::new(self.generation());
        let mut storing: Option<Storing> = None;
        let mut commits = Commits::new(self.consumer.clone(), self.metrics.clone());
        // The assignment whose logs were checked.
        let mut checked = self.generation();
        let mut next_check = Instant::now();
        loop {
            // A batch that is due by its age while another is being stored grows until it is full.
            let deadline = batch.deadline(&self.limits).filter(|_| storing.is_none());
            let has_room = storing.is_none() || !batch.is_full(&self.limits);
            tokio::select! {
                record = self.consumer.recv(), if has_room => match record {
                    Ok(record) => {
                        let recreated = self.check_assignment(&mut checked, &mut commits).await;
                        // The log is read from the beginning, and this record is not at the beginning.
                        if !recreated.iter().any(|(topic, number)| topic == record.topic() && *number == record.partition()) {
                            self.take(&record, &mut batch);
                        }
                    }
                    Err(error) => passing(error)?,
                },
                Some(stored) = OptionFuture::from(storing.as_mut()) => {
                    storing = None;
                    self.commit(stored, &mut commits).await?;
                }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => (),
                // All records taken so far must be committed before: one batch at a time, since Kafka is not polled meanwhile.
                () = tokio::time::sleep_until(next_check), if storing.is_none() => {
                    self.flush(None, std::mem::take(&mut batch), &mut commits).await?;
                    batch = Batch::new(self.generation());
                    self.check_assignment(&mut checked, &mut commits).await;
                    // A shutdown must not wait for an unavailable Kafka.
                    self.shutdown.run_until_cancelled(commits.check_logs()).await;
                    next_check = Instant::now() + CHECK_EVERY;
                }
                () = self.shutdown.cancelled() => return self.flush(storing, batch, &mut commits).await,
            }
            let now = Instant::now();
            // A check that is due comes first: it stores the open batch itself.
            if storing.is_none() && now < next_check && batch.is_due(&self.limits, now) {
                storing = Some(self.store(std::mem::take(&mut batch)));
                batch = Batch::new(self.generation());
            }
        }
    }

    /// Checks the logs of a new assignment before its first record is taken. While Kafka does not answer, nothing is committed.
    async fn check_assignment(
        &self,
        checked: &mut u64,
        commits: &mut Commits<Context>,
    ) -> Vec<(String, i32)> {
        let generation = self.generation();
        if *checked == generation {
            return Vec::new();
        }
        *checked = generation;
        commits.reassign();
        self.shutdown.run_until_cancelled(commits.check_logs()).await.unwrap_or_default()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn drop_stale(&self, batch: &Batch) {
        if !batch.is_empty() {
            tracing::info!(
                records = batch.records(),
                "partitions were reassigned: the open batch is dropped and read again"
            );
            self.metrics.dropped.inc_by(batch.records() as u64);
        }
    }

    /// Starts storing a batch.
    fn store(&self, mut batch: Batch) -> Storing {
        let (storage, shutdown) = (self.storage.clone(), self.shutdown.clone());
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(published) = batch.dead_letters.join_next().await {
                match published {
                    Ok(result) => result?,
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                }
            }
            batch.rows.merge();
            fail_point!("processor::before_insert", |_| std::process::abort());
            storage.store(&batch, &shutdown).await?;
            fail_point!("processor::after_insert", |_| std::process::abort());
            Ok(batch)
        }))
    }

    /// Commits the positions of a batch, once its rows are stored.
    async fn commit(
        &self,
        stored: Result<Result<Batch, PipelineError>, JoinError>,
        commits: &mut Commits<Context>,
    ) -> Result<(), PipelineError> {
        let batch = match stored {
            Ok(stored) => stored?,
            Err(ended) => match ended.try_into_panic() {
                Ok(panicked) => std::panic::resume_unwind(panicked),
                // Its threads are shut down.
                Err(_) => return Err(PipelineError::Stopped),
            },
        };
        let Some(positions) = batch.committable(self.generation()) else {
            self.drop_stale(&batch);
            return Ok(());
        };
        self.storage.visible(&batch);
        commits.commit(positions).await;
        fail_point!("processor::after_commit", |_| std::process::abort());
        self.metrics.batches.inc();
        self.metrics.stored.inc_by(batch.records() as u64);
        Ok(())
    }

    /// Waits for the batch that is being stored, then stores the open one. Commits both.
    async fn flush(
        &self,
        storing: Option<Storing>,
        batch: Batch,
        commits: &mut Commits<Context>,
    ) -> Result<(), PipelineError> {
        if let Some(storing) = storing {
            self.commit(storing.await, commits).await?;
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.commit(self.store(batch).await, commits).await
    }
}

/// The id of the table of migrations. The table is created once per database and never replaced. Waits for ClickHouse to become available as long
/// as for storing a batch.
async fn database_id(client: &Client, config: &ProcessorConfig) -> Result<String, PipelineError> {
    let query =
        "SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'";
    let retry = Retry {
        until: Instant::now() + Duration::from_secs(config.insert_retry_seconds),
        shutdown: &CancellationToken::new(),
        warning: "ClickHouse does not answer yet",
    };
    retry.run(is_transient, || client.query(query).fetch_one()).await.map_err(PipelineError::Database)
}

/// Ignores faults that librdkafka reports and recovers from itself.
fn passing(error: KafkaError) -> Result<(), KafkaError> {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fatal) | None => Err(error),
        Some(_) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Kafka has a fault; the client keeps trying"
            );
            Ok(())
        }
    }
}

fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1000.0
}

#[expect(clippy::disallowed_methods, reason = "the edge: receipt and failure are dated here")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}
