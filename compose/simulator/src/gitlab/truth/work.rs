//! Rows of merge requests, issues and notes.

use serde_json::{Value, json};

use super::super::issue::IssueWhat;
use super::super::merge_request::{MergeRequest, What};
use super::super::places::moved_to;
use super::super::sprint::{Noteable, Sprint};
use super::super::text::{LABEL, issue_title, noteable_type, source_project, title};
use super::super::world::Place;
use super::{Row, Truth, at, at_of, row, second};

impl Truth<'_> {
    pub(super) fn merge_requests(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        let milestone =
            json!(self.world.id(Place { project: sprint.project, sprint: sprint.number, number: 0 }));
        for (request, number) in sprint.merge_requests.iter().zip(0..) {
            let Some(state) = request.at(self.now) else {
                continue;
            };
            let iid = json!(self.world.merge_request_iid(sprint, number));
            let reviewers: Vec<u64> =
                state.review_requested.then(|| request.reviewer.id()).into_iter().collect();
            let labels: Vec<&str> = state.labelled.then_some(LABEL).into_iter().collect();
            rows.push(row(
                "merge_requests",
                [
                    self.project_id(),
                    ("iid", iid.clone()),
                    ("id", self.id(sprint, number)),
                    ("title", json!(title(number, request))),
                    ("state", json!(state.state)),
                    ("draft", json!(state.draft)),
                    ("author_id", json!(request.author.id())),
                    ("assignee_ids", json!([])),
                    ("reviewer_ids", json!(reviewers)),
                    ("labels", json!(labels)),
                    ("milestone_id", milestone.clone()),
                    ("source_project_id", json!(source_project(self.project.id, request))),
                    ("source_branch", json!(request.source.name(sprint))),
                    ("target_branch", json!(state.target.name(sprint))),
                    ("head_sha", json!(state.head.to_string())),
                    ("merge_commit_sha", json!(state.merge_commit.map(|sha| sha.to_string()))),
                    ("squash_commit_sha", json!(state.squash_commit.map(|sha| sha.to_string()))),
                    ("merge_user_id", json!(state.merged.map(|(_, by)| by.id()))),
                    ("created_at", at(state.created_at)),
                    ("updated_at", at(state.updated_at)),
                    ("merged_at", at_of(state.merged.map(|(time, _)| time))),
                    ("closed_at", at_of(state.closed.map(|(time, _)| time))),
                ],
            ));
            self.merge_request_events(request, &iid, rows);
        }
    }

    /// Occurrences in the API's events and states: withdrawn approvals are not listed, openings come from the object.
    fn merge_request_events(&self, request: &MergeRequest, iid: &Value, rows: &mut Vec<Row>) {
        for step in request.steps.iter().take_while(|step| step.at <= self.now) {
            let action = match step.what {
                What::Opened(_) => "opened",
                What::Merged { .. } => "merged",
                What::Closed => "closed",
                What::Reopened => "reopened",
                _ => continue,
            };
            let columns = [
                self.project_id(),
                ("merge_request_iid", iid.clone()),
                ("action", json!(action)),
                ("second", json!(second(step.at - request.imported_before) / 1_000)),
                ("actor_id", json!(step.by.id())),
            ];
            rows.push(row("merge_request_events", columns));
        }
    }

    pub(super) fn issues(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (issue, number) in sprint.issues.iter().zip(0..) {
            let Some(state) = issue.at(self.now) else {
                continue;
            };
            let assignees: Vec<u64> = state.assigned.then(|| issue.assignee.id()).into_iter().collect();
            let labels: Vec<&str> = issue.is_incident.then_some("incident").into_iter().collect();
            let moved_to_id = state.is_moved.then(|| moved_to(self.world, sprint)).flatten();
            rows.push(row(
                "issues",
                [
                    self.project_id(),
                    ("id", self.id(sprint, number)),
                    ("iid", json!(self.world.issue_iid(sprint, number))),
                    ("type", json!(if state.is_incident { "incident" } else { "issue" })),
                    ("title", json!(issue_title(number, issue.is_incident))),
                    ("state", json!(state.state)),
                    ("confidential", json!(issue.confidential)),
                    ("author_id", json!(issue.author.id())),
                    ("assignee_ids", json!(assignees)),
                    ("labels", json!(labels)),
                    ("moved_to_id", json!(moved_to_id)),
                    ("created_at", at(state.created_at)),
                    ("updated_at", at(state.updated_at)),
                    ("closed_at", at_of(state.closed.map(|(time, _)| time))),
                    ("closed_by_id", json!(state.closed.map(|(_, by)| by.id()))),
                ],
            ));
            for step in issue.steps.iter().take_while(|step| step.at <= self.now) {
                let action = match step.what {
                    IssueWhat::Opened => "opened",
                    IssueWhat::Closed | IssueWhat::Moved => "closed",
                    IssueWhat::Reopened => "reopened",
                    _ => continue,
                };
                let happened_at = step.at - issue.imported_before;
                let time = if step.what == IssueWhat::Opened { state.created_at } else { happened_at };
                let columns = [
                    self.project_id(),
                    ("issue_id", self.id(sprint, number)),
                    ("action", json!(action)),
                    ("second", json!(second(time) / 1_000)),
                ];
                rows.push(row("issue_events", columns));
            }
        }
    }

    pub(super) fn notes(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (note, number) in sprint.notes.iter().zip(0..).filter(|(note, _)| note.is_there(self.now)) {
            let (noteable, iid) = match note.on {
                Noteable::MergeRequest(on) => (on, self.world.merge_request_iid(sprint, on)),
                Noteable::Issue(on) => (on, self.world.issue_iid(sprint, on)),
            };
            let resolved = note.resolved.filter(|(time, _)| *time <= self.now);
            rows.push(row(
                "notes",
                [
                    self.project_id(),
                    ("id", self.id(sprint, number)),
                    ("noteable_type", json!(noteable_type(note.on))),
                    ("noteable_id", self.id(sprint, noteable)),
                    ("noteable_iid", json!(iid)),
                    ("body", json!(note.body)),
                    ("system", json!(note.system)),
                    ("internal", json!(note.internal)),
                    ("author_id", json!(note.by.id())),
                    ("author_username", json!(note.by.username())),
                    ("resolvable", json!(note.resolved.is_some())),
                    ("resolved_at", at_of(resolved.map(|(time, _)| time))),
                    ("resolved_by_id", json!(resolved.map(|(_, by)| by.id()))),
                    ("created_at", at(note.at)),
                    ("updated_at", at(note.updated_at(self.now))),
                ],
            ));
        }
    }
}
