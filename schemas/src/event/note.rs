//! Note Hook: a comment on a merge request, an issue, a commit, a snippet or a design
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#comment-events>).
//! GitLab sends no hook for system notes, for deletions or when a thread is resolved.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field, person};

/// The payload of a note event.
#[derive(Debug, Default, Deserialize)]
pub struct Note {
    /// `note`, or `confidential_note` for an internal note and for any note on a confidential issue.
    #[serde(default)]
    pub event_type: Field<String>,
    /// The actor; for an edit, the editor.
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    /// The merge request that the note is on.
    #[serde(default)]
    pub merge_request: Embedded<Noteable>,
    /// The issue that the note is on.
    #[serde(default)]
    pub issue: Embedded<Noteable>,
    /// The name of `issue` in newer versions, if the note is on a work item.
    #[serde(default)]
    pub work_item: Embedded<Noteable>,
}

/// `object_attributes` of a note event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// Unique in the instance.
    #[serde(default)]
    pub id: Field<u64>,
    /// `MergeRequest`, `Issue`, `Commit`, `Snippet`, `DesignManagement::Design`, ...
    #[serde(default)]
    pub noteable_type: Field<String>,
    /// GitLab id of the thing that the note is on; null for commits.
    #[serde(default)]
    pub noteable_id: Field<u64>,
    /// Number of that thing within the project; API only. Webhooks embed the thing.
    #[serde(skip)]
    pub noteable_iid: Field<u64>,
    /// The commit that the note is on.
    #[serde(default)]
    pub commit_id: Field<String>,
    /// The thread; webhooks only.
    #[serde(default)]
    pub discussion_id: Field<String>,
    /// `DiffNote`, `DiscussionNote`, or null for a comment outside threads.
    #[serde(default, rename = "type")]
    pub note_type: Field<String>,
    #[serde(default)]
    pub note: Field<String>,
    /// Whether GitLab wrote it to record an action.
    #[serde(default)]
    pub system: Field<bool>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub internal: Field<bool>,
    #[serde(default, deserialize_with = "person")]
    pub author_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub author_username: Field<String>,
    /// Whether its thread can be resolved; API only.
    #[serde(skip)]
    pub resolvable: Field<bool>,
    /// API only.
    #[serde(skip)]
    pub resolved: Field<bool>,
    #[serde(default)]
    pub resolved_at: Field<DateTime<Utc>>,
    #[serde(default, deserialize_with = "person")]
    pub resolved_by_id: Field<u64>,
    /// Page of the note; webhooks only, and null on a design.
    #[serde(default)]
    pub url: Field<String>,
    /// Its place in a diff.
    #[serde(default)]
    pub position: Embedded<Position>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// `create` or `update`; GitLab 16.11 and later.
    #[serde(default)]
    pub action: Field<String>,
}

/// The place of a note in a diff, for the newest head that GitLab moved it to.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Position {
    /// Path of the file; null if the file was deleted.
    #[serde(default)]
    pub new_path: Field<String>,
    #[serde(default)]
    pub old_path: Field<String>,
    /// Line number; null for a deleted line or for a whole file.
    #[serde(default)]
    pub new_line: Field<u64>,
}

/// The thing that a note is on.
#[derive(Debug, Default, Deserialize)]
pub struct Noteable {
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Whether only members of the project may see it.
    #[serde(default)]
    pub confidential: Field<bool>,
}
