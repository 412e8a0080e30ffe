//! How large an invented GitLab is. In: numbers. Out: how long a sprint is, and how many there are. Never reads a clock: time comes in.

use super::dice::{DAY, Millis};

/// Days of a sprint. What begins in a sprint ends in it, or stays open for ever: so each sprint can be made without the others.
pub const SPRINT_DAYS: u32 = 14;
/// A sprint in milliseconds.
pub(crate) const SPRINT: Millis = SPRINT_DAYS as Millis * DAY;

/// What a world is like.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The seed: the same seed makes the same world, byte for byte.
    pub seed: u64,
    /// Address that its objects name, without a slash at the end, as `https://gitlab.example.com`.
    pub url: String,
    /// Projects of the group `factory`. One more belongs to the group `partners` and is shared into `factory`.
    pub projects: u32,
    /// Days of history; rounded up to whole sprints.
    pub days: u32,
    /// When it began, in milliseconds since 1970.
    pub began_at: Millis,
    /// Merge requests that are opened in a project in one sprint, 12 at least: one for each story.
    pub merge_requests: u32,
    /// Issues that are opened in a project in one sprint, 12 at least.
    pub issues: u32,
    /// Test jobs of a pipeline.
    pub test_jobs: u32,
}

impl WorldConfig {
    /// A world of `projects` over `days`, of the usual liveliness: some 1.5 merge requests a project and day.
    pub fn new(seed: u64, projects: u32, days: u32) -> WorldConfig {
        WorldConfig {
            seed,
            url: "https://gitlab.example.com".to_owned(),
            projects: projects.clamp(1, 4_000),
            days,
            // 2025-11-03T00:00:00Z, a Monday.
            began_at: 1_762_128_000_000,
            merge_requests: 21,
            issues: 14,
            test_jobs: 3,
        }
    }

    /// Sprints of the whole history.
    pub fn sprints(&self) -> u32 {
        self.days.div_ceil(SPRINT_DAYS).max(1)
    }

    /// When the last sprint is over, in milliseconds since 1970: from then on nothing changes.
    pub fn ends_at(&self) -> Millis {
        self.starts_at(self.sprints())
    }

    /// When a sprint starts.
    pub(crate) fn starts_at(&self, sprint: u32) -> Millis {
        self.began_at + Millis::from(sprint) * SPRINT
    }

    /// The sprint of a moment: 0 for what lies before, the last for what lies behind.
    pub(crate) fn sprint_at(&self, at: Millis) -> u32 {
        let passed =
            at.saturating_sub(self.began_at).div_euclid(SPRINT).clamp(0, Millis::from(self.sprints() - 1));
        u32::try_from(passed).unwrap_or(0)
    }

    /// Merge requests of a sprint.
    pub(crate) fn merge_requests(&self) -> u32 {
        self.merge_requests.clamp(12, 100_000)
    }

    /// Issues of a sprint.
    pub(crate) fn issues(&self) -> u32 {
        self.issues.clamp(12, 100_000)
    }
}
