//! Releases as listed by the API (<https://docs.gitlab.com/api/releases/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::release::{Assets, Commit, Release};
use crate::field::{Embedded, Field};

/// A release. It has no id.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    tag_name: Field<String>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    description: Field<String>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default)]
    commit: Embedded<Commit>,
    #[serde(default)]
    assets: Embedded<Assets>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    released_at: Field<DateTime<Utc>>,
    #[serde(default, rename = "_links")]
    links: Embedded<Links>,
}

/// Pages of a release.
#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(default, rename = "self")]
    page: Field<String>,
}

impl From<Listed> for Release {
    fn from(listed: Listed) -> Self {
        Release {
            tag: listed.tag_name,
            name: listed.name,
            description: listed.description,
            url: listed.links.field(|links| &links.page),
            assets: listed.assets,
            commit: listed.commit,
            author: listed.author,
            created_at: listed.created_at,
            released_at: listed.released_at,
            ..Release::default()
        }
    }
}
