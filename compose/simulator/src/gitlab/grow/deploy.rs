//! What happens to jobs later: attempts, manual starts, deployments. In: a job and a time. Out: another attempt, a deployment, and what it links.
//! Never links a merge request twice to one environment.

use super::super::deployment::{Deployment, OVERSEAS, PRODUCTION, REVIEW};
use super::super::dice::{HOUR, MINUTE, Millis};
use super::super::people::Person;
use super::super::pipeline::{Job, Status};
use super::super::sprint::Ref;
use super::pipeline::MOMENT;
use super::{Growth, Happening};

impl Growth<'_> {
    /// Tries a job again: the attempt is a job of its own, and passes.
    pub(super) fn retry(&mut self, at: Millis, job: u32) {
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
        let pipeline = &mut self.sprint.pipelines[attempt.pipeline as usize];
        pipeline.jobs.push(number);
        pipeline.steps.push((started_at, Status::Running));
        pipeline.steps.push((finished_at + 60, Status::Success));
        self.sprint.jobs.push(attempt);
        if deploys {
            self.later(at + MOMENT, Happening::Deploy { job: number });
        }
    }

    /// Starts a manual job. One in eight deployments fails, and is tried again.
    pub(super) fn play(&mut self, at: Millis, job: u32) {
        let mut dice = self.dice(0x706c, job);
        let is_last =
            self.sprint.pipelines[self.sprint.jobs[job as usize].pipeline as usize].by == Person::TRANSLATOR;
        let ends = if dice.one_in(8) && !is_last { Status::Failed } else { Status::Success };
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
        played.started_at = Some(started_at);
        played.finished_at = Some(finished_at);
        played.ends = ends;
        played.failure_reason = (ends == Status::Failed).then_some("script_failure");
        let pipeline = &mut self.sprint.pipelines[played.pipeline as usize];
        pipeline.steps.push((started_at, Status::Running));
        // The job may fail: the pipeline does not.
        pipeline.steps.push((finished_at + 60, Status::Success));
        self.later(at, Happening::Deploy { job });
        match ends {
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
        let (Some(environment), Some(started_at), Some(finished_at)) =
            (deploying.environment, deploying.started_at, deploying.finished_at)
        else {
            return;
        };
        let pipeline = &self.sprint.pipelines[deploying.pipeline as usize];
        let number = self.sprint.deployments.len() as u32;
        let deployment = Deployment {
            created_at: at + MOMENT,
            started_at,
            finished_at: finished_at + 40,
            ends: deploying.ends,
            environment,
            on: pipeline.on.clone(),
            sha: pipeline.sha,
            job,
            by: deploying.by,
            merge_requests: Vec::new(),
            approved: self.approvals.get(&job).copied(),
            is_rollback: false,
        };
        self.later(deployment.finished_at, Happening::Deployed { deployment: number });
        self.sprint.deployments.push(deployment);
    }

    /// Links the merge requests that a deployment brought to its environment: none that an earlier one did.
    pub(super) fn deployed(&mut self, deployment: u32) {
        let ended = &self.sprint.deployments[deployment as usize];
        if ended.ends != Status::Success {
            return;
        }
        let (environment, job) = (ended.environment, ended.job);
        let pipeline = &self.sprint.pipelines[self.sprint.jobs[job as usize].pipeline as usize];
        let linked = self.linked[environment as usize];
        let (links, reached, is_rollback) = match (pipeline.place, &pipeline.on) {
            (Some(place), _) if environment != REVIEW => {
                let landed = self.main.get(linked as usize..=place as usize).unwrap_or_default();
                (landed.iter().copied().flatten().collect(), linked.max(place + 1), place + 1 < linked)
            }
            (_, Ref::Release) => (std::mem::take(&mut self.hotfixes), linked, false),
            _ => (Vec::new(), linked, false),
        };
        self.linked[environment as usize] = reached;
        if environment == PRODUCTION && pipeline.place.is_some() {
            self.deployed.push(job);
        }
        let ended = &mut self.sprint.deployments[deployment as usize];
        ended.merge_requests = links;
        ended.is_rollback = is_rollback;
    }

    /// Deploys once more what production had so many deployments ago.
    pub(super) fn deploy_again(&mut self, at: Millis, back: usize) {
        let place = self.deployed.len().checked_sub(back);
        if let Some(job) = place.and_then(|place| self.deployed.get(place).copied()) {
            self.retry(at, job);
        }
    }

    pub(super) fn play_last(&mut self, pipeline: u32, at: Millis) {
        let jobs = &self.sprint.pipelines[pipeline as usize].jobs;
        let manual = jobs.iter().copied().find(|job| self.sprint.jobs[*job as usize].manual);
        if let Some(job) = manual {
            self.later(at, Happening::Play { job });
        }
    }
}
