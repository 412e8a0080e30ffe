//! A GitLab world with known truth, and the judge of its result. Shares no code with what it judges.
//!
//! [`world`] makes things happen and writes them as webhooks, [`expected`] has their expected results, [`load`] sends them on a schedule, [`history`]
//! records what was sent and answered, [`mod@check`] compares that with the tables.
//!
//! [`gitlab`] is a second, larger world of consistent things over a commit graph, for history and metrics: [`api`] serves it as GitLab's API, and it
//! writes the webhooks of the same things; `version` is the GitLab version of both.

#![recursion_limit = "512"]

pub mod api;
mod body;
pub mod check;
pub mod expected;
pub mod gitlab;
pub mod history;
pub mod load;
mod sign;
mod version;
pub mod world;

pub use check::{Verdict, check};
pub use history::History;
pub use load::{Load, LoadConfig};
pub use world::World;
