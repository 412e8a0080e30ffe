//! What happened to a merge request. In: one of its events, its approvals, or a change of its state. Out: rows of `merge_request_event_facts`, with
//! keys that distinguish two events of the same kind.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::api::merge_request::Approvals;
use schemas::api::state_event::StateEvent;
use schemas::event::User;
use schemas::event::merge_request::{Attributes, MergeRequest};
use schemas::field::Field;
use schemas::time::whole_seconds;
use serde::Serialize;

use super::{merged_at, state_of, when};
use crate::decode::Event;
use crate::rows::people::actor;
use crate::rows::version::{Columns, Version, Versioned};
use crate::rows::{Provenance, Rows, timeline};

/// A row of `merge_request_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct MergeRequestEventRow {
    pub(in crate::rows) instance: String,
    pub(in crate::rows) project_id: u64,
    pub(in crate::rows) merge_request_iid: u64,
    pub(in crate::rows) action: &'static str,
    pub(in crate::rows) actor: String,
    pub(in crate::rows) second: i64,
    pub(in crate::rows) oldrev: String,
    pub(in crate::rows) occurred_at: Versioned<i64>,
    pub(in crate::rows) actor_id: Versioned<u64>,
    pub(in crate::rows) actor_username: Versioned<String>,
    pub(in crate::rows) system_action: Option<String>,
    pub(in crate::rows) tenants: Vec<String>,
    pub(in crate::rows) origins: Vec<String>,
    pub(in crate::rows) first_received_at: i64,
}

/// Adds what happened: the opening, which every event reports, the merge, and the event's own action. The API also reports the last closing.
pub(super) fn happenings(
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
        // A Test delivery reports the opening by somebody else, but its user is whoever clicked.
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
    // Before GitLab 18.10 `updated_at` is used, which an approval need not change.
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

/// Something that happens to a merge request only once: actor and second are not part of the key.
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

/// Something that can happen more than once: actor and second are part of the key. For closing and reopening only the second is, because the API
/// may not name the actor. The second is the body's, plausible or not: with the receipt in the key, one event would become two. A body without a
/// time has second 0.
pub(in crate::rows) fn observation(
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

/// Who approved a merge request, if GitLab says when.
pub(in crate::rows) fn approval_rows(event: &Event, approvals: &Approvals) -> Rows {
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

/// A change of state from the API.
pub(in crate::rows) fn state_event_rows(event: &Event, state_event: &StateEvent) -> Rows {
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

/// The table's name for an action that can happen more than once. `approval` is one user's approval; `approved` means that it was also the last one
/// needed. Both become that user's approval.
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
