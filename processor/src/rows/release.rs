//! Rows of a release. In: one of its events, or the release from the API. Out: a row about the release.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::event::release::Release;
use schemas::field::Field;
use serde::Serialize;

use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `release_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct ReleaseRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) tag: String,
    pub(super) project_path: Versioned<String>,
    pub(super) id: Versioned<u64>,
    pub(super) name: Versioned<String>,
    pub(super) description: Versioned<String>,
    pub(super) commit_sha: Versioned<String>,
    pub(super) author_id: Versioned<u64>,
    pub(super) author_username: Versioned<String>,
    pub(super) assets_count: Versioned<u64>,
    pub(super) links_count: Versioned<u64>,
    pub(super) url: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) released_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, release: &Release) -> Rows {
    let action = release.action.text();
    let as_of = as_of(release).map(|as_of| as_of.min(event.received_at));
    let version = Version::new(as_of.unwrap_or(event.received_at), rank(action), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let links = release.assets.field(|assets| &assets.links);
    let deleted_at = match action {
        "delete" => Field::Value(event.received_at),
        _ => Field::Null,
    };
    let row = ReleaseRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        tag: release.tag.text().to_owned(),
        project_path: columns.text(&event.project_path),
        id: columns.value(&release.id),
        name: columns.value(&release.name),
        description: columns.value(&release.description),
        commit_sha: columns.value(&release.commit.field(|commit| &commit.id)),
        author_id: columns.value(&release.author.field(|author| &author.id)),
        author_username: columns.value(&release.author.field(|author| &author.username)),
        assets_count: columns.value(&release.assets.field(|assets| &assets.count)),
        links_count: columns.value(&links.map(|links| links.len() as u64)),
        url: columns.value(&release.url),
        created_at: columns.immutable_time(&release.created_at),
        released_at: columns.planned_time(&release.released_at),
        deleted_at: columns.time(&deleted_at),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { releases: vec![row], as_of, unreadable: columns.unreadable, ..Rows::default() }
}

/// A release has no `updated_at`. Only its creation has a time; anything else counts from its receipt.
fn as_of(release: &Release) -> Option<DateTime<Utc>> {
    match release.action.text() {
        "create" => release.created_at.get(),
        _ => None,
    }
}

/// The order of actions within one second: later ones outrank the others. The API describes the present, like an update.
fn rank(action: &str) -> u8 {
    match action {
        "delete" => 2,
        "create" => 0,
        _ => 1,
    }
}
