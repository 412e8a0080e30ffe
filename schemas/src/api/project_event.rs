//! Events of a project about its merge requests and issues (<https://docs.gitlab.com/api/events/>): who opened, closed, merged or approved one,
//! and when. GitLab keeps them for three years. They say no unapproval. Those of pushes are in [`super::push`]; a comment's own event holds the
//! note.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::field::{Embedded, Field, person};

/// An event of the list that is about a merge request or an issue.
#[derive(Debug, Default, Deserialize)]
pub struct ProjectEvent {
    /// GitLab's words for it: see [`ProjectEvent::happened`].
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
    /// When GitLab wrote it down: moments after it happened, for a worker does.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
}

/// What an event says that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It was opened, or opened again: GitLab has one word for both.
    Opened,
    /// It was opened again. No version is known to say so.
    Reopened,
    /// It was closed.
    Closed,
    /// It was merged.
    Merged,
    /// Somebody approved it.
    Approved,
}

impl ProjectEvent {
    /// What happened, by the words of `Event#action_name` (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/models/event.rb>), where
    /// `accepted` is merged, and whatever has no word of its own, as reopening, is `opened`. `None` for what no table of ours has.
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

    /// Who did it.
    pub fn actor(&self) -> User {
        User {
            id: self.author.field(|user| &user.id).or(self.author_id.clone()),
            username: self.author.field(|user| &user.username).or(self.author_username.clone()),
            name: self.author.field(|user| &user.name),
            ..User::default()
        }
    }
}
