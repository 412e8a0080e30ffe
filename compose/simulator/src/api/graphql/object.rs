//! Pipelines, merge requests and notes of a query. In: a row of a list and the fields that are asked for. Out: their values. Never a row that is not
//! there yet.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::list::Chosen;
use super::super::token::Role;
use super::super::write::pipeline::coverage;
use super::parse::Field;
use super::resolve::{Resolver, only, person, rows_of};
use crate::gitlab::text::{LABEL, source_project, time, time_of, title};
use crate::gitlab::{MergeRequest, Millis, Noteable, Project, Ref, Sprint};

impl Resolver<'_> {
    pub(super) fn pipeline(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Value {
        let sprint = &row.sprint;
        let (Some(pipeline), scribe) = (sprint.pipelines.get(row.number as usize), self.scribe(project))
        else {
            return Value::Null;
        };
        let Some(state) = pipeline.at(self.now) else {
            return Value::Null;
        };
        let id = self.world.id_in(sprint, row.number);
        let other = |number: u32, fields: &[Field]| {
            self.pipeline(project, &Chosen { sprint: sprint.clone(), number }, fields)
        };
        let mut found = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/Ci::Pipeline/{id}")),
                "iid" => json!(self.world.pipeline_iid(sprint, row.number).to_string()),
                "sha" => json!(pipeline.sha.to_string()),
                "beforeSha" => json!(pipeline.before.to_string()),
                "ref" => json!(scribe.ref_of(sprint, pipeline)),
                "status" => json!(state.status.as_str().to_uppercase()),
                "source" => json!(pipeline.source),
                "createdAt" => json!(time(pipeline.created_at)),
                "updatedAt" => json!(time(state.updated_at)),
                "startedAt" => json!(time_of(state.started_at)),
                "finishedAt" => json!(time_of(state.finished_at)),
                "duration" => json!(state.duration),
                "queuedDuration" => json!(state.queued.map(|seconds| seconds as f64)),
                "coverage" => {
                    let text = coverage(pipeline, state.status);
                    json!(text.and_then(|text| text.parse::<f64>().ok()))
                }
                "path" => json!(format!("/{}/-/pipelines/{id}", project.path(self.world.config()))),
                "tag" => json!(pipeline.on.is_tag()),
                "child" => json!(pipeline.parent.is_some()),
                "complete" => json!(state.status.is_over()),
                "user" => person(pipeline.by, &field.fields),
                "upstream" => pipeline.parent.map_or(Value::Null, |parent| other(parent, &field.fields)),
                "downstream" => {
                    let children: Vec<(String, u32)> = (sprint.pipelines.iter().zip(0..))
                        .filter(|(child, _)| child.parent == Some(row.number) && child.created_at <= self.now)
                        .map(|(_, number)| (number.to_string(), number))
                        .collect();
                    self.page(field, &children, false, children.len(), |number, fields| {
                        other(*number, fields)
                    })
                }
                "mergeRequest" => pipeline.merge_request.map_or(Value::Null, |number| {
                    self.merge_request(project, &Chosen { sprint: sprint.clone(), number }, &field.fields)
                }),
                _ => Value::Null,
            };
            found.insert(field.key().to_owned(), value);
        }
        Value::Object(found)
    }

    pub(super) fn merge_request(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Value {
        let sprint = &row.sprint;
        let Some(request) = sprint.merge_requests.get(row.number as usize) else {
            return Value::Null;
        };
        let Some(state) = request.at(self.now) else {
            return Value::Null;
        };
        let id = self.world.id_in(sprint, row.number);
        let iid = self.world.merge_request_iid(sprint, row.number);
        let scribe = self.scribe(project);
        let mut found = Map::new();
        for field in fields {
            let below = &field.fields;
            let sha = |sha: Option<crate::gitlab::Sha>| json!(sha.map(|sha| sha.to_string()));
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/MergeRequest/{id}")),
                "iid" => json!(iid.to_string()),
                "title" => json!(title(row.number, request)),
                "state" => json!(state.state),
                "draft" => json!(state.draft),
                "createdAt" => json!(time(state.created_at)),
                "updatedAt" => json!(time(state.updated_at)),
                "mergedAt" => json!(time_of(state.merged.map(|(at, _)| at))),
                "closedAt" => json!(time_of(state.closed.map(|(at, _)| at))),
                "preparedAt" => json!(time(state.created_at + 1_813)),
                "sourceBranch" => json!(Ref::Topic(row.number).name(sprint)),
                "targetBranch" => {
                    json!(if state.targets_release { Ref::Release } else { Ref::Main }.name(sprint))
                }
                "sourceProjectId" => json!(source_project(project.id, request)),
                "targetProjectId" => json!(project.id),
                "diffHeadSha" => json!(state.head.to_string()),
                "mergeCommitSha" => sha(state.merge_commit),
                "squashCommitSha" => sha(state.squash_commit),
                "squash" => json!(state.squash_commit.is_some()),
                "commitCount" => json!(state.commits.len()),
                "userNotesCount" => json!(state.comments),
                "approved" => json!(!state.approvals.is_empty()),
                "mergeStatusEnum" => json!("CAN_BE_MERGED"),
                "detailedMergeStatus" => {
                    json!(if state.state == "opened" { "MERGEABLE" } else { "NOT_OPEN" })
                }
                "webUrl" => json!(format!("{}/-/merge_requests/{iid}", scribe.page())),
                "timeEstimate" | "totalTimeSpent" => json!(0),
                "author" => person(request.author, below),
                "mergeUser" => state.merged.map_or(Value::Null, |(_, by)| person(by, below)),
                "approvedBy" => self.people(field, state.approvals.iter().map(|(by, _)| *by).collect()),
                "reviewers" => self
                    .people(field, state.review_requested.then_some(request.reviewer).into_iter().collect()),
                "assignees" => self.people(field, Vec::new()),
                "labels" => {
                    let labels: Vec<(String, &str)> =
                        state.labelled.then(|| ("1".to_owned(), LABEL)).into_iter().collect();
                    self.page(field, &labels, false, labels.len(), |label, fields| {
                        only(fields, |name| match name {
                            "title" => json!(label),
                            _ => json!("gid://gitlab/ProjectLabel/1"),
                        })
                    })
                }
                "milestone" => {
                    let milestone = scribe.milestone(sprint.number);
                    only(below, |name| match name {
                        "id" => json!(format!("gid://gitlab/Milestone/{}", milestone["id"])),
                        "iid" => json!(milestone["iid"].to_string()),
                        _ => milestone["title"].clone(),
                    })
                }
                "diffStatsSummary" => diff_stats(sprint, request, self.now, below),
                _ => self.notes(project, sprint, Noteable::MergeRequest(row.number), field),
            };
            found.insert(field.key().to_owned(), value);
        }
        Value::Object(found)
    }

    fn notes(&self, project: &Project, sprint: &Arc<Sprint>, on: Noteable, field: &Field) -> Value {
        let after = field
            .arguments
            .get("after")
            .and_then(Value::as_str)
            .and_then(|cursor| cursor.parse::<u64>().ok());
        let take = rows_of(field);
        let sees_internal = self.token.role >= Role::Reporter;
        let all: Vec<(String, u32)> = (sprint.notes.iter().zip(0..))
            .filter(|(note, _)| note.on == on && note.at <= self.now && (sees_internal || !note.internal))
            .map(|(_, number)| (self.world.id_in(sprint, number).to_string(), number))
            .filter(|(_, number)| after.is_none_or(|after| self.world.id_in(sprint, *number) > after))
            .collect();
        let rows: Vec<(String, u32)> = all.iter().take(take).cloned().collect();
        let scribe = self.scribe(project);
        self.page(field, &rows, all.len() > take, all.len(), |number, fields| {
            let written = scribe.note(sprint, *number).unwrap_or_default();
            let note = sprint.notes.get(*number as usize);
            let mut found = Map::new();
            for field in fields {
                let value = match field.name.as_str() {
                    "id" => json!(format!("gid://gitlab/Note/{}", written["id"])),
                    "author" => note.map_or(Value::Null, |note| person(note.by, &field.fields)),
                    "resolvedBy" => {
                        let resolved = note.and_then(|note| note.resolved).filter(|(at, _)| *at <= self.now);
                        resolved.map_or(Value::Null, |(_, by)| person(by, &field.fields))
                    }
                    "createdAt" => written["created_at"].clone(),
                    "updatedAt" => written["updated_at"].clone(),
                    "resolvedAt" => written["resolved_at"].clone(),
                    "resolved" => json!(written["resolved"].as_bool().unwrap_or(false)),
                    name => written[name].clone(),
                };
                found.insert(field.key().to_owned(), value);
            }
            Value::Object(found)
        })
    }
}

fn diff_stats(sprint: &Sprint, request: &MergeRequest, now: Millis, fields: &[Field]) -> Value {
    let commits = request.at(now).map(|state| state.commits).unwrap_or_default();
    let commits: Vec<_> = commits.iter().filter_map(|commit| sprint.commits.get(*commit as usize)).collect();
    let additions: u32 = commits.iter().map(|commit| commit.additions).sum();
    let deletions: u32 = commits.iter().map(|commit| commit.deletions).sum();
    only(fields, |name| match name {
        "additions" => json!(additions),
        "deletions" => json!(deletions),
        "changes" => json!(additions + deletions),
        _ => json!(commits.len()),
    })
}
