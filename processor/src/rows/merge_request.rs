//! Rows of a merge request. In: one of its events. Out: a row about the merge request, and what happened to it (`happened.rs`).

mod happened;

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::event::merge_request::{ApprovalRule, Attributes, Label, MergeRequest};
use schemas::field::{Embedded, Field};
use serde::Serialize;

use super::people::{assignees, ids, reviewer_states, users};
use super::version::{Column, Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

pub use happened::MergeRequestEventRow;
pub(super) use happened::{approval_rows, observation, state_event_rows};

/// A row of `merge_request_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct MergeRequestRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) iid: u64,
    pub(super) id: Versioned<u64>,
    pub(super) project_path: Versioned<String>,
    pub(super) title: Versioned<String>,
    pub(super) state: Versioned<String>,
    pub(super) draft: Versioned<bool>,
    pub(super) author_id: Versioned<u64>,
    pub(super) assignee_ids: VersionedList<u64>,
    pub(super) reviewer_ids: VersionedList<u64>,
    pub(super) reviewer_states: VersionedList<(u64, String, bool)>,
    pub(super) approval_rules: VersionedList<(String, u64)>,
    pub(super) labels: VersionedList<String>,
    pub(super) milestone_id: Versioned<u64>,
    pub(super) source_project_id: Versioned<u64>,
    pub(super) source_branch: Versioned<String>,
    pub(super) target_branch: Versioned<String>,
    pub(super) head_sha: Versioned<String>,
    pub(super) last_commit_at: Versioned<i64>,
    pub(super) head_pipeline_id: Versioned<u64>,
    pub(super) merge_commit_sha: Versioned<String>,
    pub(super) squash_commit_sha: Versioned<String>,
    pub(super) merge_user_id: Versioned<u64>,
    pub(super) merge_status: Versioned<String>,
    pub(super) discussions_resolved: Versioned<bool>,
    pub(super) first_contribution: Versioned<bool>,
    pub(super) additions: Versioned<u64>,
    pub(super) deletions: Versioned<u64>,
    pub(super) changed_files: Versioned<u64>,
    pub(super) commit_count: Versioned<u64>,
    pub(super) time_estimate_seconds: Versioned<u64>,
    pub(super) time_spent_seconds: Versioned<u64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) prepared_at: Versioned<i64>,
    pub(super) merged_at: Versioned<i64>,
    pub(super) closed_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, merge_request: &MergeRequest) -> Rows {
    let mut rows = Rows::default();
    let Some(attributes) = merge_request.object_attributes.get() else {
        return rows;
    };
    let Some(iid) = attributes.iid.get() else {
        return rows;
    };
    let (row, unreadable) = state(event, merge_request, attributes, iid);
    rows.merge_requests.push(row);
    rows.as_of = as_of(attributes);
    rows.unreadable += unreadable + u64::from(matches!(attributes.merged_at, Field::Unreadable));
    happened::happenings(event, merge_request, attributes, iid, &mut rows.merge_request_events);
    rows
}

fn as_of(attributes: &Attributes) -> Option<DateTime<Utc>> {
    attributes.updated_at.get().or(attributes.created_at.get())
}

/// The current state of the merge request as given by the event, and the number of unreadable fields.
fn state(
    event: &Event,
    merge_request: &MergeRequest,
    attributes: &Attributes,
    iid: u64,
) -> (MergeRequestRow, u64) {
    let version = Version::told(as_of(attributes), rank(state_of(attributes)), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let assignees = assignees(&attributes.assignee_ids, &merge_request.assignees, &attributes.assignee_id);
    let row = MergeRequestRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        iid,
        id: columns.value(&attributes.id),
        project_path: columns.text(&event.project_path),
        title: columns.value(&attributes.title),
        state: columns.value(&state_field(attributes).map(str::to_owned)),
        draft: columns.value(&attributes.draft.clone().or(attributes.work_in_progress.clone())),
        author_id: columns.value(&attributes.author_id),
        assignee_ids: columns.sorted(assignees),
        reviewer_ids: columns.sorted(ids(&attributes.reviewer_ids).or(users(&merge_request.reviewers))),
        reviewer_states: columns.sorted(reviewer_states(event, &merge_request.reviewers)),
        approval_rules: columns.sorted(approval_rules(attributes)),
        labels: columns.sorted(titles(&merge_request.labels).or(titles(&attributes.labels))),
        milestone_id: columns.value(&attributes.milestone_id),
        source_project_id: columns.value(&attributes.source_project_id),
        source_branch: columns.value(&attributes.source_branch),
        target_branch: columns.value(&attributes.target_branch),
        head_sha: columns.value(&attributes.last_commit.field(|commit| &commit.id)),
        last_commit_at: columns.time(&attributes.last_commit.field(|commit| &commit.timestamp)),
        head_pipeline_id: columns.value(&attributes.head_pipeline_id),
        merge_commit_sha: columns.value(&attributes.merge_commit_sha),
        squash_commit_sha: columns.value(&attributes.squash_commit_sha),
        merge_user_id: columns.value(&merge_user_id(event, merge_request, attributes)),
        merge_status: columns
            .value(&attributes.detailed_merge_status.clone().or(attributes.merge_status.clone())),
        discussions_resolved: columns.value(&attributes.blocking_discussions_resolved),
        first_contribution: columns.value(&attributes.first_contribution),
        additions: columns.value(&attributes.additions),
        deletions: columns.value(&attributes.deletions),
        changed_files: columns.value(&attributes.changed_files),
        commit_count: columns.value(&attributes.commit_count),
        time_estimate_seconds: columns.value(&attributes.time_estimate),
        time_spent_seconds: columns.value(&attributes.total_time_spent),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        updated_at: columns.time(&attributes.updated_at),
        prepared_at: columns.immutable_time(&attributes.prepared_at),
        merged_at: merged_at(event, attributes),
        closed_at: columns.time(&closed_at(attributes)),
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}

/// Its state, from either field. Before GitLab 9, `reopened` was a separate state.
fn state_field(attributes: &Attributes) -> Field<&str> {
    match (&attributes.state, &attributes.state_id) {
        (Field::Value(state), _) if state == "reopened" => Field::Value("opened"),
        (Field::Value(state), _) => Field::Value(state.as_str()),
        (_, Field::Value(1)) => Field::Value("opened"),
        (_, Field::Value(2)) => Field::Value("closed"),
        (_, Field::Value(3)) => Field::Value("merged"),
        (_, Field::Value(4)) => Field::Value("locked"),
        (Field::Unreadable, _) | (_, Field::Unreadable | Field::Value(_)) => Field::Unreadable,
        (Field::Absent | Field::Null, Field::Absent | Field::Null) => Field::Absent,
    }
}

/// The same as text, empty if unknown.
fn state_of(attributes: &Attributes) -> &str {
    state_field(attributes).get().unwrap_or_default()
}

/// The order of states within one second: final and later states outrank the others.
fn rank(state: &str) -> u8 {
    match state {
        "merged" => 4,
        "closed" => 3,
        "locked" => 2,
        "opened" => 1,
        _ => 0,
    }
}

/// When it was merged. In versions without `merged_at`, the event's `updated_at` is used, which any exact time outranks. Unreadable fields are
/// counted with their own columns.
fn merged_at(event: &Event, attributes: &Attributes) -> Versioned<i64> {
    let mut columns = Columns::at(Version::DERIVED, event.received_at);
    match (&attributes.merged_at, attributes.action.text()) {
        (Field::Value(_), _) => columns.immutable_time(&attributes.merged_at),
        (_, "merge") => columns.immutable_time_at(Version::DERIVED, &when(attributes)),
        (_, _) => Columns::absent(),
    }
}

/// When it was closed. The API gives it; a webhook only at the closing. `opened` or `merged` clears it: a reopening before the merge may not have
/// been delivered.
fn closed_at(attributes: &Attributes) -> Field<DateTime<Utc>> {
    match (attributes.action.text(), state_of(attributes)) {
        (_, _) if attributes.closed_at != Field::Absent => attributes.closed_at.clone(),
        ("close", _) => when(attributes),
        (_, "opened" | "merged" | "locked") => Field::Null,
        (_, _) => Field::Absent,
    }
}

/// Who merged it or set it to auto-merge. In a webhook this field only names who set it to auto-merge, so null says nothing; the actor of the merge
/// is who merged it. For an imported merge the API has null, which says nothing either.
fn merge_user_id(event: &Event, merge_request: &MergeRequest, attributes: &Attributes) -> Field<u64> {
    match (&attributes.merge_user_id, attributes.action.text(), state_of(attributes), event.origin) {
        (Field::Null | Field::Absent, "merge", _, Origin::Webhook | Origin::HookLog) => {
            match merge_request.user.field(|user| &user.id) {
                Field::Null => Field::Absent,
                id => id,
            }
        }
        (Field::Null, _, _, Origin::Webhook | Origin::HookLog) | (Field::Null, _, "merged", Origin::Api) => {
            Field::Absent
        }
        (field, _, _, _) => field.clone(),
    }
}

/// When the event's action happened.
pub(super) fn when(attributes: &Attributes) -> Field<DateTime<Utc>> {
    attributes.actioned_at.clone().or(attributes.updated_at.clone())
}

/// Its approval rules: name and number of required approvals.
fn approval_rules(attributes: &Attributes) -> Field<Vec<(String, u64)>> {
    let told = |rule: &Embedded<ApprovalRule>| {
        let rule = rule.get()?;
        Some((rule.name.value()?.clone(), rule.approvals_required.get().unwrap_or(0)))
    };
    attributes.approval_rules.as_ref().map(|rules| rules.iter().filter_map(told).collect())
}

pub(super) fn titles(field: &Field<Vec<Embedded<Label>>>) -> Field<Vec<String>> {
    field
        .as_ref()
        .map(|labels| labels.iter().filter_map(|label| label.get()?.title.value().cloned()).collect())
}
