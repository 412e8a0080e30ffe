//! Later events of jobs: attempts, manual starts, deployments. In: a job and a time. Out: another attempt, a deployment. `deliver` finds what a
//! deployment brought.

use super::super::deployment::{Deployment, OVERSEAS, PRODUCTION};
use super::super::dice::{DAY, HOUR, MINUTE, Millis};
use super::super::people::Person;
use super::super::pipeline::{Job, Status};
use super::pipeline::MOMENT;
use super::{Growth, Happening};

/// A deployment ends a moment after its job, in the same second, so that webhooks and the API have the same time.
fn ended(at: Millis) -> Millis {
    (at + 40).min(at.div_euclid(1_000) * 1_000 + 999)
}

impl Growth<'_> {
    /// Retries a job: the attempt is a job of its own, and passes.
    pub(super) fn retry(&mut self, at: Millis, job: u32) {
        // A job that was stopped meanwhile is not retried.
        let of = self.sprint.jobs[job as usize].pipeline as usize;
        let is_stopped =
            self.sprint.pipelines[of].steps.iter().any(|(_, status)| *status == Status::Canceled);
        if is_stopped || self.sprint.jobs[job as usize].ends == Status::Canceled {
            return;
        }
        let number = self.sprint.jobs.len() as u32;
        let mut dice = self.dice(0x7274, number);
        let retried = &mut self.sprint.jobs[job as usize];
        retried.retried_at = Some(at + MOMENT);
        let started_at = at + MOMENT + dice.between(2_000, 20_000);
        let finished_at = started_at + dice.between(30_000, 200_000);
        let attempt = Job {
            created_at: at + MOMENT,
            queued_at: Some(at + MOMENT),
            started_at: Some(started_at),
            finished_at: Some(finished_at),
            ends: Status::Success,
            manual: false,
            failure_reason: None,
            retried_at: None,
            attempt: retried.attempt + 1,
            ..retried.clone()
        };
        let deploys = attempt.environment.is_some();
        let is_flaky = retried.ends == Status::Failed;
        let pipeline = &mut self.sprint.pipelines[attempt.pipeline as usize];
        pipeline.jobs.push(number);
        pipeline.steps.push((started_at, Status::Running));
        pipeline.steps.push((finished_at + 60, Status::Success));
        self.sprint.jobs.push(attempt);
        if is_flaky {
            self.meet("56");
            self.meet("62");
            self.meet("63");
        }
        if deploys {
            self.later(at + MOMENT, Happening::Deploy { job: number });
        }
    }

    /// Starts a manual job. One in six deployments fails and is retried; some are stopped before they run.
    pub(super) fn play(&mut self, at: Millis, job: u32) {
        let mut dice = self.dice(0x706c, job);
        let is_last =
            self.sprint.pipelines[self.sprint.jobs[job as usize].pipeline as usize].by == Person::TRANSLATOR;
        let ends = match dice.below(18) {
            _ if is_last => Status::Success,
            0..3 => Status::Failed,
            3 => Status::Canceled,
            _ => Status::Success,
        };
        let by = Person::human(&mut dice, self.people);
        let approver = by.colleague(&mut dice, self.people);
        let played = &mut self.sprint.jobs[job as usize];
        let waits = self.project.asks_approval() && played.environment == Some(PRODUCTION);
        let goes_on_at = if waits { at + dice.between(30 * MINUTE, HOUR) } else { at };
        if waits {
            self.approvals.insert(job, (goes_on_at, approver));
        }
        let started_at = goes_on_at + dice.between(4_000, 20_000);
        let finished_at = started_at + dice.between(60_000, 300_000);
        played.by = by;
        played.queued_at = Some(at);
        played.started_at = Some(started_at).filter(|_| ends != Status::Canceled);
        played.finished_at = Some(if ends == Status::Canceled { started_at } else { finished_at });
        played.ends = ends;
        played.failure_reason = (ends == Status::Failed).then_some("script_failure");
        let waited = at - played.created_at;
        if ends != Status::Canceled {
            let pipeline = &mut self.sprint.pipelines[played.pipeline as usize];
            pipeline.steps.push((started_at, Status::Running));
            // The job may fail without failing the pipeline.
            pipeline.steps.push((finished_at + 60, Status::Success));
        }
        if waited > DAY {
            ["57", "65", "N3"].into_iter().for_each(|case| self.meet(case));
        }
        self.later(at, Happening::Deploy { job });
        match ends {
            Status::Canceled => (),
            Status::Failed => self.later(finished_at + 20 * MINUTE, Happening::Retry { job }),
            _ => self.play_overseas(job, finished_at + 2 * HOUR),
        }
    }

    /// Starts the second deployment to production, where there is one.
    fn play_overseas(&mut self, job: u32, at: Millis) {
        let first = &self.sprint.jobs[job as usize];
        let is_of = |job: &u32| self.sprint.jobs[*job as usize].environment == Some(OVERSEAS);
        let second = self.sprint.pipelines[first.pipeline as usize].jobs.iter().copied().find(is_of);
        if let Some(job) = second.filter(|_| first.environment == Some(PRODUCTION)) {
            self.later(at, Happening::Play { job });
        }
    }

    pub(super) fn deploy(&mut self, at: Millis, job: u32) {
        let deploying = &self.sprint.jobs[job as usize];
        let (Some(environment), Some(finished_at)) = (deploying.environment, deploying.finished_at) else {
            return;
        };
        // One that was stopped before it ran ends as it would have begun.
        let (started_at, finished_at) =
            deploying.started_at.map_or((finished_at, finished_at), |at| (at, ended(finished_at)));
        if finished_at <= at {
            return;
        }
        let pipeline = &self.sprint.pipelines[deploying.pipeline as usize];
        let number = self.sprint.deployments.len() as u32;
        let deployment = Deployment {
            created_at: at + MOMENT,
            started_at,
            finished_at,
            ends: deploying.ends,
            environment,
            on: pipeline.on,
            sha: pipeline.sha,
            job,
            by: deploying.by,
            merge_requests: Vec::new(),
            approved: self.approvals.get(&job).copied(),
            standing: None,
        };
        self.later(deployment.finished_at, Happening::Deployed { deployment: number });
        self.sprint.deployments.push(deployment);
    }

    /// Deploys again what production had this many deployments ago.
    pub(super) fn deploy_again(&mut self, at: Millis, back: usize) {
        let place = self.deployed.len().checked_sub(back);
        if let Some(job) = place.and_then(|place| self.deployed.get(place).copied()) {
            self.retry(at, job);
        }
    }

    pub(super) fn play_last(&mut self, pipeline: u32, at: Millis) {
        self.played.insert(self.sprint.pipelines[pipeline as usize].sha);
        let jobs = &self.sprint.pipelines[pipeline as usize].jobs;
        let manual = jobs.iter().copied().find(|job| self.sprint.jobs[*job as usize].manual);
        if let Some(job) = manual {
            self.later(at, Happening::Play { job });
        }
    }
}
