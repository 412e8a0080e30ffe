//! Resource state events: who closed, reopened or merged something, and when (<https://docs.gitlab.com/api/resource_state_events/>). They go back
//! to GitLab 13.2.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::field::{Embedded, Field};

/// A change of state of an issue or a merge request.
#[derive(Debug, Default, Deserialize)]
pub struct StateEvent {
    /// `Issue` or `MergeRequest`.
    #[serde(default)]
    pub resource_type: Field<String>,
    /// GitLab id of the issue or merge request, not its number.
    #[serde(default)]
    pub resource_id: Field<u64>,
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// The new state: `opened`, `closed`, `reopened`, `merged`.
    #[serde(default)]
    pub state: Field<String>,
}
