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
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    #[serde(default)]
    pub user_username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub user_name: Field<String>,
    /// At most the newest 20.
    #[serde(default, deserialize_with = "list")]
    pub commits: Field<Vec<Embedded<Commit>>>,
    /// Number of all commits.
    #[serde(default)]
    pub total_commits_count: Field<u64>,
    /// Number of refs, if one push had more than GitLab lists; API only. `ref` is then the folder of the refs.
    #[serde(skip)]
    pub ref_count: Field<u64>,
    /// Message of an annotated tag.
    #[serde(default)]
    pub message: Field<String>,
    /// The commit that the ref points to; null for a deleted ref.
    #[serde(default)]
    pub checkout_sha: Field<String>,
    /// Names of the push options, as `ci.skip`; webhooks only. Their values are left out, as they can be secrets.
    #[serde(default, deserialize_with = "option_names")]
    pub push_options: Field<Vec<String>>,
    /// API only.
    #[serde(skip)]
    pub pushed_at: Field<DateTime<Utc>>,
}

/// More options than anybody uses.
const MAX_OPTIONS: usize = 100;

/// Reads the names of push options. GitLab sends `{"ci": {"skip": true}}` (<https://docs.gitlab.com/topics/git/commit/#push-options>).
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
    /// Author time, which a rebase does not change; API only.
    #[serde(skip)]
    pub authored_at: Field<DateTime<Utc>>,
    /// Two for a merge; API only.
    #[serde(skip)]
    pub parent_ids: Field<Vec<Field<String>>>,
    /// Lines; API only.
    #[serde(skip)]
    pub additions: Field<u64>,
    /// Lines; API only.
    #[serde(skip)]
    pub deletions: Field<u64>,
    #[serde(default)]
    pub url: Field<String>,
    /// Author as recorded by git.
    #[serde(default)]
    pub author: Embedded<Author>,
    /// Files; absent from system hooks. Only their number is kept.
    #[serde(default, deserialize_with = "list")]
    pub added: Field<Vec<IgnoredAny>>,
    #[serde(default, deserialize_with = "list")]
    pub modified: Field<Vec<IgnoredAny>>,
    #[serde(default, deserialize_with = "list")]
    pub removed: Field<Vec<IgnoredAny>>,
}

/// The author of a commit.
#[derive(Debug, Default, Deserialize)]
pub struct Author {
    /// Name as recorded in the commit.
    #[serde(default)]
    pub name: Field<String>,
    /// Address as recorded in the commit, or `[REDACTED]`.
    #[serde(default)]
    pub email: Field<String>,
}
