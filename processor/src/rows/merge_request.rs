//! Rows of a merge request. In: one of its events. Out: what it tells of the merge request, and what happened to it.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::api::merge_request::Approvals;
use schemas::api::state_event::StateEvent;
use schemas::event::User;
use schemas::event::merge_request::{ApprovalRule, Attributes, Label, MergeRequest};
use schemas::field::{Embedded, Field};
use schemas::time::whole_seconds;
use serde::Serialize;

use super::version::{Column, Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows, timeline};
use crate::decode::Event;

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

/// A row of `merge_request_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct MergeRequestEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) merge_request_iid: u64,
    pub(super) action: &'static str,
    pub(super) actor: String,
    pub(super) second: i64,
    pub(super) oldrev: String,
    pub(super) occurred_at: Versioned<i64>,
    pub(super) actor_id: Versioned<u64>,
    pub(super) actor_username: Versioned<String>,
    pub(super) system_action: Option<String>,
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
    happenings(event, merge_request, attributes, iid, &mut rows.merge_request_events);
    rows
}

fn as_of(attributes: &Attributes) -> Option<DateTime<Utc>> {
    attributes.updated_at.get().or(attributes.created_at.get())
}

/// What the event tells of the merge request as it is now, and how many fields nobody could read.
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

/// Its state, from whichever of both fields says so. What was opened again had a state of its own before GitLab 9.
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

/// The same as text, empty where nobody says it.
fn state_of(attributes: &Attributes) -> &str {
    state_field(attributes).get().unwrap_or_default()
}

/// States that share a second: what cannot be undone, or comes later, outranks the rest.
fn rank(state: &str) -> u8 {
    match state {
        "merged" => 4,
        "closed" => 3,
        "locked" => 2,
        "opened" => 1,
        _ => 0,
    }
}

/// When it was merged. Versions before `merged_at` was sent date a merge by the event's `updated_at`, which any exact time outranks.
/// Whether one of both could not be read is counted where they are read for the columns of their own.
fn merged_at(event: &Event, attributes: &Attributes) -> Versioned<i64> {
    let mut columns = Columns::at(Version::DERIVED, event.received_at);
    match (&attributes.merged_at, attributes.action.text()) {
        (Field::Value(_), _) => columns.immutable_time(&attributes.merged_at),
        (_, "merge") => columns.immutable_time_at(Version::DERIVED, &when(attributes)),
        (_, _) => Columns::absent(),
    }
}

/// When it was closed: the API says it, a webhook only in the moment of closing, and that it is no longer so by `opened`, or by `merged`, which
/// may be told where the reopening before it was not.
fn closed_at(attributes: &Attributes) -> Field<DateTime<Utc>> {
    match (attributes.action.text(), state_of(attributes)) {
        (_, _) if attributes.closed_at != Field::Absent => attributes.closed_at.clone(),
        ("close", _) => when(attributes),
        (_, "opened" | "merged" | "locked") => Field::Null,
        (_, _) => Field::Absent,
    }
}

/// Who merged it, or set it to merge. A webhook names nobody here but whoever set it to merge, so that its null says nothing; who merged it is the
/// actor of the merge. The API knows nobody of an imported merge, which says nothing either.
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

/// Adds what happened: that it was opened, which every event tells, that it was merged, and the event's own action. The API
/// tells of the last closing too.
fn happenings(
    event: &Event,
    merge_request: &MergeRequest,
    attributes: &Attributes,
    iid: u64,
    rows: &mut Vec<MergeRequestEventRow>,
) {
    let user = merge_request.user.get();
    let action = attributes.action.text();
    let mut exact = Columns::at(Version::EXACT, event.received_at);
    if attributes.created_at.get().is_some() {
        // Whoever tests a hook is the user of a body that tells of an opening by somebody else.
        let is_author = |user: &&User| match (user.id.get(), attributes.author_id.get()) {
            (Some(id), Some(author_id)) => id == author_id,
            (_, _) => action == "open",
        };
        let by_user = user.filter(is_author);
        rows.push(MergeRequestEventRow {
            occurred_at: exact.immutable_time(&attributes.created_at),
            actor_id: exact.value(&attributes.author_id),
            actor_username: match by_user {
                Some(user) => exact.value(&user.username),
                None => exact.value(&attributes.author_username),
            },
            ..once(event, iid, "opened")
        });
    }
    if action == "merge" || (state_of(attributes) == "merged" && attributes.merged_at.get().is_some()) {
        let mut derived = Columns::at(Version::DERIVED, event.received_at);
        let (actor_id, actor_username) = match user {
            Some(user) if action == "merge" => (exact.value(&user.id), exact.value(&user.username)),
            Some(_) | None => {
                (derived.value(&attributes.merge_user_id), derived.value(&attributes.merge_user_username))
            }
        };
        rows.push(MergeRequestEventRow {
            occurred_at: merged_at(event, attributes),
            actor_id,
            actor_username,
            ..once(event, iid, "merged")
        });
    }
    if let (Field::Value(_), "closed") = (&attributes.closed_at, state_of(attributes)) {
        let by = User {
            id: attributes.closed_by_id.clone(),
            username: attributes.closed_by_username.clone(),
            ..User::default()
        };
        rows.push(observation(event, iid, "closed", Some(&by), &attributes.closed_at, Version::EXACT));
    }
    // `updated_at` stands in before GitLab 18.10, and an approval need not change it.
    let certainty = match attributes.actioned_at {
        Field::Value(_) => Version::EXACT,
        Field::Absent | Field::Null | Field::Unreadable => Version::DERIVED,
    };
    timeline::of_update(event, merge_request, attributes, iid, certainty, rows);
    let Some(action) = observed(action) else { return };
    let occurred_at = when(attributes);
    rows.push(MergeRequestEventRow {
        oldrev: attributes.oldrev.text().to_owned(),
        system_action: attributes.system_action.value().cloned(),
        ..observation(event, iid, action, user, &occurred_at, certainty)
    });
}

/// What happens to a merge request but once: its actor and second are no part of the key.
fn once(event: &Event, iid: u64, action: &'static str) -> MergeRequestEventRow {
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    MergeRequestEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        merge_request_iid: iid,
        action,
        actor: String::new(),
        second: 0,
        oldrev: String::new(),
        occurred_at: Columns::absent(),
        actor_id: Columns::absent(),
        actor_username: Columns::absent(),
        system_action: None,
        tenants,
        origins,
        first_received_at: received_at,
    }
}

/// What can happen more than once: who did it and in which second tell one from another. Of closing and reopening the second alone does,
/// because the API may not say who closed it. The second is the body's, whether it can be believed or not: a receipt in the key would make
/// two of one. A body without any time has second 0.
pub(super) fn observation(
    event: &Event,
    iid: u64,
    action: &'static str,
    user: Option<&User>,
    occurred_at: &Field<DateTime<Utc>>,
    certainty: Version,
) -> MergeRequestEventRow {
    let mut exact = Columns::at(Version::EXACT, event.received_at);
    let actor = match action {
        "closed" | "reopened" => String::new(),
        _ => actor(user),
    };
    MergeRequestEventRow {
        actor,
        second: occurred_at.get().map_or(0, whole_seconds),
        occurred_at: exact.immutable_time_at(certainty, occurred_at),
        actor_id: user.map_or_else(Columns::absent, |user| exact.value(&user.id)),
        actor_username: user.map_or_else(Columns::absent, |user| exact.value(&user.username)),
        ..once(event, iid, action)
    }
}

/// Who approved a merge request, as far as GitLab says when.
pub(super) fn approval_rows(event: &Event, approvals: &Approvals) -> Rows {
    let mut rows = Rows::default();
    let Some(iid) = event.entity_number() else { return rows };
    for approval in approvals.approved_by.value().into_iter().flatten() {
        let user = approval.get().and_then(|approval| approval.user.get());
        match approval.field(|approval| &approval.approved_at) {
            at @ Field::Value(_) => {
                rows.merge_request_events.push(observation(
                    event,
                    iid,
                    "approved",
                    user,
                    &at,
                    Version::EXACT,
                ));
            }
            Field::Unreadable => rows.unreadable += 1,
            Field::Absent | Field::Null => (),
        }
    }
    rows
}

/// A change of state that the API tells of.
pub(super) fn state_event_rows(event: &Event, state_event: &StateEvent) -> Rows {
    let mut rows = Rows::default();
    let Some(iid) = event.entity_number() else { return rows };
    rows.as_of = state_event.created_at.get();
    let user = state_event.user.get();
    let seen = |action| observation(event, iid, action, user, &state_event.created_at, Version::EXACT);
    match state_event.state.text() {
        "closed" => rows.merge_request_events.push(seen("closed")),
        "reopened" | "opened" => rows.merge_request_events.push(seen("reopened")),
        "merged" => rows.merge_request_events.push(MergeRequestEventRow {
            actor: String::new(),
            second: 0,
            // The merge request's own `merged_at` is the exact one.
            occurred_at: Columns::at(Version::DERIVED, event.received_at)
                .immutable_time_at(Version::DERIVED, &state_event.created_at),
            ..seen("merged")
        }),
        _ => (),
    }
    rows
}

/// The table's name for an action that can happen more than once. `approval` is one person's, `approved` says that it was the last one
/// needed: both are that person's approval.
fn observed(action: &str) -> Option<&'static str> {
    match action {
        "update" => Some("updated"),
        "approval" | "approved" => Some("approved"),
        "unapproval" | "unapproved" => Some("unapproved"),
        "close" => Some("closed"),
        "reopen" => Some("reopened"),
        _ => None,
    }
}

/// Who did it, as far as the body says: old versions send no id.
pub(super) fn actor(user: Option<&User>) -> String {
    match user.map(|user| (user.id.get(), user.username.text())) {
        Some((Some(id), _)) => id.to_string(),
        Some((None, username)) if !username.is_empty() => format!("@{username}"),
        Some((None, _)) | None => String::new(),
    }
}

/// Who is assigned: the ids, else those of the people, else the only one that old versions know. Old versions name people without ids, which
/// does not say that there is nobody.
pub(super) fn assignees(
    assignee_ids: &Field<Vec<Field<u64>>>,
    people: &Field<Vec<Embedded<User>>>,
    only: &Field<u64>,
) -> Field<Vec<u64>> {
    let is_somebody = people.value().is_some_and(|people| !people.is_empty());
    let only = match only {
        Field::Null if is_somebody => Field::Absent,
        only => only.as_ref().map(|id| vec![*id]),
    };
    ids(assignee_ids).or(users(people)).or(only)
}

/// Ids of people; 0 is nobody.
fn ids(field: &Field<Vec<Field<u64>>>) -> Field<Vec<u64>> {
    field.as_ref().map(|ids| ids.iter().filter_map(Field::get).filter(|id| *id > 0).collect())
}

/// The ids of people in a list; a list with somebody of whom it is not said names nobody.
fn users(field: &Field<Vec<Embedded<User>>>) -> Field<Vec<u64>> {
    match field {
        Field::Value(people) => {
            let ids: Option<Vec<u64>> = people.iter().map(|person| person.get()?.id.get()).collect();
            ids.map_or(Field::Absent, Field::Value)
        }
        field => field.as_ref().map(|_| Vec::new()),
    }
}

/// How far each reviewer is, as a webhook says: in the API the state is that of the account.
fn reviewer_states(event: &Event, reviewers: &Field<Vec<Embedded<User>>>) -> Field<Vec<(u64, String, bool)>> {
    let told = |reviewer: &Embedded<User>| {
        let reviewer = reviewer.get()?;
        let state = reviewer.state.value()?.clone();
        Some((reviewer.id.get()?, state, reviewer.re_requested.get().unwrap_or(false)))
    };
    match reviewers {
        Field::Value(_) if event.origin == Origin::Api => Field::Absent,
        // Old versions say nothing of it, of anybody.
        Field::Value(reviewers) => {
            let states: Option<Vec<_>> = reviewers.iter().map(told).collect();
            states.map_or(Field::Absent, Field::Value)
        }
        _ => Field::Absent,
    }
}

/// Its rules of approval: name, and how many approvals it asks for.
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
