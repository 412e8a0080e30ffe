//! Bodies about merge requests and issues.

use serde_json::{Value, json};

use super::super::super::merge_request::{MergeRequest, MergeRequestState, Step, What};
use super::super::super::people::Person;
use super::super::super::places::moved_to;
use super::super::super::sprint::Ref;
use super::super::super::text::{issue_title, source_project, title};
use super::super::super::world::Place;
use super::Body;
use crate::version::Version;

impl Body<'_> {
    pub(in crate::gitlab::hooks) fn merge_request(
        &self,
        number: u32,
        step: &Step,
        action: &str,
    ) -> Option<Value> {
        let request = self.sprint.merge_requests.get(number as usize)?;
        let state = request.at(self.at)?;
        let mut attributes = self.merge_request_attributes(number, request, &state);
        attributes["action"] = json!(action);
        // Since 18.10.
        if self.version >= Version::V19 {
            attributes["actioned_at"] = json!(self.time(step.at));
        }
        let mut changes = json!({});
        match &step.what {
            What::Pushed { before, .. } => attributes["oldrev"] = json!(before.to_string()),
            What::Ready => changes["draft"] = json!({"previous": true, "current": false}),
            What::Retargeted => {
                changes["target_branch"] =
                    json!({"previous": "main", "current": Ref::Release.name(self.sprint)});
            }
            What::ReviewRequested => {
                changes["reviewers"] = json!({"previous": [], "current": [request.reviewer.of_webhook()]});
            }
            What::Labelled => changes["labels"] = json!({"previous": [], "current": self.labels(true)}),
            What::ApprovalsReset => {
                attributes["system"] = json!(true);
                attributes["system_action"] = json!("approvals_reset_on_push");
            }
            _ => (),
        }
        let reviewers: Vec<Value> =
            state.review_requested.then(|| request.reviewer.of_webhook()).into_iter().collect();
        Some(json!({
            "object_kind": "merge_request", "event_type": "merge_request", "user": step.by.of_webhook(), "project": self.project(),
            "object_attributes": attributes, "labels": self.labels(state.labelled), "changes": changes, "reviewers": reviewers,
        }))
    }

    pub(super) fn merge_request_attributes(
        &self,
        number: u32,
        request: &MergeRequest,
        state: &MergeRequestState,
    ) -> Value {
        let iid = self.world.merge_request_iid(self.sprint, number);
        let reviewers: Vec<u64> = state.review_requested.then(|| request.reviewer.id()).into_iter().collect();
        let milestone = Place { project: self.sprint.project, sprint: self.sprint.number, number: 0 };
        let attributes = json!({
            "id": self.id(number), "iid": iid, "author_id": request.author.id(), "assignee_id": null, "assignee_ids": [],
            "reviewer_ids": reviewers, "title": title(number, request), "description": "", "draft": state.draft,
            "work_in_progress": state.draft, "state": state.state, "created_at": self.time(state.created_at),
            "updated_at": self.time(state.updated_at), "prepared_at": self.time(state.created_at + 1_813),
            "merged_at": self.time_of(state.merged.map(|(at, _)| at)), "merge_user_id": state.merged.map(|(_, by)| by.id()),
            "merge_commit_sha": state.merge_commit.map(|sha| sha.to_string()),
            "squash_commit_sha": state.squash_commit.map(|sha| sha.to_string()), "head_pipeline_id": null,
            "milestone_id": self.world.id(milestone), "source_branch": request.source.name(self.sprint),
            "source_project_id": source_project(self.project.id, request), "target_branch": state.target.name(self.sprint),
            "target_project_id": self.project.id, "merge_status": "can_be_merged",
            "detailed_merge_status": if state.state == "opened" { "mergeable" } else { "not_open" },
            "blocking_discussions_resolved": true, "time_estimate": 0, "total_time_spent": 0,
            "last_commit": self.commit(state.head), "labels": self.labels(state.labelled),
            "url": format!("{}/-/merge_requests/{iid}", self.page()),
        });
        self.without(attributes, Version::V19, &["merged_at", "squash_commit_sha"])
    }

    pub(in crate::gitlab::hooks) fn issue(&self, number: u32, by: Person, action: &str) -> Option<Value> {
        let attributes = self.issue_attributes(number, Some(action))?;
        let confidential = attributes["confidential"] == json!(true);
        let kind = if confidential { "confidential_issue" } else { "issue" };
        let assignees = match self.sprint.issues.get(number as usize) {
            Some(issue) if issue.at(self.at)?.assigned => json!([issue.assignee.of_webhook()]),
            _ => json!([]),
        };
        Some(json!({
            "object_kind": "issue", "event_type": kind, "user": by.of_webhook(), "project": self.project(),
            "labels": attributes["labels"].clone(), "assignees": assignees, "object_attributes": attributes, "changes": {},
        }))
    }

    pub(super) fn issue_attributes(&self, number: u32, action: Option<&str>) -> Option<Value> {
        let issue = self.sprint.issues.get(number as usize)?;
        let state = issue.at(self.at)?;
        let iid = self.world.issue_iid(self.sprint, number);
        let assignees: Vec<u64> = state.assigned.then(|| issue.assignee.id()).into_iter().collect();
        let labels = match issue.is_incident {
            true => json!([{"id": 4008, "title": "incident", "color": "#c00000", "type": "ProjectLabel"}]),
            false => json!([]),
        };
        let moved_to_id = state.is_moved.then(|| moved_to(self.world, self.sprint)).flatten();
        let mut attributes = json!({
            "id": self.id(number), "iid": iid, "project_id": self.project.id, "author_id": issue.author.id(),
            "assignee_id": assignees.first(), "assignee_ids": assignees, "title": issue_title(number, issue.is_incident),
            "description": "", "state": state.state, "confidential": issue.confidential, "created_at": self.time(state.created_at),
            "updated_at": self.time(state.updated_at), "closed_at": self.time_of(state.closed.map(|(at, _)| at)), "milestone_id": null,
            "moved_to_id": moved_to_id, "duplicated_to_id": null, "due_date": null, "weight": null, "health_status": null,
            "time_estimate": 0, "total_time_spent": 0, "type": if state.is_incident { "Incident" } else { "Issue" },
            "severity": if state.is_incident { "high" } else { "unknown" }, "labels": labels,
            "url": format!("{}/-/{}/{iid}", self.page(), self.version.issues_page()),
        });
        if let Some(action) = action {
            attributes["action"] = json!(action);
        }
        Some(attributes)
    }
}
