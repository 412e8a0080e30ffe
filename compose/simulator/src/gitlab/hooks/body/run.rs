//! Bodies about pipelines, jobs and deployments.

use serde_json::{Value, json};

use super::super::super::dice::Millis;
use super::super::super::names::{environment, tier};
use super::super::super::people::Person;
use super::super::super::pipeline::{Pipeline, Status};
use super::super::super::places::EnvironmentPlace;
use super::super::super::sprint::Ref;
use super::super::super::text::{git_time, iso_second, offset_time, ruby_time, source_project, title};
use super::Body;
use crate::version::Version;

impl Body<'_> {
    pub(in crate::gitlab::hooks) fn pipeline(&self, number: u32) -> Option<Value> {
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
                "stages": stages, "created_at": self.time(pipeline.created_at), "finished_at": self.time_of(state.finished_at),
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
        let later = ["protected_ref", "default_branch"];
        body["object_attributes"] = self.without(body["object_attributes"].take(), Version::V19, &later);
        Some(body)
    }

    fn of_merge_request(&self, pipeline: &Pipeline) -> Value {
        let Some(number) = pipeline.merge_request else {
            return Value::Null;
        };
        let Some(request) = self.sprint.merge_requests.get(number as usize) else {
            return Value::Null;
        };
        let Some(state) = request.at(self.at) else {
            return Value::Null;
        };
        let iid = self.world.merge_request_iid(self.sprint, number);
        json!({
            "id": self.id(number), "iid": iid, "title": title(number, request), "source_branch": request.source.name(self.sprint),
            "source_project_id": source_project(self.project.id, request), "target_branch": state.target.name(self.sprint),
            "target_project_id": self.project.id, "state": state.state,
            "url": format!("{}/-/merge_requests/{iid}", self.page()),
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

    pub(in crate::gitlab::hooks) fn job(&self, number: u32) -> Option<Value> {
        let job = self.sprint.jobs.get(number as usize)?;
        let status = job.status(self.at)?;
        let pipeline = self.sprint.pipelines.get(job.pipeline as usize)?;
        let passed = |at: Option<Millis>| at.filter(|at| *at <= self.at);
        let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
        let (duration, queued) = job.durations(self.at);
        let reason = job.failure_reason.filter(|_| status == Status::Failed);
        let iso = |at: Option<Millis>| at.map(iso_second);
        let body = json!({
            "object_kind": "build", "ref": pipeline.on.name(self.sprint), "tag": pipeline.on.is_tag(),
            "before_sha": pipeline.before.to_string(), "sha": pipeline.sha.to_string(), "build_id": self.id(number),
            "build_name": job.name, "build_stage": job.stage, "build_status": status.as_str(),
            "build_created_at": self.time(job.created_at), "build_started_at": self.time_of(passed(job.started_at)),
            "build_finished_at": self.time_of(finished_at), "build_duration": duration, "build_queued_duration": queued,
            "build_allow_failure": job.allow_failure, "build_failure_reason": reason.unwrap_or("unknown_failure"),
            "retries_count": job.attempt, "pipeline_id": self.id(job.pipeline), "project_id": self.project.id,
            "project_name": self.project.slug_at(self.world.config(), self.at), "user": job.by.of_webhook(),
            "project": self.project(), "runner": null, "environment": self.environment(job.environment),
            "build_created_at_iso": iso_second(job.created_at), "build_started_at_iso": iso(passed(job.started_at)),
            "build_finished_at_iso": iso(finished_at),
        });
        let later = ["project", "build_created_at_iso", "build_started_at_iso", "build_finished_at_iso"];
        Some(self.without(body, Version::V18, &later))
    }

    pub(in crate::gitlab::hooks) fn deployment(&self, number: u32) -> Option<Value> {
        let deployment = self.sprint.deployments.get(number as usize)?;
        let status = deployment.status(self.at)?;
        let place = EnvironmentPlace::of(self.sprint.number, deployment.environment);
        let commit = self.commit(deployment.sha);
        let changed_at = match self.version {
            Version::V19 => git_time(self.at / 1_000 * 1_000),
            Version::V16 | Version::V18 => offset_time(self.at),
        };
        Some(json!({
            "object_kind": "deployment", "status": status.as_str(), "status_changed_at": changed_at,
            "deployment_id": self.id(number), "deployable_id": self.id(deployment.job),
            "deployable_url": format!("{}/-/jobs/{}", self.page(), self.id(deployment.job)),
            "environment": environment(self.project, place.sprint, place.number), "environment_tier": tier(place.number),
            "project": self.project(), "short_sha": deployment.sha.short(), "user": deployment.by.of_webhook(),
            "commit_url": format!("{}/-/commit/{}", self.page(), deployment.sha), "commit_title": commit["title"].clone(),
            "ref": deployment.on.name(self.sprint),
        }))
    }

    /// Somebody approved it (<https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events>), since 19.3.
    pub(in crate::gitlab::hooks) fn deployment_approval(&self, number: u32, by: Person) -> Option<Value> {
        let mut body = self.deployment(number)?;
        body["status"] = json!("approved");
        body["approver"] = by.of_webhook();
        body["approval"] = json!({"status": "approved", "comment": "", "created_at": self.time(self.at)});
        Some(body)
    }
}
