//! View `release_metrics`.

use serde::Serialize;

use super::super::super::sprint::{Ref, Sprint};
use super::super::super::tree::Special;
use super::{OfProject, Second};

/// A row: one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Its tag.
    pub tag: String,
    /// Its release date.
    pub released_at: Second,
    /// The previous released tag on `main`; none for the first.
    pub previous_tag: Option<String>,
    /// Merge requests of `main`, without promotions, that its commit contains and the previous tag's does not; for the first release, all that it
    /// contains.
    pub merge_requests: u64,
    /// Whether its date is still in the future at the end of the world.
    pub is_upcoming: bool,
    /// Whether a force push removed merge requests from `main` in its sprint, which webhooks do not show. Not a column.
    pub has_rewritten: bool,
    /// Whether merge requests were imported into its project, which webhooks do not report. Not a column.
    pub has_imported: bool,
    /// Whether the API lists it.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

impl OfProject<'_> {
    pub(super) fn release_metrics(&mut self, sprint: &Sprint) -> Vec<ReleaseMetric> {
        let landed: Vec<u32> = sprint
            .merge_requests
            .iter()
            .filter(|request| !request.story.promotes() && request.life.merged.is_some())
            .filter(|request| {
                request.at(self.last_seen(request)).is_some_and(|state| state.target == Ref::Main)
            })
            .filter_map(|request| sprint.places.get(&request.life.landing?).copied())
            .collect();
        let mut rows = Vec::new();
        let mut counted = 0;
        for tag in &sprint.tags {
            let Some(released_at) = tag.released_at else {
                continue;
            };
            let contained = sprint.contained(tag.sha);
            let inside = landed.iter().filter(|number| contained.contains(**number)).count() as u64;
            let (previous_tag, waiting) = std::mem::replace(&mut self.release, (tag.name.clone(), 0));
            rows.push(ReleaseMetric {
                project_id: self.project.id,
                tag: tag.name.clone(),
                released_at: Second::of(released_at),
                previous_tag: Some(previous_tag).filter(|tag| !tag.is_empty()),
                merge_requests: waiting + inside - counted,
                is_upcoming: released_at > self.now(),
                has_rewritten: sprint.merge_requests.iter().any(|request| request.life.is_rewritten),
                has_imported: self.project.special == Special::Imported,
                told_by_api: true,
                told_by_webhooks: true,
            });
            counted = inside;
        }
        let last = sprint.pushes.iter().rev().find(|push| push.to == Ref::Main);
        let contained = last.map(|push| sprint.contained(push.after)).unwrap_or_default();
        let all = landed.iter().filter(|number| contained.contains(**number)).count() as u64;
        self.release.1 += all - counted;
        rows
    }
}
