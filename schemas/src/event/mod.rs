//! What GitLab's payloads hold, one file a kind. In: the JSON of a payload. Out: typed fields, lenient
//! ([`crate::field`]). Never decides what a field means: that is the processor's rows.

use serde::Deserialize;

use crate::field::Field;

pub mod deployment;
pub mod issue;
pub mod job;
pub mod merge_request;
pub mod note;
pub mod pipeline;
pub mod push;

/// A user inside a payload. `email` is left out: GitLab redacts it unless it is public, so it identifies nobody.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct User {
    /// GitLab id; absent before GitLab 13.
    #[serde(default)]
    pub id: Field<u64>,
    /// User name, as in `@name`.
    #[serde(default)]
    pub username: Field<String>,
}
