//! Receives GitLab webhooks, verifies them and publishes them to Kafka.
//!
//! In the order the bytes travel: [`mod@routes`] takes a request, [`body`] reads it, [`verify`] proves by a [`credential`] which [`tenant`] sent it, [`envelope`] wraps
//! it, [`project_limit`] lets no project keep the others waiting, and [`mod@routes`] answers once Kafka has it, or the disk while Kafka is away.

pub mod binding;
pub mod body;
pub mod config;
pub mod credential;
pub mod delivery;
pub mod envelope;
pub mod metrics;
pub mod project_limit;
pub mod routes;
pub mod tenant;
pub mod test_event;
pub mod verify;

pub use config::IngestConfig;
pub use metrics::Metrics;
pub use routes::{Ingest, routes};
