//! User events of system hooks, and the actor inside every other event (<https://docs.gitlab.com/administration/system_hooks/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::{Field, person};

/// A user. `email` is left out: GitLab redacts it unless it is public, so it identifies nobody.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct User {
    /// `user_create`, `user_destroy`, `user_rename` or `user_failed_login`; `key_create` and `key_destroy` identify the user only by user name.
    #[serde(default)]
    pub event_name: Field<String>,
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name, as in `@name`.
    #[serde(default)]
    pub username: Field<String>,
    /// User name before a rename. It is also the old path of the user's own projects.
    #[serde(default)]
    pub old_username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub name: Field<String>,
    /// `active`, `blocked`, `ldap_blocked`, ...; only from failed log-ins and the API.
    #[serde(default)]
    pub state: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub bot: Field<bool>,
}
