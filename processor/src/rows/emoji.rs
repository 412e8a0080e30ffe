//! Rows of an emoji. In: an award, a revocation, or an award from the API. Out: what happened.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::event::emoji::{Attributes, Emoji};
use schemas::field::Field;
use serde::Serialize;

use super::version::{Columns, Version, Versioned};
use super::{Provenance, Rows};
use crate::decode::Event;

/// A row of `emoji_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct EmojiEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) event_type: String,
    pub(super) occurred_at: Versioned<i64>,
    pub(super) project_path: Option<String>,
    pub(super) name: Option<String>,
    pub(super) awardable_type: Option<String>,
    pub(super) awardable_id: Option<u64>,
    pub(super) awardable_iid: Option<u64>,
    pub(super) noteable_type: Option<String>,
    pub(super) noteable_id: Option<u64>,
    pub(super) noteable_iid: Option<u64>,
    pub(super) awarded_on_url: Option<String>,
    pub(super) user_id: Option<u64>,
    pub(super) user_username: Option<String>,
    pub(super) confidential: Option<bool>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, emoji: &Emoji) -> Rows {
    let Some(attributes) = emoji.object_attributes.get() else {
        return Rows::default();
    };
    let Some(id) = attributes.id.get() else {
        return Rows::default();
    };
    let event_type = emoji.event_type().text().to_owned();
    let occurred_at = occurred_at(&event_type, attributes);
    let noteable_type = emoji.note.field(|note| &note.noteable_type);
    let mut columns = Columns::at(Version::EXACT, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = EmojiEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        occurred_at: columns.immutable_time(&occurred_at),
        event_type,
        project_path: Some(event.project_path.clone()).filter(|path| !path.is_empty()),
        name: plain(&mut columns, &attributes.name),
        awardable_type: plain(&mut columns, &attributes.awardable_type),
        awardable_id: plain(&mut columns, &attributes.awardable_id),
        awardable_iid: plain(&mut columns, &iid(emoji, attributes.awardable_type.text())),
        noteable_type: plain(&mut columns, &noteable_type),
        noteable_id: plain(&mut columns, &emoji.note.field(|note| &note.noteable_id)),
        noteable_iid: plain(&mut columns, &iid(emoji, noteable_type.text())),
        awarded_on_url: plain(&mut columns, &attributes.awarded_on_url),
        user_id: plain(&mut columns, &attributes.user_id.clone().or(emoji.user.field(|user| &user.id))),
        user_username: plain(&mut columns, &emoji.user.field(|user| &user.username)),
        // A webhook includes the thing that it is on; the API only names it.
        confidential: (event.origin != Origin::Api).then_some(event.confidential),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows {
        emoji_events: vec![row],
        as_of: occurred_at.get(),
        unreadable: columns.unreadable,
        ..Rows::default()
    }
}

/// When it happened, if GitLab says it. GitLab destroys a revoked award without a date, unless something changed `updated_at`. Otherwise the view
/// uses the first receipt.
fn occurred_at(event_type: &str, attributes: &Attributes) -> Field<DateTime<Utc>> {
    match (event_type, attributes.created_at.get(), attributes.updated_at.get()) {
        ("award", _, _) => attributes.created_at.clone(),
        (_, Some(created_at), Some(updated_at)) if updated_at > created_at => Field::Value(updated_at),
        (_, _, _) => Field::Absent,
    }
}

/// The number of the thing that the emoji, or its comment, is on.
fn iid(emoji: &Emoji, stands_on: &str) -> Field<u64> {
    match stands_on {
        "Issue" | "WorkItem" => {
            emoji.work_item.field(|issue| &issue.iid).or(emoji.issue.field(|issue| &issue.iid))
        }
        "MergeRequest" => emoji.merge_request.field(|merge_request| &merge_request.iid),
        _ => Field::Absent,
    }
}

/// A column without a version: an award never changes.
fn plain<T: Clone>(columns: &mut Columns, field: &Field<T>) -> Option<T> {
    columns.value(field).value
}
