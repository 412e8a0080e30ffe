//! Emoji reactions as listed by the API (<https://docs.gitlab.com/api/emoji_reactions/>). Revoked ones are not listed.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::emoji::{Attributes, Emoji};
use crate::field::{Embedded, Field};

/// An emoji reaction.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    awardable_type: Field<String>,
    #[serde(default)]
    awardable_id: Field<u64>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Emoji {
    fn from(listed: Listed) -> Self {
        let attributes = Attributes {
            id: listed.id,
            name: listed.name,
            user_id: listed.user.field(|user| &user.id),
            awardable_type: listed.awardable_type,
            awardable_id: listed.awardable_id,
            created_at: listed.created_at,
            ..Attributes::default()
        };
        Emoji {
            event_type: Field::Value("award".to_owned()),
            user: listed.user,
            object_attributes: Embedded::from(attributes),
            ..Emoji::default()
        }
    }
}
