//! Milestones as listed by the API: of a project (<https://docs.gitlab.com/api/milestones/>) and of a group
//! (<https://docs.gitlab.com/api/group_milestones/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::milestone::{Attributes, Milestone};
use crate::field::{Embedded, Field};

/// A milestone.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    iid: Field<u64>,
    #[serde(default)]
    group_id: Field<u64>,
    #[serde(default)]
    title: Field<String>,
    #[serde(default)]
    state: Field<String>,
    #[serde(default)]
    start_date: Field<DateTime<Utc>>,
    #[serde(default)]
    due_date: Field<DateTime<Utc>>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Milestone {
    fn from(listed: Listed) -> Self {
        let attributes = Attributes {
            id: listed.id,
            iid: listed.iid,
            group_id: listed.group_id,
            title: listed.title,
            state: listed.state,
            start_date: listed.start_date,
            due_date: listed.due_date,
            url: listed.web_url,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            ..Attributes::default()
        };
        Milestone { object_attributes: Embedded::from(attributes), ..Milestone::default() }
    }
}
