//! The law of facts, rule by rule (`docs/SQL.md`): any order and any repetition of GitLab's reports give the same tables.
//!
//! `apply` inserts records into the tables in many orders at once, without Kafka: decoded, turned into rows and inserted as by the processor. Each
//! order is a GitLab instance of its own, so that one query per view answers for all of them. `model` is the simplest form of the law. A test's
//! comment names its rule, and a change of the code that the test was seen to catch.

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
