//! Deployments and environments. In: times. Out: the state at a moment. Never looks at what comes after that moment.

use super::delivery::Standing;
use super::dice::{Millis, Sha};
use super::people::Person;
use super::pipeline::Status;
use super::sprint::Ref;

/// The environments of a project, by number. Every sprint also has a review environment of its own.
pub const STAGING: u32 = 0;
/// Of tier production, whatever its name.
pub const PRODUCTION: u32 = 1;
/// The review environment of the sprint.
pub const REVIEW: u32 = 2;
/// A second environment of tier production, in some projects: deployed two hours after the first.
pub const OVERSEAS: u32 = 3;

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// When it was created.
    pub created_at: Millis,
    /// When it began to run.
    pub started_at: Millis,
    /// When it ended.
    pub finished_at: Millis,
    /// How it ended.
    pub ends: Status,
    /// Number of its environment.
    pub environment: u32,
    /// Branch.
    pub on: Ref,
    /// Commit.
    pub sha: Sha,
    /// Number of the job that deployed it.
    pub job: u32,
    /// Who deployed it.
    pub by: Person,
    /// Numbers of the merge requests that it contains and no earlier one in its environment did; GitLab links them once it has succeeded.
    pub merge_requests: Vec<u32>,
    /// When it was approved, and by whom, if it needed an approval.
    pub approved: Option<(Millis, Person)>,
    /// The position of its commit and what it changed, found when it ended.
    pub standing: Option<Standing>,
}

impl Deployment {
    /// Its status at `now`; `None` before it was created.
    pub fn status(&self, now: Millis) -> Option<Status> {
        if self.created_at > now {
            return None;
        }
        Some(match self.ends {
            ends if self.finished_at <= now => ends,
            _ if self.started_at <= now => Status::Running,
            _ if self.approved.is_some_and(|(at, _)| now < at) => Status::Blocked,
            _ => Status::Created,
        })
    }

    /// When it changed last, as of `now`; `None` before it was created.
    pub fn updated_at(&self, now: Millis) -> Option<Millis> {
        // An approval does not move it, but the start that follows does.
        [self.finished_at, self.started_at, self.created_at].into_iter().find(|at| *at <= now)
    }

    /// The merge requests that GitLab links to it at `now`.
    pub fn links(&self, now: Millis) -> &[u32] {
        match self.status(now) {
            Some(Status::Success) => &self.merge_requests,
            _ => &[],
        }
    }
}
