//! Rows of the renaming of a group or a user. In: the event of it. Out: that what is below the one path is below the other since. Never a row of
//! what is below: GitLab does not say what that is.

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

/// Adds that `old` was renamed to `new`. A body without a time says nothing: a renaming of nobody knows when would rename what came after it.
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
