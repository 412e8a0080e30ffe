//! Plumbing every service shares. Nothing here knows what an event means.
//!
//! [`http`] accepts connections, [`publisher`] writes to Kafka, [`spool`] keeps on disk what Kafka cannot take, [`outbox`] chooses between them,
//! [`kafka`] and [`clickhouse`] make clients, [`retry`] repeats what failed for a time, [`migrate`] creates what they talk to, [`admin`] serves
//! metrics and readiness, [`telemetry`] and [`fault`] write logs and errors, [`log_limit`] limits repeated lines, [`descriptors`] reserves file
//! descriptors, [`shutdown`] ends a process.

pub mod admin;
mod breaker;
pub mod clickhouse;
pub mod descriptors;
pub mod fault;
pub mod http;
pub mod kafka;
pub mod log_limit;
pub mod migrate;
pub mod outbox;
pub mod publisher;
pub mod retry;
pub mod secret;
pub mod shutdown;
pub mod spool;
pub mod telemetry;

pub use log_limit::LogLimit;
pub use outbox::Outbox;
pub use publisher::Publisher;
pub use retry::Retry;
pub use secret::Secret;
pub use spool::Spool;
