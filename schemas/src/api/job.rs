//! Jobs and trigger jobs as listed by the API (<https://docs.gitlab.com/api/jobs/>): of a project, or of a pipeline including retried jobs and its
//! `bridges`.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::job::Job;
use crate::event::pipeline::{ArtifactsFile, Build, Runner, branch_and_merge_request};
use crate::field::{Embedded, Field};

/// A job or a trigger job.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    stage: Field<String>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default, rename = "ref")]
    ref_name: Field<String>,
    #[serde(default)]
    tag: Field<bool>,
    #[serde(default)]
    coverage: Field<f64>,
    #[serde(default)]
    allow_failure: Field<bool>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    started_at: Field<DateTime<Utc>>,
    #[serde(default)]
    finished_at: Field<DateTime<Utc>>,
    #[serde(default)]
    erased_at: Field<DateTime<Utc>>,
    #[serde(default)]
    duration: Field<f64>,
    #[serde(default)]
    queued_duration: Field<f64>,
    #[serde(default)]
    failure_reason: Field<String>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    commit: Embedded<Commit>,
    #[serde(default)]
    pipeline: Embedded<OwnPipeline>,
    // Without tags: `tag_list` has the tags that the job requires.
    #[serde(default)]
    runner: Embedded<Runner>,
    #[serde(default)]
    artifacts_file: Embedded<ArtifactsFile>,
    #[serde(default)]
    web_url: Field<String>,
    // Null until the trigger job has started it; absent from jobs.
    #[serde(default)]
    downstream_pipeline: Embedded<OwnPipeline>,
}

/// The commit that a job runs for.
#[derive(Debug, Default, Deserialize)]
struct Commit {
    #[serde(default)]
    id: Field<String>,
}

/// A pipeline inside a job.
#[derive(Debug, Default, Deserialize)]
struct OwnPipeline {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    sha: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
}

impl From<Listed> for Job {
    fn from(listed: Listed) -> Self {
        let pipeline = &listed.pipeline;
        Job {
            pipeline_id: pipeline.field(|pipeline| &pipeline.id),
            ref_name: branch_and_merge_request(listed.ref_name).0,
            tag: listed.tag,
            sha: pipeline.field(|pipeline| &pipeline.sha).or(listed.commit.field(|commit| &commit.id)),
            pipeline_as_of: pipeline.get().and_then(|pipeline| pipeline.updated_at.get()),
            pipeline_began_at: pipeline.get().and_then(|pipeline| pipeline.created_at.get()),
            build: Build {
                id: listed.id,
                stage: listed.stage,
                name: listed.name,
                status: listed.status,
                created_at: listed.created_at,
                started_at: listed.started_at,
                finished_at: listed.finished_at,
                erased_at: listed.erased_at,
                duration: listed.duration,
                queued_duration: listed.queued_duration,
                failure_reason: listed.failure_reason,
                allow_failure: listed.allow_failure,
                user: listed.user,
                runner: listed.runner,
                artifacts_file: listed.artifacts_file,
                coverage: listed.coverage,
                url: listed.web_url,
                downstream_pipeline_id: listed.downstream_pipeline.field(|pipeline| &pipeline.id),
                ..Build::default()
            },
        }
    }
}
