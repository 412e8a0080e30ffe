//! Emoji Hook, GitLab 16.2 and later
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#emoji-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field, person};

/// The payload of an emoji event. The awarded thing is embedded under its own name. If that is a comment, so is the thing commented on.
#[derive(Debug, Default, Deserialize)]
pub struct Emoji {
    /// `award` or `revoke`.
    #[serde(default)]
    pub event_type: Field<String>,
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    /// Newer versions call it `work_item`.
    #[serde(default)]
    pub issue: Embedded<Numbered>,
    #[serde(default)]
    pub work_item: Embedded<Numbered>,
    #[serde(default)]
    pub merge_request: Embedded<Numbered>,
    #[serde(default)]
    pub note: Embedded<Note>,
}

impl Emoji {
    /// `award` or `revoke`, from either place in the body.
    pub fn event_type(&self) -> Field<String> {
        self.event_type.clone().or(self.object_attributes.field(|attributes| &attributes.action))
    }
}

/// `object_attributes` of an emoji event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id of the award.
    #[serde(default)]
    pub id: Field<u64>,
    /// Name of the emoji, as `thumbsup`.
    #[serde(default)]
    pub name: Field<String>,
    /// Who awarded it.
    #[serde(default, deserialize_with = "person")]
    pub user_id: Field<u64>,
    /// `Issue` (also for other work items), `MergeRequest`, `Note`, `Snippet` or `WikiPage::Meta`.
    #[serde(default)]
    pub awardable_type: Field<String>,
    /// GitLab id of the awarded thing.
    #[serde(default)]
    pub awardable_id: Field<u64>,
    /// Page of the awarded thing.
    #[serde(default)]
    pub awarded_on_url: Field<String>,
    /// `award` or `revoke`, repeated here by newer versions.
    #[serde(default)]
    pub action: Field<String>,
    /// When it was awarded.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// A revocation need not change it.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
}

/// An issue, another work item or a merge request.
#[derive(Debug, Default, Deserialize)]
pub struct Numbered {
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
}

/// A comment.
#[derive(Debug, Default, Deserialize)]
pub struct Note {
    /// `Issue`, `MergeRequest`, `Snippet` or `Commit`.
    #[serde(default)]
    pub noteable_type: Field<String>,
    /// GitLab id of what is commented on; null for a commit.
    #[serde(default)]
    pub noteable_id: Field<u64>,
}
