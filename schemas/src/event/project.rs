//! Project events of system hooks and group hooks
//! (<https://docs.gitlab.com/administration/system_hooks/>,
//! <https://docs.gitlab.com/user/project/integrations/webhook_events/#project-events>), and the project inside every other event.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::group::Group;
use crate::field::{Embedded, Field};

/// A project. An event of the project itself has its fields at the top level.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Project {
    /// `project_create`, `project_destroy`, `project_rename`, `project_transfer` or `project_update`.
    #[serde(default)]
    pub event_name: Field<String>,
    /// GitLab id.
    #[serde(default)]
    pub project_id: Field<u64>,
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// Path, as `group/subgroup/project`.
    #[serde(default)]
    pub path_with_namespace: Field<String>,
    /// The namespace it is in, which is a group or a user's own; not the namespace that GitLab keeps for the project itself.
    #[serde(default)]
    pub project_namespace_id: Field<u64>,
    /// `private`, or `visibilitylevel|private` as members' events wrote it.
    #[serde(default)]
    pub project_visibility: Field<String>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last. A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// Default branch; inside other events and from the API.
    #[serde(skip)]
    pub default_branch: Field<String>,
    /// Page of the project; inside other events and from the API.
    #[serde(skip)]
    pub url: Field<String>,
    /// Whether it is archived; the API alone.
    #[serde(skip)]
    pub archived: Field<bool>,
    /// When somebody last did something in it; the API alone.
    #[serde(skip)]
    pub last_activity_at: Field<DateTime<Utc>>,
    /// The group it is in; the API alone.
    #[serde(skip)]
    pub group: Embedded<Group>,
}
