//! Kafka to rows to ClickHouse.
//!
//! In the order the records travel: [`pipeline`] takes a record, [`decode`] types it, [`rows`] says what it means for the tables, [`batch`]
//! collects, [`insert`] stores, and [`pipeline`] commits; `rollup` computes what the metrics of the projects that were touched are now,
//! and [`series`] tells it to Prometheus. What cannot be decoded goes to [`dead_letter`]; [`audit`] reads what GitPulse asked of GitLab. [`rebuild`] rebuilds the tables from what is stored.

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
