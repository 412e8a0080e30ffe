//! The content of a sprint of a project: each thing with its whole life, in the order of creation, so that ids follow time. The state of a thing at a
//! moment is computed in its own module. Never refers to a thing of another sprint except by SHA.

use std::collections::BTreeMap;

use super::delivery::Delivery;
use super::deployment::Deployment;
use super::dice::{Millis, Sha};
use super::issue::Issue;
use super::merge_request::MergeRequest;
use super::people::Person;
use super::pipeline::{Job, Pipeline};

/// A sprint of a project. The number of a thing is its index in its list.
#[derive(Debug, Clone, Default)]
pub struct Sprint {
    /// Number of the project.
    pub project: u32,
    /// Number of the sprint.
    pub number: u32,
    /// Commits, in the order in which GitLab got them.
    pub commits: Vec<Commit>,
    /// Their numbers by SHA.
    pub(crate) places: BTreeMap<Sha, u32>,
    /// The numbers of each commit's parents, if they belong to this sprint.
    pub(crate) parents: Vec<[Option<u32>; 2]>,
    /// Merge requests.
    pub merge_requests: Vec<MergeRequest>,
    /// Issues, including incidents.
    pub issues: Vec<Issue>,
    /// Notes on both.
    pub notes: Vec<Note>,
    /// Pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Jobs and trigger jobs, which share their ids.
    pub jobs: Vec<Job>,
    /// Deployments.
    pub deployments: Vec<Deployment>,
    /// Changes of states of merge requests and issues.
    pub state_events: Vec<StateEvent>,
    /// Pushes, one per ref.
    pub pushes: Vec<Push>,
    /// The list of events.
    pub activities: Vec<Activity>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Which deployment first brought which merge request to its environment.
    pub deliveries: Vec<Delivery>,
    /// Pairs of an environment and a branch whose own commits it had, each once.
    pub reached: Vec<(u32, Ref)>,
    /// How often each hard case of metrics occurred, by its number.
    pub met: BTreeMap<&'static str, u32>,
}

/// A commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its name.
    pub sha: Sha,
    /// Its parents: none, one, or two of a merge.
    pub parents: Vec<Sha>,
    /// Who wrote and committed it.
    pub author: Person,
    /// When it was written, which a rebase does not change.
    pub authored_at: Millis,
    /// When it was committed.
    pub committed_at: Millis,
    /// When it was pushed to GitLab.
    pub pushed_at: Millis,
    /// Its message; the first line is its title.
    pub message: String,
    /// Added lines.
    pub additions: u32,
    /// Deleted lines.
    pub deletions: u32,
    /// When `main` came to contain it, if it ever did.
    pub on_main_at: Option<Millis>,
    /// When a force push removed it from `main` again.
    pub left_main_at: Option<Millis>,
}

impl Commit {
    /// First line of the message.
    pub fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// Whether `main` contains it at `now`.
    pub fn is_on_main(&self, now: Millis) -> bool {
        self.on_main_at.is_some_and(|at| at <= now) && self.left_main_at.is_none_or(|at| at > now)
    }
}

/// A branch or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ref {
    /// The default branch.
    Main,
    /// The release branch of the sprint.
    Release,
    /// The branch from which production is deployed, in projects that have one.
    Production,
    /// The branch of the merge request of this number.
    Topic(u32),
    /// One of the branches that are pushed at once.
    Many(u32),
    /// The tag of this number.
    Tag(u32),
}

/// The object of a note or a state event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noteable {
    /// The merge request of this number.
    MergeRequest(u32),
    /// The issue of this number.
    Issue(u32),
}

/// A note.
#[derive(Debug, Clone)]
pub struct Note {
    /// When it was written.
    pub at: Millis,
    /// On what.
    pub on: Noteable,
    /// Who wrote it, or did what it records.
    pub by: Person,
    /// Its text.
    pub body: String,
    /// Whether GitLab wrote it.
    pub system: bool,
    /// Whether it is an internal note.
    pub internal: bool,
    /// When its thread was resolved, and by whom, if it is a thread.
    pub resolved: Option<(Millis, Person)>,
    /// When it was deleted, alone or with its object.
    pub deleted_at: Option<Millis>,
}

impl Note {
    /// Whether it exists at `now`.
    pub fn is_there(&self, now: Millis) -> bool {
        self.at <= now && self.deleted_at.is_none_or(|at| at > now)
    }

    /// When it last changed before `now`.
    pub fn updated_at(&self, now: Millis) -> Millis {
        self.resolved.filter(|(at, _)| *at <= now).map_or(self.at, |(at, _)| at)
    }
}

/// A change of a state.
#[derive(Debug, Clone)]
pub struct StateEvent {
    /// When.
    pub at: Millis,
    /// Of what.
    pub of: Noteable,
    /// Who did it.
    pub by: Person,
    /// The state it went to.
    pub state: &'static str,
}

/// A push of one ref.
#[derive(Debug, Clone)]
pub struct Push {
    /// When.
    pub at: Millis,
    /// Who.
    pub by: Person,
    /// Of what.
    pub to: Ref,
    /// Where it was.
    pub before: Sha,
    /// Where it is.
    pub after: Sha,
    /// Numbers of its commits.
    pub commits: Vec<u32>,
    /// Whether it was pushed with more than three others: then GitLab sends no webhook, and the list of events has one row for all.
    pub is_one_of_many: bool,
}

/// An event of a project's list.
#[derive(Debug, Clone)]
pub struct Activity {
    /// When GitLab recorded it.
    pub at: Millis,
    /// How much earlier it happened, if it was imported.
    pub imported_before: Millis,
    /// Who.
    pub by: Person,
    /// What happened.
    pub what: Happened,
}

/// The content of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The push of this number.
    Pushed(u32),
    /// This many branches were pushed at once.
    PushedMany(u32),
    /// `opened`, `accepted`, `closed`, `reopened` or `approved`: what happened to the merge request of this number.
    MergeRequest(u32, &'static str),
    /// `opened`, `closed` or `reopened`: what happened to the issue of this number.
    Issue(u32, &'static str),
    /// The note of this number was written.
    Noted(u32),
}

/// A tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// When it was pushed.
    pub at: Millis,
    /// Who pushed it.
    pub by: Person,
    /// Its name.
    pub name: String,
    /// The commit it leads to.
    pub sha: Sha,
    /// The SHA of the tag itself, if it is annotated.
    pub annotated: Option<Sha>,
    /// The release date, if it has a release.
    pub released_at: Option<Millis>,
}

/// How many things of each kind a sprint created that are numbered within their project, including deleted ones, which leave gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Merge requests.
    pub merge_requests: u64,
    /// Issues.
    pub issues: u64,
    /// Pipelines.
    pub pipelines: u64,
    /// Deployments.
    pub deployments: u64,
}

/// How many things of each kind GitLab lists for a sprint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// How many were created, including deleted ones.
    pub made: Made,
    /// Merge requests.
    pub merge_requests: u64,
    /// Issues.
    pub issues: u64,
    /// Notes.
    pub notes: u64,
    /// Pipelines.
    pub pipelines: u64,
    /// Pipelines that another started.
    pub children: u64,
    /// Jobs, trigger jobs not included.
    pub jobs: u64,
    /// Trigger jobs.
    pub triggers: u64,
    /// Deployments.
    pub deployments: u64,
    /// Commits that `main` contains.
    pub commits: u64,
    /// Events of pushes.
    pub push_events: u64,
    /// Events of merge requests.
    pub merge_request_events: u64,
    /// Events of issues.
    pub issue_events: u64,
    /// Events of comments.
    pub note_events: u64,
    /// Changes of states.
    pub state_events: u64,
    /// Tags.
    pub tags: u64,
    /// Releases.
    pub releases: u64,
}

impl Activity {
    /// When it happened, as shown in the list.
    pub fn created_at(&self) -> Millis {
        self.at - self.imported_before
    }
}

impl Sprint {
    /// Comments of people on something, as of `now`.
    pub(crate) fn comments(&self, on: Noteable, now: Millis) -> u64 {
        let written = self.notes.iter().filter(|note| note.on == on && !note.system && note.is_there(now));
        written.count() as u64
    }

    /// Whether the object of a note or a state event exists at `now`.
    pub(crate) fn has(&self, on: Noteable, now: Millis) -> bool {
        match on {
            Noteable::MergeRequest(number) => {
                self.merge_requests.get(number as usize).is_some_and(|request| request.is_there(now))
            }
            Noteable::Issue(number) => {
                self.issues.get(number as usize).is_some_and(|issue| issue.is_there(now))
            }
        }
    }

    /// Whether an event is listed at `now`: it is deleted with its object.
    pub fn is_listed(&self, activity: &Activity, now: Millis) -> bool {
        activity.at <= now
            && match activity.what {
                Happened::Pushed(_) | Happened::PushedMany(_) => true,
                Happened::MergeRequest(number, _) => self.has(Noteable::MergeRequest(number), now),
                Happened::Issue(number, _) => self.has(Noteable::Issue(number), now),
                Happened::Noted(number) => {
                    self.notes.get(number as usize).is_some_and(|note| note.is_there(now))
                }
            }
    }

    /// The numbers at `now`.
    pub fn sizes(&self, now: Millis) -> Sizes {
        let count = |happened: usize| happened as u64;
        let pipelines = || self.pipelines.iter().filter(|pipeline| pipeline.is_there(now));
        let jobs = self.jobs.iter().filter(|job| job.status(now).is_some());
        let (triggers, jobs): (Vec<&Job>, Vec<&Job>) = jobs.partition(|job| job.is_trigger());
        let events = |is_asked: fn(&Happened) -> bool| {
            let listed = self.activities.iter().filter(|activity| self.is_listed(activity, now));
            count(listed.filter(|activity| is_asked(&activity.what)).count())
        };
        let state_events =
            self.state_events.iter().filter(|event| event.at <= now && self.has(event.of, now));
        let tags = self.tags.iter().filter(|tag| tag.at <= now);
        let deployments = self.deployments.iter().filter(|deployment| deployment.created_at <= now);
        Sizes {
            made: self.made(now),
            merge_requests: count(self.merge_requests.iter().filter(|request| request.is_there(now)).count()),
            issues: count(self.issues.iter().filter(|issue| issue.is_there(now)).count()),
            notes: count(self.notes.iter().filter(|note| note.is_there(now)).count()),
            pipelines: count(pipelines().count()),
            children: count(pipelines().filter(|pipeline| pipeline.parent.is_some()).count()),
            jobs: count(jobs.len()),
            triggers: count(triggers.len()),
            deployments: count(deployments.count()),
            commits: count(self.commits.iter().filter(|commit| commit.is_on_main(now)).count()),
            push_events: events(|what| matches!(what, Happened::Pushed(_) | Happened::PushedMany(_))),
            merge_request_events: events(|what| matches!(what, Happened::MergeRequest(_, _))),
            issue_events: events(|what| matches!(what, Happened::Issue(_, _))),
            note_events: events(|what| matches!(what, Happened::Noted(_))),
            state_events: count(state_events.count()),
            tags: count(tags.clone().count()),
            releases: count(tags.filter(|tag| tag.released_at.is_some()).count()),
        }
    }

    /// The numbers of created things at `now`.
    fn made(&self, now: Millis) -> Made {
        let count = |happened: usize| happened as u64;
        let requests = self.merge_requests.iter().filter(|request| request.opened_at() <= now);
        let pipelines = self.pipelines.iter().filter(|pipeline| pipeline.created_at <= now);
        let deployments = self.deployments.iter().filter(|deployment| deployment.created_at <= now);
        Made {
            merge_requests: count(requests.count()),
            issues: count(self.issues.iter().filter(|issue| issue.opened_at() <= now).count()),
            pipelines: count(pipelines.count()),
            deployments: count(deployments.count()),
        }
    }
}

impl std::ops::AddAssign for Sizes {
    fn add_assign(&mut self, other: Sizes) {
        self.made.merge_requests += other.made.merge_requests;
        self.made.issues += other.made.issues;
        self.made.pipelines += other.made.pipelines;
        self.made.deployments += other.made.deployments;
        self.merge_requests += other.merge_requests;
        self.issues += other.issues;
        self.notes += other.notes;
        self.pipelines += other.pipelines;
        self.children += other.children;
        self.jobs += other.jobs;
        self.triggers += other.triggers;
        self.deployments += other.deployments;
        self.commits += other.commits;
        self.push_events += other.push_events;
        self.merge_request_events += other.merge_request_events;
        self.issue_events += other.issue_events;
        self.note_events += other.note_events;
        self.state_events += other.state_events;
        self.tags += other.tags;
        self.releases += other.releases;
    }
}
