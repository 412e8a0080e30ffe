//! The webhooks that GitLab would have sent for a world. In: a project and a span of time. Out: webhooks, in the order in which they were sent. A
//! push of more than three refs sends none, and neither do GitLab's own notes, deletions and imports
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/>).
//!
//! `sent` says what was sent when, `body` writes it, [`delivery`] decides its result, [`log`] is GitLab's log of a hook.

mod body;
pub mod delivery;
pub mod log;
mod sent;

use serde_json::Value;

use super::dice::Millis;
use super::tree::Project;
use super::world::World;
use crate::version::Version;

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// When it was sent, in milliseconds since 1970.
    pub at: Millis,
    /// `X-Gitlab-Event`.
    pub event_header: &'static str,
    /// GitLab id of the project.
    pub project: u64,
    /// The body.
    pub body: Value,
}

impl World {
    /// Webhooks of a project, in the format of a version, that were sent from `from` on and before `until`, one sprint at a time.
    pub fn hooks<'w>(
        &'w self,
        project: &Project,
        version: Version,
        (from, until): (Millis, Millis),
    ) -> impl Iterator<Item = Hook> + use<'w> {
        let project = project.clone();
        let config = self.config();
        (config.sprint_at(from)..=config.sprint_at(until)).flat_map(move |number| {
            let sprint = self.sprint(project.index, number);
            let sendings = sent::sendings(&sprint, version);
            let within = sendings.into_iter().filter(|sending| sending.at >= from && sending.at < until);
            let written = within.filter_map(|sending| {
                let body = sending.write(self, &project, &sprint, version)?;
                Some(Hook { at: sending.at, event_header: sending.event_header, project: project.id, body })
            });
            written.collect::<Vec<Hook>>()
        })
    }
}
