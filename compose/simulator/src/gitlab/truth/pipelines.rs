//! Rows of pipelines, jobs and deployments.

use serde_json::json;

use super::super::dice::Millis;
use super::super::names::environment;
use super::super::pipeline::Status;
use super::super::places::{EnvironmentPlace, environment_id};
use super::super::sprint::Sprint;
use super::{Row, Truth, at, at_of, row, second};

impl Truth<'_> {
    pub(super) fn pipelines(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
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
            // For a merge request's pipeline, the API does not name the branch.
            if pipeline.merge_request.is_none() {
                of_pipeline.columns.insert("ref", json!(pipeline.on.name(sprint)));
            }
            rows.push(of_pipeline);
        }
    }

    pub(super) fn jobs(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
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

    pub(super) fn deployments(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
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
}
