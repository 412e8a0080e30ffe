//! Pipelines of a sprint. In: what was pushed, and when. Out: pipelines that follow. Never starts anything in a project that has no pipelines.

use super::super::deployment::{PRODUCTION, REVIEW};
use super::super::dice::{DAY, Dice, MINUTE, Millis, Sha};
use super::super::merge_request::Story;
use super::super::people::Person;
use super::super::pipeline::{Job, Pipeline, Status, Trigger};
use super::super::sprint::Ref;
use super::super::tree::Special;
use super::Growth;

/// GitLab creates a pipeline and its jobs a moment after the push.
pub(super) const MOMENT: Millis = 1_500;
/// Pipelines of `main` per pipeline with only trigger jobs, and per deployment to production.
const PARENTS: u32 = 5;
const PLAYED: u32 = 3;

/// How the tests of a pipeline end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    /// A test fails.
    Failed(&'static str),
    /// A test fails, and passes when it is retried.
    Flaky(&'static str),
    /// Stopped because of a newer push.
    Canceled,
}

/// The properties of a new pipeline.
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
        if for_request {
            self.meet("60");
        }
        let source = if for_request { "merge_request_event" } else { "push" };
        self.supersede(at + MOMENT + 400, Ref::Topic(request), source);
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

    /// Stops what still runs for a ref when something newer begins.
    fn supersede(&mut self, at: Millis, on: Ref, source: &str) {
        let is_older = |pipeline: &&Pipeline| pipeline.on == on && pipeline.source == source;
        let running = self.sprint.pipelines.iter().zip(0..).filter(|(pipeline, _)| is_older(pipeline));
        let running = running.filter(|(pipeline, _)| pipeline.steps.last().is_some_and(|(end, _)| *end > at));
        let running: Vec<u32> = running.map(|(_, number)| number).collect();
        running.into_iter().for_each(|number| self.stop(number, at));
    }

    /// After a push to `main`.
    pub(super) fn main_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        self.main_pipelines += 1;
        let plays = std::mem::take(&mut self.plays_next);
        let order = self.order_of_main(sha, before, "push", by);
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        if self.main_pipelines.is_multiple_of(PARENTS) && !plays {
            ["58", "N1"].into_iter().for_each(|case| self.meet(case));
            return self.lay_triggers(pipeline);
        }
        let mut dice = self.dice(0x6d61, pipeline);
        let outcome = if dice.one_in(12) && !plays {
            Outcome::Failed("stuck_or_timeout_failure")
        } else {
            Outcome::Success
        };
        let tested_at = self.lay_tests(pipeline, outcome, &mut dice);
        if self.deploys() {
            self.lay_deployments(pipeline, outcome, tested_at, &mut dice);
        }
        if self.main_pipelines % 7 == 2 && outcome == Outcome::Success {
            self.lay_check(pipeline, tested_at, &mut dice);
        }
        let ended_at = self.end(pipeline);
        let is_turn = plays || self.main_pipelines % PLAYED == 1;
        if outcome == Outcome::Success && is_turn && self.has_production(at) {
            self.play_last(pipeline, ended_at + 30 * MINUTE);
        } else if outcome == Outcome::Success {
            self.meet("64");
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
        let is_last = self.sprint.number + 1 == self.config.sprints();
        if is_last && self.project.ends_undeployed() {
            return;
        }
        self.play_last(pipeline, ended_at + 30 * MINUTE);
    }

    /// Whether somebody deploys to production at that time.
    fn has_production(&self, at: Millis) -> bool {
        let is_last = self.sprint.number + 1 == self.config.sprints();
        if is_last && self.project.ends_undeployed() && at > self.starts_at + 9 * DAY {
            return false;
        }
        self.sprint.number > 0 || !self.project.begins_late() || at > self.starts_at + 6 * DAY
    }

    /// After a merge into the branch of production, and after a release was tagged: deployed at once.
    pub(super) fn production_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        self.deploying_pipeline(at, (Ref::Production, sha, before), by);
    }

    pub(super) fn tag_pipeline(&mut self, at: Millis, tag: u32, sha: Sha, by: Person) {
        self.deploying_pipeline(at, (Ref::Tag(tag), sha, Sha::NOWHERE), by);
    }

    /// After a merge into the release branch: deployed from there at once.
    pub(super) fn release_pipeline(&mut self, at: Millis, sha: Sha, before: Sha, by: Person) {
        self.deploying_pipeline(at, (Ref::Release, sha, before), by);
    }

    /// A pipeline that deploys to production automatically. One deployment in five fails at first.
    fn deploying_pipeline(&mut self, at: Millis, (on, sha, before): (Ref, Sha, Sha), by: Person) {
        let order =
            Order { on, sha, before, source: "push", by, merge_request: None, parent: None, place: None };
        let Some(pipeline) = self.order(at, order) else {
            return;
        };
        let mut dice = self.dice(0x7265, pipeline);
        let tested_at = self.lay_tests(pipeline, Outcome::Success, &mut dice);
        let is_hotfix_elsewhere = on == Ref::Release && self.project.has_production_branch();
        if self.deploys() && !is_hotfix_elsewhere {
            let job = self.lay_deployment(pipeline, "deploy-production", PRODUCTION, tested_at, &mut dice);
            if dice.one_in(5) {
                self.fail(job);
            }
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

    /// GitLab creates a pipeline without jobs for a push that asks for none.
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
            on: above.on,
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

    fn order_of_main(&self, sha: Sha, before: Sha, source: &'static str, by: Person) -> Order {
        let pushed = self.heads.iter().filter(|head| head.on == Ref::Main).count() as u32;
        let place = pushed.checked_sub(1);
        Order { on: Ref::Main, sha, before, source, by, merge_request: None, parent: None, place }
    }

    /// Creates a pipeline without jobs.
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
            deleted_at: None,
        });
        Some(number)
    }

    pub(super) fn deploys(&self) -> bool {
        // Nothing was deployed before everything was imported.
        let waits = self.project.special == Special::Imported && self.sprint.number == 0 && !self.is_closing;
        self.project.special != Special::WithoutDeployments && !waits
    }

    fn is_of_fork(&self, request: u32) -> bool {
        self.plans[request as usize].story == Story::OfFork
    }

    pub(super) fn dice(&self, purpose: u64, number: u32) -> Dice {
        let place =
            [purpose, u64::from(self.project.index), u64::from(self.sprint.number), u64::from(number)];
        Dice::at(self.config.seed, &place)
    }
}
