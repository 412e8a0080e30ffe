//! Rows of a group. In: its own event, an object of the API, or the group inside another event. Out: a row about the group.

use clickhouse::Row;
use schemas::Origin;
use schemas::event::group::Group;
use serde::Serialize;

use super::existence::Existence;
use super::merged::merge_columns;
use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows, namespace_rename};
use crate::decode::Event;

/// A row of `group_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct GroupRow {
    pub(super) instance: String,
    pub(super) group_id: u64,
    pub(super) path: Versioned<String>,
    pub(super) name: Versioned<String>,
    pub(super) parent_id: Versioned<u64>,
    pub(super) visibility: Versioned<String>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

merge_columns! {
    GroupRow by group_id,
    path name parent_id visibility url created_at updated_at deleted_at last_event_id
}

pub(super) fn rows(event: &Event, group: &Group) -> Rows {
    let mut rows = Rows {
        as_of: match event.origin {
            // A listing is true when it is read, and has no other time.
            Origin::Api => Some(event.received_at),
            Origin::Webhook | Origin::HookLog => group.updated_at.get().or(group.created_at.get()),
        },
        ..Rows::default()
    };
    let as_of = rows.as_of.unwrap_or(event.received_at);
    let version = Version::new(as_of, rank(group.event_name.text()), event.received_at);
    let existence = match group.event_name.text() {
        "group_destroy" | "subgroup_destroy" => Existence::Gone(group.updated_at.clone()),
        // A body without a time may be a repetition from much later.
        _ => Existence::as_of(rows.as_of),
    };
    add(event, event.group_id(), group, &existence, version, &mut rows);
    if group.event_name.text() == "group_rename" {
        namespace_rename::add(event, &group.old_full_path, &group.full_path, &group.updated_at, &mut rows);
    }
    rows
}

/// The order of events of one second: later ones in a group's life outrank the others.
fn rank(event_name: &str) -> u8 {
    match event_name {
        "group_create" | "subgroup_create" => 1,
        "group_rename" => 2,
        "group_destroy" | "subgroup_destroy" => 3,
        _ => 0,
    }
}

/// Adds the information of a body about a group.
pub(super) fn add(
    event: &Event,
    group_id: u64,
    group: &Group,
    existence: &Existence,
    version: Version,
    rows: &mut Rows,
) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    rows.groups.add(GroupRow {
        instance: event.instance.clone(),
        group_id,
        path: columns.value(&group.full_path),
        name: columns.value(&group.name),
        parent_id: columns.value(&group.parent_group_id),
        visibility: columns.value(&group.visibility),
        url: columns.value(&group.url),
        created_at: columns.immutable_time(&group.created_at),
        updated_at: columns.time(&group.updated_at),
        deleted_at: existence.deleted_at(event, &mut columns),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    });
    rows.unreadable += columns.unreadable;
}
