//! The commits of a merge request. In: the API's list, and the head when it was read. Out: a single value, from which the view makes one row per
//! commit. Never unites two lists: after a force push the earlier commits are gone.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::api::merge_request::Commits;
use schemas::api::push::ListedCommit;
use schemas::event::push::Commit;
use schemas::field::Field;
use serde::{Serialize, Serializer};

use super::push::public_email;
use super::version::{Column, Columns, Version, past};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `merge_request_commit_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct MergeRequestCommitsRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) merge_request_iid: u64,
    /// Head and commits in one column, or two readings of one second could be mixed.
    pub(super) listed: Column<ListedCommits>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A list of commits, as read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedCommits {
    head_sha: Option<String>,
    /// Oldest first.
    commits: Vec<OwnCommit>,
}

/// A commit of a merge request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OwnCommit {
    sha: String,
    title: Option<String>,
    /// Milliseconds since 1970, like the next field.
    authored_at: Option<i64>,
    committed_at: Option<i64>,
    author_name: Option<String>,
    author_email: Option<String>,
    parents: Vec<String>,
}

// ClickHouse's tuples have no names.
impl Serialize for ListedCommits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.head_sha, &self.commits).serialize(serializer)
    }
}

impl Serialize for OwnCommit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let OwnCommit { sha, title, authored_at, committed_at, author_name, author_email, parents } = self;
        (sha, title, authored_at, committed_at, author_name, author_email, parents).serialize(serializer)
    }
}

/// The list has no time: it counts from its receipt.
pub(super) fn rows(event: &Event, listed: &Commits) -> Rows {
    let Some(merge_request_iid) = listed.merge_request_iid.get() else { return Rows::default() };
    let mut unreadable = u64::from(matches!(listed.head_sha, Field::Unreadable));
    let mut commits = Vec::new();
    for commit in listed.commits.value().into_iter().flatten() {
        match commit.get().and_then(|commit| own_commit(commit, event.received_at)) {
            Some(commit) => commits.push(commit),
            None => unreadable += 1,
        }
    }
    commits.reverse();
    let columns = Columns::at(Version::new(event.received_at, 0, event.received_at), event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = MergeRequestCommitsRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        merge_request_iid,
        listed: columns.always(ListedCommits { head_sha: listed.head_sha.value().cloned(), commits }),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { merge_request_commits: vec![row], unreadable, ..Rows::default() }
}

/// A commit without a SHA is ignored.
fn own_commit(listed: &ListedCommit, received_at: DateTime<Utc>) -> Option<OwnCommit> {
    let commit = Commit::from(listed.clone());
    let sha = commit.id.value().filter(|sha| !sha.is_empty())?;
    let milliseconds = |time: &Field<DateTime<Utc>>| past(time, received_at);
    Some(OwnCommit {
        sha: sha.clone(),
        title: commit.title.value().cloned(),
        authored_at: milliseconds(&commit.authored_at),
        committed_at: milliseconds(&commit.timestamp),
        author_name: commit.author.field(|author| &author.name).value().cloned(),
        author_email: public_email(&commit),
        parents: commit
            .parent_ids
            .value()
            .into_iter()
            .flatten()
            .filter_map(|id| id.value().cloned())
            .collect(),
    })
}
