//! GitLab's history. In: objects of GitLab's API. Out: the same topics that webhooks are published to, under the same keys.
//!
//! [`scope`] finds the projects, [`list`](mod@list) says what is listed of each and how, [`coverage`] which part was read and [`page`] where to go on,
//! [`publish`] brings a page to Kafka, [`checkpoint`] remembers that it did, [`walk`] does it list by list, and [`run`] for all.

pub mod checkpoint;
pub mod config;
pub mod coverage;
pub mod list;
pub mod metrics;
pub mod page;
pub mod publish;
pub mod reconcile;
pub mod run;
pub mod scope;
pub mod walk;

pub use config::BackfillConfig;
pub use metrics::Metrics;
pub use run::{Backfill, Summary};
