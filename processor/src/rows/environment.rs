//! Rows of an environment. In: the environment from the API. Out: a row about it. Webhooks name environments without ids, which cannot identify a
//! row; their information is in the rows of deployments and jobs.

use clickhouse::Row;
use schemas::api::deployment::Environment;
use schemas::field::Field;
use serde::Serialize;

use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `environment_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct EnvironmentRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) name: Versioned<String>,
    pub(super) slug: Versioned<String>,
    pub(super) external_url: Versioned<String>,
    pub(super) tier: Versioned<String>,
    pub(super) state: Versioned<String>,
    pub(super) auto_stop_at: Versioned<i64>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, environment: &Environment) -> Rows {
    let Some(id) = environment.id.get() else {
        return Rows::default();
    };
    let as_of = environment.updated_at.get().or(environment.created_at.get());
    // The API has milliseconds, and a stopped environment may be started again: no state outranks another.
    let version = Version::told(as_of, 0, event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = EnvironmentRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        name: columns.value(&environment.name),
        slug: columns.value(&environment.slug),
        external_url: columns.value(&environment.external_url),
        tier: columns.value(&environment.tier),
        state: columns.value(&environment.state),
        auto_stop_at: columns.planned_time(&environment.auto_stop_at),
        created_at: columns.immutable_time(&environment.created_at),
        updated_at: columns.time(&environment.updated_at),
        // Whoever lists it says that it exists.
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { environments: vec![row], as_of, unreadable: columns.unreadable, ..Rows::default() }
}
