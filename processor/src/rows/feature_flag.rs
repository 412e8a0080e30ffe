//! Rows of a feature flag. In: an event of the flag. Out: one delivery of a switch. The view `feature_flag_events`, which knows all deliveries,
//! decides which of them are the same switch.

use clickhouse::Row;
use schemas::event::feature_flag::FeatureFlag;
use schemas::field::Field;
use serde::Serialize;
use uuid::Uuid;

use super::Rows;
use super::people::actor;
use crate::decode::Event;

/// A row of `feature_flag_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct FeatureFlagEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) flag: String,
    pub(super) active: bool,
    pub(super) actor: String,
    #[serde(with = "clickhouse::serde::uuid")]
    pub(super) event_id: Uuid,
    pub(super) project_path: Option<String>,
    pub(super) flag_id: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) actor_id: Option<u64>,
    pub(super) actor_username: Option<String>,
    pub(super) tenant: String,
    pub(super) origin: String,
    pub(super) received_at: i64,
}

pub(super) fn rows(event: &Event, flag: &FeatureFlag) -> Rows {
    let Some(attributes) = flag.object_attributes.get() else {
        return Rows::default();
    };
    let Some(active) = attributes.active.get() else {
        return Rows::default();
    };
    let actor_id = flag.user.field(|user| &user.id);
    let row = FeatureFlagEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        flag: match attributes.id.get() {
            Some(id) => id.to_string(),
            None => attributes.name.text().to_owned(),
        },
        active,
        actor: actor(flag.user.get()),
        event_id: event.id,
        project_path: Some(event.project_path.clone()).filter(|path| !path.is_empty()),
        flag_id: attributes.id.get(),
        name: attributes.name.value().cloned(),
        description: attributes.description.value().cloned(),
        actor_id: actor_id.get(),
        actor_username: flag.user.field(|user| &user.username).value().cloned(),
        tenant: event.tenant.clone(),
        origin: event.origin.as_str().to_owned(),
        received_at: event.received_at.timestamp_millis(),
    };
    let unreadable =
        [&attributes.id, &actor_id].iter().filter(|field| matches!(field, Field::Unreadable)).count() as u64;
    Rows { feature_flag_events: vec![row], unreadable, ..Rows::default() }
}
