//! Events of a project about its merge requests and issues (<https://docs.gitlab.com/api/events/>): who opened, closed, merged or approved one, and
//! when. GitLab keeps them for three years. They do not report unapprovals. Push events are in [`super::push`]; the event of a comment contains the
//! note.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::field::{Embedded, Field, person};

/// An event about a merge request or an issue.
#[derive(Debug, Default, Deserialize)]
pub struct ProjectEvent {
    /// GitLab's word for the action: see [`ProjectEvent::happened`].
    #[serde(default)]
    pub action_name: Field<String>,
    /// GitLab id of the merge request or issue.
    #[serde(default)]
    pub target_id: Field<u64>,
    /// Number of the merge request or issue within its project.
    #[serde(default)]
    pub target_iid: Field<u64>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default, deserialize_with = "person")]
    author_id: Field<u64>,
    #[serde(default)]
    author_username: Field<String>,
    /// When a worker of GitLab recorded it, moments after it happened.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
}

/// The action of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// Opened or reopened: GitLab has one word for both.
    Opened,
    /// Reopened. No version is known to say so.
    Reopened,
    Closed,
    Merged,
    Approved,
}

impl ProjectEvent {
    /// The action, from the words of `Event#action_name` (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/models/event.rb>). `accepted`
    /// means merged, and actions without their own word, such as reopening, are `opened`. `None` for actions without a table of ours.
    pub fn happened(&self) -> Option<Happened> {
        match self.action_name.text() {
            "opened" => Some(Happened::Opened),
            "reopened" => Some(Happened::Reopened),
            "closed" => Some(Happened::Closed),
            "accepted" | "merged" => Some(Happened::Merged),
            "approved" => Some(Happened::Approved),
            _ => None,
        }
    }

    pub fn actor(&self) -> User {
        User {
            id: self.author.field(|user| &user.id).or(self.author_id.clone()),
            username: self.author.field(|user| &user.username).or(self.author_username.clone()),
            name: self.author.field(|user| &user.name),
            ..User::default()
        }
    }
}
