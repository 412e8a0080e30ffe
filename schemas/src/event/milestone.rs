//! Milestone Hook, GitLab 18.2 and later
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#milestone-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Group;
use crate::field::{Embedded, Field};

/// The payload of a milestone event. It does not name an actor.
#[derive(Debug, Default, Deserialize)]
pub struct Milestone {
    /// `create`, `close`, `reopen` or `delete`. A change of title or dates sends no event.
    #[serde(default)]
    pub action: Field<String>,
    /// Set for a milestone of a group, instead of `project`.
    #[serde(default)]
    pub group: Embedded<Group>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a milestone event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project or group.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Null for a milestone of a project.
    #[serde(default)]
    pub group_id: Field<u64>,
    #[serde(default)]
    pub title: Field<String>,
    /// `active` or `closed`.
    #[serde(default)]
    pub state: Field<String>,
    /// First day.
    #[serde(default)]
    pub start_date: Field<DateTime<Utc>>,
    /// Last day.
    #[serde(default)]
    pub due_date: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub url: Field<String>,
    /// Where the documentation has the action. GitLab sends it beside `object_attributes`.
    #[serde(default)]
    pub action: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A deletion does not change it.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
}
