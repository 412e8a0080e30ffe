//! Steps of merge requests and issues. In: a planned step. Out: its results: notes, states, events, commits. Never takes a step before the thing was
//! opened.

use super::super::dice::{DAY, MINUTE, Millis, Sha};
use super::super::issue::{Issue, IssueWhat};
use super::super::life::Life;
use super::super::merge_request::{Draft, MergeRequest, Noted, Step, Story, What};
use super::super::people::Person;
use super::super::plan::Planned;
use super::super::sprint::{Happened, Noteable, Ref};
use super::super::tree::Special;
use super::{Growth, Happening};

impl Growth<'_> {
    pub(super) fn step(&mut self, at: Millis, request: u32, step: usize) {
        let plan = &self.plans[request as usize];
        let Some((_, by, planned)) = plan.steps.get(step).copied() else {
            return;
        };
        let on = Noteable::MergeRequest(request);
        let (author, told_at) = (plan.author, at - self.imported_before(on));
        let what = match planned {
            Planned::Branch(commits) => return self.branch(at, request, by, commits),
            Planned::Opened(draft) => {
                self.open(at, request);
                let told_at = at - self.imported_before(on);
                self.lives[request as usize].opened(told_at, draft == Draft::Yes);
                self.activity(at, by, Happened::MergeRequest(request, "opened"));
                What::Opened(draft)
            }
            Planned::Pushed(commits) => self.push_more(at, request, by, commits),
            Planned::Rewritten(commits) => self.rewrite(at, request, by, commits),
            Planned::Ready => {
                self.lives[request as usize].ready(at);
                self.note(at, on, by, "marked this merge request as **ready**".to_owned());
                What::Ready
            }
            Planned::ReviewRequested => {
                self.lives[request as usize].review_requested(at);
                let body =
                    format!("requested review from @{}", self.plans[request as usize].reviewer.username());
                self.note(at, on, by, body);
                What::ReviewRequested
            }
            Planned::Commented => {
                self.comment_on(at, request, by);
                self.comment(at, on, by, None);
                What::Commented
            }
            Planned::CommentedOnLine => {
                self.comment_on(at, request, by);
                self.comment(at, on, by, Some((at + 5 * MINUTE, author)));
                What::Commented
            }
            Planned::Approved(noted) => {
                self.lives[request as usize].approved(told_at, by, author);
                self.meet("49");
                self.activity(at, by, Happened::MergeRequest(request, "approved"));
                // GitLab may write the event twice: the worker that does it can be repeated.
                if (request + self.sprint.number) % 13 == 5 {
                    self.activity(at + 400, by, Happened::MergeRequest(request, "approved"));
                }
                if noted == Noted::Later {
                    self.later(at + 2_000, Happening::ApprovalNote { request, by });
                }
                What::Approved(noted)
            }
            Planned::Unapproved => {
                self.lives[request as usize].unapproved(by);
                self.note(at, on, by, "unapproved this merge request".to_owned());
                What::Unapproved
            }
            Planned::ApprovalsReset => {
                self.lives[request as usize].approvals_reset();
                What::ApprovalsReset
            }
            Planned::Labelled => What::Labelled,
            Planned::Retargeted => {
                self.targets[request as usize] = Ref::Release;
                let body =
                    format!("changed target branch from `main` to `release/{}`", self.sprint.number + 1);
                self.note(at, on, by, body);
                What::Retargeted
            }
            Planned::Closed => {
                self.lives[request as usize].closed(told_at);
                self.state(at, on, by, "closed");
                self.activity(at, by, Happened::MergeRequest(request, "closed"));
                What::Closed
            }
            Planned::Reopened => {
                self.lives[request as usize].reopened(told_at);
                self.state(at, on, by, "reopened");
                self.activity(at, by, Happened::MergeRequest(request, "reopened"));
                What::Reopened
            }
            Planned::Merged => {
                let landed = self.land(at, request, by);
                self.state(at + 80, on, by, "merged");
                self.activity(at, by, Happened::MergeRequest(request, "accepted"));
                landed
            }
        };
        if let Some(request) = self.sprint.merge_requests.get_mut(request as usize) {
            request.steps.push(Step { at, by, what });
        }
    }

    /// Notes who wrote a comment. Imported comments have the time of the import, which is after the thing's end.
    fn comment_on(&mut self, at: Millis, request: u32, by: Person) {
        let author = self.plans[request as usize].author;
        let imported = self.imported_before(Noteable::MergeRequest(request)) > 0;
        let life = &mut self.lives[request as usize];
        match imported {
            true => life.comments.push(at),
            false => life.commented(at, by, author),
        }
    }

    /// Creates the merge request, which its first step opens.
    fn open(&mut self, at: Millis, request: u32) {
        if self.plans[request as usize].story.promotes() {
            let (head, commits) = self.promotion(request);
            let oldest = self.oldest(&commits);
            self.lives[request as usize].pushed(oldest);
            self.branches[request as usize] = (head, commits);
        }
        let source = self.source(request);
        let plan = &self.plans[request as usize];
        let (head, commits) = self.branches[request as usize].clone();
        let base = commits.first().and_then(|first| self.sprint.commits.get(*first as usize));
        let base = base.and_then(|commit| commit.parents.first().copied()).unwrap_or(head);
        let imported = self.project.special == Special::Imported && self.sprint.number == 0;
        let request_of = MergeRequest {
            story: plan.story,
            author: if imported { Person::PLACEHOLDER } else { plan.author },
            reviewer: plan.reviewer,
            source,
            target: self.targets[request as usize],
            base,
            steps: Vec::new(),
            first_commits: commits,
            first_head: head,
            head_pipeline: None,
            // The same for all, so that they were merged in the order in which they landed.
            imported_before: if imported { 350 * DAY } else { 0 },
            deleted_at: None,
            life: Life::default(),
        };
        let (promotes, is_of_fork) = (plan.story.promotes(), plan.story == Story::OfFork);
        self.sprint.merge_requests.push(request_of);
        if imported {
            self.meet("21");
        }
        if (self.project.has_merge_request_pipelines() || is_of_fork) && !promotes {
            let by = self.plans[request as usize].author;
            self.topic_pipeline(at, request, head, Sha::NOWHERE, by);
        }
    }

    pub(super) fn issue_step(&mut self, at: Millis, issue: u32, step: usize) {
        let plan = &self.issue_plans[issue as usize];
        let Some(taken) = plan.steps.get(step).cloned() else {
            return;
        };
        let (by, on) = (taken.by, Noteable::Issue(issue));
        match taken.what {
            IssueWhat::Opened => {
                // One that moves has its first time in two projects.
                let moves =
                    plan.moved_from.is_some() || plan.steps.iter().any(|step| step.what == IssueWhat::Moved);
                let imported = self.project.special == Special::Imported && self.sprint.number == 0 && !moves;
                let mut dice = self.dice(0x6969, issue);
                let plan = &self.issue_plans[issue as usize];
                let made = Issue {
                    author: if imported { Person::PLACEHOLDER } else { plan.author },
                    assignee: plan.assignee,
                    is_incident: plan.is_incident,
                    confidential: plan.confidential,
                    moved_from: plan.moved_from,
                    steps: Vec::new(),
                    imported_before: if imported { dice.between(300 * DAY, 400 * DAY) } else { 0 },
                    deleted_at: None,
                };
                self.sprint.issues.push(made);
                self.activity(at, by, Happened::Issue(issue, "opened"));
            }
            IssueWhat::Commented => self.comment(at, on, by, None),
            IssueWhat::CommentedInternally => {
                self.comment(at, on, by, None);
                if let Some(note) = self.sprint.notes.last_mut() {
                    note.internal = true;
                }
            }
            IssueWhat::Assigned => {
                let body = format!("assigned to @{}", plan.assignee.username());
                self.note(at, on, by, body);
            }
            IssueWhat::Closed => {
                self.state(at, on, by, "closed");
                self.activity(at, by, Happened::Issue(issue, "closed"));
            }
            IssueWhat::Reopened => {
                if plan.is_incident {
                    self.meet("39");
                }
                self.state(at, on, by, "reopened");
                self.activity(at, by, Happened::Issue(issue, "reopened"));
            }
            IssueWhat::BecameIncident => {
                self.meet("40");
                self.note(at, on, by, "changed type from issue to incident".to_owned());
            }
            IssueWhat::Touched => (),
            IssueWhat::Moved => {
                self.meet("N8");
                self.note(at, on, by, "moved to another project".to_owned());
                self.state(at, on, by, "closed");
            }
        }
        if let Some(issue) = self.sprint.issues.get_mut(issue as usize) {
            issue.steps.push(taken);
        }
    }
}
