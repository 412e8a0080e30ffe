//! Rows of a token. In: an event that it expires soon, or the token from the API. Out: a row about the token. No body contains the token itself.

use clickhouse::Row;
use schemas::event::access_token::{AccessToken, Attributes};
use schemas::field::Field;
use serde::Serialize;

use super::version::{Column, Columns, Version, Versioned, VersionedList};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `token_expiry_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct TokenExpiryRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) group_id: u64,
    pub(super) token_type: &'static str,
    pub(super) id: u64,
    pub(super) project_path: Versioned<String>,
    pub(super) group_path: Versioned<String>,
    pub(super) name: Versioned<String>,
    pub(super) user_id: Versioned<u64>,
    pub(super) username: Versioned<String>,
    pub(super) scopes: VersionedList<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) expires_at: Versioned<i64>,
    pub(super) last_used_at: Versioned<i64>,
    pub(super) revoked: Versioned<bool>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, token: &AccessToken) -> Rows {
    let Some(attributes) = token.object_attributes.get() else {
        return Rows::default();
    };
    let Some(id) = attributes.id.get() else {
        return Rows::default();
    };
    // A token has no `updated_at`: a fact counts from its receipt.
    let version = Version::new(event.received_at, rank(attributes), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let scopes = attributes
        .scopes
        .as_ref()
        .map(|scopes| scopes.iter().filter_map(|scope| scope.value().cloned()).collect());
    let row = TokenExpiryRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        group_id: group_of(&event.subject),
        token_type: token_type(event, attributes),
        id,
        project_path: columns.text(&event.project_path),
        group_path: columns.value(&token.group.field(|group| &group.full_path)),
        name: columns.value(&attributes.name),
        user_id: columns.value(&attributes.user_id),
        username: columns.value(&attributes.username),
        scopes: columns.sorted(scopes),
        created_at: columns.immutable_time(&attributes.created_at),
        expires_at: columns.planned_time(&attributes.expires_at),
        last_used_at: columns.time(&attributes.last_used_at),
        // A revocation is final: true is the greater value, whenever it was received.
        revoked: columns.value_at(Version::EXACT, &attributes.revoked),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { token_expiries: vec![row], unreadable: columns.unreadable, ..Rows::default() }
}

/// Both types of token have their own sequence of ids. A webhook names the type; among the API's objects, only deploy tokens say whether they have
/// expired.
fn token_type(event: &Event, attributes: &Attributes) -> &'static str {
    if event.name.ends_with("deploy_token") || attributes.expired != Field::Absent {
        "deploy_token"
    } else {
        "access_token"
    }
}

/// The group in `group/5/access_token/9498`, 0 if the token does not belong to a group.
fn group_of(subject: &str) -> u64 {
    let id = subject.strip_prefix("group/").and_then(|rest| rest.split('/').next());
    id.and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// A revoked token outranks another observation of the same second.
fn rank(attributes: &Attributes) -> u8 {
    u8::from(attributes.revoked.get() == Some(true))
}
