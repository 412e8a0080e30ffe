//! Pipeline Hook
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#pipeline-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field, list};

/// The payload of a pipeline event.
#[derive(Debug, Default, Deserialize)]
pub struct Pipeline {
    /// The pipeline.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    /// The merge request it ran for.
    #[serde(default)]
    pub merge_request: Embedded<MergeRequest>,
    /// Who started it.
    #[serde(default)]
    pub user: Embedded<User>,
    /// The commit it ran for.
    #[serde(default)]
    pub commit: Embedded<Commit>,
    /// The newest job of each name.
    #[serde(default, deserialize_with = "list")]
    pub builds: Field<Vec<Embedded<Build>>>,
    /// The pipeline that started it.
    #[serde(default)]
    pub source_pipeline: Embedded<SourcePipeline>,
}

/// `object_attributes` of a pipeline event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// Branch or tag; for a merge request its source branch.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
    /// Whether `ref` is a tag.
    #[serde(default)]
    pub tag: Field<bool>,
    /// Whether `ref` is protected; newer versions.
    #[serde(default)]
    pub protected_ref: Field<bool>,
    /// Commit.
    #[serde(default)]
    pub sha: Field<String>,
    /// Commit before it.
    #[serde(default)]
    pub before_sha: Field<String>,
    /// What started it.
    #[serde(default)]
    pub source: Field<String>,
    /// Its status.
    #[serde(default)]
    pub status: Field<String>,
    /// Its status in words for people, as `passed` or `blocked`.
    #[serde(default)]
    pub detailed_status: Field<String>,
    /// Its stages in order.
    #[serde(default, deserialize_with = "list")]
    pub stages: Field<Vec<Field<String>>>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it last changed; the API alone.
    #[serde(skip)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When it started; the API alone.
    #[serde(skip)]
    pub started_at: Field<DateTime<Utc>>,
    /// When it finished; null again while a retry runs.
    #[serde(default)]
    pub finished_at: Field<DateTime<Utc>>,
    /// Seconds its jobs ran.
    #[serde(default)]
    pub duration: Field<f64>,
    /// Seconds from creation to start.
    #[serde(default)]
    pub queued_duration: Field<f64>,
    /// Test coverage in percent; the API alone.
    #[serde(skip)]
    pub coverage: Field<f64>,
    /// Page of the pipeline.
    #[serde(default)]
    pub url: Field<String>,
}

/// The merge request a pipeline ran for.
#[derive(Debug, Default, Deserialize)]
pub struct MergeRequest {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within its project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// The project that it would be merged into, whose number it has; not the pipeline's where that runs in a fork.
    #[serde(default)]
    pub target_project_id: Field<u64>,
}

/// The pipeline that started a pipeline.
#[derive(Debug, Default, Deserialize)]
pub struct SourcePipeline {
    /// Its project.
    #[serde(default)]
    pub project: Embedded<SourceProject>,
    /// GitLab id.
    #[serde(default)]
    pub pipeline_id: Field<u64>,
    /// The trigger job that did it.
    #[serde(default)]
    pub job_id: Field<u64>,
}

/// The commit a pipeline ran for.
#[derive(Debug, Default, Deserialize)]
pub struct Commit {
    /// When it was committed.
    #[serde(default)]
    pub timestamp: Field<DateTime<Utc>>,
}

/// The project of the pipeline that started a pipeline; another one for a pipeline across projects.
#[derive(Debug, Default, Deserialize)]
pub struct SourceProject {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
}

/// A job, as a pipeline tells of it. Its own events and the API are brought to this form ([`super::job`]).
#[derive(Debug, Default, Deserialize)]
pub struct Build {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Stage.
    #[serde(default)]
    pub stage: Field<String>,
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// Status.
    #[serde(default)]
    pub status: Field<String>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it started.
    #[serde(default)]
    pub started_at: Field<DateTime<Utc>>,
    /// When it finished.
    #[serde(default)]
    pub finished_at: Field<DateTime<Utc>>,
    /// Seconds it ran.
    #[serde(default)]
    pub duration: Field<f64>,
    /// Seconds it waited for a runner.
    #[serde(default)]
    pub queued_duration: Field<f64>,
    /// Meaningful only for a job that failed.
    #[serde(default)]
    pub failure_reason: Field<String>,
    /// `on_success`, `manual`, ...
    #[serde(default)]
    pub when: Field<String>,
    /// Whether somebody has to start it.
    #[serde(default)]
    pub manual: Field<bool>,
    /// Whether it may fail.
    #[serde(default)]
    pub allow_failure: Field<bool>,
    /// Who it runs for.
    #[serde(default)]
    pub user: Embedded<User>,
    /// Its runner.
    #[serde(default)]
    pub runner: Embedded<Runner>,
    /// What it made.
    #[serde(default)]
    pub artifacts_file: Embedded<ArtifactsFile>,
    /// The environment it deploys to.
    #[serde(default)]
    pub environment: Embedded<Environment>,
    /// How many tries came before; job events alone.
    #[serde(skip)]
    pub retries_count: Field<u64>,
    /// When its log and artifacts were erased; the API alone.
    #[serde(skip)]
    pub erased_at: Field<DateTime<Utc>>,
    /// Test coverage in percent; the API alone.
    #[serde(skip)]
    pub coverage: Field<f64>,
    /// Page of the job; the API alone.
    #[serde(skip)]
    pub url: Field<String>,
    /// The pipeline that a trigger job started; the API alone.
    #[serde(skip)]
    pub downstream_pipeline_id: Field<u64>,
}

impl Build {
    /// The newest of its times.
    pub fn newest_time(&self) -> Option<DateTime<Utc>> {
        let times = [&self.created_at, &self.started_at, &self.finished_at, &self.erased_at];
        times.into_iter().filter_map(Field::get).max()
    }
}

/// The runner of a job.
#[derive(Debug, Default, Deserialize)]
pub struct Runner {
    /// GitLab id.
    #[serde(default)]
    pub id: Field<u64>,
    /// Description.
    #[serde(default)]
    pub description: Field<String>,
    /// `instance_type`, `group_type` or `project_type`.
    #[serde(default)]
    pub runner_type: Field<String>,
    /// Whether it is everybody's, as GitLab has it.
    #[serde(default)]
    pub is_shared: Field<bool>,
    /// Tags.
    #[serde(default, deserialize_with = "list")]
    pub tags: Field<Vec<Field<String>>>,
}

/// The archive of a job's artifacts.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ArtifactsFile {
    /// Size in bytes.
    #[serde(default)]
    pub size: Field<u64>,
}

/// The environment of a job.
#[derive(Debug, Default, Deserialize)]
pub struct Environment {
    /// Name.
    #[serde(default)]
    pub name: Field<String>,
    /// `start`, `prepare`, `stop`, `verify` or `access`.
    #[serde(default)]
    pub action: Field<String>,
    /// Tier; GitLab 15 and later.
    #[serde(default)]
    pub deployment_tier: Field<String>,
}

/// What a ref says: a branch or tag, and the number of a merge request.
///
/// Where a pipeline runs for a merge request, job events and the API name the ref that GitLab made for it, `refs/merge-requests/7/head`
/// (or `merge`, `train`), and a pipeline's events the source branch. The former says the number, and nothing about the branch.
pub fn branch_and_merge_request(ref_name: Field<String>) -> (Field<String>, Field<u64>) {
    match ref_name.text().strip_prefix("refs/merge-requests/") {
        None => (ref_name, Field::Absent),
        Some(rest) => match rest.split('/').next().and_then(|number| number.parse().ok()) {
            Some(number) => (Field::Absent, Field::Value(number)),
            None => (Field::Absent, Field::Absent),
        },
    }
}
