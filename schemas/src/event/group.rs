//! Group events of system hooks, subgroup events of group hooks, and the group inside other events
//! (<https://docs.gitlab.com/administration/system_hooks/>,
//! <https://docs.gitlab.com/user/project/integrations/webhook_events/#subgroup-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::Field;

/// A group. An event of the group itself has its fields at the top level.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Group {
    /// `group_create`, `group_destroy`, `group_rename`, `subgroup_create` or `subgroup_destroy`.
    #[serde(default)]
    pub event_name: Field<String>,
    #[serde(default)]
    pub group_id: Field<u64>,
    #[serde(default)]
    pub name: Field<String>,
    /// Full path, as `group/subgroup`. The `path` beside it is only the last segment, and all that GitLab 13 and older send.
    #[serde(default)]
    pub full_path: Field<String>,
    /// Full path before a rename.
    #[serde(default)]
    pub old_full_path: Field<String>,
    /// The parent group; only in subgroup events and from the API.
    #[serde(default)]
    pub parent_group_id: Field<u64>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// `private`, `internal` or `public`; API only.
    #[serde(skip)]
    pub visibility: Field<String>,
    /// API only.
    #[serde(skip)]
    pub url: Field<String>,
}
