//! Simulates a sprint. In: a project and a number. Out: the sprint, with the whole life of each thing. Events are processed in the order of their
//! times, and what follows from them is added to the queue. Knows nothing of other sprints but the SHA with which this one begins.

mod after;
mod branch;
mod deliver;
mod deploy;
mod graph;
mod job;
mod land;
mod pipeline;
#[cfg(test)]
pub(in crate::gitlab) mod script;
mod step;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

pub(super) use branch::subject;

use deliver::Success;
use graph::Head;

use super::dice::{DAY, Dice, HOUR, MINUTE, Millis, Sha};
use super::life::Life;
use super::merge_request::Story;
use super::people::Person;
use super::plan::{self, IssuePlan, Plan};
use super::size::WorldConfig;
use super::sprint::{Activity, Happened, Note, Noteable, Ref, Sprint, StateEvent, Tag};
use super::tree::{MergeMethod, Project, people};

/// The commit with which a sprint begins: the last one of the previous sprint, or the first of all.
pub(crate) fn base(config: &WorldConfig, project: u32, sprint: u32) -> Sha {
    Dice::at(config.seed, &[0x6261, u64::from(project), u64::from(sprint)]).sha()
}

/// The commit with which the production branch begins a sprint, in projects that have one.
fn promoted(config: &WorldConfig, project: u32, sprint: u32) -> Sha {
    Dice::at(config.seed, &[0x7062, u64::from(project), u64::from(sprint)]).sha()
}

/// A future event.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// The first commit of the project.
    Root,
    /// A step of a merge request.
    Step {
        request: u32,
        step: usize,
    },
    /// A step of an issue.
    IssueStep {
        issue: u32,
        step: usize,
    },
    /// GitLab's note about an approval.
    ApprovalNote {
        request: u32,
        by: Person,
    },
    /// Somebody pushes to `main`.
    DirectPush,
    /// A bot pushes to `main`, without a pipeline.
    SilentPush,
    /// Five branches are pushed at once.
    PushOfMany,
    /// The production branch, and the release branch is cut.
    CutProduction,
    CutRelease,
    /// Somebody removes the last landing on `main` by a force push.
    RewriteMain,
    /// A tag without a release, and one with a release.
    Candidate,
    Release,
    /// The pipeline of the night.
    Nightly,
    /// A trigger job starts its pipeline.
    Child {
        job: u32,
    },
    /// A job is retried.
    Retry {
        job: u32,
    },
    /// Somebody starts a manual job.
    Play {
        job: u32,
    },
    /// A deployment begins, and ends.
    Deploy {
        job: u32,
    },
    Deployed {
        deployment: u32,
    },
    /// Production is rolled back to the deployment before the last, and then forward again.
    Rollback,
    Redeploy,
    /// The last commit of the sprint.
    Close,
}

/// A sprint in progress.
struct Growth<'w> {
    config: &'w WorldConfig,
    project: &'w Project,
    people: u32,
    starts_at: Millis,
    sprint: Sprint,
    line: BinaryHeap<Reverse<(Millis, usize)>>,
    happenings: Vec<Happening>,
    plans: Vec<Plan>,
    issue_plans: Vec<IssuePlan>,
    /// Heads of the branches of the merge requests, and their commits.
    branches: Vec<(Sha, Vec<u32>)>,
    /// Notes of the actors of merge requests, and their target branches.
    lives: Vec<Life>,
    targets: Vec<Ref>,
    /// The commits by which GitLab finds a landed merge request: the merge commit, the squashed one, its head.
    landings: Vec<Vec<Sha>>,
    /// The commit with which the sprint began.
    base: Sha,
    main_head: Sha,
    release_head: Option<Sha>,
    production_head: Sha,
    /// The pushes of the long-lived branches, in order.
    heads: Vec<Head>,
    /// Successful deployments, in the order in which they ended.
    successes: Vec<Success>,
    /// What GitLab linked to each environment.
    linked: BTreeSet<(u32, u32)>,
    /// Commits of `main` that somebody will deploy to production.
    played: BTreeSet<Sha>,
    /// Whether the next pipeline of `main` is to be deployed to production.
    plays_next: bool,
    /// Whether the last commit of the sprint was pushed.
    is_closing: bool,
    /// Jobs that deployed to production.
    deployed: Vec<u32>,
    /// Jobs whose deployments wait for an approval: when it comes, and from whom.
    approvals: BTreeMap<u32, (Millis, Person)>,
    /// Pipelines of `main` so far.
    main_pipelines: u32,
    /// The last merge: its number and its landing commit.
    last_landed: Option<(u32, Sha)>,
}

/// Makes a sprint.
pub(crate) fn grow(config: &WorldConfig, project: &Project, number: u32) -> Sprint {
    let plans = plan::merge_requests(config, project, number);
    let mut growth = Growth::new(config, project, number, plans);
    growth.issue_plans = plan::issues(config, project, number);
    growth.reach();
    growth.put_in_line();
    growth.live();
    growth.end_all();
    growth.touch_all();
    growth.delete();
    growth.sprint
}

impl<'w> Growth<'w> {
    /// A sprint in which nothing has happened yet.
    fn new(config: &'w WorldConfig, project: &'w Project, number: u32, plans: Vec<Plan>) -> Growth<'w> {
        let head = base(config, project.index, number);
        Growth {
            config,
            project,
            people: people(config),
            starts_at: config.starts_at(number),
            sprint: Sprint { project: project.index, number, ..Sprint::default() },
            line: BinaryHeap::new(),
            happenings: Vec::new(),
            branches: vec![(head, Vec::new()); plans.len()],
            lives: vec![Life::default(); plans.len()],
            targets: targets(&plans),
            landings: vec![Vec::new(); plans.len()],
            plans,
            issue_plans: Vec::new(),
            base: head,
            main_head: head,
            release_head: None,
            production_head: if number == 0 { Sha::NOWHERE } else { promoted(config, project.index, number) },
            heads: Vec::new(),
            successes: Vec::new(),
            linked: BTreeSet::new(),
            played: BTreeSet::new(),
            plays_next: false,
            is_closing: false,
            deployed: Vec::new(),
            approvals: BTreeMap::new(),
            main_pipelines: 0,
            last_landed: None,
        }
    }

    /// Processes all events in the queue, and what follows from them.
    fn live(&mut self) {
        while let Some(Reverse((at, place))) = self.line.pop() {
            if let Some(happening) = self.happenings.get(place).copied() {
                self.happen(at, happening);
            }
        }
    }

    /// Hands over the notes.
    fn end_all(&mut self) {
        for (request, life) in self.sprint.merge_requests.iter_mut().zip(std::mem::take(&mut self.lives)) {
            request.life = life;
        }
        for pipeline in &mut self.sprint.pipelines {
            // Manual starts may overlap.
            pipeline.steps.sort_by_key(|(at, _)| *at);
        }
    }
}

/// The branches that merge requests are aimed at first.
fn targets(plans: &[Plan]) -> Vec<Ref> {
    let target = |plan: &Plan| match (plan.story, plan.onto) {
        (Story::Promoting, _) => Ref::Production,
        (Story::Stacked, Some(onto)) => Ref::Topic(onto),
        _ => Ref::Main,
    };
    plans.iter().map(target).collect()
}

impl Growth<'_> {
    fn put_in_line(&mut self) {
        let start = self.starts_at;
        if self.sprint.number == 0 {
            let created_at = self.project.created_at(self.config);
            self.later(created_at, Happening::Root);
            if self.project.has_production_branch() {
                self.later(created_at + MINUTE, Happening::CutProduction);
            }
        }
        for (days, happening) in [
            (3, Happening::DirectPush),
            (5, Happening::PushOfMany),
            (6, Happening::SilentPush),
            (7, Happening::CutRelease),
            (8, Happening::DirectPush),
            (10, Happening::Candidate),
            (11, Happening::Release),
        ] {
            // Shifts times, so that the projects of a world do not do everything at the same moment.
            let shift = Millis::from(self.project.index % 600) * 7_919;
            self.later(start + days * DAY + 9 * HOUR + shift, happening);
        }
        if self.project.is_rewritten() {
            self.later(start + 4 * DAY + 11 * HOUR, Happening::RewriteMain);
        }
        self.later(start + 12 * DAY, Happening::Rollback);
        self.later(start + 12 * DAY + 2 * HOUR, Happening::Redeploy);
        for day in 0..13 {
            self.later(start + day * DAY + 2 * HOUR, Happening::Nightly);
        }
        self.later(start + 13 * DAY + 18 * HOUR, Happening::Close);
        let steps: Vec<(Millis, Happening)> = (self.plans.iter().zip(0..))
            .flat_map(|(plan, request)| {
                let steps = plan.steps.iter().enumerate();
                steps.map(move |(step, (at, _, _))| (*at, Happening::Step { request, step }))
            })
            .chain((self.issue_plans.iter().zip(0..)).flat_map(|(plan, issue)| {
                let steps = plan.steps.iter().enumerate();
                steps.map(move |(place, step)| (step.at, Happening::IssueStep { issue, step: place }))
            }))
            .collect();
        for (at, happening) in steps {
            self.later(at, happening);
        }
    }

    fn later(&mut self, at: Millis, happening: Happening) {
        self.line.push(Reverse((at, self.happenings.len())));
        self.happenings.push(happening);
    }

    fn happen(&mut self, at: Millis, happening: Happening) {
        match happening {
            Happening::Root => self.root(at),
            Happening::Step { request, step } => self.step(at, request, step),
            Happening::IssueStep { issue, step } => self.issue_step(at, issue, step),
            Happening::ApprovalNote { request, by } => {
                self.note(at, Noteable::MergeRequest(request), by, "approved this merge request".to_owned());
            }
            Happening::DirectPush => self.direct_push(at),
            Happening::SilentPush => self.silent_push(at),
            Happening::PushOfMany => self.push_of_many(at),
            Happening::CutProduction => self.cut_production(at),
            Happening::CutRelease => self.cut_release(at),
            Happening::RewriteMain => self.rewrite_main(at),
            Happening::Candidate => self.tag(at, "-rc1", None),
            Happening::Release => {
                // One release in five is announced for a month later.
                let is_upcoming = (self.sprint.number + self.project.index) % 5 == 4;
                let released_at = if is_upcoming { at + 30 * DAY } else { at + MINUTE };
                self.tag(at, "", Some(released_at));
            }
            Happening::Nightly => self.nightly(at),
            Happening::Child { job } => self.child(at, job),
            Happening::Retry { job } => self.retry(at, job),
            Happening::Play { job } => self.play(at, job),
            Happening::Deploy { job } => self.deploy(at, job),
            Happening::Deployed { deployment } => self.deployed(deployment),
            Happening::Rollback => self.deploy_again(at, 2),
            Happening::Redeploy => self.deploy_again(at, 2),
            Happening::Close => self.close(at),
        }
    }

    /// Writes a note of GitLab's own.
    fn note(&mut self, at: Millis, on: Noteable, by: Person, body: String) {
        let (system, internal) = (true, false);
        self.sprint.notes.push(Note { at, on, by, body, system, internal, resolved: None, deleted_at: None });
    }

    /// Writes a comment, which also makes an event.
    fn comment(&mut self, at: Millis, on: Noteable, by: Person, resolved: Option<(Millis, Person)>) {
        let number = self.sprint.notes.len() as u32;
        let body = format!("Comment {number}: does this hold when stock levels are read twice?");
        let (system, internal) = (false, false);
        self.sprint.notes.push(Note { at, on, by, body, system, internal, resolved, deleted_at: None });
        self.activity(at, by, Happened::Noted(number));
    }

    fn state(&mut self, at: Millis, of: Noteable, by: Person, state: &'static str) {
        let at = at - self.imported_before(of);
        self.sprint.state_events.push(StateEvent { at, of, by, state });
    }

    fn activity(&mut self, at: Millis, by: Person, what: Happened) {
        let imported_before = match what {
            Happened::MergeRequest(number, _) => self.imported_before(Noteable::MergeRequest(number)),
            Happened::Issue(number, _) => self.imported_before(Noteable::Issue(number)),
            Happened::Pushed(_) | Happened::PushedMany(_) | Happened::Noted(_) => 0,
        };
        self.sprint.activities.push(Activity { at, imported_before, by, what });
    }

    /// How long before the times of its steps an imported thing happened.
    fn imported_before(&self, on: Noteable) -> Millis {
        let found = match on {
            Noteable::MergeRequest(number) => {
                self.sprint.merge_requests.get(number as usize).map(|request| request.imported_before)
            }
            Noteable::Issue(number) => {
                self.sprint.issues.get(number as usize).map(|issue| issue.imported_before)
            }
        };
        found.unwrap_or(0)
    }

    fn tag(&mut self, at: Millis, suffix: &str, released_at: Option<Millis>) {
        let name = format!("v{}.0.0{suffix}", self.sprint.number + 1);
        let place = [
            0x7461,
            u64::from(self.project.index),
            u64::from(self.sprint.number),
            self.sprint.tags.len() as u64,
        ];
        let mut dice = Dice::at(self.config.seed, &place);
        let by = Person::human(&mut dice, self.people);
        // A candidate is a lightweight tag, a release has an annotated one.
        let annotated = released_at.map(|_| dice.sha());
        let (number, sha) = (self.sprint.tags.len() as u32, self.main_head);
        self.sprint.tags.push(Tag { at, by, name, sha, annotated, released_at });
        self.push_ref(at, by, Ref::Tag(number), Sha::NOWHERE, annotated.unwrap_or(sha), Vec::new());
        if released_at.is_some() && self.project.deploys_tags() && !self.project.has_production_branch() {
            self.tag_pipeline(at, number, sha, by);
        }
        if released_at.is_some_and(|released_at| released_at > at + DAY) {
            self.meet("79");
        }
    }

    /// Counts a hard case of metrics.
    fn meet(&mut self, case: &'static str) {
        *self.sprint.met.entry(case).or_default() += 1;
    }

    /// How the merge requests of the project are merged.
    fn method(&self) -> MergeMethod {
        self.project.merge_method
    }
}
