//! Notes as listed by the API, including system notes (<https://docs.gitlab.com/api/notes/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::note::{Attributes, Note, Position};
use crate::field::{Embedded, Field};

/// A note.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    noteable_type: Field<String>,
    #[serde(default)]
    noteable_id: Field<u64>,
    #[serde(default)]
    noteable_iid: Field<u64>,
    /// Set for a comment on the commits of a merge request.
    #[serde(default)]
    commit_id: Field<String>,
    #[serde(default, rename = "type")]
    note_type: Field<String>,
    #[serde(default)]
    body: Field<String>,
    #[serde(default)]
    system: Field<bool>,
    #[serde(default)]
    internal: Field<bool>,
    /// The name of `internal` before GitLab 15.5. It does not depend on the issue.
    #[serde(default)]
    confidential: Field<bool>,
    #[serde(default)]
    author: Embedded<User>,
    #[serde(default)]
    resolvable: Field<bool>,
    #[serde(default)]
    resolved: Field<bool>,
    #[serde(default)]
    resolved_at: Field<DateTime<Utc>>,
    #[serde(default)]
    resolved_by: Embedded<User>,
    #[serde(default)]
    position: Embedded<Position>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Note {
    fn from(listed: Listed) -> Self {
        let attributes = Attributes {
            id: listed.id,
            noteable_type: listed.noteable_type,
            noteable_id: listed.noteable_id,
            noteable_iid: listed.noteable_iid,
            commit_id: listed.commit_id,
            note_type: listed.note_type,
            note: listed.body,
            system: listed.system,
            internal: listed.internal.or(listed.confidential),
            author_id: listed.author.field(|user| &user.id),
            author_username: listed.author.field(|user| &user.username),
            resolvable: listed.resolvable,
            resolved: listed.resolved,
            resolved_at: listed.resolved_at,
            resolved_by_id: listed.resolved_by.field(|user| &user.id),
            position: listed.position,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            ..Attributes::default()
        };
        Note { object_attributes: Embedded::from(attributes), ..Note::default() }
    }
}
