//! Where an entity is. In: its project or group, and its name. Out: the subject of its envelopes, which does not grow with the body.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::EventKind;

/// The longest name of an entity that stands in a subject as it is, in bytes: GitLab allows 255 characters for a ref.
pub(super) const MAX_ENTITY_LENGTH: usize = 1024;

/// Where an entity is within its instance.
pub(crate) struct Place<'a> {
    /// The project, 0 where it is of none.
    pub(crate) project_id: u64,
    /// The group, or its path; 0 where it is of none.
    pub(crate) group: Cow<'a, str>,
}

impl Place<'_> {
    /// The subject of an entity, for both faces. A project, its repository and a group are their own place.
    pub(crate) fn subject(&self, kind: EventKind, entity: Cow<'_, str>) -> String {
        let entity = match entity {
            // Key and subject must not grow with the body; what is never so long in GitLab is told apart by its digest.
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
