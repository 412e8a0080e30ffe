//! Job Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#job-events>), which GitLab calls `build`.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use super::pipeline::{Build, Environment, Runner, branch_and_merge_request};
use crate::field::{Embedded, Field};

/// A job and its pipeline: what a job event and the API have in common.
#[derive(Debug, Default)]
pub struct Job {
    pub build: Build,
    pub pipeline_id: Field<u64>,
    /// Branch or tag of the pipeline; absent if it runs for a merge request.
    pub ref_name: Field<String>,
    pub tag: Field<bool>,
    pub sha: Field<String>,
    /// The newest time of the pipeline in the body. The job's status is at least as new, but may have no time of its own: a retry puts later jobs
    /// back to `created`.
    pub pipeline_as_of: Option<DateTime<Utc>>,
    /// When the pipeline was created (API) or started (job event).
    pub pipeline_began_at: Option<DateTime<Utc>>,
}

/// The payload of a job event, as flat as GitLab posts it.
#[derive(Debug, Default, Deserialize)]
pub struct Posted {
    #[serde(default)]
    build_id: Field<u64>,
    #[serde(default)]
    build_name: Field<String>,
    #[serde(default)]
    build_stage: Field<String>,
    #[serde(default)]
    build_status: Field<String>,
    #[serde(default)]
    build_created_at: Field<DateTime<Utc>>,
    // Old versions send `""` if it did not start.
    #[serde(default)]
    build_started_at: Field<DateTime<Utc>>,
    #[serde(default)]
    build_finished_at: Field<DateTime<Utc>>,
    #[serde(default)]
    build_created_at_iso: Field<DateTime<Utc>>,
    #[serde(default)]
    build_started_at_iso: Field<DateTime<Utc>>,
    #[serde(default)]
    build_finished_at_iso: Field<DateTime<Utc>>,
    #[serde(default)]
    build_duration: Field<f64>,
    #[serde(default)]
    build_queued_duration: Field<f64>,
    #[serde(default)]
    build_allow_failure: Field<bool>,
    #[serde(default)]
    build_failure_reason: Field<String>,
    #[serde(default)]
    retries_count: Field<u64>,
    #[serde(default)]
    pipeline_id: Field<u64>,
    #[serde(default, rename = "ref")]
    ref_name: Field<String>,
    #[serde(default)]
    tag: Field<bool>,
    #[serde(default)]
    sha: Field<String>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    runner: Embedded<Runner>,
    #[serde(default)]
    environment: Embedded<Environment>,
    #[serde(default)]
    commit: Embedded<PostedPipeline>,
}

/// `commit` of a job event. Most of it describes the pipeline, whose id it has.
#[derive(Debug, Default, Deserialize)]
struct PostedPipeline {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    started_at: Field<DateTime<Utc>>,
    #[serde(default)]
    finished_at: Field<DateTime<Utc>>,
    #[serde(default)]
    started_at_iso: Field<DateTime<Utc>>,
    #[serde(default)]
    finished_at_iso: Field<DateTime<Utc>>,
}

impl From<Posted> for Job {
    fn from(posted: Posted) -> Self {
        let pipeline_times = posted.commit.get().map(|pipeline| {
            let times = [
                &pipeline.started_at,
                &pipeline.finished_at,
                &pipeline.started_at_iso,
                &pipeline.finished_at_iso,
            ];
            times.into_iter().filter_map(Field::get).max()
        });
        let started_at = posted.commit.field(|pipeline| &pipeline.started_at);
        let pipeline_started_at =
            most_precise(started_at, posted.commit.field(|pipeline| &pipeline.started_at_iso));
        Job {
            pipeline_as_of: pipeline_times.flatten(),
            pipeline_began_at: pipeline_started_at.get(),
            pipeline_id: posted.pipeline_id.or(posted.commit.field(|pipeline| &pipeline.id)),
            ref_name: branch_and_merge_request(posted.ref_name).0,
            tag: posted.tag,
            sha: posted.sha,
            build: Build {
                id: posted.build_id,
                stage: posted.build_stage,
                name: posted.build_name,
                status: posted.build_status,
                created_at: most_precise(posted.build_created_at, posted.build_created_at_iso),
                started_at: most_precise(posted.build_started_at, posted.build_started_at_iso),
                finished_at: most_precise(posted.build_finished_at, posted.build_finished_at_iso),
                duration: posted.build_duration,
                queued_duration: posted.build_queued_duration,
                failure_reason: posted.build_failure_reason,
                allow_failure: posted.build_allow_failure,
                user: posted.user,
                runner: posted.runner,
                environment: posted.environment,
                retries_count: posted.retries_count,
                ..Build::default()
            },
        }
    }
}

/// Chooses between the two forms of a time in GitLab 18 and later. The second, whole seconds in ISO 8601, is used if the first is absent or
/// unreadable.
fn most_precise(time: Field<DateTime<Utc>>, iso: Field<DateTime<Utc>>) -> Field<DateTime<Utc>> {
    match (time, iso) {
        (Field::Value(time), _) => Field::Value(time),
        (_, Field::Value(iso)) => Field::Value(iso),
        (time, iso) => time.or(iso),
    }
}
