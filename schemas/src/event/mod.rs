//! GitLab's payloads as types, one file per kind. In: the JSON of a payload. Out: typed fields, read leniently ([`crate::field`]). Never interprets
//! a field: the processor's rows do.

#![expect(missing_docs, reason = "the fields are GitLab's own; a comment says what their names do not")]

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
    /// Absent before GitLab 13.
    #[serde(default, deserialize_with = "person")]
    pub id: Field<u64>,
    /// User name, as in `@name`.
    #[serde(default)]
    pub username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub name: Field<String>,
    /// In a webhook, the state of a reviewer: `unreviewed`, `review_started`, `reviewed`, `requested_changes`, `approved` or `unapproved`; newer
    /// versions. In the API, whether the account is active.
    #[serde(default)]
    pub state: Field<String>,
    /// In a webhook, whether this reviewer was requested again; newer versions.
    #[serde(default)]
    pub re_requested: Field<bool>,
}

/// A group inside a payload, for things that belong to a group instead of a project.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Group {
    #[serde(default)]
    pub group_id: Field<u64>,
    /// As `group/subgroup`; absent in old versions.
    #[serde(default)]
    pub full_path: Field<String>,
}
