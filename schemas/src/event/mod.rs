//! What GitLab's payloads hold, one file a kind. In: the JSON of a payload. Out: typed fields, lenient
//! ([`crate::field`]). Never decides what a field means: that is the processor's rows.

use serde::Deserialize;

use crate::field::{Field, person};

pub mod access_token;
pub mod deployment;
pub mod emoji;
pub mod feature_flag;
pub mod group;
pub mod issue;
pub mod job;
pub mod member;
pub mod merge_request;
pub mod milestone;
pub mod note;
pub mod pipeline;
pub mod project;
pub mod push;
pub mod release;
pub mod user;
pub mod vulnerability;
pub mod wiki_page;

/// A user inside a payload. `email` is left out: GitLab redacts it unless it is public, so it identifies nobody.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct User {
    /// GitLab id; absent before GitLab 13.
    #[serde(default, deserialize_with = "person")]
    pub id: Field<u64>,
    /// User name, as in `@name`.
    #[serde(default)]
    pub username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub name: Field<String>,
    /// Of a reviewer in a webhook, `unreviewed`, `review_started`, `reviewed`, `requested_changes`, `approved` or `unapproved`, in newer versions. In the
    /// API, whether the account is active.
    #[serde(default)]
    pub state: Field<String>,
    /// Of a reviewer in a webhook, whether this one was asked again; newer versions.
    #[serde(default)]
    pub re_requested: Field<bool>,
}

/// A group inside a payload, for what belongs to a group and not to a project.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Group {
    /// GitLab id.
    #[serde(default)]
    pub group_id: Field<u64>,
    /// Path, as `group/subgroup`; absent from old versions.
    #[serde(default)]
    pub full_path: Field<String>,
}
