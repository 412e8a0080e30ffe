//! Finds and fills what GitLab never delivered. In: hooks and their logs, lists, and the tables. Out: missing things, in the topics of their
//! webhooks; a report of what is left.
//!
//! In the order of a run: [`config`] says what to check; [`hooks`] finds the hooks that lead here; `hook_log` reads their failed deliveries;
//! [`logged`] parses one of them. `compare` compares a list ([`watched`]) with its table ([`stored`]); `gaps` requests missing numbers ([`numbers`]);
//! `pipelines` finds pipelines, which cannot be requested by number; `pushes` and `notes` find unreported pushes and comments; `again` rereads what
//! may have changed unseen; `deleted` finds what is gone. [`run`] does it all, [`asking`] counts requests, [`state`] saves progress, [`report`] and
//! [`metrics`] show what was found.
//!
//! **Invariant:** a second run finds nothing, unless something happened meanwhile: only what the tables lack is published, and what GitLab does not
//! have is saved.

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
