//! Pushes, commits, branches and tags as listed by the API (<https://docs.gitlab.com/api/events/>, <https://docs.gitlab.com/api/commits/>,
//! <https://docs.gitlab.com/api/branches/>, <https://docs.gitlab.com/api/tags/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::push::{Author, Commit, Push};
use crate::field::{Embedded, Field, list, person};

/// A push from the list of events, the only history of pushes that GitLab keeps (for three years).
#[derive(Debug, Default, Deserialize)]
pub struct PushEvent {
    /// Id of the event; newer versions.
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default, deserialize_with = "person")]
    author_id: Field<u64>,
    #[serde(default)]
    author_username: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub push_data: Embedded<PushContent>,
}

/// The content of a push event.
#[derive(Debug, Default, Deserialize)]
pub struct PushContent {
    #[serde(default)]
    commit_count: Field<u64>,
    /// `created`, `removed` or `pushed`.
    #[serde(default)]
    action: Field<String>,
    /// `branch` or `tag`.
    #[serde(default)]
    pub ref_type: Field<String>,
    /// Number of refs, if the push had too many for GitLab to name them.
    #[serde(default)]
    pub ref_count: Field<u64>,
    #[serde(default)]
    commit_from: Field<String>,
    #[serde(default)]
    commit_to: Field<String>,
    /// Name of the branch or tag. Null if the push had too many refs for GitLab to name them.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
}

impl From<PushEvent> for Push {
    fn from(event: PushEvent) -> Self {
        let folder = match event.push_data.field(|push| &push.ref_type).text() {
            "tag" => "refs/tags/",
            _ => "refs/heads/",
        };
        let pushed = event.push_data.field(|push| &push.ref_name);
        if let (Field::Absent | Field::Null, count @ Field::Value(_)) =
            (&pushed, event.push_data.field(|push| &push.ref_count))
        {
            return of_many_refs(event, folder, count);
        }
        let before = event.push_data.field(|push| &push.commit_from);
        let after = event.push_data.field(|push| &push.commit_to);
        // Webhooks write zeros where the API has null.
        let zeros = |other: &Field<String>| "0".repeat(other.text().len().max(40));
        Push {
            ref_name: pushed.map(|name| format!("{folder}{name}")),
            before: Field::Value(before.value().cloned().unwrap_or_else(|| zeros(&after))),
            after: Field::Value(after.value().cloned().unwrap_or_else(|| zeros(&before))),
            user_id: event.author.field(|user| &user.id).or(event.author_id),
            user_username: event.author.field(|user| &user.username).or(event.author_username),
            total_commits_count: event.push_data.field(|push| &push.commit_count),
            pushed_at: event.created_at,
            ..Push::default()
        }
    }
}

/// A push of which GitLab gives only the number of refs. Two such pushes must have different transitions: the action stands for the SHA before. The
/// SHA after is the id of the event, or, in versions that do not send it, who pushed and when.
fn of_many_refs(event: PushEvent, folder: &str, ref_count: Field<u64>) -> Push {
    let user_id = event.author.field(|user| &user.id).or(event.author_id);
    let after = match event.id.get() {
        Some(id) => id.to_string(),
        None => {
            let second = event.created_at.get().map_or(0, |time| time.timestamp());
            format!("{} {second}", user_id.get().unwrap_or(0))
        }
    };
    let action = event.push_data.field(|push| &push.action);
    Push {
        ref_name: Field::Value(folder.to_owned()),
        before: Field::Value(action.value().map_or("pushed", String::as_str).to_owned()),
        after: Field::Value(after),
        ref_count,
        user_id,
        user_username: event.author.field(|user| &user.username).or(event.author_username),
        pushed_at: event.created_at,
        ..Push::default()
    }
}

/// A commit.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListedCommit {
    #[serde(default)]
    id: Field<String>,
    #[serde(default)]
    title: Field<String>,
    #[serde(default)]
    message: Field<String>,
    #[serde(default)]
    committed_date: Field<DateTime<Utc>>,
    /// The same as `committed_date`, which old versions do not send.
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    authored_date: Field<DateTime<Utc>>,
    #[serde(default)]
    author_name: Field<String>,
    #[serde(default)]
    author_email: Field<String>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default, deserialize_with = "list")]
    parent_ids: Field<Vec<Field<String>>>,
    #[serde(default)]
    stats: Embedded<Stats>,
}

/// Lines changed by a commit; only if the list was requested `with_stats`.
#[derive(Debug, Clone, Default, Deserialize)]
struct Stats {
    #[serde(default)]
    additions: Field<u64>,
    #[serde(default)]
    deletions: Field<u64>,
}

impl From<ListedCommit> for Commit {
    fn from(listed: ListedCommit) -> Self {
        Commit {
            id: listed.id,
            title: listed.title,
            message: listed.message,
            timestamp: listed.committed_date.or(listed.created_at),
            authored_at: listed.authored_date,
            url: listed.web_url,
            author: Embedded::from(Author { name: listed.author_name, email: listed.author_email }),
            parent_ids: listed.parent_ids,
            additions: listed.stats.field(|stats| &stats.additions),
            deletions: listed.stats.field(|stats| &stats.deletions),
            ..Commit::default()
        }
    }
}

/// A branch or tag, and where it pointed when it was read.
#[derive(Debug, Default, Deserialize)]
pub struct ListedRef {
    #[serde(default)]
    pub name: Field<String>,
    /// Message of an annotated tag.
    #[serde(default)]
    pub message: Field<String>,
    /// The SHA of an annotated tag; for other tags, of the commit. Tags only.
    #[serde(default)]
    pub target: Field<String>,
    /// The commit that it points to.
    #[serde(default)]
    pub commit: Embedded<RefCommit>,
    #[serde(default)]
    pub protected: Field<bool>,
    /// Whether it is the default branch.
    #[serde(default)]
    pub default: Field<bool>,
    /// Whether it is merged into the default branch.
    #[serde(default)]
    pub merged: Field<bool>,
    /// When an annotated tag was made; newer versions.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub web_url: Field<String>,
}

/// The commit that a ref points to.
#[derive(Debug, Default, Deserialize)]
pub struct RefCommit {
    /// Full SHA.
    #[serde(default)]
    pub id: Field<String>,
}
