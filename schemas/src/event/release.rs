//! Release Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#release-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::User;
use crate::field::{Embedded, Field, list};

/// The payload of a release event. It has no `updated_at`, and does not say who did it.
#[derive(Debug, Default, Deserialize)]
pub struct Release {
    /// GitLab id; the API does not say it.
    #[serde(default)]
    pub id: Field<u64>,
    /// Name of the tag.
    #[serde(default)]
    pub tag: Field<String>,
    /// Title.
    #[serde(default)]
    pub name: Field<String>,
    /// What it brings, in Markdown.
    #[serde(default)]
    pub description: Field<String>,
    /// Page of the release.
    #[serde(default)]
    pub url: Field<String>,
    /// `create`, `update` or `delete`.
    #[serde(default)]
    pub action: Field<String>,
    /// Links and archives.
    #[serde(default)]
    pub assets: Embedded<Assets>,
    /// The commit that the tag points at; null where the tag is gone.
    #[serde(default)]
    pub commit: Embedded<Commit>,
    /// Who created it; the API alone.
    #[serde(skip)]
    pub author: Embedded<User>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it was, or will be, released: whoever creates it may choose.
    #[serde(default)]
    pub released_at: Field<DateTime<Utc>>,
}

/// The assets of a release.
#[derive(Debug, Default, Deserialize)]
pub struct Assets {
    /// Links and archives of the source.
    #[serde(default)]
    pub count: Field<u64>,
    /// Links. Only their number is kept.
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
