//! Finds what GitLab never delivered, and fills it. In: hooks and their logs, lists, and what the tables have. Out: what is missing, in the topics of
//! its webhooks; what is left, said.
//!
//! In the order of a run: [`config`] says what to look at, [`hooks`] finds the hooks that lead here, `hook_log` reads their
//! failed deliveries, [`logged`] what one of them is. `compare` holds a list ([`watched`]) against its table ([`stored`]), `gaps` asks for numbers
//! ([`numbers`]) that are missing, `pipelines` for pipelines, which cannot be asked for by number, `pushes` and `notes` find pushes and comments that nobody told, `again` looks
//! at what may have changed unseen, `deleted` for what is gone. [`run`] does it for all, [`asking`] counts requests, [`state`] remembers, [`report`]
//! and [`metrics`] say what was found.
//!
//! **Invariant:** a second run finds nothing, unless something happened meanwhile: what is published is what the tables lack, and what GitLab does not
//! have is remembered.

mod again;
pub mod asking;
mod compare;
pub mod config;
mod deleted;
pub mod error;
mod events;
mod gaps;
mod hook_log;
pub mod hooks;
pub mod logged;
pub mod metrics;
mod notes;
pub mod numbers;
mod pipelines;
mod pushes;
pub mod report;
pub mod run;
pub mod state;
pub mod stored;
pub mod watched;

pub use config::ReconcileConfig;
pub use error::ReconcileError;
pub use metrics::Metrics;
pub use report::{Findings, Report, What};
pub use run::{Mode, Plan, Reconcile};
