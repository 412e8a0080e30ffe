//! The place of an entity. In: its project or group, and its name. Out: the subject of its envelopes, whose length is limited.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::EventKind;

/// The longest entity name that is used unchanged in a subject, in bytes: GitLab allows 255 characters for a ref.
pub(super) const MAX_ENTITY_LENGTH: usize = 1024;

/// The place of an entity within its instance.
pub(crate) struct Place<'a> {
    /// The project, 0 if there is none.
    pub(crate) project_id: u64,
    /// The group or its path; 0 if there is none.
    pub(crate) group: Cow<'a, str>,
}

impl Place<'_> {
    /// The subject of an entity, for webhooks and API objects. A project, its repository and a group are their own place.
    pub(crate) fn subject(&self, kind: EventKind, entity: Cow<'_, str>) -> String {
        let entity = match entity {
            // Key and subject must be limited. A name longer than GitLab allows is replaced by its digest.
            long if long.len() > MAX_ENTITY_LENGTH => {
                Cow::Owned(hexadecimal(&Sha256::digest(long.as_bytes())))
            }
            entity => entity,
        };
        match (self.project_id, kind) {
            (project_id, EventKind::Project | EventKind::Repository) => {
                format!("project/{project_id}/{kind}")
            }
            (_, EventKind::Group) => format!("group/{}", self.group),
            (_, EventKind::User) => format!("user/{entity}"),
            (0, EventKind::Member | EventKind::AccessToken) => {
                format!("group/{}/{kind}/{entity}", self.group)
            }
            (project_id, _) => format!("project/{project_id}/{kind}/{entity}"),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
