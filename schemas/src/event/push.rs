//! Push Hook, Tag Push Hook, and the pushes of system hooks
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events>).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::field::{Embedded, Field, list, person};

/// The payload of a push.
#[derive(Debug, Default, Deserialize)]
pub struct Push {
    /// Full name of the ref, as `refs/heads/main`.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
    /// SHA before the push; all zeros (40, or 64 in SHA-256 repositories) for a new ref.
    #[serde(default)]
    pub before: Field<String>,
    /// SHA after the push; all zeros for a deleted ref.
    #[serde(default)]
    pub after: Field<String>,
    /// GitLab 17 and later.
    #[serde(default)]
    pub ref_protected: Field<bool>,
    /// Who pushed.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name of who pushed.
    #[serde(default)]
    pub user_username: Field<String>,
    /// Display name of who pushed.
    #[serde(default)]
    pub user_name: Field<String>,
    /// The newest 20 commits at most.
    #[serde(default, deserialize_with = "list")]
    pub commits: Field<Vec<Embedded<Commit>>>,
    /// How many commits there were.
    #[serde(default)]
    pub total_commits_count: Field<u64>,
    /// How many refs there were, of a push of more at once than GitLab lists; the API alone. Such a push has the folder of its refs as `ref`.
    #[serde(skip)]
    pub ref_count: Field<u64>,
    /// Message of an annotated tag.
    #[serde(default)]
    pub message: Field<String>,
    /// The commit that the ref leads to; null for a deleted ref.
    #[serde(default)]
    pub checkout_sha: Field<String>,
    /// Names of the options that it was pushed with, as `ci.skip`; webhooks alone. Their values, which can be secrets, are left out.
    #[serde(default, deserialize_with = "option_names")]
    pub push_options: Field<Vec<String>>,
    /// When it was pushed; the API alone.
    #[serde(skip)]
    pub pushed_at: Field<DateTime<Utc>>,
}

/// More options than anybody pushes with.
const MAX_OPTIONS: usize = 100;

/// Names of options: GitLab sends `{"ci": {"skip": true}}` (<https://docs.gitlab.com/topics/git/commit/#push-options>).
fn option_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<Vec<String>>, D::Error> {
    let options: Embedded<BTreeMap<String, Embedded<BTreeMap<String, IgnoredAny>>>> =
        Embedded::deserialize(deserializer)?;
    let Some(options) = options.into_value() else { return Ok(Field::Absent) };
    let name = |(namespace, named): (&String, &Embedded<BTreeMap<String, IgnoredAny>>)| match named.get() {
        Some(named) => named.keys().map(|name| format!("{namespace}.{name}")).collect(),
        None => vec![namespace.clone()],
    };
    Ok(Field::Value(options.iter().flat_map(name).take(MAX_OPTIONS).collect()))
}

/// One commit of a push.
#[derive(Debug, Default, Deserialize)]
pub struct Commit {
    /// Full SHA.
    #[serde(default)]
    pub id: Field<String>,
    /// First line of the message; newer versions.
    #[serde(default)]
    pub title: Field<String>,
    /// The whole message.
    #[serde(default)]
    pub message: Field<String>,
    /// Commit time in the author's offset.
    #[serde(default)]
    pub timestamp: Field<DateTime<Utc>>,
    /// When it was written, which a rebase does not change; the API alone.
    #[serde(skip)]
    pub authored_at: Field<DateTime<Utc>>,
    /// Its parents, two for a merge; the API alone.
    #[serde(skip)]
    pub parent_ids: Field<Vec<Field<String>>>,
    /// Lines added; the API alone.
    #[serde(skip)]
    pub additions: Field<u64>,
    /// Lines deleted; the API alone.
    #[serde(skip)]
    pub deletions: Field<u64>,
    /// Page of the commit.
    #[serde(default)]
    pub url: Field<String>,
    /// Author as git knows it.
    #[serde(default)]
    pub author: Embedded<Author>,
    /// Files added; absent from system hooks. Only their number is kept.
    #[serde(default, deserialize_with = "list")]
    pub added: Field<Vec<IgnoredAny>>,
    /// Files modified.
    #[serde(default, deserialize_with = "list")]
    pub modified: Field<Vec<IgnoredAny>>,
    /// Files removed.
    #[serde(default, deserialize_with = "list")]
    pub removed: Field<Vec<IgnoredAny>>,
}

/// The author of a commit.
#[derive(Debug, Default, Deserialize)]
pub struct Author {
    /// Name in the commit.
    #[serde(default)]
    pub name: Field<String>,
    /// Address in the commit, or `[REDACTED]`.
    #[serde(default)]
    pub email: Field<String>,
}
