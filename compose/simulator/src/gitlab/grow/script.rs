//! Hand-written sprints, for tests of the truth. In: who does what in which hour. Out: a world of one project and one sprint. Nothing happens in it
//! except what the script says.

use super::super::deployment::Deployment;
use super::super::dice::{HOUR, MINUTE, Millis, Sha};
use super::super::issue::{Issue, IssueStep, IssueWhat};
use super::super::merge_request::{Draft, Story};
use super::super::people::Person;
use super::super::pipeline::{Job, Pipeline, Status};
use super::super::plan::{Plan, Planned};
use super::super::size::WorldConfig;
use super::super::sprint::{Ref, Sprint};
use super::super::tree::Project;
use super::super::world::World;
use super::graph::Head;
use super::{Growth, Happening};

/// Somebody, and a colleague.
pub(in crate::gitlab) const AUTHOR: Person = Person(3);
pub(in crate::gitlab) const REVIEWER: Person = Person(4);

/// A script.
pub(in crate::gitlab) struct Script {
    growth: Growth<'static>,
    began_at: Millis,
}

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

impl Script {
    /// A script for a project in which this many merge requests will be opened.
    pub(in crate::gitlab) fn new(requests: usize) -> Script {
        Script::told(vec![Vec::new(); requests])
    }

    /// A script whose merge requests do what is given, by the minute.
    pub(in crate::gitlab) fn told(lives: Vec<Vec<(Millis, Person, Planned)>>) -> Script {
        let config = leaked(WorldConfig::new(1, 1, 14));
        let project = leaked(Project::of(config, 0));
        let began_at = config.began_at;
        let plan = |steps: Vec<(Millis, Person, Planned)>| Plan {
            story: Story::Plain,
            author: AUTHOR,
            reviewer: REVIEWER,
            onto: None,
            steps: steps.into_iter().map(|(at, by, what)| (began_at + at * MINUTE, by, what)).collect(),
        };
        let plans: Vec<Plan> = lives.into_iter().map(plan).collect();
        let mut growth = Growth::new(config, project, 0, plans);
        let root = growth.add_commit(None, Vec::new(), AUTHOR, began_at, began_at, "Begin\n".to_owned());
        let root = growth.sprint.commits[root as usize].sha;
        growth.main_head = Sha::NOWHERE;
        growth.extend_main(began_at, AUTHOR, root, None);
        Script { growth, began_at }
    }

    fn at(&self, minutes: Millis) -> Millis {
        self.began_at + minutes * MINUTE
    }

    /// Takes the steps of all merge requests.
    pub(in crate::gitlab) fn live(&mut self) {
        let steps: Vec<(Millis, Happening)> = (self.growth.plans.iter().zip(0..))
            .flat_map(|(plan, request)| {
                let steps = plan.steps.iter().enumerate();
                steps.map(move |(step, (at, _, _))| (*at, Happening::Step { request, step }))
            })
            .collect();
        for (at, happening) in steps {
            self.growth.later(at, happening);
        }
        self.growth.live();
    }

    /// Opens a merge request and merges it with a commit of its own. Returns its landing SHA.
    pub(in crate::gitlab) fn merge(&mut self, minutes: Millis, request: u32, into: Ref) -> Sha {
        let at = self.at(minutes);
        let growth = &mut self.growth;
        growth.targets[request as usize] = into;
        growth.plans[request as usize].steps = vec![(at - HOUR, AUTHOR, Planned::Opened(Draft::No))];
        growth.step(at - HOUR, request, 0);
        let before = if into == Ref::Main { growth.main_head } else { growth.release_head.unwrap() };
        let message = format!("Merge {request}\n");
        let number = growth.add_commit(None, vec![before], AUTHOR, at, at, message);
        let sha = growth.sprint.commits[number as usize].sha;
        growth.landings[request as usize] = vec![sha];
        growth.lives[request as usize].merged(at, REVIEWER, sha);
        if into == Ref::Main {
            growth.extend_main(at, AUTHOR, sha, Some(request));
        } else {
            growth.release_head = Some(sha);
            growth.heads.push(Head { on: into, sha, commit: number, landed: Some(request), begins: false });
        }
        sha
    }

    /// The head of `main`.
    pub(in crate::gitlab) fn head(&self) -> Sha {
        self.growth.main_head
    }

    /// Cuts the release branch.
    pub(in crate::gitlab) fn cut(&mut self, minutes: Millis) {
        let at = self.at(minutes);
        self.growth.cut_release(at);
    }

    /// Declares that one merge request picks another.
    pub(in crate::gitlab) fn pick(&mut self, request: u32, picked: u32) {
        self.growth.lives[request as usize].picks = Some(picked);
    }

    /// Declares that one merge request reverts another.
    pub(in crate::gitlab) fn revert(&mut self, request: u32, reverted: u32) {
        self.growth.lives[request as usize].reverts = Some(reverted);
        self.growth.lives[reverted as usize].is_reverted = true;
    }

    /// A deployment that ends in that minute. Returns its number.
    pub(in crate::gitlab) fn deploy(
        &mut self,
        minutes: Millis,
        environment: u32,
        sha: Sha,
        ends: Status,
    ) -> u32 {
        let at = self.at(minutes);
        let number = self.growth.sprint.deployments.len() as u32;
        self.growth.sprint.deployments.push(Deployment {
            created_at: at - 5 * MINUTE,
            started_at: at - 4 * MINUTE,
            finished_at: at,
            ends,
            environment,
            on: Ref::Main,
            sha,
            job: 0,
            by: AUTHOR,
            merge_requests: Vec::new(),
            approved: None,
            standing: None,
        });
        self.growth.deployed(number);
        number
    }

    /// A pipeline that reached statuses in those seconds.
    pub(in crate::gitlab) fn pipeline(&mut self, steps: &[(Millis, Status)]) -> u32 {
        let number = self.growth.sprint.pipelines.len() as u32;
        let began_at = self.began_at;
        self.growth.sprint.pipelines.push(Pipeline {
            created_at: began_at,
            on: Ref::Main,
            sha: self.growth.main_head,
            before: Sha::NOWHERE,
            source: "push",
            by: AUTHOR,
            merge_request: None,
            parent: None,
            place: None,
            steps: steps.iter().map(|(at, status)| (began_at + at * 1_000, *status)).collect(),
            jobs: Vec::new(),
            coverage: None,
            deleted_at: None,
        });
        number
    }

    /// A job of a pipeline that ran between those seconds; one that never ran has none.
    pub(in crate::gitlab) fn job(
        &mut self,
        pipeline: u32,
        name: &str,
        ran: Option<(Millis, Millis)>,
        ends: Status,
    ) -> u32 {
        let number = self.growth.sprint.jobs.len() as u32;
        let at = |seconds: Millis| self.began_at + seconds * 1_000;
        self.growth.sprint.jobs.push(Job {
            pipeline,
            name: name.to_owned(),
            stage: "test",
            created_at: self.began_at,
            queued_at: ran.map(|(from, _)| at(from - 5)),
            started_at: ran.map(|(from, _)| at(from)),
            finished_at: ran.map(|(_, until)| at(until)),
            ends,
            manual: ran.is_none(),
            allow_failure: false,
            failure_reason: (ends == Status::Failed).then_some("script_failure"),
            by: AUTHOR,
            retried_at: None,
            attempt: 0,
            environment: None,
            trigger: None,
            deleted_at: None,
        });
        self.growth.sprint.pipelines[pipeline as usize].jobs.push(number);
        number
    }

    /// An issue that did that in those minutes.
    pub(in crate::gitlab) fn issue(&mut self, is_incident: bool, steps: &[(Millis, IssueWhat)]) {
        let steps = steps.iter().map(|(at, what)| IssueStep { at: self.at(*at), by: AUTHOR, what: *what });
        let steps = steps.collect();
        self.growth.sprint.issues.push(Issue {
            author: AUTHOR,
            assignee: REVIEWER,
            is_incident,
            confidential: false,
            moved_from: None,
            steps,
            imported_before: 0,
            deleted_at: None,
        });
    }

    /// The world that holds it.
    pub(in crate::gitlab) fn world(mut self) -> World {
        self.growth.end_all();
        let world = World::new(self.growth.config.clone());
        let sprint: Sprint = self.growth.sprint;
        world.hold(sprint);
        world
    }
}
