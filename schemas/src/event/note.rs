//! Note Hook: a comment on a merge request, an issue, a commit, a snippet or a design
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#comment-events>).
//! GitLab sends no hook for system notes, for deletions, nor for the resolving of a thread.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field, person};

/// The payload of a note event.
#[derive(Debug, Default, Deserialize)]
pub struct Note {
    /// `note`, or `confidential_note` for an internal note and any on a confidential issue.
    #[serde(default)]
    pub event_type: Field<String>,
    /// Who did it: of an edit, whoever edited.
    #[serde(default)]
    pub user: Embedded<User>,
    /// The note.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    /// What it is on, where that is a merge request.
    #[serde(default)]
    pub merge_request: Embedded<Noteable>,
    /// What it is on, where that is an issue.
    #[serde(default)]
    pub issue: Embedded<Noteable>,
    /// The name of `issue` where newer versions tell of a work item.
    #[serde(default)]
    pub work_item: Embedded<Noteable>,
}

/// `object_attributes` of a note event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id, unique in the instance.
    #[serde(default)]
    pub id: Field<u64>,
    /// `MergeRequest`, `Issue`, `Commit`, `Snippet`, `DesignManagement::Design`, ...
    #[serde(default)]
    pub noteable_type: Field<String>,
    /// GitLab id of what it is on; null for commits.
    #[serde(default)]
    pub noteable_id: Field<u64>,
    /// Number of what it is on within the project; the API alone, webhooks have the thing itself.
    #[serde(skip)]
    pub noteable_iid: Field<u64>,
    /// SHA of the commit that it is on.
    #[serde(default)]
    pub commit_id: Field<String>,
    /// The thread that it belongs to; webhooks alone.
    #[serde(default)]
    pub discussion_id: Field<String>,
    /// `DiffNote`, `DiscussionNote`, or null for a comment that is no thread.
    #[serde(default, rename = "type")]
    pub note_type: Field<String>,
    /// Its text.
    #[serde(default)]
    pub note: Field<String>,
    /// Whether GitLab wrote it, as a record of what somebody did.
    #[serde(default)]
    pub system: Field<bool>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub internal: Field<bool>,
    /// Who wrote it.
    #[serde(default, deserialize_with = "person")]
    pub author_id: Field<u64>,
    /// User name of who wrote it; the API alone.
    #[serde(skip)]
    pub author_username: Field<String>,
    /// Whether it is of a thread that can be resolved; the API alone.
    #[serde(skip)]
    pub resolvable: Field<bool>,
    /// Whether it is resolved; the API alone.
    #[serde(skip)]
    pub resolved: Field<bool>,
    /// When it was resolved.
    #[serde(default)]
    pub resolved_at: Field<DateTime<Utc>>,
    /// Who resolved it.
    #[serde(default, deserialize_with = "person")]
    pub resolved_by_id: Field<u64>,
    /// Where it is shown; webhooks alone, and null on a design.
    #[serde(default)]
    pub url: Field<String>,
    /// Where in a diff it stands.
    #[serde(default)]
    pub position: Embedded<Position>,
    /// When it was written.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it changed last.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// `create` or `update`; GitLab 16.11 and later.
    #[serde(default)]
    pub action: Field<String>,
}

/// Where in a diff a note stands, as of the head that it was written for last.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Position {
    /// Path of the file; null where it was deleted.
    #[serde(default)]
    pub new_path: Field<String>,
    /// Path of the file before.
    #[serde(default)]
    pub old_path: Field<String>,
    /// Number of the line; null on a line that was deleted, and on a whole file.
    #[serde(default)]
    pub new_line: Field<u64>,
}

/// What a note is on.
#[derive(Debug, Default, Deserialize)]
pub struct Noteable {
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub confidential: Field<bool>,
}
