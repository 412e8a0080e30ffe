//! Member events of group hooks and system hooks
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#group-member-events>,
//! <https://docs.gitlab.com/administration/system_hooks/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::{Field, person};

/// A user's membership of a project or a group, or a request for one.
#[derive(Debug, Default, Deserialize)]
pub struct Member {
    /// Only `gitlab_subscription_member_approval` and `gitlab_subscription_member_approvals` have it: they ask for a paid seat, and
    /// tell of no membership.
    #[serde(default)]
    pub object_kind: Field<String>,
    /// `user_add_to_group`, `user_update_for_group`, `user_remove_from_group`, `user_access_request_to_group`,
    /// `user_access_request_denied_for_group` (group hooks), `user_access_request_revoked_for_group` (system hooks); for projects
    /// the same with `team`, and with `project` for requests.
    #[serde(default)]
    pub event_name: Field<String>,
    /// The group, for its members.
    #[serde(default)]
    pub group_id: Field<u64>,
    /// Name of the group. The `group_path` beside it is its last segment.
    #[serde(default)]
    pub group_name: Field<String>,
    /// Role in the group, as `Developer`; an instance may name roles of its own.
    #[serde(default)]
    pub group_access: Field<String>,
    /// Name of the project, for its members.
    #[serde(default)]
    pub project_name: Field<String>,
    /// Path of the project.
    #[serde(default)]
    pub project_path_with_namespace: Field<String>,
    /// `private`, or `visibilitylevel|private`.
    #[serde(default)]
    pub project_visibility: Field<String>,
    /// Role in the project, as `Developer`; the API writes a number for both.
    #[serde(default)]
    pub access_level: Field<String>,
    /// Who the member is.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name.
    #[serde(default)]
    pub user_username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub user_name: Field<String>,
    /// When the membership ends. A webhook writes midnight, the API a date.
    #[serde(default)]
    pub expires_at: Field<DateTime<Utc>>,
    /// When the membership, or the request for it, began.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last. A removal has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When it was asked for, while nobody has answered; the API alone.
    #[serde(skip)]
    pub requested_at: Field<DateTime<Utc>>,
    /// State of the user; the API alone.
    #[serde(skip)]
    pub user_state: Field<String>,
}
