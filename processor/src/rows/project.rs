//! Rows of a project. In: its own event, an object of the API, or the project inside another event. Out: rows about the project and its group.

use clickhouse::Row;
use schemas::Origin;
use schemas::event::project::Project;
use schemas::field::Field;
use serde::Serialize;

use super::existence::Existence;
use super::merged::merge_columns;
use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows, group};
use crate::decode::Event;

/// A row of `project_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct ProjectRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) path: Versioned<String>,
    pub(super) name: Versioned<String>,
    pub(super) namespace_id: Versioned<u64>,
    pub(super) visibility: Versioned<String>,
    pub(super) default_branch: Versioned<String>,
    pub(super) url: Versioned<String>,
    pub(super) archived: Versioned<bool>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) last_activity_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

merge_columns! {
    ProjectRow by project_id,
    path name namespace_id visibility default_branch url archived created_at updated_at last_activity_at
    deleted_at last_event_id
}

pub(super) fn rows(event: &Event, project: &Project) -> Rows {
    let mut rows = Rows {
        as_of: match event.origin {
            // A listing is true when it is read: a path changes with its group, which changes no time of the project.
            Origin::Api => Some(event.received_at),
            Origin::Webhook | Origin::HookLog => project.updated_at.get().or(project.created_at.get()),
        },
        ..Rows::default()
    };
    let as_of = rows.as_of.unwrap_or(event.received_at);
    let version = Version::new(as_of, rank(project.event_name.text()), event.received_at);
    let existence = match project.event_name.text() {
        "project_destroy" => Existence::Gone(project.updated_at.clone()),
        // A body without a time may be a repetition from much later.
        _ => Existence::as_of(rows.as_of),
    };
    add(event, event.project_id, project, &existence, version, &mut rows);
    if let Some((group, id)) = project.group.get().and_then(|group| Some((group, group.group_id.get()?))) {
        group::add(event, id, group, &Existence::There, version, &mut rows);
    }
    rows
}

/// The order of events of one second: later ones in a project's life outrank the others.
fn rank(event_name: &str) -> u8 {
    match event_name {
        "project_create" => 1,
        "project_update" => 2,
        "project_rename" | "project_transfer" => 3,
        "project_destroy" => 4,
        _ => 0,
    }
}

/// Adds the information of a body about a project.
pub(super) fn add(
    event: &Event,
    project_id: u64,
    project: &Project,
    existence: &Existence,
    version: Version,
    rows: &mut Rows,
) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    rows.projects.add(ProjectRow {
        instance: event.instance.clone(),
        project_id,
        path: columns.value(&project.path_with_namespace),
        name: columns.value(&project.name),
        namespace_id: columns.value(&project.project_namespace_id),
        visibility: columns.value(&visibility(&project.project_visibility)),
        default_branch: columns.value(&project.default_branch),
        url: columns.value(&project.url),
        archived: columns.value(&project.archived),
        created_at: columns.immutable_time(&project.created_at),
        updated_at: columns.time(&project.updated_at),
        last_activity_at: columns.time(&project.last_activity_at),
        deleted_at: existence.deleted_at(event, &mut columns),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    });
    rows.unreadable += columns.unreadable;
}

/// The name of a visibility. GitLab writes the name, the name after a bar, or the level.
pub(super) fn visibility(field: &Field<String>) -> Field<String> {
    let Field::Value(text) = field else { return field.clone() };
    let name = match text.rsplit('|').next().unwrap_or_default() {
        "0" => "private",
        "10" => "internal",
        "20" => "public",
        name if name.bytes().all(|byte| byte.is_ascii_digit()) => return Field::Unreadable,
        name => name,
    };
    Field::Value(name.to_owned())
}
