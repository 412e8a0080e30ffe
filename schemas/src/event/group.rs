//! Group events of system hooks, subgroup events of group hooks
//! (<https://docs.gitlab.com/administration/system_hooks/>,
//! <https://docs.gitlab.com/user/project/integrations/webhook_events/#subgroup-events>), and the group inside other events.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::Field;

/// A group. An event of the group itself has its fields at the top level.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Group {
    /// `group_create`, `group_destroy`, `group_rename`, `subgroup_create` or `subgroup_destroy`.
    #[serde(default)]
    pub event_name: Field<String>,
    /// GitLab id.
    #[serde(default)]
    pub group_id: Field<u64>,
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// Path, as `group/subgroup`. The `path` beside it is its last segment; GitLab 13 and older send nothing else.
    #[serde(default)]
    pub full_path: Field<String>,
    /// Full path before a renaming.
    #[serde(default)]
    pub old_full_path: Field<String>,
    /// The group it is in; subgroup events and the API.
    #[serde(default)]
    pub parent_group_id: Field<u64>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last. A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// `private`, `internal` or `public`; the API alone.
    #[serde(skip)]
    pub visibility: Field<String>,
    /// Page of the group; the API alone.
    #[serde(skip)]
    pub url: Field<String>,
}
