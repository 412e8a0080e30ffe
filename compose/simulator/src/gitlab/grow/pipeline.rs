//! Pipelines, jobs and deployments of a sprint. In: what was pushed, and when. Out: pipelines that follow, with the times of everything in
//! them, and deployments that link what they brought. Never starts anything in a project that has no pipelines.

use super::super::deployment::{Deployment, PRODUCTION, REVIEW, STAGING};
use super::super::dice::{Dice, MINUTE, Millis, Sha};
use super::super::people::Person;
use super::super::pipeline::{Job, Pipeline, Status, Trigger};
use super::super::sprint::Ref;
use super::super::tree::Special;
use super::{Growth, Happening};

/// GitLab makes a pipeline and its jobs a moment after the push.
const MOMENT: Millis = 1_500;
/// How many pipelines of `main` there are for each one with trigger jobs alone, and for each deployment to production.
const PARENTS: u32 = 5;
const PLAYED: u32 = 3;

/// How the tests of a pipeline end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Success,
    /// A test fails.
    Failed(&'static str),
    /// A test fails, and passes when it is tried again.
    Flaky(&'static str),
    /// Stopped, as a newer push came.
    Canceled,
}

/// What a pipeline is to be like.
struct Order {
    on: Ref,
    sha: Sha,
    before: Sha,
    source: &'static str,
    by: Person,
    merge_request: Option<u32>,
    parent: Option<u32>,
    place: Option<u32>,
}

impl Growth<'_> {
    /// After a push to the branch of a merge request.
    pub(super) fn topic_pipeline(&mut self, at: Millis, request: u32, sha: Sha, before: Sha, by: Person) {
        let is_open = self.sprint.merge_requests.len() as u32 > request;
        let for_request = is_open && (self.project.has_merge_request_pipelines() || self.is_of_fork(request));
        if self.is_of_fork(request) && !is_open {
            return;
        }
        let order = Order {
            on: Ref::Topic(request),
            sha,
            before,
            source: if for_request { "merge_request_event" } else { "push" },
            by,
            merge_request: for_request.then_some(request),
            parent: None,
            place: None,
        };
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x746f, pipeline);
        let outcome = match dice.below(20) {
            0 | 1 => Outcome::Failed("script_failure"),
            2 | 3 => Outcome::Flaky("script_failure"),
            4 => Outcome::Flaky("runner_system_failure"),
            5 => Outcome::Canceled,
            _ => Outcome::Success,
        };
        let ended_at = self.lay_tests(pipeline, outcome, &mut dice);
        if request == 0 && is_open && outcome == Outcome::Success && self.deploys() {
            self.lay_deployment(pipeline, "deploy-review", REVIEW, ended_at, &mut dice);
        }
        self.end(pipeline);
        if let Some(request) = self.sprint.merge_requests.get_mut(request as usize) {
            request.head_pipeline = Some(pipeline);
        }
    }

    /// After a push to `main`.
    pub(super) fn main_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        self.main_pipelines += 1;
        let order = self.order_of_main(sha, before, "push", by);
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        if self.main_pipelines.is_multiple_of(PARENTS) {
            return self.lay_triggers(pipeline);
        }
        let mut dice = self.dice(0x6d61, pipeline);
        let outcome =
            if dice.one_in(12) { Outcome::Failed("stuck_or_timeout_failure") } else { Outcome::Success };
        let tested_at = self.lay_tests(pipeline, outcome, &mut dice);
        if self.deploys() {
            self.lay_deployments(pipeline, outcome, tested_at, &mut dice);
        }
        let ended_at = self.end(pipeline);
        if outcome == Outcome::Success && self.main_pipelines % PLAYED == 1 {
            self.play_last(pipeline, ended_at + 30 * MINUTE);
        }
    }

    /// After the last push of the sprint: it passes, and is deployed.
    pub(super) fn last_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        let order = self.order_of_main(sha, before, "push", by);
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x6c61, pipeline);
        let tested_at = self.lay_tests(pipeline, Outcome::Success, &mut dice);
        if self.deploys() {
            self.lay_deployments(pipeline, Outcome::Success, tested_at, &mut dice);
        }
        let ended_at = self.end(pipeline);
        self.play_last(pipeline, ended_at + 30 * MINUTE);
    }

    /// After a merge into the release branch: deployed from there at once.
    pub(super) fn release_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        let order = Order {
            on: Ref::Release,
            sha,
            before,
            source: "push",
            by,
            merge_request: None,
            parent: None,
            place: None,
        };
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x7265, pipeline);
        let tested_at = self.lay_tests(pipeline, Outcome::Success, &mut dice);
        if self.deploys() {
            self.lay_deployment(pipeline, "deploy-production", PRODUCTION, tested_at, &mut dice);
        }
        self.end(pipeline);
    }

    pub(super) fn nightly(&mut self, at: Millis) {
        let (sha, by) = (self.main_head, Person(3));
        let order = self.order_of_main(sha, sha, "schedule", by);
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x6e69, pipeline);
        self.lay_tests(pipeline, Outcome::Success, &mut dice);
        self.end(pipeline);
    }

    /// GitLab makes a pipeline without jobs for a push that asks for none.
    pub(super) fn skipped_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        let order = self.order_of_main(sha, before, "push", by);
        if let Some(pipeline) = self.order(at, order)
            && let Some(step) = self.sprint.pipelines[pipeline as usize].steps.last_mut()
        {
            step.1 = Status::Skipped;
        }
    }

    /// A trigger job starts its pipeline, and ends with it.
    pub(super) fn child(&mut self, at: Millis, job: u32) {
        let parent = self.sprint.jobs[job as usize].pipeline;
        let above = &self.sprint.pipelines[parent as usize];
        let order = Order {
            on: above.on.clone(),
            sha: above.sha,
            before: Sha::NOWHERE,
            source: "parent_pipeline",
            by: above.by,
            merge_request: None,
            parent: Some(parent),
            place: None,
        };
        let Some(child) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x6368, child);
        let outcome = if dice.one_in(8) { Outcome::Failed("script_failure") } else { Outcome::Success };
        self.lay_tests(child, outcome, &mut dice);
        let ended_at = self.end(child) + 500;
        let ends = if outcome == Outcome::Success { Status::Success } else { Status::Failed };
        let trigger = &mut self.sprint.jobs[job as usize];
        trigger.trigger = Some(Trigger { downstream: Some(child) });
        trigger.finished_at = Some(ended_at);
        trigger.ends = ends;
        trigger.failure_reason = (ends == Status::Failed).then_some("downstream_pipeline_creation_failed");
        let jobs: Vec<&Job> = self.sprint.pipelines[parent as usize]
            .jobs
            .iter()
            .map(|job| &self.sprint.jobs[*job as usize])
            .collect();
        if jobs.iter().all(|job| job.finished_at.is_some()) {
            let last = jobs.iter().filter_map(|job| job.finished_at).max().unwrap_or(ended_at);
            let passed = jobs.iter().all(|job| job.ends == Status::Success);
            let ends = if passed { Status::Success } else { Status::Failed };
            self.sprint.pipelines[parent as usize].steps.push((last + 100, ends));
        }
    }

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
        let played = &mut self.sprint.jobs[job as usize];
        let started_at = at + dice.between(4_000, 20_000);
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
        if ends == Status::Failed {
            self.later(finished_at + 20 * MINUTE, Happening::Retry { job });
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
        let linked = self.linked[environment.min(REVIEW) as usize];
        let (links, reached, is_rollback) = match (pipeline.place, &pipeline.on) {
            (Some(place), _) if environment != REVIEW => {
                let landed = self.main.get(linked as usize..=place as usize).unwrap_or_default();
                (landed.iter().copied().flatten().collect(), linked.max(place + 1), place + 1 < linked)
            }
            (_, Ref::Release) => (std::mem::take(&mut self.hotfixes), linked, false),
            _ => (Vec::new(), linked, false),
        };
        self.linked[environment.min(REVIEW) as usize] = reached;
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

    fn play_last(&mut self, pipeline: u32, at: Millis) {
        let jobs = &self.sprint.pipelines[pipeline as usize].jobs;
        let manual = jobs.iter().copied().find(|job| self.sprint.jobs[*job as usize].manual);
        if let Some(job) = manual {
            self.later(at, Happening::Play { job });
        }
    }

    fn order_of_main(&self, sha: Sha, before: Sha, source: &'static str, by: Person) -> Order {
        let place = (self.main.len() as u32).checked_sub(1);
        Order { on: Ref::Main, sha, before, source, by, merge_request: None, parent: None, place }
    }

    /// Makes a pipeline that has no jobs yet.
    fn order(&mut self, at: Millis, order: Order) -> Option<u32> {
        if !self.project.has_pipelines() {
            return None;
        }
        let number = self.sprint.pipelines.len() as u32;
        self.sprint.pipelines.push(Pipeline {
            created_at: at + MOMENT,
            on: order.on,
            sha: order.sha,
            before: order.before,
            source: order.source,
            by: order.by,
            merge_request: order.merge_request,
            parent: order.parent,
            place: order.place,
            steps: vec![(at + MOMENT, Status::Created)],
            jobs: Vec::new(),
            coverage: None,
        });
        Some(number)
    }

    /// Adds the jobs that build and test. Gives when the last of them ends.
    fn lay_tests(&mut self, pipeline: u32, outcome: Outcome, dice: &mut Dice) -> Millis {
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
        let (lint, at) = self.lay(pipeline, "test", "lint".to_owned(), built_at + 400, dice);
        let lint = &mut self.sprint.jobs[lint as usize];
        lint.allow_failure = true;
        if dice.one_in(6) {
            lint.ends = Status::Failed;
            lint.failure_reason = Some("script_failure");
        }
        if outcome == Outcome::Success {
            self.sprint.pipelines[pipeline as usize].coverage = Some(7_000 + dice.below(2_500) as u32);
        }
        ended_at.max(at)
    }

    fn settle(&mut self, job: u32, outcome: Outcome) {
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

    /// Adds a job that runs from about `at`. Gives its number, and when it ends.
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
        });
        (number, finished_at)
    }

    /// Adds a job that deploys by itself.
    fn lay_deployment(
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

    /// Adds the jobs that deploy to staging by themselves, and to production by hand. After a failure both are left out.
    fn lay_deployments(&mut self, pipeline: u32, outcome: Outcome, at: Millis, dice: &mut Dice) {
        let (staging, _) = self.lay(pipeline, "deploy", "deploy-staging".to_owned(), at + 300, dice);
        let (production, _) = self.lay(pipeline, "deploy", "deploy-production".to_owned(), at + 300, dice);
        let passed = outcome == Outcome::Success;
        for (job, environment) in [(staging, STAGING), (production, PRODUCTION)] {
            let job = &mut self.sprint.jobs[job as usize];
            job.environment = Some(environment);
            if !passed || environment == PRODUCTION {
                (job.queued_at, job.started_at) = (None, None);
                job.finished_at = (!passed).then_some(at + 200);
                job.ends = if passed { Status::Success } else { Status::Skipped };
            }
        }
        if passed {
            let production = &mut self.sprint.jobs[production as usize];
            (production.manual, production.allow_failure) = (true, true);
            self.later(at + 300, Happening::Deploy { job: staging });
        }
    }

    /// Adds two trigger jobs and nothing else.
    fn lay_triggers(&mut self, pipeline: u32) {
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

    /// Says when the pipeline ran and how it ended, from its jobs. Gives when.
    fn end(&mut self, pipeline: u32) -> Millis {
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

    fn deploys(&self) -> bool {
        self.project.special != Special::WithoutDeployments
    }

    fn is_of_fork(&self, request: u32) -> bool {
        self.plans[request as usize].story == super::Story::OfFork
    }

    fn dice(&self, purpose: u64, number: u32) -> Dice {
        let place =
            [purpose, u64::from(self.project.index), u64::from(self.sprint.number), u64::from(number)];
        Dice::at(self.config.seed, &place)
    }
}
