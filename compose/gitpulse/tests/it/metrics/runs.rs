//! The pipelines of a story. In: pipelines and runs of jobs. Out: their webhooks, and the objects that the API lists.

use schemas::api::resource::Resource;
use serde_json::{Value, json};

use super::story::{Story, at, iso, sha, user, with};
use crate::law::records::body;

/// A pipeline, as it was when it was created.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) id: u64,
    pub(crate) reference: &'static str,
    pub(crate) source: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) merge_request: Option<u64>,
    pub(crate) parent: Option<u64>,
    pub(crate) created: &'static str,
}

/// A run of a job, in its final state.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
    pub(crate) created: &'static str,
    pub(crate) started: Option<&'static str>,
    pub(crate) finished: Option<&'static str>,
    pub(crate) queued: Value,
    pub(crate) allow_failure: bool,
    pub(crate) reason: Option<&'static str>,
    pub(crate) manual: bool,
}

impl Pipeline {
    /// A pipeline of a push to main, of the commit `A`.
    pub(crate) fn new(id: u64, created: &'static str) -> Pipeline {
        Pipeline {
            id,
            reference: "main",
            source: "push",
            commit: "A",
            merge_request: None,
            parent: None,
            created,
        }
    }

    /// Of a merge request.
    pub(crate) fn of(mut self, iid: u64) -> Pipeline {
        self.source = "merge_request_event";
        self.merge_request = Some(iid);
        self.reference = "topic";
        self
    }

    /// Started by another pipeline of the project.
    pub(crate) fn child_of(mut self, parent: u64) -> Pipeline {
        self.source = "parent_pipeline";
        self.parent = Some(parent);
        self
    }

    pub(crate) fn at_commit(mut self, name: &'static str) -> Pipeline {
        self.commit = name;
        self
    }
}

impl Run {
    /// A run of a pipeline of March 2nd, which ended with `status`.
    pub(crate) fn new(
        id: u64,
        name: &'static str,
        status: &'static str,
        started: &'static str,
        finished: &'static str,
    ) -> Run {
        Run {
            id,
            name,
            status,
            // Long enough before: a job exists before it waits for a runner.
            created: "03-02 09:50",
            started: Some(started),
            finished: Some(finished),
            queued: json!(5.25),
            allow_failure: false,
            reason: (status == "failed").then_some("script_failure"),
            manual: false,
        }
    }

    /// A job that never ran.
    pub(crate) fn idle(id: u64, name: &'static str, status: &'static str, created: &'static str) -> Run {
        Run {
            started: None,
            finished: None,
            queued: Value::Null,
            created,
            ..Run::new(id, name, status, created, created)
        }
    }

    /// The job in the events of its pipeline.
    fn build(&self) -> Value {
        let moment = |text: Option<&'static str>| {
            text.map(|text| at(text).format("%Y-%m-%d %H:%M:%S UTC").to_string())
        };
        json!({
            "id": self.id, "stage": "test", "name": self.name, "status": self.status, "created_at": moment(Some(self.created)),
            "started_at": moment(self.started), "finished_at": moment(self.finished), "duration": self.seconds(),
            "queued_duration": self.queued, "failure_reason": self.reason, "when": if self.manual { "manual" } else { "on_success" },
            "manual": self.manual, "allow_failure": self.allow_failure, "user": user(7), "runner": null,
            "artifacts_file": {"filename": null, "size": null}, "environment": null,
        })
    }

    fn seconds(&self) -> Option<f64> {
        let ran = at(self.finished?) - at(self.started?);
        Some(ran.num_seconds() as f64 + 0.25)
    }
}

impl Story {
    /// Adds an event of a pipeline: its status, when it finished, GitLab's duration, and the newest run of each name.
    pub(crate) fn pipeline_was(
        &mut self,
        pipeline: &Pipeline,
        (received, status): (&str, &str),
        finished: Option<&str>,
        duration: Option<u64>,
        runs: &[&Run],
    ) {
        let request = pipeline.merge_request.map(|iid| {
            json!({
                "id": 90_000 + iid, "iid": iid, "title": "Change", "source_branch": pipeline.reference, "source_project_id": 42,
                "target_branch": "main", "target_project_id": 42, "state": "opened", "merge_status": "can_be_merged",
            })
        });
        let builds: Vec<Value> = runs.iter().map(|run| run.build()).collect();
        let mut told = with(
            body("pipeline/success.webhook"),
            json!({
                "object_attributes": {
                    "id": pipeline.id, "iid": pipeline.id, "ref": pipeline.reference, "sha": sha(pipeline.commit), "source": pipeline.source,
                    "status": status, "detailed_status": status, "created_at": iso(pipeline.created), "finished_at": finished.map(iso),
                    "duration": duration, "queued_duration": 5, "url": null,
                },
                "user": user(7), "builds": builds, "merge_request": request,
            }),
        );
        if let Some(parent) = pipeline.parent {
            let source = json!({"project": {"id": 42, "path_with_namespace": "shop/checkout"}, "pipeline_id": parent, "job_id": 1});
            told["source_pipeline"] = source;
        }
        self.webhook(received, &told);
    }

    /// Lists a pipeline in its final state.
    pub(crate) fn pipeline_is(
        &mut self,
        pipeline: &Pipeline,
        status: &str,
        finished: Option<&str>,
        duration: Option<u64>,
    ) {
        let reference = pipeline
            .merge_request
            .map_or(pipeline.reference.to_owned(), |iid| format!("refs/merge-requests/{iid}/head"));
        let mut object = with(
            body("pipeline/detail.api"),
            json!({
                "id": pipeline.id, "iid": pipeline.id, "ref": reference, "sha": sha(pipeline.commit), "source": pipeline.source, "status": status,
                "created_at": iso(pipeline.created), "updated_at": iso(finished.unwrap_or(pipeline.created)), "started_at": iso(pipeline.created),
                "finished_at": finished.map(iso), "duration": duration, "queued_duration": 5, "web_url": null, "user": user(7),
            }),
        );
        if let Some(parent) = pipeline.parent {
            object["upstream"] = json!({"id": parent, "project_id": 42});
        }
        self.object(Resource::Pipeline, &object);
    }

    /// A pipeline that ended once, as reported by webhooks and API; the same for its runs.
    pub(crate) fn ran(
        &mut self,
        pipeline: &Pipeline,
        status: &str,
        finished: &str,
        duration: u64,
        runs: &[Run],
    ) {
        let all: Vec<&Run> = runs.iter().collect();
        self.pipeline_was(pipeline, (pipeline.created, "created"), None, None, &[]);
        self.pipeline_was(pipeline, (finished, status), Some(finished), Some(duration), &all);
        self.pipeline_is(pipeline, status, Some(finished), Some(duration));
        for run in runs {
            self.run(pipeline, run);
        }
    }

    /// A run of a job, as reported by its own webhook and the API.
    pub(crate) fn run(&mut self, pipeline: &Pipeline, run: &Run) {
        let told = json!({
            "ref": pipeline.reference, "sha": sha(pipeline.commit), "build_id": run.id, "build_name": run.name, "build_stage": "test",
            "build_status": run.status, "build_created_at": iso(run.created), "build_started_at": run.started.map(iso),
            "build_finished_at": run.finished.map(iso), "build_created_at_iso": iso(run.created), "build_started_at_iso": run.started.map(iso),
            "build_finished_at_iso": run.finished.map(iso), "build_duration": run.seconds(), "build_queued_duration": run.queued,
            "build_allow_failure": run.allow_failure, "build_failure_reason": run.reason.unwrap_or("unknown_failure"), "pipeline_id": pipeline.id,
            "user": user(7), "runner": null, "environment": null, "commit": {"id": pipeline.id, "sha": sha(pipeline.commit)},
        });
        let received = run.finished.unwrap_or(run.created);
        self.webhook(received, &with(body("job/success.webhook"), told));
        let reference = pipeline
            .merge_request
            .map_or(pipeline.reference.to_owned(), |iid| format!("refs/merge-requests/{iid}/head"));
        let object = json!({
            "id": run.id, "status": run.status, "stage": "test", "name": run.name, "ref": reference, "allow_failure": run.allow_failure,
            "created_at": iso(run.created), "started_at": run.started.map(iso), "finished_at": run.finished.map(iso),
            "duration": run.seconds(), "queued_duration": run.queued, "failure_reason": run.reason, "user": user(7), "web_url": null,
            "commit": {"id": sha(pipeline.commit)}, "runner": null,
            "pipeline": {
                "id": pipeline.id, "iid": pipeline.id, "project_id": 42, "sha": sha(pipeline.commit), "ref": reference, "source": pipeline.source,
                "created_at": iso(pipeline.created), "status": "running", "updated_at": iso(pipeline.created), "web_url": null,
            },
        });
        self.object(Resource::Job, &with(body("job/success.api"), object));
    }
}
