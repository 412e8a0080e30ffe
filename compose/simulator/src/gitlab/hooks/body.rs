//! Bodies of webhooks, as GitLab 19 writes them. In: a thing at the moment in which something happened to it. Out: JSON.

use serde_json::{Value, json};

use super::super::dice::{Millis, Sha};
use super::super::merge_request::{MergeRequest, MergeRequestState, Step, Story, What};
use super::super::names::{environment, tier};
use super::super::people::Person;
use super::super::pipeline::{Pipeline, Status};
use super::super::places::{EnvironmentPlace, moved_to};
use super::super::sprint::{Noteable, Push, Ref, Sprint, Tag};
use super::super::text::{
    LABEL, git_time, issue_title, noteable_type, ruby_time, source_project, time, time_of, title,
};
use super::super::tree::Project;
use super::super::world::{Place, World};

/// Commits that GitLab lists of a push.
const LISTED: usize = 20;

/// Writes bodies of what happened at a time.
pub(super) struct Body<'w> {
    pub(super) world: &'w World,
    pub(super) project: &'w Project,
    pub(super) sprint: &'w Sprint,
    pub(super) at: Millis,
}

impl Body<'_> {
    fn path(&self) -> String {
        self.project.path_at(self.world.config(), self.at)
    }

    fn page(&self) -> String {
        format!("{}/{}", self.world.config().url, self.path())
    }

    fn id(&self, number: u32) -> u64 {
        self.world.id_in(self.sprint, number)
    }

    fn project(&self) -> Value {
        json!({
            "id": self.project.id, "name": self.project.slug, "description": "", "web_url": self.page(), "avatar_url": null,
            "namespace": self.world.group(self.project.group).name, "visibility_level": 0, "path_with_namespace": self.path(),
            "default_branch": "main", "ci_config_path": "",
        })
    }

    fn commit(&self, sha: Sha) -> Value {
        let Some(commit) = self.world.commit(self.sprint.project, self.sprint.number, sha) else {
            return Value::Null;
        };
        json!({
            "id": sha.to_string(), "message": commit.message, "title": commit.title(), "timestamp": git_time(commit.committed_at),
            "url": format!("{}/-/commit/{sha}", self.page()), "author": {"name": commit.author.name(), "email": commit.author.email()},
        })
    }

    fn labels(&self, labelled: bool) -> Value {
        let label = json!({"id": 4007, "title": LABEL, "color": "#b5483a", "project_id": self.project.id, "type": "ProjectLabel"});
        if labelled { json!([label]) } else { json!([]) }
    }

    pub(super) fn merge_request(&self, number: u32, step: &Step, action: &str) -> Option<Value> {
        let request = self.sprint.merge_requests.get(number as usize)?;
        let state = request.at(self.at)?;
        let mut attributes = self.merge_request_attributes(number, request, &state);
        attributes["action"] = json!(action);
        attributes["actioned_at"] = json!(time(step.at));
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

    fn merge_request_attributes(
        &self,
        number: u32,
        request: &MergeRequest,
        state: &MergeRequestState,
    ) -> Value {
        let iid = self.world.merge_request_iid(self.sprint, number);
        let target = if state.targets_release { Ref::Release } else { Ref::Main };
        let reviewers: Vec<u64> = state.review_requested.then(|| request.reviewer.id()).into_iter().collect();
        let milestone = Place { project: self.sprint.project, sprint: self.sprint.number, number: 0 };
        json!({
            "id": self.id(number), "iid": iid, "author_id": request.author.id(), "assignee_id": null, "assignee_ids": [],
            "reviewer_ids": reviewers, "title": title(number, request), "description": "", "draft": state.draft,
            "work_in_progress": state.draft, "state": state.state, "created_at": time(state.created_at),
            "updated_at": time(state.updated_at), "prepared_at": time(state.created_at + 1_813),
            "merged_at": time_of(state.merged.map(|(at, _)| at)), "merge_user_id": state.merged.map(|(_, by)| by.id()),
            "merge_commit_sha": state.merge_commit.map(|sha| sha.to_string()),
            "squash_commit_sha": state.squash_commit.map(|sha| sha.to_string()), "head_pipeline_id": null,
            "milestone_id": self.world.id(milestone), "source_branch": Ref::Topic(number).name(self.sprint),
            "source_project_id": source_project(self.project.id, request), "target_branch": target.name(self.sprint),
            "target_project_id": self.project.id, "merge_status": "can_be_merged",
            "detailed_merge_status": if state.state == "opened" { "mergeable" } else { "not_open" },
            "blocking_discussions_resolved": true, "time_estimate": 0, "total_time_spent": 0,
            "last_commit": self.commit(state.head), "labels": self.labels(state.labelled),
            "url": format!("{}/-/merge_requests/{iid}", self.page()),
        })
    }

    pub(super) fn issue(&self, number: u32, by: Person, action: &str) -> Option<Value> {
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

    fn issue_attributes(&self, number: u32, action: Option<&str>) -> Option<Value> {
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
            "description": "", "state": state.state, "confidential": issue.confidential, "created_at": time(state.created_at),
            "updated_at": time(state.updated_at), "closed_at": time_of(state.closed.map(|(at, _)| at)), "milestone_id": null,
            "moved_to_id": moved_to_id, "duplicated_to_id": null, "due_date": null, "weight": null, "health_status": null,
            "time_estimate": 0, "total_time_spent": 0, "type": if issue.is_incident { "Incident" } else { "Issue" },
            "severity": if issue.is_incident { "high" } else { "unknown" }, "labels": labels,
            "url": format!("{}/-/work_items/{iid}", self.page()),
        });
        if let Some(action) = action {
            attributes["action"] = json!(action);
        }
        Some(attributes)
    }

    pub(super) fn note(&self, number: u32) -> Option<Value> {
        let note = self.sprint.notes.get(number as usize)?;
        let (noteable, name, of) = match note.on {
            Noteable::MergeRequest(on) => {
                let request = self.sprint.merge_requests.get(on as usize)?;
                (on, "merge_request", self.merge_request_attributes(on, request, &request.at(self.at)?))
            }
            Noteable::Issue(on) => (on, "issue", self.issue_attributes(on, None)?),
        };
        let kind = if note.internal { "confidential_note" } else { "note" };
        let mut body = json!({
            "object_kind": "note", "event_type": kind, "user": note.by.of_webhook(), "project_id": self.project.id,
            "project": self.project(),
            "object_attributes": {
                "id": self.id(number), "author_id": note.by.id(), "note": note.body, "description": note.body,
                "noteable_id": self.id(noteable), "noteable_type": noteable_type(note.on), "project_id": self.project.id,
                "system": false, "internal": note.internal, "type": note.resolved.map(|_| "DiffNote"), "commit_id": null,
                "created_at": time(note.at), "updated_at": time(note.at), "resolved_at": null, "resolved_by_id": null, "action": "create",
                "url": format!("{}#note_{}", of["url"].as_str().unwrap_or_default(), self.id(number)),
            },
        });
        body[name] = of;
        Some(body)
    }

    pub(super) fn pipeline(&self, number: u32) -> Option<Value> {
        let pipeline = self.sprint.pipelines.get(number as usize)?;
        let state = pipeline.at(self.at)?;
        let builds: Vec<Value> = pipeline.jobs.iter().rev().filter_map(|job| self.build(*job)).collect();
        let mut stages: Vec<&str> = Vec::new();
        for job in pipeline.jobs.iter().filter_map(|job| self.sprint.jobs.get(*job as usize)) {
            if !stages.contains(&job.stage) {
                stages.push(job.stage);
            }
        }
        let mut body = json!({
            "object_kind": "pipeline", "user": pipeline.by.of_webhook(), "project": self.project(), "commit": self.commit(pipeline.sha),
            "merge_request": self.of_merge_request(pipeline), "builds": builds,
            "object_attributes": {
                "id": self.id(number), "iid": self.world.pipeline_iid(self.sprint, number), "name": null,
                "ref": pipeline.on.name(self.sprint), "tag": pipeline.on.is_tag(), "sha": pipeline.sha.to_string(),
                "before_sha": pipeline.before.to_string(), "source": pipeline.source, "status": state.status.as_str(),
                "detailed_status": if state.status == Status::Success { "passed" } else { state.status.as_str() },
                "stages": stages, "created_at": time(pipeline.created_at), "finished_at": time_of(state.finished_at),
                "duration": state.duration, "queued_duration": state.queued, "protected_ref": pipeline.on == Ref::Main,
                "default_branch": "main", "variables": [], "url": format!("{}/-/pipelines/{}", self.page(), self.id(number)),
            },
        });
        if let Some(parent) = pipeline.parent {
            body["source_pipeline"] = json!({
                "project": {"id": self.project.id, "web_url": self.page(), "path_with_namespace": self.path()},
                "job_id": null, "pipeline_id": self.id(parent),
            });
        }
        Some(body)
    }

    fn of_merge_request(&self, pipeline: &Pipeline) -> Value {
        let Some(number) = pipeline.merge_request else {
            return Value::Null;
        };
        let Some(request) = self.sprint.merge_requests.get(number as usize) else {
            return Value::Null;
        };
        let iid = self.world.merge_request_iid(self.sprint, number);
        json!({
            "id": self.id(number), "iid": iid, "title": title(number, request), "source_branch": Ref::Topic(number).name(self.sprint),
            "source_project_id": source_project(self.project.id, request), "target_branch": "main",
            "target_project_id": self.project.id, "state": request.at(self.at).map(|state| state.state),
            "is_fork": request.story == Story::OfFork, "url": format!("{}/-/merge_requests/{iid}", self.page()),
        })
    }

    /// A job of a pipeline's webhook: its times have no milliseconds.
    fn build(&self, number: u32) -> Option<Value> {
        let job = self.sprint.jobs.get(number as usize)?;
        let status = job.status(self.at)?;
        if job.is_trigger() || job.retried_at.is_some_and(|at| at <= self.at) {
            return None;
        }
        let passed = |at: Option<Millis>| at.filter(|at| *at <= self.at);
        let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
        let (duration, queued) = job.durations(self.at);
        Some(json!({
            "id": self.id(number), "stage": job.stage, "name": job.name, "status": status.as_str(),
            "created_at": ruby_time(job.created_at), "started_at": passed(job.started_at).map(ruby_time),
            "finished_at": finished_at.map(ruby_time), "duration": duration, "queued_duration": queued,
            "failure_reason": job.failure_reason.filter(|_| status == Status::Failed),
            "when": if job.manual { "manual" } else { "on_success" }, "manual": job.manual, "allow_failure": job.allow_failure,
            "user": job.by.of_webhook(), "runner": null, "artifacts_file": {"filename": null, "size": null},
            "environment": self.environment(job.environment),
        }))
    }

    fn environment(&self, number: Option<u32>) -> Value {
        number.map_or(Value::Null, |number| {
            json!({
                "name": environment(self.project, self.sprint.number, number), "action": "start", "deployment_tier": tier(number),
            })
        })
    }

    pub(super) fn job(&self, number: u32) -> Option<Value> {
        let job = self.sprint.jobs.get(number as usize)?;
        let status = job.status(self.at)?;
        let pipeline = self.sprint.pipelines.get(job.pipeline as usize)?;
        let passed = |at: Option<Millis>| at.filter(|at| *at <= self.at);
        let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
        let (duration, queued) = job.durations(self.at);
        let reason = job.failure_reason.filter(|_| status == Status::Failed);
        Some(json!({
            "object_kind": "build", "ref": pipeline.on.name(self.sprint), "tag": pipeline.on.is_tag(),
            "before_sha": pipeline.before.to_string(), "sha": pipeline.sha.to_string(), "build_id": self.id(number),
            "build_name": job.name, "build_stage": job.stage, "build_status": status.as_str(),
            "build_created_at": time(job.created_at), "build_started_at": time_of(passed(job.started_at)),
            "build_finished_at": time_of(finished_at), "build_duration": duration, "build_queued_duration": queued,
            "build_allow_failure": job.allow_failure, "build_failure_reason": reason.unwrap_or("unknown_failure"),
            "retries_count": job.attempt, "pipeline_id": self.id(job.pipeline), "project_id": self.project.id,
            "project_name": self.project.slug, "user": job.by.of_webhook(), "project": self.project(), "runner": null,
            "environment": self.environment(job.environment),
        }))
    }

    pub(super) fn deployment(&self, number: u32) -> Option<Value> {
        let deployment = self.sprint.deployments.get(number as usize)?;
        let status = deployment.status(self.at)?;
        let place = EnvironmentPlace::of(self.sprint.number, deployment.environment);
        let commit = self.commit(deployment.sha);
        Some(json!({
            "object_kind": "deployment", "status": status.as_str(), "status_changed_at": git_time(self.at / 1_000 * 1_000),
            "deployment_id": self.id(number), "deployable_id": self.id(deployment.job),
            "deployable_url": format!("{}/-/jobs/{}", self.page(), self.id(deployment.job)),
            "environment": environment(self.project, place.sprint, place.number), "environment_tier": tier(place.number),
            "project": self.project(), "short_sha": deployment.sha.short(), "user": deployment.by.of_webhook(),
            "commit_url": format!("{}/-/commit/{}", self.page(), deployment.sha), "commit_title": commit["title"].clone(),
            "ref": deployment.on.name(self.sprint),
        }))
    }

    /// Somebody approved it (<https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events>), since 19.3.
    pub(super) fn deployment_approval(&self, number: u32, by: Person) -> Option<Value> {
        let mut body = self.deployment(number)?;
        body["status"] = json!("approved");
        body["approver"] = by.of_webhook();
        body["approval"] = json!({"status": "approved", "comment": "", "created_at": time(self.at)});
        Some(body)
    }

    pub(super) fn push(&self, push: &Push) -> Value {
        let (kind, folder) =
            if push.to.is_tag() { ("tag_push", "refs/tags/") } else { ("push", "refs/heads/") };
        let listed = push.commits.len().saturating_sub(LISTED);
        let commits: Vec<Value> = (push.commits.iter().skip(listed))
            .filter_map(|commit| self.sprint.commits.get(*commit as usize))
            .map(|commit| {
                let mut written = self.commit(commit.sha);
                written["added"] = json!([]);
                written["modified"] = json!(["README.md"]);
                written["removed"] = json!([]);
                written
            })
            .collect();
        let checkout = (push.after != Sha::NOWHERE).then(|| push.after.to_string());
        json!({
            "object_kind": kind, "event_name": kind, "before": push.before.to_string(), "after": push.after.to_string(),
            "ref": format!("{folder}{}", push.to.name(self.sprint)), "ref_protected": push.to == Ref::Main, "checkout_sha": checkout,
            "message": null, "user_id": push.by.id(), "user_name": push.by.name(), "user_username": push.by.username(),
            "user_email": null, "project_id": self.project.id, "project": self.project(), "commits": commits,
            "total_commits_count": push.commits.len(), "push_options": {},
        })
    }

    pub(super) fn release(&self, tag: &Tag, number: u32) -> Option<Value> {
        let released_at = tag.released_at?;
        Some(json!({
            "object_kind": "release", "id": self.id(number), "created_at": time(self.at), "released_at": time(released_at),
            "description": "", "name": format!("Release {}", tag.name), "tag": tag.name, "project": self.project(),
            "url": format!("{}/-/releases/{}", self.page(), tag.name), "action": "create",
            "assets": {"count": 4, "links": [], "sources": []}, "commit": self.commit(tag.sha),
        }))
    }
}
