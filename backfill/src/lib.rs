//! GitLab's history. In: objects of GitLab's API. Out: the same topics that webhooks are published to, under the same keys.
//!
//! In the order of a run: [`scope`] finds projects and groups; [`list`](mod@list) defines their lists; [`queue`] chooses the next list; [`walk`]
//! reads some pages of it: by the time of updates ([`coverage`], [`page`]), by ids ([`keys`]), whole ([`whole`]), or one by one what lists have found
//! ([`pending`]); with [`graphql`] where it has more ([`face`]). [`publish`] writes a page to Kafka, [`checkpoint`] saves that it did ([`state`],
//! [`save`]). [`run`] does it for all lists, [`live`] and [`metrics`] count. [`share`] divides the projects among all processes that read the same
//! GitLab.

pub mod checkpoint;
pub mod config;
pub mod count;
pub mod coverage;
pub mod face;
pub mod graphql;
pub mod keys;
pub mod list;
pub mod live;
pub mod metrics;
pub mod page;
pub mod pending;
pub mod plan;
pub mod publish;
pub mod queue;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod save;
pub mod scope;
pub mod share;
pub mod state;
pub mod walk;
pub mod whole;

pub use config::BackfillConfig;
pub use live::Live;
pub use metrics::Metrics;
pub use run::Summary;
pub use share::Share;
pub use walk::{Goal, Walk};
