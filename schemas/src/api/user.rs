//! Users as listed by the API (<https://docs.gitlab.com/api/users/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::user::User;
use crate::field::Field;

/// A user. In a list, only administrators see when a user was created.
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
