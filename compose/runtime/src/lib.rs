//! Plumbing every service shares. Nothing here knows what an event means.
//!
//! [`http`] accepts connections, [`publisher`] writes to Kafka, [`spool`] keeps on disk what Kafka cannot take, [`outbox`] chooses between
//! them, [`kafka`] and [`clickhouse`] make clients, [`retry`] tries again what they could not do, [`migrate`] creates
//! what they talk to, [`admin`] shows what is going on, [`telemetry`] and [`fault`] say it in words, [`log_limit`] not too often, [`descriptors`]
//! keeps room for files, [`shutdown`] ends it.

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
