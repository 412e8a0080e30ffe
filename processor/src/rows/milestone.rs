//! Rows of a milestone. In: one of its events, or the milestone from the API. Out: a row about the milestone.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::event::milestone::{Attributes, Milestone};
use schemas::field::Field;
use serde::Serialize;

use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `milestone_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct MilestoneRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) project_path: Versioned<String>,
    pub(super) group_id: Versioned<u64>,
    pub(super) group_path: Versioned<String>,
    pub(super) iid: Versioned<u64>,
    pub(super) title: Versioned<String>,
    pub(super) state: Versioned<String>,
    pub(super) start_date: Versioned<i32>,
    pub(super) due_date: Versioned<i32>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, milestone: &Milestone) -> Rows {
    let Some(attributes) = milestone.object_attributes.get() else {
        return Rows::default();
    };
    let Some(id) = attributes.id.get() else {
        return Rows::default();
    };
    let deleted = milestone.action.clone().or(attributes.action.clone()).text() == "delete";
    let as_of = as_of(attributes);
    let rank = if deleted { DELETED } else { rank(attributes.state.text()) };
    let version = Version::told(as_of, rank, event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let deleted_at = if deleted { Field::Value(event.received_at) } else { Field::Null };
    // A project's listing can include milestones of its groups, which do not belong to the project.
    let project_id = if attributes.group_id.get().is_some() { 0 } else { event.project_id };
    let row = MilestoneRow {
        instance: event.instance.clone(),
        project_id,
        id,
        project_path: columns.text(&event.project_path),
        group_id: columns.value(&attributes.group_id),
        group_path: columns.value(&milestone.group.field(|group| &group.full_path)),
        iid: columns.value(&attributes.iid),
        title: columns.value(&attributes.title),
        state: columns.value(&attributes.state),
        start_date: columns.date(&attributes.start_date),
        due_date: columns.date(&attributes.due_date),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        updated_at: columns.time(&attributes.updated_at),
        deleted_at: columns.time(&deleted_at),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { milestones: vec![row], as_of, unreadable: columns.unreadable, ..Rows::default() }
}

fn as_of(attributes: &Attributes) -> Option<DateTime<Utc>> {
    attributes.updated_at.get().or(attributes.created_at.get())
}

/// A deletion has the `updated_at` of the change before it.
const DELETED: u8 = 3;

/// The order of states within one second.
fn rank(state: &str) -> u8 {
    match state {
        "closed" => 2,
        "active" => 1,
        _ => 0,
    }
}
