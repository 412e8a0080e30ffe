//! Plumbing every service shares. Nothing here knows what an event means.
//!
//! [`http`] accepts connections, [`publisher`] writes to Kafka, [`kafka`] and [`clickhouse`] make clients, [`migrate`] creates
//! what they talk to, [`admin`] shows what is going on, [`telemetry`] and [`fault`] say it in words, [`shutdown`] ends it.

pub mod admin;
pub mod clickhouse;
pub mod fault;
pub mod http;
pub mod kafka;
pub mod migrate;
pub mod publisher;
pub mod secret;
pub mod shutdown;
pub mod telemetry;

pub use publisher::Publisher;
pub use secret::Secret;
