//! Groups as listed by the API (<https://docs.gitlab.com/api/groups/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::group::Group;
use crate::field::Field;

/// A group.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    full_path: Field<String>,
    #[serde(default)]
    parent_id: Field<u64>,
    #[serde(default)]
    visibility: Field<String>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Group {
    fn from(listed: Listed) -> Self {
        Group {
            group_id: listed.id,
            name: listed.name,
            full_path: listed.full_path,
            parent_group_id: listed.parent_id,
            created_at: listed.created_at,
            visibility: listed.visibility,
            url: listed.web_url,
            ..Group::default()
        }
    }
}
