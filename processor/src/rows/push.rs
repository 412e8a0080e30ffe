//! Rows of a push and its commits, and of a ref from the API. In: a push. Out: one observation of it, and rows about up to 20 commits. The view
//! `pushes`, which knows all observations, decides which of them are the same push.

use clickhouse::Row;
use schemas::EventKind;
use schemas::api::push::ListedRef;
use schemas::event::push::{Commit, Push};
use schemas::field::Field;
use schemas::time::clamp_to_receipt;
use serde::Serialize;
use uuid::Uuid;

use super::version::{Columns, Version, Versioned, past};
use super::{Provenance, Rows};
use crate::decode::Event;

/// GitLab's replacement for an address that is not public. It says nothing, and must not hide a known address.
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
    pub(super) ref_count: Option<u64>,
    pub(super) push_options: Vec<String>,
    pub(super) message: Option<String>,
    pub(super) commit_sha: Option<String>,
    pub(super) tenant: String,
    pub(super) origin: String,
    pub(super) pushed_at: i64,
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
    pub(super) authored_at: Option<i64>,
    pub(super) parents: Vec<String>,
    pub(super) additions: Option<u64>,
    pub(super) deletions: Option<u64>,
    pub(super) url: Option<String>,
    pub(super) files_added: Option<u64>,
    pub(super) files_modified: Option<u64>,
    pub(super) files_removed: Option<u64>,
    pub(super) refs: Vec<String>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A row of `ref_head_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct RefHeadRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    #[serde(rename = "ref")]
    pub(super) ref_name: String,
    pub(super) sha: Versioned<String>,
    pub(super) commit_sha: Versioned<String>,
    pub(super) protected: Versioned<bool>,
    pub(super) is_default: Versioned<bool>,
    pub(super) merged: Versioned<bool>,
    pub(super) message: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) url: Versioned<String>,
    pub(super) seen_at: i64,
    pub(super) first_seen_at: i64,
    pub(super) tenants: Vec<String>,
}

pub(super) fn rows(event: &Event, push: &Push) -> Rows {
    let mut rows = Rows::default();
    let elements = push.commits.value().map(Vec::as_slice).unwrap_or_default();
    rows.unreadable += u64::from(matches!(push.commits, Field::Unreadable));
    for commit in elements {
        match commit.get().and_then(|commit| commit_row(event, Some(push), commit)) {
            Some(row) => rows.commits.push(row),
            None => rows.unreadable += 1,
        }
        rows.unreadable += u64::from(matches!(commit.field(|commit| &commit.timestamp), Field::Unreadable));
    }
    let fields = [&push.user_id, &push.total_commits_count];
    rows.unreadable += fields.iter().filter(|field| matches!(field, Field::Unreadable)).count() as u64;
    let listed = rows.commits.len();
    rows.as_of = push.pushed_at.get();
    let pushed_at = push.pushed_at.get().unwrap_or(event.received_at);
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
        ref_count: push.ref_count.get(),
        push_options: push.push_options.value().cloned().unwrap_or_default(),
        message: push.message.value().filter(|message| !message.is_empty()).cloned(),
        commit_sha: push.checkout_sha.value().cloned(),
        tenant: event.tenant.clone(),
        origin: event.origin.as_str().to_owned(),
        pushed_at: clamp_to_receipt(pushed_at, event.received_at).timestamp_millis(),
        received_at: event.received_at.timestamp_millis(),
    });
    rows
}

/// A commit from the API.
pub(super) fn listed_commit_rows(event: &Event, commit: &Commit) -> Rows {
    let unreadable = u64::from(matches!(commit.timestamp, Field::Unreadable));
    Rows { commits: commit_row(event, None, commit).into_iter().collect(), unreadable, ..Rows::default() }
}

/// A branch or tag from the API. It points there when it is read: the object has no time of its own.
pub(super) fn ref_head_rows(event: &Event, listed: &ListedRef) -> Rows {
    let mut columns = Columns::at(Version::new(event.received_at, 0, event.received_at), event.received_at);
    let commit_sha = listed.commit.field(|commit| &commit.id);
    let folder = if event.kind == EventKind::TagPush { "refs/tags/" } else { "refs/heads/" };
    let received_at = event.received_at.timestamp_millis();
    let row = RefHeadRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        ref_name: format!("{folder}{}", listed.name.text()),
        sha: columns.value(&listed.target.clone().or(commit_sha.clone())),
        commit_sha: columns.value(&commit_sha),
        protected: columns.value(&listed.protected),
        is_default: columns.value(&listed.default),
        merged: columns.value(&listed.merged),
        message: columns.value(&listed.message),
        created_at: columns.immutable_time(&listed.created_at),
        url: columns.value(&listed.web_url),
        seen_at: received_at,
        first_seen_at: received_at,
        tenants: vec![event.tenant.clone()],
    };
    Rows { ref_heads: vec![row], unreadable: columns.unreadable, ..Rows::default() }
}

/// The author's address, if GitLab shows it.
pub(super) fn public_email(commit: &Commit) -> Option<String> {
    let email = commit.author.field(|author| &author.email);
    email.value().filter(|email| *email != REDACTED_EMAIL).cloned()
}

/// A commit without a SHA is ignored.
fn commit_row(event: &Event, push: Option<&Push>, commit: &Commit) -> Option<CommitRow> {
    let sha = commit.id.value().filter(|sha| !sha.is_empty())?;
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let first_line = |message: &String| message.lines().next().unwrap_or_default().to_owned();
    let count = |files: &Field<Vec<_>>| files.value().map(|files| files.len() as u64);
    Some(CommitRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        sha: sha.clone(),
        title: commit.title.value().cloned().or_else(|| commit.message.value().map(first_line)),
        message: commit.message.value().cloned(),
        author_name: commit.author.field(|author| &author.name).value().cloned(),
        author_email: public_email(commit),
        // Whoever commits may write any time.
        committed_at: past(&commit.timestamp, event.received_at),
        authored_at: past(&commit.authored_at, event.received_at),
        parents: commit
            .parent_ids
            .value()
            .into_iter()
            .flatten()
            .filter_map(|id| id.value().cloned())
            .collect(),
        additions: commit.additions.get(),
        deletions: commit.deletions.get(),
        url: commit.url.value().cloned(),
        files_added: count(&commit.added),
        files_modified: count(&commit.modified),
        files_removed: count(&commit.removed),
        refs: push.map(|push| push.ref_name.text().to_owned()).into_iter().collect(),
        tenants,
        origins,
        first_received_at: received_at,
    })
}
