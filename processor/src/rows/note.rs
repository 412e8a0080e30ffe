//! Rows of a note. In: one of its events, or the note from the API. Out: a row about the note.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::event::User;
use schemas::event::note::{Attributes, Note};
use schemas::field::Field;
use schemas::head::is_public_noteable;
use serde::Serialize;

use super::issue::confidential;
use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows, timeline};
use crate::decode::Event;

/// GitLab's name for a design that a note is on.
const DESIGN: &str = "DesignManagement::Design";

/// A row of `note_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct NoteRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) noteable_type: Versioned<String>,
    pub(super) noteable_id: Versioned<u64>,
    pub(super) noteable_iid: Versioned<u64>,
    pub(super) commit_sha: Versioned<String>,
    pub(super) project_path: Versioned<String>,
    pub(super) discussion_id: Versioned<String>,
    #[serde(rename = "type")]
    pub(super) note_type: Versioned<String>,
    pub(super) body: Versioned<String>,
    pub(super) position_path: Versioned<String>,
    pub(super) position_line: Versioned<u64>,
    pub(super) system: Versioned<bool>,
    pub(super) internal: Versioned<bool>,
    pub(super) confidential: Versioned<bool>,
    pub(super) author_id: Versioned<u64>,
    pub(super) author_username: Versioned<String>,
    pub(super) resolvable: Versioned<bool>,
    pub(super) resolved: Versioned<bool>,
    pub(super) resolved_at: Versioned<i64>,
    pub(super) resolved_by_id: Versioned<u64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, note: &Note) -> Rows {
    let mut rows = Rows::default();
    let Some(attributes) = note.object_attributes.get() else {
        return rows;
    };
    let Some(id) = attributes.id.get() else {
        return rows;
    };
    rows.as_of = as_of(attributes);
    let version = Version::told(rows.as_of, 0, event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let noteable_iid = note
        .merge_request
        .field(|noteable| &noteable.iid)
        .or(note.issue.field(|noteable| &noteable.iid))
        .or(note.work_item.field(|noteable| &noteable.iid))
        .or(attributes.noteable_iid.clone());
    let resolvable = resolvable(attributes);
    let row = NoteRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        noteable_type: columns.value(&attributes.noteable_type),
        noteable_id: columns.value(&attributes.noteable_id),
        noteable_iid: columns.value(&noteable_iid),
        commit_sha: columns.value(&attributes.commit_id),
        project_path: columns.text(&event.project_path),
        discussion_id: columns.value(&attributes.discussion_id),
        note_type: columns.value(&attributes.note_type),
        body: columns.value(&attributes.note),
        position_path: columns.value(&position_path(attributes)),
        position_line: columns.value(&attributes.position.field(|position| &position.new_line)),
        system: columns.value(&attributes.system),
        internal: columns.value(&attributes.internal),
        confidential: columns.value(&withheld(note, attributes)),
        author_id: columns.value(&attributes.author_id),
        author_username: columns.value(&author_username(note, attributes)),
        resolved: columns.value(&resolved(attributes, &resolvable)),
        resolvable: columns.value(&resolvable),
        resolved_at: columns.time(&attributes.resolved_at),
        resolved_by_id: columns.value(&attributes.resolved_by_id),
        url: columns.value(&attributes.url),
        created_at: columns.immutable_time(&attributes.created_at),
        updated_at: columns.time(&attributes.updated_at),
        // Whoever reports it says that it exists.
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    rows.notes.push(row);
    // What only members may see does not appear among the events of a merge request.
    let is_withheld = withheld(note, attributes).get() == Some(true);
    if let (Some(iid), "MergeRequest", false) =
        (noteable_iid.get(), attributes.noteable_type.text(), is_withheld)
    {
        let (id, username) = (attributes.author_id.clone(), author_username(note, attributes));
        let author = User { id, username, ..User::default() };
        rows.merge_request_events.extend(timeline::of_note(event, attributes, iid, &author));
    }
    rows.unreadable += columns.unreadable;
    rows
}

fn as_of(attributes: &Attributes) -> Option<DateTime<Utc>> {
    attributes.updated_at.get().or(attributes.created_at.get())
}

/// Whether only members of the project may see it, because of itself or its issue. The API only speaks of the note itself: a note that is not
/// internal may be on a confidential issue.
fn withheld(note: &Note, attributes: &Attributes) -> Field<bool> {
    let noteable = note
        .issue
        .field(|noteable| &noteable.confidential)
        .or(note.work_item.field(|noteable| &noteable.confidential));
    // The issue of a design is unknown.
    let is_public = is_public_noteable(attributes.noteable_type.text());
    match (&attributes.internal, &noteable, &note.event_type) {
        (Field::Value(true), _, _) | (_, Field::Value(true), _) => Field::Value(true),
        (_, _, _) if !is_public => Field::Value(true),
        // Without an event type, neither field says that there is nothing to withhold.
        (_, _, Field::Value(_)) => confidential(&Field::Value(false), &note.event_type),
        (_, _, _) => Field::Absent,
    }
}

/// Path of the file that it is about; for a deleted file, the old path.
fn position_path(attributes: &Attributes) -> Field<String> {
    let position = &attributes.position;
    match position.field(|position| &position.new_path) {
        Field::Null => position.field(|position| &position.old_path),
        path => path,
    }
}

/// User name of the author. A webhook names the actor, who for an edit can be somebody else.
fn author_username(note: &Note, attributes: &Attributes) -> Field<String> {
    let created = attributes.action.text() == "create";
    match note.user.get() {
        Some(user) if user.id.get().map_or(created, |id| Some(id) == attributes.author_id.get()) => {
            user.username.clone()
        }
        Some(_) | None => attributes.author_username.clone(),
    }
}

/// Whether its thread can be resolved. Webhooks do not say; for threads of issues it depends on GitLab's version.
fn resolvable(attributes: &Attributes) -> Field<bool> {
    let thread = matches!(attributes.note_type.text(), "DiffNote" | "DiscussionNote");
    let system = attributes.system.get() == Some(true);
    let derived = match (&attributes.note_type, attributes.noteable_type.text()) {
        (Field::Absent | Field::Unreadable, _) => Field::Absent,
        (_, "MergeRequest" | DESIGN) => Field::Value(thread && !system),
        (_, "Issue" | "WorkItem") if thread && !system => Field::Absent,
        (_, _) => Field::Value(false),
    };
    attributes.resolvable.clone().or(derived)
}

/// Whether it is resolved; null if it cannot be.
fn resolved(attributes: &Attributes, resolvable: &Field<bool>) -> Field<bool> {
    let derived = match (&attributes.resolved_at, resolvable.get()) {
        (Field::Value(_), _) => Field::Value(true),
        (Field::Null, Some(true)) => Field::Value(false),
        (_, _) => Field::Absent,
    };
    attributes.resolved.clone().or(derived)
}

#[cfg(test)]
mod tests;
