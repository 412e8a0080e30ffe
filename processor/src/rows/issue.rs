//! Rows of an issue or another work item. In: one of its events, or an object of the API. Out: a row about the issue, and what happened to it.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::api::state_event::StateEvent;
use schemas::event::User;
use schemas::event::issue::{Attributes, Issue};
use schemas::field::Field;
use schemas::time::whole_seconds;
use serde::Serialize;

use super::merge_request::titles;
use super::people::{actor, assignees};
use super::version::{Column, Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `issue_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct IssueRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) iid: Versioned<u64>,
    pub(super) project_path: Versioned<String>,
    pub(super) group_path: Versioned<String>,
    #[serde(rename = "type")]
    pub(super) item_type: Versioned<String>,
    pub(super) title: Versioned<String>,
    pub(super) state: Versioned<String>,
    pub(super) confidential: Versioned<bool>,
    pub(super) author_id: Versioned<u64>,
    pub(super) author_username: Versioned<String>,
    pub(super) assignee_ids: VersionedList<u64>,
    pub(super) labels: VersionedList<String>,
    pub(super) milestone_id: Versioned<u64>,
    pub(super) weight: Versioned<u64>,
    pub(super) severity: Versioned<String>,
    pub(super) escalation_status: Versioned<String>,
    pub(super) health_status: Versioned<String>,
    pub(super) status_name: Versioned<String>,
    pub(super) status_category: Versioned<String>,
    pub(super) due_date: Versioned<i32>,
    pub(super) start_date: Versioned<i32>,
    pub(super) time_estimate_seconds: Versioned<u64>,
    pub(super) time_spent_seconds: Versioned<u64>,
    pub(super) moved_to_id: Versioned<u64>,
    pub(super) duplicated_to_id: Versioned<u64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) closed_at: Versioned<i64>,
    pub(super) closed_by_id: Versioned<u64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A row of `issue_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct IssueEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) issue_id: u64,
    pub(super) action: &'static str,
    pub(super) actor: String,
    pub(super) second: i64,
    pub(super) occurred_at: Versioned<i64>,
    pub(super) actor_id: Versioned<u64>,
    pub(super) actor_username: Versioned<String>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, issue: &Issue) -> Rows {
    let mut rows = Rows::default();
    let Some(attributes) = issue.object_attributes.get() else {
        return rows;
    };
    let Some(id) = attributes.id.get() else {
        return rows;
    };
    let (row, unreadable) = current(event, issue, attributes, id);
    rows.issues.push(row);
    rows.as_of = as_of(attributes);
    rows.unreadable += unreadable;
    happenings(event, issue, attributes, id, &mut rows.issue_events);
    rows
}

/// A change of state from the API.
pub(super) fn state_event_rows(event: &Event, state_event: &StateEvent) -> Rows {
    let mut rows = Rows::default();
    // The id of an epic comes from a sequence of its own; the subject has the id of its work item.
    let id = match state_event.resource_type.text() {
        "Epic" => None,
        _ => state_event.resource_id.get(),
    };
    let Some(id) = id.or(event.entity_number()) else { return rows };
    let at = &state_event.created_at;
    rows.as_of = at.get();
    let user = state_event.user.get();
    match state_event.state.text() {
        // The issue's own `closed_at` is the exact one.
        "closed" => rows.issue_events.push(state_change(event, id, "closed", user, at, Version::DERIVED)),
        "reopened" | "opened" => {
            rows.issue_events.push(state_change(event, id, "reopened", user, at, Version::EXACT));
        }
        _ => (),
    }
    rows
}

fn as_of(attributes: &Attributes) -> Option<DateTime<Utc>> {
    attributes.updated_at.get().or(attributes.created_at.get())
}

/// The current state of the issue as given by the event, and the number of unreadable fields.
fn current(event: &Event, issue: &Issue, attributes: &Attributes, id: u64) -> (IssueRow, u64) {
    let state = state(attributes);
    let version = Version::told(as_of(attributes), rank(state.value()), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let assignees = assignees(&attributes.assignee_ids, &issue.assignees, &attributes.assignee_id);
    let row = IssueRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        iid: columns.value(&attributes.iid),
        project_path: columns.text(&event.project_path),
        group_path: columns.text(group_path(event.project_id, attributes.url.text())),
        item_type: columns.value(&snake_case(&attributes.item_type)),
        title: columns.value(&attributes.title),
        state: columns.value(&state.map(str::to_owned)),
        confidential: columns.value(&confidential(&attributes.confidential, &issue.event_type)),
        author_id: columns.value(&attributes.author_id),
        author_username: columns.value(&author_username(issue, attributes)),
        assignee_ids: columns.sorted(assignees),
        labels: columns.sorted(titles(&issue.labels).or(titles(&attributes.labels))),
        milestone_id: columns.value(&attributes.milestone_id),
        weight: columns.value(&attributes.weight),
        severity: columns.value(&snake_case(&attributes.severity)),
        escalation_status: columns.value(&attributes.escalation_status),
        health_status: columns.value(&attributes.health_status),
        status_name: columns.value(&attributes.status.field(|status| &status.name)),
        status_category: columns.value(&attributes.status.field(|status| &status.category)),
        due_date: columns.date(&attributes.due_date),
        start_date: columns.date(&attributes.start_date),
        time_estimate_seconds: columns.value(&attributes.time_estimate),
        time_spent_seconds: columns.value(&attributes.total_time_spent),
        moved_to_id: columns.value(&attributes.moved_to_id),
        duplicated_to_id: columns.value(&attributes.duplicated_to_id),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        updated_at: columns.time(&attributes.updated_at),
        closed_at: columns.time(&closed_at(issue, attributes)),
        closed_by_id: columns.value(&closed_by(issue, attributes)),
        // Whoever reports it says that it exists.
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}

/// `opened` or `closed`, from either field.
fn state(attributes: &Attributes) -> Field<&str> {
    match (&attributes.state, &attributes.state_id) {
        // Before GitLab 9, `reopened` was a separate state.
        (Field::Value(state), _) if state == "reopened" => Field::Value("opened"),
        (Field::Value(state), _) => Field::Value(state.as_str()),
        (_, Field::Value(1)) => Field::Value("opened"),
        (_, Field::Value(2)) => Field::Value("closed"),
        (Field::Unreadable, _) | (_, Field::Unreadable | Field::Value(_)) => Field::Unreadable,
        (Field::Absent | Field::Null, Field::Absent | Field::Null) => Field::Absent,
    }
}

/// The order of states within one second: later ones outrank the others.
fn rank(state: Option<&&str>) -> u8 {
    match state {
        Some(&"closed") => 2,
        Some(&"opened") => 1,
        Some(_) | None => 0,
    }
}

/// Whether only members of the project may see it, if the body says so. A body that says nothing makes nothing public.
pub(super) fn confidential(field: &Field<bool>, event_type: &Field<String>) -> Field<bool> {
    match field {
        _ if event_type.text().starts_with("confidential") => Field::Value(true),
        Field::Absent | Field::Null => Field::Absent,
        field => field.clone(),
    }
}

/// `Key Result` in a webhook, `KEY_RESULT` or `key_result` in the API, in one form.
fn snake_case(field: &Field<String>) -> Field<String> {
    field.as_ref().map(|text| text.to_lowercase().replace(' ', "_"))
}

/// The group in `https://gitlab.example.com/groups/shop/labs/-/work_items/4`, for a work item without a project.
fn group_path(project_id: u64, url: &str) -> &str {
    match url.split_once("/-/").and_then(|(page, _)| page.split_once("/groups/")) {
        Some((_, path)) if project_id == 0 => path,
        Some(_) | None => "",
    }
}

/// User name of the author. A webhook names the actor, who sometimes is the author.
fn author_username(issue: &Issue, attributes: &Attributes) -> Field<String> {
    let opened = attributes.action.text() == "open";
    match issue.user.get() {
        Some(user) if user.id.get().map_or(opened, |id| Some(id) == attributes.author_id.get()) => {
            user.username.clone()
        }
        Some(_) | None => attributes.author_username.clone(),
    }
}

/// How the event changed the state. Setting a status can close or reopen too, and comes as `update`.
fn turned(issue: &Issue, attributes: &Attributes) -> Option<&'static str> {
    let change = issue.changes.get().and_then(|changes| changes.state_id.get());
    match (attributes.action.text(), change.map(|change| (change.previous.get(), change.current.get()))) {
        ("close", _) | ("update" | "", Some((Some(1), Some(2)))) => Some("closed"),
        ("reopen", _) | ("update" | "", Some((Some(2), Some(1)))) => Some("reopened"),
        (_, _) => None,
    }
}

/// When it was closed. Before GitLab 10, only the webhook about the closing says it.
fn closed_at(issue: &Issue, attributes: &Attributes) -> Field<DateTime<Utc>> {
    match (state(attributes).get(), &attributes.closed_at) {
        (Some("opened"), _) => Field::Null,
        (_, Field::Value(_) | Field::Unreadable) => attributes.closed_at.clone(),
        (_, Field::Absent | Field::Null) if turned(issue, attributes) == Some("closed") => {
            attributes.updated_at.clone()
        }
        (_, Field::Absent | Field::Null) => Field::Absent,
    }
}

fn closed_by(issue: &Issue, attributes: &Attributes) -> Field<u64> {
    match (state(attributes).get(), turned(issue, attributes)) {
        (Some("opened"), _) => Field::Null,
        (_, Some("closed")) => issue.user.field(|user| &user.id),
        (_, _) => attributes.closed_by_id.clone(),
    }
}

/// Adds what happened: the opening and, if it is closed, the closing, which every event reports, and the event's own action.
fn happenings(event: &Event, issue: &Issue, attributes: &Attributes, id: u64, rows: &mut Vec<IssueEventRow>) {
    let mut exact = Columns::at(Version::EXACT, event.received_at);
    if attributes.created_at.get().is_some() {
        rows.push(IssueEventRow {
            occurred_at: exact.immutable_time(&attributes.created_at),
            actor_id: exact.value(&attributes.author_id),
            actor_username: exact.value(&author_username(issue, attributes)),
            ..row(event, id, "opened")
        });
    }
    let turned = turned(issue, attributes);
    let user = issue.user.get();
    let updated_at = &attributes.updated_at;
    let closer = User {
        id: attributes.closed_by_id.clone(),
        username: attributes.closed_by_username.clone(),
        ..User::default()
    };
    match (turned, state(attributes).get(), &attributes.closed_at) {
        (Some("closed"), _, at @ Field::Value(_)) => {
            rows.push(state_change(event, id, "closed", user, at, Version::EXACT))
        }
        (Some("closed"), _, _) => {
            rows.push(state_change(event, id, "closed", user, updated_at, Version::DERIVED));
        }
        (_, Some("closed"), at @ Field::Value(_)) => {
            rows.push(state_change(event, id, "closed", Some(&closer), at, Version::EXACT));
        }
        (Some(action), _, _) => {
            rows.push(state_change(event, id, action, user, updated_at, Version::DERIVED))
        }
        (None, _, _) => (),
    }
    if attributes.action.text() == "update" && turned.is_none() {
        rows.push(IssueEventRow {
            actor: actor(user),
            ..state_change(event, id, "updated", user, updated_at, Version::DERIVED)
        });
    }
}

/// A change of state. Its actor is not part of the key: nobody closes a closed issue, and not every body names the actor.
pub(super) fn state_change(
    event: &Event,
    id: u64,
    action: &'static str,
    user: Option<&User>,
    occurred_at: &Field<DateTime<Utc>>,
    certainty: Version,
) -> IssueEventRow {
    let mut exact = Columns::at(Version::EXACT, event.received_at);
    IssueEventRow {
        second: occurred_at.get().map_or(0, whole_seconds),
        occurred_at: exact.immutable_time_at(certainty, occurred_at),
        actor_id: user.map_or_else(Columns::absent, |user| exact.value(&user.id)),
        actor_username: user.map_or_else(Columns::absent, |user| exact.value(&user.username)),
        ..row(event, id, action)
    }
}

/// Something that happens to an issue only once: neither actor nor second is part of the key.
fn row(event: &Event, id: u64, action: &'static str) -> IssueEventRow {
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    IssueEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        issue_id: id,
        action,
        actor: String::new(),
        second: 0,
        occurred_at: Columns::absent(),
        actor_id: Columns::absent(),
        actor_username: Columns::absent(),
        tenants,
        origins,
        first_received_at: received_at,
    }
}

#[cfg(test)]
mod tests;
