//! Member events of group hooks and system hooks
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#group-member-events>,
//! <https://docs.gitlab.com/administration/system_hooks/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::{Field, person};

/// A user's membership of a project or a group, or a request for one.
#[derive(Debug, Default, Deserialize)]
pub struct Member {
    /// Only set by `gitlab_subscription_member_approval` and `gitlab_subscription_member_approvals`. They ask for a paid seat and are no
    /// memberships.
    #[serde(default)]
    pub object_kind: Field<String>,
    /// For groups: `user_add_to_group`, `user_update_for_group`, `user_remove_from_group`, `user_access_request_to_group`,
    /// `user_access_request_denied_for_group` (group hooks), `user_access_request_revoked_for_group` (system hooks). For projects the same with
    /// `team` for `group`, and with `project` in requests.
    #[serde(default)]
    pub event_name: Field<String>,
    #[serde(default)]
    pub group_id: Field<u64>,
    /// Name of the group. The `group_path` beside it is only the last segment.
    #[serde(default)]
    pub group_name: Field<String>,
    /// Role in the group, as `Developer`; an instance may define its own roles.
    #[serde(default)]
    pub group_access: Field<String>,
    #[serde(default)]
    pub project_name: Field<String>,
    #[serde(default)]
    pub project_path_with_namespace: Field<String>,
    /// `private`, or `visibilitylevel|private`.
    #[serde(default)]
    pub project_visibility: Field<String>,
    /// Role in the project, as `Developer`; the API writes a number, for projects and groups.
    #[serde(default)]
    pub access_level: Field<String>,
    /// The member.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    #[serde(default)]
    pub user_username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub user_name: Field<String>,
    /// When the membership ends: midnight in a webhook, a date in the API.
    #[serde(default)]
    pub expires_at: Field<DateTime<Utc>>,
    /// When the membership or the request for it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A removal has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When access was requested, until somebody answers; API only.
    #[serde(skip)]
    pub requested_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub user_state: Field<String>,
}
