//! Resource state events: who closed, reopened or merged something, and when
//! (<https://docs.gitlab.com/api/resource_state_events/>). They exist for what happened since GitLab 13.2.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::field::{Embedded, Field};

/// One change of state of an issue or a merge request.
#[derive(Debug, Default, Deserialize)]
pub struct StateEvent {
    /// `Issue` or `MergeRequest`.
    #[serde(default)]
    pub resource_type: Field<String>,
    /// GitLab id of it, which is not its number.
    #[serde(default)]
    pub resource_id: Field<u64>,
    /// Who did it.
    #[serde(default)]
    pub user: Embedded<User>,
    /// When it happened.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// The state it went to: `opened`, `closed`, `reopened`, `merged`.
    #[serde(default)]
    pub state: Field<String>,
}
