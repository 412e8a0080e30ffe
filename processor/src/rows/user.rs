//! Rows of a user. In: their own event, an object of the API, or the actor of another event. Out: a row about the user.

use clickhouse::Row;
use schemas::Origin;
use schemas::event::user::User;
use serde::Serialize;

use super::existence::Existence;
use super::merged::merge_columns;
use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows, namespace_rename};
use crate::decode::Event;

/// A row of `user_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct UserRow {
    pub(super) instance: String,
    pub(super) user_id: u64,
    pub(super) username: Versioned<String>,
    pub(super) name: Versioned<String>,
    pub(super) state: Versioned<String>,
    pub(super) is_bot: Versioned<bool>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

merge_columns! {
    UserRow by user_id,
    username name state is_bot created_at updated_at deleted_at last_event_id
}

pub(super) fn rows(event: &Event, user: &User) -> Rows {
    let mut rows = Rows {
        as_of: match event.origin {
            // A listing is true when it is read, and has no other time.
            Origin::Api => Some(event.received_at),
            Origin::Webhook | Origin::HookLog => user.updated_at.get().or(user.created_at.get()),
        },
        ..Rows::default()
    };
    let Some(user_id) = user.user_id.get() else { return rows };
    let as_of = rows.as_of.unwrap_or(event.received_at);
    let version = Version::new(as_of, rank(user.event_name.text()), event.received_at);
    let existence = match user.event_name.text() {
        "user_destroy" => Existence::Gone(user.updated_at.clone()),
        // A body without a time may be a repetition from much later.
        _ => Existence::as_of(rows.as_of),
    };
    add(event, user_id, user, &existence, version, &mut rows);
    if user.event_name.text() == "user_rename" {
        namespace_rename::add(event, &user.old_username, &user.username, &user.updated_at, &mut rows);
    }
    rows
}

/// The order of events of one second: later ones in a user's life outrank the others.
fn rank(event_name: &str) -> u8 {
    match event_name {
        "user_create" => 1,
        "user_rename" | "user_failed_login" => 2,
        "user_destroy" => 3,
        _ => 0,
    }
}

/// Adds the information of a body about a user.
pub(super) fn add(
    event: &Event,
    user_id: u64,
    user: &User,
    existence: &Existence,
    version: Version,
    rows: &mut Rows,
) {
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    rows.users.add(UserRow {
        instance: event.instance.clone(),
        user_id,
        username: columns.value(&user.username),
        name: columns.value(&user.name),
        state: columns.value(&user.state),
        is_bot: columns.value(&user.bot),
        created_at: columns.immutable_time(&user.created_at),
        updated_at: columns.time(&user.updated_at),
        deleted_at: existence.deleted_at(event, &mut columns),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    });
    rows.unreadable += columns.unreadable;
}
