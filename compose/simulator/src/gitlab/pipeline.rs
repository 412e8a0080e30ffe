//! A pipeline and its jobs: when they reached each status, and their state at a moment. In: times. Out: a status. Never looks at what comes after
//! that time.

use super::dice::{Millis, Sha};
use super::people::Person;
use super::sprint::Ref;

/// A status of a pipeline or a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Waits for jobs before it.
    Created,
    /// Waits for an approval: only deployments.
    Blocked,
    /// Waits for a runner.
    Pending,
    /// Runs.
    Running,
    /// Succeeded.
    Success,
    /// Failed.
    Failed,
    /// Was stopped.
    Canceled,
    /// Was skipped.
    Skipped,
    /// Waits for somebody to start it.
    Manual,
}

impl Status {
    /// As GitLab writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Blocked => "blocked",
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
            Status::Skipped => "skipped",
            Status::Manual => "manual",
        }
    }

    /// Whether it is final unless somebody acts.
    pub fn is_over(self) -> bool {
        matches!(self, Status::Success | Status::Failed | Status::Canceled | Status::Skipped)
    }
}

/// A pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// When it was created.
    pub created_at: Millis,
    /// Branch or tag.
    pub on: Ref,
    /// Its commit.
    pub sha: Sha,
    /// The commit before it on the ref.
    pub before: Sha,
    /// What started it.
    pub source: &'static str,
    /// Who started it.
    pub by: Person,
    /// The merge request that it runs for, if any.
    pub merge_request: Option<u32>,
    /// The pipeline that started it.
    pub parent: Option<u32>,
    /// Its position on `main`, if its commit is there.
    pub place: Option<u32>,
    /// When it reached each status, in order.
    pub steps: Vec<(Millis, Status)>,
    /// Numbers of its jobs, retried ones included.
    pub jobs: Vec<u32>,
    /// Test coverage in hundredths of a percent.
    pub coverage: Option<u32>,
    /// When it was deleted with its jobs: GitLab does not report that, and does not list it any more.
    pub deleted_at: Option<Millis>,
}

/// The state of a pipeline at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineState {
    /// Its status.
    pub status: Status,
    /// When it changed last.
    pub updated_at: Millis,
    /// When its first job started.
    pub started_at: Option<Millis>,
    /// When it ended; nothing while it runs again.
    pub finished_at: Option<Millis>,
    /// Whole seconds that it ran, without pauses.
    pub duration: Option<u64>,
    /// Whole seconds until it started.
    pub queued: Option<u64>,
}

impl Pipeline {
    /// Whether it exists at `now`.
    pub fn is_there(&self, now: Millis) -> bool {
        self.created_at <= now && self.deleted_at.is_none_or(|at| at > now)
    }

    /// Its state at `now`; `None` if it does not exist.
    pub fn at(&self, now: Millis) -> Option<PipelineState> {
        if !self.is_there(now) {
            return None;
        }
        let passed: Vec<(Millis, Status)> =
            self.steps.iter().copied().take_while(|(at, _)| *at <= now).collect();
        let (updated_at, status) = *passed.last()?;
        let started_at = passed.iter().find(|(_, status)| *status == Status::Running).map(|(at, _)| *at);
        let finished_at = status.is_over().then_some(updated_at).filter(|_| status != Status::Skipped);
        let running =
            passed.windows(2).filter(|pair| pair[0].1 == Status::Running).map(|pair| pair[1].0 - pair[0].0);
        let ran: Millis = running.sum();
        let seconds = |span: Millis| (span / 1_000).unsigned_abs();
        Some(PipelineState {
            status,
            updated_at,
            started_at,
            finished_at,
            duration: finished_at.and(started_at).map(|_| seconds(ran)),
            queued: started_at.map(|at| seconds(at - self.created_at)),
        })
    }

    /// When it last changed before `now`; `None` if it does not exist.
    pub fn updated_at(&self, now: Millis) -> Option<Millis> {
        if !self.is_there(now) {
            return None;
        }
        self.steps.iter().take_while(|(at, _)| *at <= now).last().map(|(at, _)| *at)
    }
}

/// A job or a trigger job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Number of its pipeline.
    pub pipeline: u32,
    /// Name.
    pub name: String,
    /// Stage.
    pub stage: &'static str,
    /// When it was created.
    pub created_at: Millis,
    /// When it began to wait for a runner; for a manual job, when somebody started it.
    pub queued_at: Option<Millis>,
    /// When it started.
    pub started_at: Option<Millis>,
    /// When it ended; for a skipped job, when it was skipped, which GitLab does not report.
    pub finished_at: Option<Millis>,
    /// How it ended.
    pub ends: Status,
    /// Whether it has to be started manually.
    pub manual: bool,
    /// Whether it may fail.
    pub allow_failure: bool,
    /// Why it failed.
    pub failure_reason: Option<&'static str>,
    /// Who it runs for.
    pub by: Person,
    /// When a later attempt replaced it.
    pub retried_at: Option<Millis>,
    /// Number of earlier attempts.
    pub attempt: u32,
    /// Number of the environment it deploys to.
    pub environment: Option<u32>,
    /// For a trigger job, the pipeline that it starts.
    pub trigger: Option<Trigger>,
    /// When it was deleted with its pipeline.
    pub deleted_at: Option<Millis>,
}

/// What a trigger job starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Number of the pipeline, once it was started.
    pub downstream: Option<u32>,
}

impl Job {
    /// Whether it is a trigger job.
    pub fn is_trigger(&self) -> bool {
        self.trigger.is_some()
    }

    /// Its status at `now`; `None` if it does not exist.
    pub fn status(&self, now: Millis) -> Option<Status> {
        let passed = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        if self.created_at > now || passed(self.deleted_at) {
            return None;
        }
        Some(match self.ends {
            _ if passed(self.finished_at) => self.ends,
            _ if passed(self.started_at) => Status::Running,
            _ if passed(self.queued_at) => Status::Pending,
            _ if self.manual => Status::Manual,
            _ => Status::Created,
        })
    }

    /// Seconds that it ran, and that it waited for a runner, at `now`.
    pub fn durations(&self, now: Millis) -> (Option<f64>, Option<f64>) {
        let passed = |at: Option<Millis>| at.filter(|at| *at <= now);
        let seconds = |span: Millis| span as f64 / 1_000.0;
        let ran = match (passed(self.started_at), passed(self.finished_at)) {
            (Some(started), Some(finished)) => Some(seconds(finished - started)),
            _ => None,
        };
        let queued = match (passed(self.queued_at), passed(self.started_at)) {
            (Some(queued), Some(started)) => Some(seconds(started - queued)),
            _ => None,
        };
        (ran, queued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::dice::Dice;

    #[test]
    fn a_retry_takes_the_finish_back_and_adds_to_the_duration() {
        let pipeline = Pipeline {
            created_at: 0,
            on: Ref::Main,
            sha: Dice::at(1, &[]).sha(),
            before: Sha::NOWHERE,
            source: "push",
            by: Person(3),
            merge_request: None,
            parent: None,
            place: None,
            steps: vec![
                (0, Status::Created),
                (5_000, Status::Running),
                (65_000, Status::Failed),
                (100_000, Status::Running),
                (130_000, Status::Success),
            ],
            jobs: Vec::new(),
            coverage: None,
            deleted_at: None,
        };
        assert_eq!(pipeline.at(-1), None);
        let failed = pipeline.at(70_000).unwrap();
        assert_eq!(
            (failed.status, failed.finished_at, failed.duration),
            (Status::Failed, Some(65_000), Some(60))
        );
        assert_eq!(pipeline.at(110_000).unwrap().finished_at, None);
        let done = pipeline.at(200_000).unwrap();
        assert_eq!((done.finished_at, done.duration, done.queued), (Some(130_000), Some(90), Some(5)));
    }
}
