//! Rows of a membership. In: an event about it, or an object of the API. Out: rows about the membership, and about its project or group and its
//! user.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::event::group::Group;
use schemas::event::member::Member;
use schemas::event::project::Project;
use schemas::event::user::User;
use schemas::field::Field;
use serde::Serialize;

use super::existence::Existence;
use super::version::{Column, Columns, Version, Versioned, is_believed};
use super::{EventId, Provenance, Rows, group, project, user};
use crate::decode::Event;

/// A row of `member_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct MemberRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) group_id: u64,
    pub(super) user_id: u64,
    pub(super) username: Versioned<String>,
    pub(super) access_level: Versioned<u8>,
    pub(super) access: Versioned<String>,
    pub(super) requested: Versioned<bool>,
    pub(super) expires_at: Versioned<i32>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// What happened to a membership, in the order within one second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Requested = 1,
    Added = 2,
    Updated = 3,
    Removed = 4,
    /// The request was denied or withdrawn.
    Refused = 5,
}

/// GitLab's access levels (<https://docs.gitlab.com/api/access_requests/#valid-access-levels>).
const LEVELS: [(u8, &str); 9] = [
    (0, "No access"),
    (5, "Minimal Access"),
    (10, "Guest"),
    (15, "Planner"),
    (20, "Reporter"),
    (25, "Security Manager"),
    (30, "Developer"),
    (40, "Maintainer"),
    (50, "Owner"),
];

/// The name of a maintainer in GitLab 10 and older.
const MASTER: &str = "Master";

pub(super) fn rows(event: &Event, member: &Member) -> Rows {
    let mut rows = Rows::default();
    let Some(user_id) = member.user_id.get() else { return rows };
    let change = change(member);
    rows.as_of = match (event.origin, change) {
        (Origin::Api, Change::Requested) => member.requested_at.get(),
        (Origin::Api, _) => Some(event.received_at),
        (Origin::Webhook | Origin::HookLog, _) => member.updated_at.get().or(member.created_at.get()),
    };
    let version = Version::told(rows.as_of, change as u8, event.received_at);
    membership(event, member, user_id, change, version, &mut rows);

    let existence = Existence::as_of(rows.as_of);
    let version = Version::new(rows.as_of.unwrap_or(event.received_at), 0, event.received_at);
    if event.project_id > 0 && member.project_path_with_namespace.value().is_some() {
        let snapshot = Project {
            name: member.project_name.clone(),
            path_with_namespace: member.project_path_with_namespace.clone(),
            project_visibility: member.project_visibility.clone(),
            ..Project::default()
        };
        project::add(event, event.project_id, &snapshot, &existence, version, &mut rows);
    }
    if event.project_id == 0 && member.group_name.value().is_some() {
        let snapshot = Group { name: member.group_name.clone(), ..Group::default() };
        group::add(event, event.group_id(), &snapshot, &existence, version, &mut rows);
    }
    let snapshot = User {
        username: member.user_username.clone(),
        name: member.user_name.clone(),
        state: member.user_state.clone(),
        ..User::default()
    };
    user::add(event, user_id, &snapshot, &existence, version, &mut rows);
    rows
}

fn change(member: &Member) -> Change {
    match member.event_name.text() {
        "user_access_request_to_group" | "user_access_request_to_project" => Change::Requested,
        "user_update_for_group" | "user_update_for_team" => Change::Updated,
        "user_remove_from_group" | "user_remove_from_team" => Change::Removed,
        "user_access_request_denied_for_group"
        | "user_access_request_denied_for_project"
        | "user_access_request_revoked_for_group"
        | "user_access_request_revoked_for_project" => Change::Refused,
        _ if member.requested_at.get().is_some() => Change::Requested,
        _ => Change::Added,
    }
}

fn membership(
    event: &Event,
    member: &Member,
    user_id: u64,
    change: Change,
    version: Version,
    rows: &mut Rows,
) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let (access_level, access) = match change {
        // A requested level is not held.
        Change::Requested | Change::Refused => (Field::Null, Field::Null),
        Change::Added | Change::Updated | Change::Removed => {
            access(member.access_level.clone().or(member.group_access.clone()))
        }
    };
    rows.members.push(MemberRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        group_id: if event.project_id > 0 { 0 } else { event.group_id() },
        user_id,
        username: columns.value(&member.user_username),
        access_level: columns.value(&access_level),
        access: columns.value(&access),
        requested: columns.value(&Field::Value(change == Change::Requested)),
        expires_at: columns.date(&member.expires_at),
        created_at: columns.time(&member.created_at),
        updated_at: columns.time(&member.updated_at),
        deleted_at: deleted_at(event, member, change, &mut columns),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    });
    rows.unreadable += columns.unreadable;
}

/// When it ended. A removal carries the time of the membership's last change, which may be long before the API listed it. So the API's statement
/// that it exists counts from when it began.
fn deleted_at(event: &Event, member: &Member, change: Change, columns: &mut Columns) -> Versioned<i64> {
    let milliseconds = |time: DateTime<Utc>| Field::Value(time.timestamp_millis());
    match (change, event.origin) {
        (Change::Removed | Change::Refused, _) => {
            let updated_at = member.updated_at.get().filter(|at| is_believed(*at, event.received_at));
            columns.value(&milliseconds(updated_at.unwrap_or(event.received_at)))
        }
        (_, Origin::Api) => match member.created_at.get() {
            Some(created_at) => {
                let began = Version::new(created_at, change as u8, event.received_at);
                columns.value_at(began, &Field::Null)
            }
            None => Columns::absent(),
        },
        (_, Origin::Webhook | Origin::HookLog) => columns.value(&Field::Null),
    }
}

/// The level and its name. A webhook has the name, the API the level. An instance may define its own roles, whose level a webhook does not give.
fn access(field: Field<String>) -> (Field<u8>, Field<String>) {
    let Field::Value(text) = field else {
        let level = field.as_ref().map(|_| 0);
        // One unreadable field is counted once.
        return (level, if matches!(field, Field::Unreadable) { Field::Absent } else { field });
    };
    let text = if text.eq_ignore_ascii_case(MASTER) { "Maintainer" } else { text.as_str() };
    let number = text.parse::<u8>().ok();
    let known = LEVELS.iter().find(|(level, name)| number == Some(*level) || name.eq_ignore_ascii_case(text));
    match (known, number) {
        (Some((level, name)), _) => (Field::Value(*level), Field::Value((*name).to_owned())),
        (None, Some(level)) => (Field::Value(level), Field::Null),
        (None, None) => (Field::Null, Field::Value(text.to_owned())),
    }
}
