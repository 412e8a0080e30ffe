//! Finds what a query asks for. In: fields that were checked. Out: their values. Lists go by keys: a cursor names the row before.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::list::{Chosen, sees_project};
use super::super::token::{Role, Token};
use super::super::version::Version;
use super::super::write::Scribe;
use super::super::write::pipeline::coverage;
use super::parse::Field;
use crate::gitlab::text::{LABEL, read_time, source_project, time, time_of, title};
use crate::gitlab::{MergeRequest, Millis, Noteable, Person, Project, Ref, Sprint, World};

/// Rows of a page, at most and unless asked.
const MAX_ROWS: u64 = 100;

/// Answers fields of a world at a time.
pub(super) struct Resolver<'w> {
    pub(super) world: &'w World,
    pub(super) token: &'w Token,
    pub(super) version: Version,
    pub(super) now: Millis,
}

/// An object with the fields that are asked for.
pub(super) fn only(fields: &[Field], value: impl Fn(&str) -> Value) -> Value {
    let pairs = fields.iter().map(|field| (field.key().to_owned(), value(&field.name)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

impl Resolver<'_> {
    /// A field of the query itself.
    pub(super) fn root(&self, field: &Field) -> Result<Value, String> {
        match field.name.as_str() {
            "currentUser" => Ok(person(self.token.owner, &field.fields)),
            "metadata" => Ok(only(&field.fields, |name| match name {
                "version" => json!(self.version.as_str()),
                "revision" => json!("4d8a1c07"),
                _ => json!(true),
            })),
            _ => {
                let path = field.arguments.get("fullPath").and_then(Value::as_str);
                let path = path.ok_or("Field 'project' is missing required arguments: fullPath")?;
                let config = self.world.config();
                let mut all = (0..self.world.projects()).map(|index| self.world.project(index));
                let found = all.find(|project| project.path_at(config, self.now) == path);
                match found.filter(|project| sees_project(self.world, self.token, project)) {
                    Some(project) => self.project(&project, field),
                    None => Ok(Value::Null),
                }
            }
        }
    }

    fn project(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "id" => json!(format!("gid://gitlab/Project/{}", project.id)),
                "fullPath" => json!(project.path_at(self.world.config(), self.now)),
                "name" => json!(project.slug),
                // What may not be seen is null, without an error.
                _ if self.token.role < Role::Reporter => Value::Null,
                "pipelines" if !project.has_pipelines() => Value::Null,
                "pipelines" => self.pipelines(project, below)?,
                _ => self.merge_requests(project, below)?,
            };
            found.insert(below.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }

    fn pipelines(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let text = |name: &str| field.arguments.get(name).and_then(Value::as_str);
        let (after, before) = self.window(field)?;
        let cursor =
            text("after").map(|cursor| cursor.parse::<u64>().map_err(|_| "Invalid cursor".to_owned()));
        let cursor = cursor.transpose()?;
        let scribe = self.scribe(project);
        let choose = |made: &Arc<Sprint>| -> Vec<(String, Chosen)> {
            let numbered = made.pipelines.iter().zip(0..).rev();
            let asked = numbered.filter(|(pipeline, number)| {
                let state = pipeline.at(self.now);
                state.is_some_and(|state| {
                    after.is_none_or(|after| state.updated_at >= after)
                        && before.is_none_or(|before| state.updated_at <= before)
                        && text("status")
                            .is_none_or(|asked| asked.eq_ignore_ascii_case(state.status.as_str()))
                }) && text("source").map_or(pipeline.parent.is_none(), |asked| asked == pipeline.source)
                    && text("ref").is_none_or(|asked| asked == scribe.ref_of(made, pipeline))
                    && cursor.is_none_or(|cursor| self.world.id_in(made, *number) < cursor)
            });
            let cursor_of = |number| self.world.id_in(made, number).to_string();
            asked.map(|(_, number)| (cursor_of(number), Chosen { sprint: made.clone(), number })).collect()
        };
        let first = self.world.config().sprint_at(after.unwrap_or(Millis::MIN));
        let last = self.world.config().sprint_at(before.unwrap_or(self.now).min(self.now));
        let last = cursor.and_then(|id| self.world.place(id)).map_or(last, |place| place.sprint.min(last));
        let sprints = (first..=last).rev();
        let write = |row: &Chosen, fields: &[Field]| self.pipeline(project, row, fields);
        Ok(self.connection(project, field, sprints, choose, write))
    }

    fn merge_requests(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let text = |name: &str| field.arguments.get(name).and_then(Value::as_str);
        let window = self.window(field)?;
        let sort = text("sort").unwrap_or("CREATED_DESC").to_uppercase();
        let is_ascending = sort.ends_with("_ASC");
        let by_update = sort.starts_with("UPDATED");
        let cursor = match text("after") {
            None => None,
            Some(cursor) => {
                let parts =
                    cursor.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
                Some(parts.ok_or("Invalid cursor")?)
            }
        };
        let choose = |made: &Arc<Sprint>| -> Vec<(String, Chosen)> {
            let mut chosen: Vec<((Millis, u64), u32)> = Vec::new();
            for (request, number) in made.merge_requests.iter().zip(0..) {
                let Some(updated_at) = request.updated_at(self.now) else {
                    continue;
                };
                let key = (if by_update { updated_at } else { 0 }, self.world.id_in(made, number));
                let is_behind = match cursor {
                    Some(cursor) if is_ascending => key > cursor,
                    Some(cursor) => key < cursor,
                    None => true,
                };
                let state = text("state").filter(|state| *state != "all");
                let is_asked = window.0.is_none_or(|after| updated_at >= after)
                    && window.1.is_none_or(|before| updated_at <= before)
                    && state
                        .is_none_or(|asked| request.at(self.now).is_some_and(|state| state.state == asked));
                if is_behind && is_asked {
                    chosen.push((key, number));
                }
            }
            chosen.sort_unstable();
            if !is_ascending {
                chosen.reverse();
            }
            let row = |number| Chosen { sprint: made.clone(), number };
            chosen.into_iter().map(|((at, id), number)| (format!("{at}_{id}"), row(number))).collect()
        };
        let config = self.world.config();
        let first = config.sprint_at(window.0.unwrap_or(Millis::MIN));
        let last = config.sprint_at(window.1.unwrap_or(self.now).min(self.now));
        let write = |row: &Chosen, fields: &[Field]| self.merge_request(project, row, fields);
        Ok(match is_ascending {
            true => self.connection(project, field, first..=last, choose, write),
            false => self.connection(project, field, (first..=last).rev(), choose, write),
        })
    }

    /// The times between which rows changed that are asked for.
    fn window(&self, field: &Field) -> Result<(Option<Millis>, Option<Millis>), String> {
        let read = |name: &str| match field.arguments.get(name).and_then(Value::as_str) {
            None => Ok(None),
            Some(text) => {
                read_time(text).map(Some).ok_or_else(|| format!("Argument '{name}' has an invalid value"))
            }
        };
        Ok((read("updatedAfter")?, read("updatedBefore")?))
    }

    /// A page of a connection: rows of sprints, in order, each with its cursor.
    fn connection(
        &self,
        project: &Project,
        field: &Field,
        sprints: impl Iterator<Item = u32>,
        choose: impl Fn(&Arc<Sprint>) -> Vec<(String, Chosen)>,
        write: impl Fn(&Chosen, &[Field]) -> Value,
    ) -> Value {
        let take = rows_of(field);
        let mut rows: Vec<(String, Chosen)> = Vec::new();
        let counts = field.field("count").is_some();
        let mut count = 0;
        for sprint in sprints {
            if rows.len() > take && !counts {
                break;
            }
            let chosen = choose(&self.world.sprint(project.index, sprint));
            count += chosen.len();
            let left = (take + 1).saturating_sub(rows.len());
            rows.extend(chosen.into_iter().take(left));
        }
        let is_more = rows.len() > take;
        rows.truncate(take);
        self.page(field, &rows, is_more, count, write)
    }

    fn page<R>(
        &self,
        field: &Field,
        rows: &[(String, R)],
        is_more: bool,
        count: usize,
        write: impl Fn(&R, &[Field]) -> Value,
    ) -> Value {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "nodes" => rows.iter().map(|(_, row)| write(row, &below.fields)).collect(),
                "pageInfo" => only(&below.fields, |name| match name {
                    "hasNextPage" => json!(is_more),
                    "hasPreviousPage" => json!(field.arguments.contains_key("after")),
                    "endCursor" => json!(rows.last().map(|(cursor, _)| cursor)),
                    _ => json!(rows.first().map(|(cursor, _)| cursor)),
                }),
                _ => json!(count),
            };
            found.insert(below.key().to_owned(), value);
        }
        Value::Object(found)
    }

    fn pipeline(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Value {
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

    fn merge_request(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Value {
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

    fn people(&self, field: &Field, people: Vec<Person>) -> Value {
        let rows: Vec<(String, Person)> = people.into_iter().map(|one| (one.id().to_string(), one)).collect();
        self.page(field, &rows, false, rows.len(), |one, fields| person(*one, fields))
    }

    fn scribe<'p>(&'p self, project: &'p Project) -> Scribe<'p> {
        Scribe { world: self.world, project, now: self.now, version: self.version }
    }
}

fn rows_of(field: &Field) -> usize {
    let first = field.arguments.get("first").and_then(Value::as_u64).unwrap_or(MAX_ROWS);
    first.min(MAX_ROWS) as usize
}

fn person(of: Person, fields: &[Field]) -> Value {
    only(fields, |name| match name {
        "id" => json!(format!("gid://gitlab/User/{}", of.id())),
        "username" => json!(of.username()),
        "name" => json!(of.name()),
        _ => json!(of.is_bot()),
    })
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
