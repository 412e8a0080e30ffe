//! Users as the API lists them (<https://docs.gitlab.com/api/users/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::user::User;
use crate::field::Field;

/// A user of a list, or alone. Only administrators see when a user of a list was created.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    username: Field<String>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    state: Field<String>,
    #[serde(default)]
    bot: Field<bool>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
}

impl From<Listed> for User {
    fn from(listed: Listed) -> Self {
        User {
            user_id: listed.id,
            username: listed.username,
            name: listed.name,
            state: listed.state,
            created_at: listed.created_at,
            bot: listed.bot,
            ..User::default()
        }
    }
}
