//! Issue Hook, for issues and other work items: incidents, tasks, epics and the rest
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#work-item-events>).
//! `object_kind` does not say which: an incident can come as `work_item` when it is opened and as `issue` when it is closed.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use super::merge_request::Label;
use crate::field::{Embedded, Field, list, person};

/// The payload of an issue event.
#[derive(Debug, Default, Deserialize)]
pub struct Issue {
    /// `issue` or `work_item`, both also with the prefix `confidential_`.
    #[serde(default)]
    pub event_type: Field<String>,
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    /// Absent if there are none.
    #[serde(default, deserialize_with = "list")]
    pub assignees: Field<Vec<Embedded<User>>>,
    #[serde(default)]
    pub changes: Embedded<Changes>,
}

/// `object_attributes` of an issue event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// Unique in the instance.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project, or within the group for an epic.
    #[serde(default)]
    pub iid: Field<u64>,
    /// `Issue`, `Incident`, `Test Case`, `Requirement`, `Task`, `Epic`, `Objective`, `Key Result`, `Ticket`; lower case in the API.
    #[serde(default, rename = "type")]
    pub item_type: Field<String>,
    #[serde(default)]
    pub title: Field<String>,
    /// `opened` or `closed`; `reopened` before GitLab 9.
    #[serde(default)]
    pub state: Field<String>,
    /// 1 for opened, 2 for closed; some versions send only this.
    #[serde(default)]
    pub state_id: Field<u64>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub confidential: Field<bool>,
    #[serde(default, deserialize_with = "person")]
    pub author_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub author_username: Field<String>,
    /// The only assignee in old versions.
    #[serde(default, deserialize_with = "person")]
    pub assignee_id: Field<u64>,
    #[serde(default, deserialize_with = "list")]
    pub assignee_ids: Field<Vec<Field<u64>>>,
    /// The same as the top-level `labels`.
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    #[serde(default)]
    pub milestone_id: Field<u64>,
    /// Premium.
    #[serde(default)]
    pub weight: Field<u64>,
    /// `unknown`, `low`, `medium`, `high` or `critical`; upper case in the API.
    #[serde(default)]
    pub severity: Field<String>,
    /// `triggered`, `acknowledged`, `resolved` or `ignored`; only for incidents.
    #[serde(default)]
    pub escalation_status: Field<String>,
    /// `on_track`, `needs_attention` or `at_risk`; Ultimate.
    #[serde(default)]
    pub health_status: Field<String>,
    /// Finer than `state`.
    #[serde(default)]
    pub status: Embedded<Status>,
    #[serde(default)]
    pub due_date: Field<DateTime<Utc>>,
    #[serde(default)]
    pub start_date: Field<DateTime<Utc>>,
    /// Estimated time, in seconds.
    #[serde(default)]
    pub time_estimate: Field<u64>,
    /// Time spent, in seconds.
    #[serde(default)]
    pub total_time_spent: Field<u64>,
    /// The issue in another project that it was moved to.
    #[serde(default)]
    pub moved_to_id: Field<u64>,
    /// The issue that it duplicates; webhooks only.
    #[serde(default)]
    pub duplicated_to_id: Field<u64>,
    #[serde(default)]
    pub url: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// Absent before GitLab 10.
    #[serde(default)]
    pub closed_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub closed_by_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub closed_by_username: Field<String>,
    /// `open`, `close`, `reopen`, `update`; absent if GitLab made the change itself. Closing by setting a status is an `update`.
    #[serde(default)]
    pub action: Field<String>,
}

/// A status of a work item.
#[derive(Debug, Default, Deserialize)]
pub struct Status {
    /// Groups choose the name.
    #[serde(default)]
    pub name: Field<String>,
    /// `triage`, `to_do`, `in_progress`, `done` or `canceled`.
    #[serde(default)]
    pub category: Field<String>,
}

/// The part of `changes` that shows a closing without the action `close`.
#[derive(Debug, Default, Deserialize)]
pub struct Changes {
    /// Before and after.
    #[serde(default)]
    pub state_id: Embedded<Change>,
}

/// A value before and after.
#[derive(Debug, Default, Deserialize)]
pub struct Change {
    #[serde(default)]
    pub previous: Field<u64>,
    #[serde(default)]
    pub current: Field<u64>,
}
