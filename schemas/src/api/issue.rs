//! Issues as listed by the API (<https://docs.gitlab.com/api/issues/>), and the epics of a group (<https://docs.gitlab.com/api/epics/>), which are
//! work items under another name.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{LabelShape, Milestone, TimeStats};
use crate::event::User;
use crate::event::issue::{Attributes, Issue};
use crate::field::{Embedded, Field, list};

/// An issue or an epic.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    /// Only for an epic, since GitLab 18.4: the id that webhooks send. Epics have their own sequence of `id`.
    #[serde(default)]
    work_item_id: Field<u64>,
    /// Only for an epic.
    #[serde(default)]
    group_id: Field<u64>,
    #[serde(default)]
    iid: Field<u64>,
    #[serde(default)]
    issue_type: Field<String>,
    #[serde(default, rename = "type")]
    item_type: Field<String>,
    #[serde(default)]
    title: Field<String>,
    #[serde(default)]
    state: Field<String>,
    #[serde(default)]
    confidential: Field<bool>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default, deserialize_with = "list")]
    assignees: Field<Vec<Embedded<User>>>,
    #[serde(default)]
    assignee: Embedded<User>,
    #[serde(default, deserialize_with = "list")]
    labels: Field<Vec<LabelShape>>,
    #[serde(default)]
    milestone: Embedded<Milestone>,
    #[serde(default)]
    weight: Field<u64>,
    #[serde(default)]
    severity: Field<String>,
    #[serde(default)]
    health_status: Field<String>,
    #[serde(default)]
    due_date: Field<DateTime<Utc>>,
    #[serde(default)]
    start_date: Field<DateTime<Utc>>,
    #[serde(default)]
    time_stats: Embedded<TimeStats>,
    #[serde(default)]
    moved_to_id: Field<u64>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
    #[serde(default)]
    closed_at: Field<DateTime<Utc>>,
    #[serde(default)]
    closed_by: Embedded<User>,
}

impl Listed {
    /// The name of the field with the work item's id.
    pub fn identity(&self) -> &'static str {
        if self.is_epic() { "work_item_id" } else { "id" }
    }

    fn is_epic(&self) -> bool {
        self.group_id != Field::Absent || self.work_item_id != Field::Absent
    }
}

impl From<Listed> for Issue {
    fn from(listed: Listed) -> Self {
        let epic = listed.is_epic();
        let labels = listed.labels.map(|labels| labels.into_iter().map(Embedded::from).collect());
        let attributes = Attributes {
            id: if epic { listed.work_item_id } else { listed.id },
            iid: listed.iid,
            item_type: if epic {
                Field::Value("epic".to_owned())
            } else {
                listed.issue_type.or(listed.item_type)
            },
            title: listed.title,
            state: listed.state,
            confidential: listed.confidential,
            author_id: listed.author.field(|user| &user.id),
            author_username: listed.author.field(|user| &user.username),
            // The only assignee before GitLab 9.
            assignee_id: listed.assignee.field(|user| &user.id),
            milestone_id: listed.milestone.field(|milestone| &milestone.id),
            weight: listed.weight,
            severity: listed.severity,
            health_status: listed.health_status,
            due_date: listed.due_date,
            start_date: listed.start_date,
            time_estimate: listed.time_stats.field(|stats| &stats.time_estimate),
            total_time_spent: listed.time_stats.field(|stats| &stats.total_time_spent),
            moved_to_id: listed.moved_to_id,
            // The page of an epic has two addresses; webhooks send this one.
            url: if epic {
                listed.web_url.map(|url| url.replacen("/-/epics/", "/-/work_items/", 1))
            } else {
                listed.web_url
            },
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            closed_at: listed.closed_at,
            closed_by_id: listed.closed_by.field(|user| &user.id),
            closed_by_username: listed.closed_by.field(|user| &user.username),
            ..Attributes::default()
        };
        Issue {
            object_attributes: Embedded::from(attributes),
            labels,
            assignees: listed.assignees,
            ..Issue::default()
        }
    }
}
