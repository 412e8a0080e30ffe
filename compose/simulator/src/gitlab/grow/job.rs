//! Jobs of a pipeline. In: how its tests are to end. Out: jobs with their times, and when the pipeline ran. Never starts a job before the previous
//! stage has ended.

use super::super::deployment::{OVERSEAS, PRODUCTION, STAGING};
use super::super::dice::{DAY, Dice, MINUTE, Millis};
use super::super::pipeline::{Job, Status, Trigger};
use super::pipeline::Outcome;
use super::{Growth, Happening};

impl Growth<'_> {
    /// Adds the jobs that build and test. Returns when the last of them ends.
    pub(super) fn lay_tests(&mut self, pipeline: u32, outcome: Outcome, dice: &mut Dice) -> Millis {
        let created_at = self.sprint.pipelines[pipeline as usize].created_at;
        let built_at = self.lay(pipeline, "build", "compile".to_owned(), created_at + 600, dice).1;
        let tests = self.config.test_jobs.max(1);
        let mut ended_at = built_at;
        for test in 1..=tests {
            let name = if tests == 1 { "unit".to_owned() } else { format!("unit {test}/{tests}") };
            let (job, at) = self.lay(pipeline, "test", name, built_at + 400, dice);
            ended_at = ended_at.max(at);
            if test == 1 {
                self.settle(job, outcome);
            }
        }
        if tests > 1 {
            self.meet("61");
        }
        let (lint, at) = self.lay(pipeline, "test", "lint".to_owned(), built_at + 400, dice);
        let lint = &mut self.sprint.jobs[lint as usize];
        lint.allow_failure = true;
        let is_untidy = dice.one_in(6);
        if is_untidy {
            lint.ends = Status::Failed;
            lint.failure_reason = Some("script_failure");
            self.meet("68");
        }
        if outcome == Outcome::Success {
            self.sprint.pipelines[pipeline as usize].coverage = Some(7_000 + dice.below(2_500) as u32);
        }
        ended_at.max(at)
    }

    fn settle(&mut self, job: u32, outcome: Outcome) {
        if let Outcome::Failed("stuck_or_timeout_failure") | Outcome::Flaky("runner_system_failure") = outcome
        {
            self.meet("69");
        }
        let settled = &mut self.sprint.jobs[job as usize];
        let ended_at = settled.finished_at.unwrap_or(settled.created_at);
        match outcome {
            Outcome::Success => (),
            Outcome::Failed(reason) | Outcome::Flaky(reason) => {
                settled.ends = Status::Failed;
                settled.failure_reason = Some(reason);
            }
            Outcome::Canceled => settled.ends = Status::Canceled,
        }
        if matches!(outcome, Outcome::Flaky(_)) {
            self.later(ended_at + 15 * MINUTE, Happening::Retry { job });
        }
    }

    /// Adds a job that starts at about `at`. Returns its number, and when it ends.
    fn lay(
        &mut self,
        pipeline: u32,
        stage: &'static str,
        name: String,
        at: Millis,
        dice: &mut Dice,
    ) -> (u32, Millis) {
        let number = self.sprint.jobs.len() as u32;
        let owner = &mut self.sprint.pipelines[pipeline as usize];
        let started_at = at + dice.between(2_000, 20_000);
        let finished_at = started_at + dice.between(20_000, 240_000);
        owner.jobs.push(number);
        self.sprint.jobs.push(Job {
            pipeline,
            name,
            stage,
            created_at: owner.created_at,
            queued_at: Some(at),
            started_at: Some(started_at),
            finished_at: Some(finished_at),
            ends: Status::Success,
            manual: false,
            allow_failure: false,
            failure_reason: None,
            by: owner.by,
            retried_at: None,
            attempt: 0,
            environment: None,
            trigger: None,
            deleted_at: None,
        });
        (number, finished_at)
    }

    /// Adds a job that deploys automatically.
    pub(super) fn lay_deployment(
        &mut self,
        pipeline: u32,
        name: &str,
        environment: u32,
        at: Millis,
        dice: &mut Dice,
    ) -> u32 {
        let (job, _) = self.lay(pipeline, "deploy", name.to_owned(), at + 300, dice);
        self.sprint.jobs[job as usize].environment = Some(environment);
        self.later(at + 300, Happening::Deploy { job });
        job
    }

    /// Adds the jobs that deploy to staging automatically, and to production manually. All are skipped after a failure.
    pub(super) fn lay_deployments(&mut self, pipeline: u32, outcome: Outcome, at: Millis, dice: &mut Dice) {
        let passed = outcome == Outcome::Success;
        if self.project.has_production_branch() {
            if passed {
                self.lay_deployment(pipeline, "deploy-staging", STAGING, at, dice);
            }
            return;
        }
        let is_doubtful = dice.one_in(10) && !self.is_closing;
        let overseas = self.project.is_overseas().then_some(("deploy-production-us", OVERSEAS));
        let jobs = [("deploy-staging", STAGING), ("deploy-production", PRODUCTION)];
        for (name, environment) in jobs.into_iter().chain(overseas) {
            let (number, _) = self.lay(pipeline, "deploy", name.to_owned(), at + 300, dice);
            let job = &mut self.sprint.jobs[number as usize];
            job.environment = Some(environment);
            if passed && environment == STAGING {
                if is_doubtful {
                    self.fail(number);
                }
                self.later(at + 300, Happening::Deploy { job: number });
                continue;
            }
            let job = &mut self.sprint.jobs[number as usize];
            (job.queued_at, job.started_at) = (None, None);
            job.finished_at = (!passed).then_some(at + 200);
            job.ends = if passed { Status::Success } else { Status::Skipped };
            (job.manual, job.allow_failure) = (passed, passed);
        }
    }

    /// A deployment that fails, and is retried twenty minutes later.
    pub(super) fn fail(&mut self, job: u32) {
        let failed = &mut self.sprint.jobs[job as usize];
        failed.ends = Status::Failed;
        failed.failure_reason = Some("script_failure");
        let at = failed.finished_at.unwrap_or(failed.created_at);
        self.later(at + 20 * MINUTE, Happening::Retry { job });
    }

    /// Adds a job that somebody may start days later.
    pub(super) fn lay_check(&mut self, pipeline: u32, at: Millis, dice: &mut Dice) {
        let (number, _) = self.lay(pipeline, "verify", "health-check".to_owned(), at + 300, dice);
        let job = &mut self.sprint.jobs[number as usize];
        (job.queued_at, job.started_at, job.finished_at) = (None, None, None);
        (job.manual, job.allow_failure) = (true, true);
        let played_at = at + dice.between(2 * DAY, 4 * DAY);
        if played_at < self.starts_at + 13 * DAY {
            self.later(played_at, Happening::Play { job: number });
        } else {
            self.meet("64");
        }
    }

    /// Stops a pipeline because of a newer push: running jobs end, waiting ones never run.
    pub(super) fn stop(&mut self, pipeline: u32, at: Millis) {
        let stopped = &mut self.sprint.pipelines[pipeline as usize];
        stopped.steps.retain(|(then, _)| *then < at);
        stopped.steps.push((at, Status::Canceled));
        stopped.coverage = None;
        for number in stopped.jobs.clone() {
            let job = &mut self.sprint.jobs[number as usize];
            if job.finished_at.is_some_and(|then| then <= at) {
                continue;
            }
            job.queued_at = job.queued_at.filter(|then| *then <= at);
            job.started_at = job.started_at.filter(|then| *then <= at);
            job.finished_at = Some(at);
            (job.ends, job.failure_reason) = (Status::Canceled, None);
            let deployed = self.sprint.deployments.iter_mut().find(|deployment| deployment.job == number);
            if let Some(deployment) = deployed {
                (deployment.ends, deployment.finished_at) = (Status::Canceled, at + 40);
                deployment.started_at = deployment.started_at.min(at + 40);
            }
        }
        self.meet("67");
    }

    /// Adds two trigger jobs and nothing else.
    pub(super) fn lay_triggers(&mut self, pipeline: u32) {
        let created_at = self.sprint.pipelines[pipeline as usize].created_at;
        let mut dice = self.dice(0x7472, pipeline);
        for name in ["payment-checks", "warehouse-checks"] {
            let (job, _) = self.lay(pipeline, "trigger", name.to_owned(), created_at + 600, &mut dice);
            let trigger = &mut self.sprint.jobs[job as usize];
            trigger.trigger = Some(Trigger { downstream: None });
            trigger.finished_at = None;
            let starts_at = trigger.started_at.unwrap_or(created_at);
            self.later(starts_at, Happening::Child { job });
        }
        let first = self.sprint.pipelines[pipeline as usize].jobs.iter();
        let first = first.filter_map(|job| self.sprint.jobs[*job as usize].started_at).min();
        self.sprint.pipelines[pipeline as usize].steps.push((first.unwrap_or(created_at), Status::Running));
    }

    /// Sets when the pipeline ran and how it ended, from its jobs. Returns when.
    pub(super) fn end(&mut self, pipeline: u32) -> Millis {
        let jobs: Vec<&Job> = self.sprint.pipelines[pipeline as usize]
            .jobs
            .iter()
            .map(|job| &self.sprint.jobs[*job as usize])
            .collect();
        let started_at = jobs.iter().filter_map(|job| job.started_at).min();
        let ended_at = jobs.iter().filter_map(|job| job.finished_at).max();
        let ends = if jobs.iter().any(|job| job.ends == Status::Canceled) {
            Status::Canceled
        } else if jobs.iter().any(|job| job.ends == Status::Failed && !job.allow_failure) {
            Status::Failed
        } else {
            Status::Success
        };
        let owner = &mut self.sprint.pipelines[pipeline as usize];
        let started_at = started_at.unwrap_or(owner.created_at);
        let ended_at = ended_at.unwrap_or(started_at) + 60;
        owner.steps.push((owner.created_at + 600, Status::Pending));
        owner.steps.push((started_at, Status::Running));
        owner.steps.push((ended_at, ends));
        ended_at
    }
}
