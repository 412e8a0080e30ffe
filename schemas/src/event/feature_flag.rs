//! Feature Flag Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#feature-flag-events>).

use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field};

/// The payload of a feature flag event: a flag was switched. It has no time.
#[derive(Debug, Default, Deserialize)]
pub struct FeatureFlag {
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a feature flag event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    #[serde(default)]
    pub id: Field<u64>,
    /// Name, unique in the project; it starts with a letter.
    #[serde(default)]
    pub name: Field<String>,
    #[serde(default)]
    pub description: Field<String>,
    #[serde(default)]
    pub active: Field<bool>,
}
