//! The law of facts, rule by rule (`docs/SQL.md`): any order and any repetition of what GitLab says give the same tables.
//!
//! `apply` inserts records into the tables in many orders at once, without Kafka: decoded, made rows and inserted as the processor does. Each
//! order is an instance of GitLab of its own, so that one query a view answers for all of them. `model` has the law in its plainest words.
//! A test's comment names its rule, and a change of the code that it was seen to catch.

mod apply;
mod believed;
mod deletions;
mod entities;
mod faces;
mod history;
mod keys;
mod kinds;
mod lives;
mod model;
mod occurrences;
mod open;
mod orders;
mod places;
pub(crate) mod records;
mod refs;
mod runs;
mod samples;
mod scenarios;
mod shapes;
mod snapshots;
mod timeline;
mod versions;
