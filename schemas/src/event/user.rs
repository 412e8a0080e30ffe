//! User events of system hooks (<https://docs.gitlab.com/administration/system_hooks/>), and the actor inside every other event.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::field::{Field, person};

/// A user. `email` is left out: GitLab redacts it unless it is public, so it identifies nobody.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct User {
    /// `user_create`, `user_destroy`, `user_rename` or `user_failed_login`; `key_create` and `key_destroy` name nobody but by user name.
    #[serde(default)]
    pub event_name: Field<String>,
    /// GitLab id.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name, as in `@name`.
    #[serde(default)]
    pub username: Field<String>,
    /// User name before a renaming, which is the path of the user's own projects as well.
    #[serde(default)]
    pub old_username: Field<String>,
    /// Display name.
    #[serde(default)]
    pub name: Field<String>,
    /// `active`, `blocked`, `ldap_blocked`, ...; a failed log-in and the API.
    #[serde(default)]
    pub state: Field<String>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last. A deletion has no time of its own.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// Whether it is a bot; the API alone.
    #[serde(skip)]
    pub bot: Field<bool>,
}
