//! Members of projects and groups as listed by the API (<https://docs.gitlab.com/api/members/>), and access requests
//! (<https://docs.gitlab.com/api/access_requests/>). Only the subject says which project or group it is.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::member::Member;
use crate::field::Field;

/// A member or an access request: the user and the fields of the membership. `created_at` belongs to the membership, but in an access request to
/// the user.
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
    access_level: Field<String>,
    #[serde(default)]
    expires_at: Field<DateTime<Utc>>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    requested_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Member {
    fn from(listed: Listed) -> Self {
        let created_at = match listed.requested_at {
            Field::Value(_) => listed.requested_at.clone(),
            Field::Absent | Field::Null | Field::Unreadable => listed.created_at,
        };
        Member {
            access_level: listed.access_level,
            user_id: listed.id,
            user_username: listed.username,
            user_name: listed.name,
            user_state: listed.state,
            expires_at: listed.expires_at,
            created_at,
            requested_at: listed.requested_at,
            ..Member::default()
        }
    }
}
