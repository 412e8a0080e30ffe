//! Resource Access Token Hook, and Resource Deploy Token Hook (GitLab 18.4 and later): a token will expire soon
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#project-and-group-access-token-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Group;
use crate::field::{Embedded, Field, list, person};

/// The payload of a token event. The token belongs to a project or a group, never to a person.
#[derive(Debug, Default, Deserialize)]
pub struct AccessToken {
    /// Set for a token of a group, instead of `project`.
    #[serde(default)]
    pub group: Embedded<Group>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a token event, or a token as listed by the API.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    #[serde(default)]
    pub id: Field<u64>,
    #[serde(default)]
    pub name: Field<String>,
    /// The bot that an access token acts as; deploy tokens have none.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// User name to log in with; only for deploy tokens of the API.
    #[serde(default)]
    pub username: Field<String>,
    /// API only.
    #[serde(default, deserialize_with = "list")]
    pub scopes: Field<Vec<Field<String>>>,
    /// Not sent by the API for deploy tokens.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A day for access tokens, a time for deploy tokens.
    #[serde(default)]
    pub expires_at: Field<DateTime<Utc>>,
    /// Newer versions.
    #[serde(default)]
    pub last_used_at: Field<DateTime<Utc>>,
    /// Absent from events of access tokens.
    #[serde(default)]
    pub revoked: Field<bool>,
    /// Only for deploy tokens of the API.
    #[serde(default)]
    pub expired: Field<bool>,
}
