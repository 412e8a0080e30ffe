//! Project events of system hooks and group hooks, and the project inside every other event
//! (<https://docs.gitlab.com/administration/system_hooks/>,
//! <https://docs.gitlab.com/user/project/integrations/webhook_events/#project-events>).

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
    #[serde(default)]
    pub project_id: Field<u64>,
    #[serde(default)]
    pub name: Field<String>,
    /// Path, as `group/subgroup/project`.
    #[serde(default)]
    pub path_with_namespace: Field<String>,
    /// Its namespace, a group or a user's own; not the namespace that GitLab keeps for the project itself.
    #[serde(default)]
    pub project_namespace_id: Field<u64>,
    /// `private`, or `visibilitylevel|private` in events about members.
    #[serde(default)]
    pub project_visibility: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// Only from other events and the API.
    #[serde(skip)]
    pub default_branch: Field<String>,
    /// Only from other events and the API.
    #[serde(skip)]
    pub url: Field<String>,
    /// API only.
    #[serde(skip)]
    pub archived: Field<bool>,
    /// API only.
    #[serde(skip)]
    pub last_activity_at: Field<DateTime<Utc>>,
    /// Its group; API only.
    #[serde(skip)]
    pub group: Embedded<Group>,
}
