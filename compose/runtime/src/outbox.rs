//! Stores each event in Kafka or in the spool. In: a [`TopicRecord`]. Out: whether Kafka has it, or the disk, or neither, in time for an answer.
//! Never waits for a Kafka that is known not to acknowledge; with [`AnswerAfter::Disk`] never for any Kafka, because the drain publishes at once what
//! is on disk.

use std::sync::Arc;
use std::time::Duration;

use schemas::TopicRecord;
use schemas::topic::MAX_RECORD_BYTES;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::breaker::Breaker;
use crate::publisher::{PublishError, Publisher};
use crate::spool::{Drain, Spool, SpoolError, SpoolStatus};

/// Time for Kafka and the spool together. With the wait of a delivery before that (a second for memory), an answer comes within 8 s.
const TIMEOUT: Duration = Duration::from_millis(5500);
/// The part of it that is reserved for the spool, whatever the publish timeout is.
const SPOOL_SHARE: Duration = Duration::from_millis(1500);

/// What a delivery waits for before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum AnswerAfter {
    /// All in-sync replicas of Kafka; what they do not acknowledge in time goes to the spool
    #[default]
    Kafka,
    /// The spool, fsynced; Kafka gets the event within milliseconds, or once it is back
    Disk,
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// In Kafka, acknowledged by all in-sync replicas.
    Kafka,
    /// On disk, fsynced, as [`AnswerAfter::Disk`] asks; Kafka gets it at once.
    Disk,
    /// On disk, fsynced, because Kafka did not take it.
    Spool,
}

/// Why an event was not stored.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Kafka will never accept it.
    #[error(transparent)]
    Refused(PublishError),
    /// Neither Kafka nor the disk accepts it.
    #[error("{spool}")]
    Unavailable {
        /// The error of the spool.
        spool: SpoolError,
        /// The error of Kafka, if it was tried.
        #[source]
        kafka: Option<PublishError>,
    },
}

/// Whether deliveries can be accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutboxStatus {
    /// Whether Kafka does not acknowledge, so that deliveries go to the spool at once.
    pub is_spooling: bool,
    /// The spool.
    pub spool: SpoolStatus,
}

/// Kafka, and the spool for when it is away; cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    publisher: Publisher,
    spool: Spool,
    breaker: Breaker,
    answer_after: AnswerAfter,
}

/// The task that publishes spooled events.
pub struct Draining {
    outbox: Outbox,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Outbox {
    /// Puts the parts together, and starts to publish what an earlier process left in the spool.
    pub fn start(publisher: Publisher, spool: Spool, answer_after: AnswerAfter) -> (Outbox, Draining) {
        let breaker = Breaker::new(spool.breaker_open().clone());
        let outbox = Outbox { publisher, spool, breaker, answer_after };
        let stop = CancellationToken::new();
        let drain = Drain::new(outbox.spool.clone(), outbox.publisher.clone(), outbox.breaker.clone());
        let task = tokio::spawn(drain.run(stop.clone()));
        (outbox.clone(), Draining { outbox, task, stop })
    }

    /// Stores an event in Kafka, or in the spool if Kafka does not acknowledge it in time or is known to be away. With [`AnswerAfter::Disk`] in the
    /// spool first, and in Kafka only if the spool refuses it.
    pub async fn send(&self, record: TopicRecord) -> Result<Stored, OutboxError> {
        let started = Instant::now();
        let record = checked(record)?;
        if self.breaker.is_open() {
            return self.spool_first(record, started).await;
        }
        if self.answer_after == AnswerAfter::Disk {
            let stored = self.spool_first(record, started).await?;
            return Ok(if stored == Stored::Spool { Stored::Disk } else { stored });
        }
        let kafka = match self.publish(&record).await {
            Ok(stored) => return Ok(stored),
            Err(error) if !error.is_transient() => return Err(OutboxError::Refused(error)),
            Err(error) => error,
        };
        if kafka.is_outage() {
            self.breaker.open();
        }
        match self.spool.append(record, started + TIMEOUT).await {
            Ok(()) => Ok(Stored::Spool),
            Err(spool) => Err(OutboxError::Unavailable { spool, kafka: Some(kafka) }),
        }
    }

    /// Stores an event in the spool, and in Kafka only if the spool refuses it.
    pub async fn send_by_spool(&self, record: TopicRecord) -> Result<Stored, OutboxError> {
        self.spool_first(checked(record)?, Instant::now()).await
    }

    async fn spool_first(&self, record: Arc<TopicRecord>, started: Instant) -> Result<Stored, OutboxError> {
        let deadline = started + TIMEOUT - self.publish_timeout();
        let spool = match self.spool.append(record.clone(), deadline).await {
            Ok(()) => return Ok(Stored::Spool),
            Err(spool) => spool,
        };
        // The drain probes Kafka with spooled events. An event that the spool refused probes Kafka itself, one at a time.
        let probe = match self.breaker.is_open() {
            false => None,
            true => match self.breaker.probe() {
                None => return Err(OutboxError::Unavailable { spool, kafka: None }),
                probe => probe,
            },
        };
        let published = self.publish(&record).await;
        drop(probe);
        match published {
            Ok(stored) => {
                self.breaker.close();
                Ok(stored)
            }
            Err(error) if !error.is_transient() => Err(OutboxError::Refused(error)),
            Err(error) => {
                if error.is_outage() {
                    self.breaker.open();
                }
                Err(OutboxError::Unavailable { spool, kafka: Some(error) })
            }
        }
    }

    async fn publish(&self, record: &TopicRecord) -> Result<Stored, PublishError> {
        self.publisher.publish_within(record, self.publish_timeout()).await.map(|_| Stored::Kafka)
    }

    fn publish_timeout(&self) -> Duration {
        self.publisher.timeout().min(TIMEOUT - SPOOL_SHARE)
    }

    /// Whether deliveries go to the spool at once.
    pub fn is_spooling(&self) -> bool {
        self.breaker.is_open()
    }

    /// Whether deliveries can be accepted.
    pub fn status(&self) -> OutboxStatus {
        OutboxStatus { is_spooling: self.breaker.is_open(), spool: self.spool.status() }
    }
}

impl Draining {
    /// Waits until Kafka has acknowledged everything it was given, unless it is known not to acknowledge. Spooled events stay for the next start.
    pub async fn stop(self, timeout: Duration) {
        self.stop.cancel();
        // If the task panicked, its records are still in the spool.
        let _ = self.task.await;
        if !self.outbox.breaker.is_open() {
            self.outbox.publisher.flush(timeout).await;
        }
        let left = self.outbox.spool.status().records;
        if left > 0 {
            tracing::info!(events = left, "events stay in the spool for the next start");
        }
    }
}

/// Rejects a record that is too large for any topic: it would wait in the spool for ever.
fn checked(record: TopicRecord) -> Result<Arc<TopicRecord>, OutboxError> {
    if record.key.len() + record.value.len() > MAX_RECORD_BYTES {
        return Err(OutboxError::Refused(PublishError::TooLarge));
    }
    Ok(Arc::new(record))
}
