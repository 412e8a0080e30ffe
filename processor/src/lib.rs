//! Kafka to rows to ClickHouse.
//!
//! In the order of the records' path: [`pipeline`] takes a record, [`decode`] types it, [`rows`] makes rows for the tables, [`batch`] collects
//! them, [`insert`] stores them, and [`pipeline`] commits. `rollup` computes the metrics of the changed projects, and [`series`] exports them to
//! Prometheus. Records that cannot be decoded go to [`dead_letter`]; [`audit`] reads GitPulse's calls of GitLab. [`rebuild`] rebuilds the tables
//! from the stored events.

pub mod audit;
pub mod batch;
mod commit;
pub mod config;
pub mod dead_letter;
pub mod decode;
pub mod insert;
pub mod metrics;
pub mod pipeline;
pub mod places;
pub mod rebuild;
pub mod rollup;
pub mod rows;
pub mod series;
mod share;
#[cfg(test)]
mod simulation;

pub use config::ProcessorConfig;
pub use metrics::Metrics;
pub use pipeline::{Pipeline, PipelineError};
