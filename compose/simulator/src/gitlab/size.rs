//! The size of an invented GitLab. In: numbers. Out: the length of a sprint, and the number of sprints. Never reads a clock: time is an argument.

use super::dice::{DAY, Millis};

/// Days of a sprint. What begins in a sprint ends in it, or stays open for ever: so each sprint can be made without the others.
pub const SPRINT_DAYS: u32 = 14;
/// A sprint in milliseconds.
pub(crate) const SPRINT: Millis = SPRINT_DAYS as Millis * DAY;

/// The configuration of a world.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The seed: the same seed makes the same world, byte for byte.
    pub seed: u64,
    /// The instance's address in objects, without a slash at the end, as `https://gitlab.example.com`.
    pub url: String,
    /// Projects of the group `factory`. One more belongs to the group `partners` and is shared into `factory`.
    pub projects: u32,
    /// Days of history; rounded up to whole sprints.
    pub days: u32,
    /// When it began, in milliseconds since 1970.
    pub began_at: Millis,
    /// Merge requests per project and sprint, at least 12: one for each story.
    pub merge_requests: u32,
    /// Issues per project and sprint, at least 12.
    pub issues: u32,
    /// Test jobs of a pipeline.
    pub test_jobs: u32,
}

impl WorldConfig {
    /// A world of `projects` over `days`, with the usual activity: some 1.5 merge requests per project and day.
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

    /// When the last sprint is over, in milliseconds since 1970: nothing changes after that.
    pub fn ends_at(&self) -> Millis {
        self.starts_at(self.sprints())
    }

    /// When a sprint starts.
    pub(crate) fn starts_at(&self, sprint: u32) -> Millis {
        self.began_at + Millis::from(sprint) * SPRINT
    }

    /// The sprint at a moment: the first for earlier moments, the last for later ones.
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
