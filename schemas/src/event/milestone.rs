//! Milestone Hook, GitLab 18.2 and later
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#milestone-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Group;
use crate::field::{Embedded, Field};

/// The payload of a milestone event. It does not say who did it.
#[derive(Debug, Default, Deserialize)]
pub struct Milestone {
    /// `create`, `close`, `reopen` or `delete`. A change of title or dates sends no event.
    #[serde(default)]
    pub action: Field<String>,
    /// The group, for a milestone of a group; it stands where that of a project has `project`.
    #[serde(default)]
    pub group: Embedded<Group>,
    /// The milestone.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a milestone event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project or group.
    #[serde(default)]
    pub iid: Field<u64>,
    /// The group; null for a milestone of a project.
    #[serde(default)]
    pub group_id: Field<u64>,
    /// Title.
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
    /// Page of the milestone; the API alone.
    #[serde(skip)]
    pub url: Field<String>,
    /// Where the documentation places the action that is sent beside `object_attributes`.
    #[serde(default)]
    pub action: Field<String>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last. A deletion does not move it.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
}
