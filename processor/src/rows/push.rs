//! Rows of a push and its commits. In: a push. Out: one delivery of it, and what it tells of up to 20 commits. Whether two deliveries are
//! one push is decided where all of them are known, in the view `pushes`.

use clickhouse::Row;
use schemas::event::push::{Commit, Push};
use schemas::field::Field;
use serde::Serialize;
use uuid::Uuid;

use super::{Provenance, Rows};
use crate::decode::Event;

/// What GitLab writes where an address is not public: it says nothing, and must not stand over an address that is known.
const REDACTED_EMAIL: &str = "[REDACTED]";

/// A row of `push_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct PushRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    #[serde(rename = "ref")]
    pub(super) ref_name: String,
    pub(super) before: String,
    pub(super) after: String,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) event_id: Uuid,
    pub(super) project_path: String,
    pub(super) user_id: Option<u64>,
    pub(super) user_username: Option<String>,
    pub(super) user_name: Option<String>,
    pub(super) ref_protected: Option<bool>,
    pub(super) commits_count: Option<u64>,
    pub(super) commits_listed: u64,
    pub(super) tenant: String,
    pub(super) origin: String,
    pub(super) received_at: i64,
}

/// A row of `commit_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct CommitRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) sha: String,
    pub(super) title: Option<String>,
    pub(super) message: Option<String>,
    pub(super) author_name: Option<String>,
    pub(super) author_email: Option<String>,
    pub(super) committed_at: Option<i64>,
    pub(super) url: Option<String>,
    pub(super) files_added: Option<u64>,
    pub(super) files_modified: Option<u64>,
    pub(super) files_removed: Option<u64>,
    pub(super) refs: Vec<String>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, push: &Push) -> Rows {
    let mut rows = Rows::default();
    let elements = push.commits.value().map(Vec::as_slice).unwrap_or_default();
    rows.unreadable += u64::from(matches!(push.commits, Field::Unreadable));
    for commit in elements {
        match commit.get().and_then(|commit| commit_row(event, push, commit)) {
            Some(row) => rows.commits.push(row),
            None => rows.unreadable += 1,
        }
        rows.unreadable += u64::from(matches!(commit.field(|commit| &commit.timestamp), Field::Unreadable));
    }
    let fields = [&push.user_id, &push.total_commits_count];
    rows.unreadable += fields.iter().filter(|field| matches!(field, Field::Unreadable)).count() as u64;
    let listed = rows.commits.len();
    rows.pushes.push(PushRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        ref_name: push.ref_name.text().to_owned(),
        before: push.before.text().to_owned(),
        after: push.after.text().to_owned(),
        event_id: event.id,
        project_path: event.project_path.clone(),
        user_id: push.user_id.get(),
        user_username: push.user_username.value().cloned(),
        user_name: push.user_name.value().cloned(),
        ref_protected: push.ref_protected.get(),
        commits_count: push.total_commits_count.get(),
        commits_listed: listed as u64,
        tenant: event.tenant.clone(),
        origin: event.origin.as_str().to_owned(),
        received_at: event.received_at.timestamp_millis(),
    });
    rows
}

/// A commit without a SHA is nobody.
fn commit_row(event: &Event, push: &Push, commit: &Commit) -> Option<CommitRow> {
    let sha = commit.id.value().filter(|sha| !sha.is_empty())?;
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let author_email = commit.author.field(|author| &author.email);
    let first_line = |message: &String| message.lines().next().unwrap_or_default().to_owned();
    let count = |files: &Field<Vec<_>>| files.value().map(|files| files.len() as u64);
    Some(CommitRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        sha: sha.clone(),
        title: commit.title.value().cloned().or_else(|| commit.message.value().map(first_line)),
        message: commit.message.value().cloned(),
        author_name: commit.author.field(|author| &author.name).value().cloned(),
        author_email: author_email.value().filter(|email| *email != REDACTED_EMAIL).cloned(),
        committed_at: commit.timestamp.get().map(|time| time.timestamp_millis()),
        url: commit.url.value().cloned(),
        files_added: count(&commit.added),
        files_modified: count(&commit.modified),
        files_removed: count(&commit.removed),
        refs: vec![push.ref_name.text().to_owned()],
        tenants,
        origins,
        first_received_at: received_at,
    })
}
