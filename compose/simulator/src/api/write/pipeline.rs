//! Pipelines and jobs (<https://docs.gitlab.com/api/pipelines/>, <https://docs.gitlab.com/api/jobs/>). In: one of a sprint. Out: JSON, in the format
//! of a list or of a single object.

use serde_json::{Value, json};

use super::Scribe;
use super::merge_request::Stats;
use crate::gitlab::text::{time, time_of};
use crate::gitlab::{Pipeline, Sprint, Status};

impl Scribe<'_> {
    /// In the format of a list: without start and finish.
    pub(in crate::api) fn pipeline(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let mut written = self.pipeline_of_job(sprint, number)?;
        written["name"] = Value::Null;
        Some(written)
    }

    /// In the format of a job's pipeline.
    pub(super) fn pipeline_of_job(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let pipeline = sprint.pipelines.get(number as usize)?;
        let state = pipeline.at(self.now)?;
        let id = self.world.id_in(sprint, number);
        Some(json!({
            "id": id, "iid": self.world.pipeline_iid(sprint, number), "project_id": self.project.id, "sha": pipeline.sha.to_string(),
            "ref": self.ref_of(sprint, pipeline), "status": state.status.as_str(), "source": pipeline.source,
            "created_at": time(pipeline.created_at), "updated_at": time(state.updated_at),
            "web_url": format!("{}/-/pipelines/{id}", self.page()),
        }))
    }

    /// As a single object.
    pub(in crate::api) fn pipeline_alone(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let mut written = self.pipeline(sprint, number)?;
        let pipeline = sprint.pipelines.get(number as usize)?;
        let state = pipeline.at(self.now)?;
        written["before_sha"] = json!(pipeline.before.to_string());
        written["tag"] = json!(pipeline.on.is_tag());
        written["yaml_errors"] = Value::Null;
        written["user"] = self.person(pipeline.by);
        written["started_at"] = json!(time_of(state.started_at));
        written["finished_at"] = json!(time_of(state.finished_at));
        written["committed_at"] = Value::Null;
        written["duration"] = json!(state.duration);
        written["queued_duration"] = json!(state.queued);
        written["coverage"] = json!(coverage(pipeline, state.status));
        written["archived"] = json!(false);
        Some(written)
    }

    /// The ref of a pipeline; for a merge request, that of its head.
    pub(in crate::api) fn ref_of(&self, sprint: &Sprint, pipeline: &Pipeline) -> String {
        match pipeline.merge_request {
            Some(request) => {
                format!("refs/merge-requests/{}/head", self.world.merge_request_iid(sprint, request))
            }
            None => pipeline.on.name(sprint),
        }
    }

    /// A job, or a trigger job with the pipeline it started.
    pub(in crate::api) fn job(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let job = sprint.jobs.get(number as usize)?;
        let status = job.status(self.now)?;
        let pipeline = sprint.pipelines.get(job.pipeline as usize)?;
        let id = self.world.id_in(sprint, number);
        let passed = |at: Option<i64>| at.filter(|at| *at <= self.now);
        // GitLab does not report when a job was skipped.
        let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
        let (duration, queued) = job.durations(self.now);
        let commit = self.world.commit(sprint.project, sprint.number, pipeline.sha);
        let commit = commit.map(|commit| self.commit(&commit, Stats::Absent));
        let started = passed(job.started_at).is_some() && !job.is_trigger();
        let mut written = json!({
            "id": id, "status": status.as_str(), "stage": job.stage, "name": job.name, "ref": self.ref_of(sprint, pipeline),
            "tag": pipeline.on.is_tag(), "coverage": null, "allow_failure": job.allow_failure, "created_at": time(job.created_at),
            "started_at": time_of(passed(job.started_at)), "finished_at": time_of(finished_at), "erased_at": null,
            "duration": duration, "queued_duration": queued, "user": self.person(job.by), "commit": commit,
            "pipeline": self.pipeline_of_job(sprint, job.pipeline), "web_url": format!("{}/-/jobs/{id}", self.page()),
            "project": {"ci_job_token_scope_enabled": false}, "archived": false,
        });
        if status == Status::Failed {
            written["failure_reason"] = json!(job.failure_reason);
        }
        match job.trigger {
            Some(trigger) => {
                let downstream = trigger.downstream.and_then(|child| self.pipeline_of_job(sprint, child));
                written["downstream_pipeline"] = downstream.unwrap_or(Value::Null);
            }
            None => {
                written["artifacts"] = json!([]);
                written["runner"] = if started { runner() } else { Value::Null };
                written["artifacts_expire_at"] = Value::Null;
                written["tag_list"] = json!(["docker"]);
            }
        }
        Some(written)
    }
}

/// Test coverage as text; only for passed pipelines.
pub(in crate::api) fn coverage(pipeline: &Pipeline, status: Status) -> Option<String> {
    let hundredths = pipeline.coverage.filter(|_| status == Status::Success)?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

pub(super) fn runner() -> Value {
    json!({
        "id": 318, "description": "factory runner, rack 2", "ip_address": "192.0.2.18", "active": true, "paused": false,
        "is_shared": false, "runner_type": "group_type", "name": "gitlab-runner", "online": true, "status": "online",
    })
}
