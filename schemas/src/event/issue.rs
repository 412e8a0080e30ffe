//! Issue Hook, which also tells of work items: incidents, tasks, epics and the rest
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#work-item-events>).
//! `object_kind` is no help: an incident can come as `work_item` when it is opened and as `issue` when it is closed.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use super::merge_request::Label;
use crate::field::{Embedded, Field, list, person};

/// The payload of an issue event.
#[derive(Debug, Default, Deserialize)]
pub struct Issue {
    /// `issue`, `work_item`, or either after `confidential_`.
    #[serde(default)]
    pub event_type: Field<String>,
    /// Who did it.
    #[serde(default)]
    pub user: Embedded<User>,
    /// The issue.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    /// Its labels.
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    /// Its assignees; absent where there are none.
    #[serde(default, deserialize_with = "list")]
    pub assignees: Field<Vec<Embedded<User>>>,
    /// What the event changed.
    #[serde(default)]
    pub changes: Embedded<Changes>,
}

/// `object_attributes` of an issue event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id, unique in the instance.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project, or within the group for an epic.
    #[serde(default)]
    pub iid: Field<u64>,
    /// `Issue`, `Incident`, `Test Case`, `Requirement`, `Task`, `Epic`, `Objective`, `Key Result`, `Ticket`; in the API in lower case.
    #[serde(default, rename = "type")]
    pub item_type: Field<String>,
    /// Title.
    #[serde(default)]
    pub title: Field<String>,
    /// `opened` or `closed`; `reopened` before GitLab 9.
    #[serde(default)]
    pub state: Field<String>,
    /// 1 for opened, 2 for closed; some versions say nothing else.
    #[serde(default)]
    pub state_id: Field<u64>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub confidential: Field<bool>,
    /// Who opened it.
    #[serde(default, deserialize_with = "person")]
    pub author_id: Field<u64>,
    /// User name of who opened it; the API alone.
    #[serde(skip)]
    pub author_username: Field<String>,
    /// The only assignee that old versions know.
    #[serde(default, deserialize_with = "person")]
    pub assignee_id: Field<u64>,
    /// Assignees.
    #[serde(default, deserialize_with = "list")]
    pub assignee_ids: Field<Vec<Field<u64>>>,
    /// Labels, again.
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    /// Milestone.
    #[serde(default)]
    pub milestone_id: Field<u64>,
    /// Weight; Premium.
    #[serde(default)]
    pub weight: Field<u64>,
    /// `unknown`, `low`, `medium`, `high` or `critical`; in the API in upper case.
    #[serde(default)]
    pub severity: Field<String>,
    /// `triggered`, `acknowledged`, `resolved` or `ignored`; incidents alone.
    #[serde(default)]
    pub escalation_status: Field<String>,
    /// `on_track`, `needs_attention` or `at_risk`; Ultimate.
    #[serde(default)]
    pub health_status: Field<String>,
    /// Its status, which is finer than its state.
    #[serde(default)]
    pub status: Embedded<Status>,
    /// When it is due.
    #[serde(default)]
    pub due_date: Field<DateTime<Utc>>,
    /// When work on it is to start.
    #[serde(default)]
    pub start_date: Field<DateTime<Utc>>,
    /// Estimated time, in seconds.
    #[serde(default)]
    pub time_estimate: Field<u64>,
    /// Time spent, in seconds.
    #[serde(default)]
    pub total_time_spent: Field<u64>,
    /// The issue of another project that it became.
    #[serde(default)]
    pub moved_to_id: Field<u64>,
    /// The issue that it was closed as a duplicate of; webhooks alone.
    #[serde(default)]
    pub duplicated_to_id: Field<u64>,
    /// Page of the issue.
    #[serde(default)]
    pub url: Field<String>,
    /// When it was opened.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When it was closed; absent before GitLab 10.
    #[serde(default)]
    pub closed_at: Field<DateTime<Utc>>,
    /// Who closed it; the API alone.
    #[serde(skip)]
    pub closed_by_id: Field<u64>,
    /// User name of who closed it; the API alone.
    #[serde(skip)]
    pub closed_by_username: Field<String>,
    /// `open`, `close`, `reopen`, `update`; absent where GitLab changed something by itself. Closing by setting a status is an `update`.
    #[serde(default)]
    pub action: Field<String>,
}

/// A status of a work item.
#[derive(Debug, Default, Deserialize)]
pub struct Status {
    /// Its name, which groups choose.
    #[serde(default)]
    pub name: Field<String>,
    /// `triage`, `to_do`, `in_progress`, `done` or `canceled`.
    #[serde(default)]
    pub category: Field<String>,
}

/// The part of `changes` that tells of a closing without `close`.
#[derive(Debug, Default, Deserialize)]
pub struct Changes {
    /// The state before and after.
    #[serde(default)]
    pub state_id: Embedded<Change>,
}

/// One value before and after.
#[derive(Debug, Default, Deserialize)]
pub struct Change {
    /// Before.
    #[serde(default)]
    pub previous: Field<u64>,
    /// After.
    #[serde(default)]
    pub current: Field<u64>,
}
