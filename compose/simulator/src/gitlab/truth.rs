//! What the tables have to show of a world, once the API has told everything. In: a world and a time. Out: rows, as plain names and values, a sprint
//! at a time. Knows the names of tables and columns and nothing of how they are filled; a column that no API tells is not in a row.
//!
//! Times are written as ClickHouse writes them in JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dice::Millis;
use super::issue::IssueWhat;
use super::merge_request::What;
use super::names::{environment, tier};
use super::pipeline::Status;
use super::places::{EnvironmentPlace, branches, environment_id, environment_times, environments, moved_to};
use super::sprint::{Happened, Noteable, Ref, Sprint};
use super::text::{LABEL, issue_title, noteable_type, source_project, table_time, title};
use super::tree::{Project, Special};
use super::world::{Place, World};

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The table, by the name that analysts read.
    pub table: &'static str,
    /// Columns that the API tells, those of the key included.
    pub columns: BTreeMap<&'static str, Value>,
}

fn row<const N: usize>(table: &'static str, columns: [(&'static str, Value); N]) -> Row {
    Row { table, columns: columns.into_iter().collect() }
}

fn at(time: Millis) -> Value {
    json!(table_time(time))
}

fn at_of(time: Option<Millis>) -> Value {
    json!(time.map(table_time))
}

/// A time without its milliseconds.
fn second(time: Millis) -> Millis {
    time.div_euclid(1_000) * 1_000
}

impl World {
    /// All rows of all projects but the foreign one, as of `now`.
    pub fn truth(&self, now: Millis) -> impl Iterator<Item = Row> + '_ {
        let projects = 0..self.config().projects;
        projects.flat_map(move |index| self.truth_of(&self.project(index), now))
    }

    /// All rows of a project, as of `now`.
    pub fn truth_of<'w>(&'w self, project: &Project, now: Millis) -> impl Iterator<Item = Row> + use<'w> {
        let of_project = Truth { world: self, project: project.clone(), now };
        let last = self.config().sprint_at(now);
        let whole = of_project.whole();
        let sprints = (0..=last).flat_map(move |number| of_project.sprint(&of_project.made(number)));
        whole.into_iter().chain(sprints)
    }
}

struct Truth<'w> {
    world: &'w World,
    project: Project,
    now: Millis,
}

impl Truth<'_> {
    fn made(&self, number: u32) -> std::sync::Arc<Sprint> {
        self.world.sprint(self.project.index, number)
    }

    /// What is of the project itself.
    fn whole(&self) -> Vec<Row> {
        let (world, project, config) = (self.world, &self.project, self.world.config());
        let path = project.path_at(config, self.now);
        let id = json!(project.id);
        let mut rows = vec![row(
            "projects",
            [
                ("project_id", id.clone()),
                ("path", json!(path)),
                ("name", json!(project.slug)),
                ("namespace_id", json!(world.group(project.group).id)),
                ("visibility", json!("private")),
                ("default_branch", json!("main")),
                ("url", json!(format!("{}/{path}", config.url))),
                ("archived", json!(project.special == Special::Archived)),
                ("created_at", at(project.created_at(config))),
            ],
        )];
        for place in environments(world, project, self.now) {
            let (created_at, stopped_at) = environment_times(world, project, place);
            let is_stopped = stopped_at.is_some_and(|stopped_at| stopped_at <= self.now);
            rows.push(row(
                "environments",
                [
                    ("project_id", id.clone()),
                    ("id", json!(environment_id(world, project.index, place))),
                    ("name", json!(environment(project, place.sprint, place.number))),
                    ("tier", json!(tier(place.number))),
                    ("state", json!(if is_stopped { "stopped" } else { "available" })),
                    ("created_at", at(created_at)),
                ],
            ));
        }
        for head in branches(world, project.index, self.now) {
            rows.push(row(
                "branches",
                [
                    ("project_id", id.clone()),
                    ("name", json!(head.name)),
                    ("head_sha", json!(head.sha.to_string())),
                    ("is_default", json!(head.name == "main")),
                ],
            ));
        }
        for sprint in 0..=config.sprint_at(self.now) {
            let (starts_at, ends_at) = (config.starts_at(sprint), config.starts_at(sprint + 1));
            let is_over = self.now >= ends_at;
            rows.push(row(
                "milestones",
                [
                    ("project_id", id.clone()),
                    ("id", json!(world.id(Place { project: project.index, sprint, number: 0 }))),
                    ("iid", json!(sprint + 1)),
                    ("title", json!(format!("Sprint {}", sprint + 1))),
                    ("state", json!(if is_over { "closed" } else { "active" })),
                    ("created_at", at(starts_at)),
                    ("updated_at", at(if is_over { ends_at } else { starts_at })),
                ],
            ));
        }
        rows
    }

    fn sprint(&self, sprint: &Sprint) -> Vec<Row> {
        let mut rows = Vec::new();
        self.merge_requests(sprint, &mut rows);
        self.issues(sprint, &mut rows);
        self.notes(sprint, &mut rows);
        if self.project.has_pipelines() {
            self.pipelines(sprint, &mut rows);
            self.jobs(sprint, &mut rows);
        }
        self.deployments(sprint, &mut rows);
        self.repository(sprint, &mut rows);
        rows
    }

    fn id(&self, sprint: &Sprint, number: u32) -> Value {
        json!(self.world.id_in(sprint, number))
    }

    fn project_id(&self) -> (&'static str, Value) {
        ("project_id", json!(self.project.id))
    }

    fn merge_requests(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        let milestone =
            json!(self.world.id(Place { project: sprint.project, sprint: sprint.number, number: 0 }));
        for (request, number) in sprint.merge_requests.iter().zip(0..) {
            let Some(state) = request.at(self.now) else {
                continue;
            };
            let iid = json!(self.world.merge_request_iid(sprint, number));
            let target = if state.targets_release { Ref::Release } else { Ref::Main };
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
                    ("source_branch", json!(Ref::Topic(number).name(sprint))),
                    ("target_branch", json!(target.name(sprint))),
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

    /// Occurrences, as events and states of the API tell them: approvals that were taken back are not listed, openings are as the object says.
    fn merge_request_events(
        &self,
        request: &super::merge_request::MergeRequest,
        iid: &Value,
        rows: &mut Vec<Row>,
    ) {
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

    fn issues(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
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
                    ("type", json!(if issue.is_incident { "incident" } else { "issue" })),
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
                let time = if step.what == IssueWhat::Opened { state.created_at } else { step.at };
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

    fn notes(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (note, number) in sprint.notes.iter().zip(0..).filter(|(note, _)| note.at <= self.now) {
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

    fn pipelines(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (pipeline, number) in sprint.pipelines.iter().zip(0..) {
            let Some(state) = pipeline.at(self.now) else {
                continue;
            };
            let iid = |request: u32| self.world.merge_request_iid(sprint, request);
            let coverage = pipeline.coverage.filter(|_| state.status == Status::Success);
            let mut of_pipeline = row(
                "pipelines",
                [
                    self.project_id(),
                    ("id", self.id(sprint, number)),
                    ("iid", json!(self.world.pipeline_iid(sprint, number))),
                    ("tag", json!(pipeline.on.is_tag())),
                    ("sha", json!(pipeline.sha.to_string())),
                    ("before_sha", json!(pipeline.before.to_string())),
                    ("source", json!(pipeline.source)),
                    ("status", json!(state.status.as_str())),
                    ("user_id", json!(pipeline.by.id())),
                    ("user_username", json!(pipeline.by.username())),
                    ("merge_request_iid", json!(pipeline.merge_request.map(iid))),
                    ("duration_seconds", json!(state.duration.map(|seconds| seconds as f64))),
                    ("queued_seconds", json!(state.queued.map(|seconds| seconds as f64))),
                    ("coverage", json!(coverage.map(|hundredths| f64::from(hundredths) / 100.0))),
                    ("created_at", at(pipeline.created_at)),
                    ("updated_at", at(state.updated_at)),
                    ("started_at", at_of(state.started_at)),
                    ("finished_at", at_of(state.finished_at)),
                ],
            );
            // Of a merge request the API does not name the branch.
            if pipeline.merge_request.is_none() {
                of_pipeline.columns.insert("ref", json!(pipeline.on.name(sprint)));
            }
            rows.push(of_pipeline);
        }
    }

    fn jobs(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (job, number) in sprint.jobs.iter().zip(0..) {
            let (Some(status), Some(pipeline)) =
                (job.status(self.now), sprint.pipelines.get(job.pipeline as usize))
            else {
                continue;
            };
            let passed = |time: Option<Millis>| time.filter(|time| *time <= self.now);
            let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
            let (duration, queued) = job.durations(self.now);
            let downstream = job.trigger.and_then(|trigger| trigger.downstream);
            let downstream = downstream.filter(|child| {
                sprint.pipelines.get(*child as usize).is_some_and(|child| child.created_at <= self.now)
            });
            rows.push(row(
                "jobs",
                [
                    self.project_id(),
                    ("id", self.id(sprint, number)),
                    ("pipeline_id", self.id(sprint, job.pipeline)),
                    ("name", json!(job.name)),
                    ("stage", json!(job.stage)),
                    ("status", json!(status.as_str())),
                    ("sha", json!(pipeline.sha.to_string())),
                    ("allow_failure", json!(job.allow_failure)),
                    ("failure_reason", json!(job.failure_reason.filter(|_| status == Status::Failed))),
                    ("user_id", json!(job.by.id())),
                    ("duration_seconds", json!(duration)),
                    ("queued_seconds", json!(queued)),
                    (
                        "downstream_pipeline_id",
                        json!(downstream.map(|child| self.world.id_in(sprint, child))),
                    ),
                    ("created_at", at(job.created_at)),
                    ("started_at", at_of(passed(job.started_at))),
                    ("finished_at", at_of(finished_at)),
                ],
            ));
        }
    }

    fn deployments(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for (deployment, number) in sprint.deployments.iter().zip(0..) {
            let (Some(status), Some(updated_at)) =
                (deployment.status(self.now), deployment.updated_at(self.now))
            else {
                continue;
            };
            let job = sprint.jobs.get(deployment.job as usize);
            let finished_at = job.and_then(|job| job.finished_at).filter(|_| status.is_over());
            let place = EnvironmentPlace::of(sprint.number, deployment.environment);
            rows.push(row(
                "deployments",
                [
                    self.project_id(),
                    ("id", self.id(sprint, number)),
                    ("iid", json!(self.world.deployment_iid(sprint, number))),
                    ("status", json!(status.as_str())),
                    ("environment", json!(environment(&self.project, place.sprint, place.number))),
                    ("environment_id", json!(environment_id(self.world, sprint.project, place))),
                    ("ref", json!(deployment.on.name(sprint))),
                    ("sha", json!(deployment.sha.to_string())),
                    ("short_sha", json!(deployment.sha.short())),
                    ("job_id", self.id(sprint, deployment.job)),
                    ("pipeline_id", json!(job.map(|job| self.world.id_in(sprint, job.pipeline)))),
                    ("user_id", json!(deployment.by.id())),
                    ("created_at", at(deployment.created_at)),
                    ("updated_at", at(updated_at)),
                    ("finished_at", at_of(finished_at.map(second))),
                ],
            ));
            for request in deployment.links(self.now) {
                let columns = [
                    self.project_id(),
                    ("deployment_id", self.id(sprint, number)),
                    ("merge_request_iid", json!(self.world.merge_request_iid(sprint, *request))),
                ];
                rows.push(row("deployment_merge_requests", columns));
            }
        }
    }

    /// Commits of `main`, pushes that the API lists, tags and releases.
    fn repository(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for commit in
            sprint.commits.iter().filter(|commit| commit.on_main_at.is_some_and(|time| time <= self.now))
        {
            let parents: Vec<String> = commit.parents.iter().map(ToString::to_string).collect();
            rows.push(row(
                "commits",
                [
                    self.project_id(),
                    ("sha", json!(commit.sha.to_string())),
                    ("title", json!(commit.title())),
                    ("message", json!(commit.message)),
                    ("author_name", json!(commit.author.name())),
                    ("author_email", json!(commit.author.email())),
                    ("committed_at", at(commit.committed_at)),
                    ("authored_at", at(commit.authored_at)),
                    ("parents", json!(parents)),
                    ("additions", json!(commit.additions)),
                    ("deletions", json!(commit.deletions)),
                ],
            ));
        }
        for activity in sprint.activities.iter().filter(|activity| activity.at <= self.now) {
            let Happened::Pushed(push) = activity.what else {
                continue;
            };
            let Some(push) = sprint.pushes.get(push as usize) else {
                continue;
            };
            let folder = if push.to.is_tag() { "refs/tags/" } else { "refs/heads/" };
            rows.push(row(
                "pushes",
                [
                    self.project_id(),
                    ("ref", json!(format!("{folder}{}", push.to.name(sprint)))),
                    ("before", json!(push.before.to_string())),
                    ("after", json!(push.after.to_string())),
                    ("pushed_at", at(push.at)),
                    ("user_id", json!(push.by.id())),
                    ("commits_count", json!(push.commits.len())),
                ],
            ));
        }
        for tag in sprint.tags.iter().filter(|tag| tag.at <= self.now) {
            let mut columns = row(
                "tags",
                [
                    self.project_id(),
                    ("name", json!(tag.name)),
                    ("target_sha", json!(tag.annotated.unwrap_or(tag.sha).to_string())),
                    ("commit_sha", json!(tag.sha.to_string())),
                ],
            );
            columns.columns.insert("created_at", at_of(tag.annotated.map(|_| second(tag.at))));
            rows.push(columns);
            if let Some(released_at) = tag.released_at.filter(|_| tag.at + 60_000 <= self.now) {
                rows.push(row(
                    "releases",
                    [
                        self.project_id(),
                        ("tag", json!(tag.name)),
                        ("name", json!(format!("Release {}", tag.name))),
                        ("commit_sha", json!(tag.sha.to_string())),
                        ("author_id", json!(tag.by.id())),
                        ("created_at", at(tag.at + 60_000)),
                        ("released_at", at(released_at)),
                    ],
                ));
            }
        }
    }
}
