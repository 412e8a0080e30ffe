//! Rows of renamed groups and users. In: the event of a rename. Out: the old and new path, valid for everything below since then. Never rows of the
//! projects and groups below: GitLab does not list them.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::field::Field;
use schemas::time::{clamp_to_receipt, whole_seconds};
use serde::Serialize;

use super::Rows;
use crate::decode::Event;

/// A row of `namespace_rename_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct NamespaceRenameRow {
    pub(super) instance: String,
    pub(super) second: i64,
    pub(super) old_path: String,
    pub(super) new_path: String,
    pub(super) first_received_at: i64,
}

/// Adds a rename from `old` to `new`. Without a time it is ignored: it would rename what was created later.
pub(super) fn add(
    event: &Event,
    old: &Field<String>,
    new: &Field<String>,
    at: &Field<DateTime<Utc>>,
    rows: &mut Rows,
) {
    let (old, new) = (old.text(), new.text());
    let Some(at) = at.get().filter(|_| !old.is_empty() && !new.is_empty() && old != new) else { return };
    rows.namespace_renames.push(NamespaceRenameRow {
        instance: event.instance.clone(),
        second: whole_seconds(clamp_to_receipt(at, event.received_at)),
        old_path: old.to_owned(),
        new_path: new.to_owned(),
        first_received_at: event.received_at.timestamp_millis(),
    });
}
