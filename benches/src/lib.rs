//! Shared by the benches: the example payloads, deliveries signed as GitLab signs them, and a mix of many distinct events. In: `schemas/fixtures`.
//! Out: bodies, deliveries, records. Measures nothing itself.

pub mod built;
mod delivery;
mod example;
mod mix;

pub use delivery::{SIGNING_TOKEN, Sender};
pub use example::{Example, examples, of_kind};
pub use mix::Mix;
