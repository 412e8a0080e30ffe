//! Why the processor stopped. In: errors of Kafka or ClickHouse. Out: an error that says where the records are now.

use rdkafka::error::KafkaError;

use crate::dead_letter::DeadLetterError;
use crate::insert::InsertError;

/// Why the processor stopped.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Kafka or its client failed permanently.
    #[error("records cannot be read from Kafka")]
    Kafka(#[from] KafkaError),
    /// The topics do not exist.
    #[error("{0} topics do not exist, {1} among them: run `gitpulse migrate`")]
    MissingTopics(usize, String),
    /// ClickHouse has no tables of GitPulse, or does not answer.
    #[error("ClickHouse does not answer, or its database is not migrated: run `gitpulse migrate`")]
    Database(#[source] clickhouse::error::Error),
    /// ClickHouse did not accept a batch. Its records are still in Kafka.
    #[error("a batch could not be stored; its records stay in Kafka until a processor stores them")]
    Insert(#[from] InsertError),
    /// ClickHouse did not accept a batch in time. Its records are still in Kafka.
    #[error("a batch could not be stored in time; its records stay in Kafka until a processor stores them")]
    InsertTimeout,
    /// The processor was stopped while it waited for ClickHouse. Its records are still in Kafka.
    #[error("stopped before a batch was stored; its records stay in Kafka until a processor stores them")]
    Stopped,
    /// Kafka did not accept a dead letter. Its record is read again.
    #[error(transparent)]
    DeadLetter(#[from] DeadLetterError),
}
