//! Receives GitLab webhooks, verifies them and publishes them to Kafka.
//!
//! In the order of the data's path: [`mod@routes`] takes a request, [`body`] reads it, [`verify`] uses a [`credential`] to prove which [`tenant`]
//! sent it, [`binding`] checks what that tenant may report, [`envelope`] wraps it, and [`project_limit`] keeps one project from delaying the
//! others. [`mod@routes`] responds once the event is in Kafka, or on disk if Kafka is unavailable.

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
