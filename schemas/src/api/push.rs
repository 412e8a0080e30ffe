//! Pushes, commits, branches and tags as the API lists them (<https://docs.gitlab.com/api/events/>,
//! <https://docs.gitlab.com/api/commits/>, <https://docs.gitlab.com/api/branches/>, <https://docs.gitlab.com/api/tags/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::push::{Author, Commit, Push};
use crate::field::{Embedded, Field, list, person};

/// A push of the list of events; the only history of pushes that GitLab keeps, for three years.
#[derive(Debug, Default, Deserialize)]
pub struct PushEvent {
    /// GitLab id of the event; newer versions.
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
    /// What was pushed.
    #[serde(default)]
    pub push_data: Embedded<PushContent>,
}

/// What was pushed.
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
    /// Of a push of so many refs that GitLab names none of them, how many.
    #[serde(default)]
    pub ref_count: Field<u64>,
    #[serde(default)]
    commit_from: Field<String>,
    #[serde(default)]
    commit_to: Field<String>,
    /// Name of the branch or tag. Null for a push of so many refs that GitLab lists only their number.
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
        // What a webhook writes as zeros is null here.
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

/// A push of which GitLab says how many refs there were, and no more. No two such pushes have one transition: what was done stands for the SHA before,
/// and the id of the event, or in versions that do not send it who pushed and when, for the SHA after.
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

/// A commit of a list.
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

/// Lines that a commit changed; only where the list was asked `with_stats`.
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

/// A branch or tag, and where it points as it is read.
#[derive(Debug, Default, Deserialize)]
pub struct ListedRef {
    /// Name of the branch or tag.
    #[serde(default)]
    pub name: Field<String>,
    /// Message of an annotated tag.
    #[serde(default)]
    pub message: Field<String>,
    /// Of an annotated tag, the SHA of the tag; of any other, that of its commit. Tags only.
    #[serde(default)]
    pub target: Field<String>,
    /// The commit it leads to.
    #[serde(default)]
    pub commit: Embedded<RefCommit>,
    /// Whether it is protected.
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
    /// Page of the branch.
    #[serde(default)]
    pub web_url: Field<String>,
}

/// The commit that a ref leads to.
#[derive(Debug, Default, Deserialize)]
pub struct RefCommit {
    /// Full SHA.
    #[serde(default)]
    pub id: Field<String>,
}
