//! Resource Access Token Hook, and Resource Deploy Token Hook of GitLab 18.4 and later: a token expires soon
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#project-and-group-access-token-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Group;
use crate::field::{Embedded, Field, list, person};

/// The payload of a token event. It is about a token of a project or of a group, never of a person.
#[derive(Debug, Default, Deserialize)]
pub struct AccessToken {
    /// The group, for a token of a group; it stands where that of a project has `project`.
    #[serde(default)]
    pub group: Embedded<Group>,
    /// The token.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a token event, or a token as the API lists it.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// The bot that an access token acts as; deploy tokens have none.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name to log in with; only deploy tokens of the API have one.
    #[serde(default)]
    pub username: Field<String>,
    /// What it may do; the API alone.
    #[serde(default, deserialize_with = "list")]
    pub scopes: Field<Vec<Field<String>>>,
    /// When it was created; the API does not say it of deploy tokens.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it expires: a day for access tokens, a time for deploy tokens.
    #[serde(default)]
    pub expires_at: Field<DateTime<Utc>>,
    /// When it was used last; newer versions.
    #[serde(default)]
    pub last_used_at: Field<DateTime<Utc>>,
    /// Whether it was revoked; absent from events of access tokens.
    #[serde(default)]
    pub revoked: Field<bool>,
    /// Whether it has expired; only deploy tokens of the API say so.
    #[serde(default)]
    pub expired: Field<bool>,
}
