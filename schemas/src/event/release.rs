//! Release Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#release-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::User;
use crate::field::{Embedded, Field, list};

/// The payload of a release event. It has no `updated_at` and does not name an actor.
#[derive(Debug, Default, Deserialize)]
pub struct Release {
    /// Not sent by the API.
    #[serde(default)]
    pub id: Field<u64>,
    /// Name of the tag.
    #[serde(default)]
    pub tag: Field<String>,
    #[serde(default)]
    pub name: Field<String>,
    /// Markdown.
    #[serde(default)]
    pub description: Field<String>,
    #[serde(default)]
    pub url: Field<String>,
    /// `create`, `update` or `delete`.
    #[serde(default)]
    pub action: Field<String>,
    #[serde(default)]
    pub assets: Embedded<Assets>,
    /// The commit that the tag points to; null if the tag is gone.
    #[serde(default)]
    pub commit: Embedded<Commit>,
    /// API only.
    #[serde(skip)]
    pub author: Embedded<User>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it was or will be released. Its creator may choose the time.
    #[serde(default)]
    pub released_at: Field<DateTime<Utc>>,
}

/// The assets of a release.
#[derive(Debug, Default, Deserialize)]
pub struct Assets {
    /// Links and source archives.
    #[serde(default)]
    pub count: Field<u64>,
    /// Only their number is kept.
    #[serde(default, deserialize_with = "list")]
    pub links: Field<Vec<IgnoredAny>>,
}

/// The commit of a release.
#[derive(Debug, Default, Deserialize)]
pub struct Commit {
    /// Full SHA.
    #[serde(default)]
    pub id: Field<String>,
}
