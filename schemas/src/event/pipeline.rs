//! Pipeline Hook
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#pipeline-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field, list};

/// The payload of a pipeline event.
#[derive(Debug, Default, Deserialize)]
pub struct Pipeline {
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    #[serde(default)]
    pub merge_request: Embedded<MergeRequest>,
    /// Who started it.
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub commit: Embedded<Commit>,
    /// The newest job of each name.
    #[serde(default, deserialize_with = "list")]
    pub builds: Field<Vec<Embedded<Build>>>,
    #[serde(default)]
    pub source_pipeline: Embedded<SourcePipeline>,
}

/// `object_attributes` of a pipeline event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    #[serde(default)]
    pub name: Field<String>,
    /// Branch or tag; for a merge request, its source branch.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
    #[serde(default)]
    pub tag: Field<bool>,
    /// Newer versions.
    #[serde(default)]
    pub protected_ref: Field<bool>,
    #[serde(default)]
    pub sha: Field<String>,
    #[serde(default)]
    pub before_sha: Field<String>,
    /// What started it.
    #[serde(default)]
    pub source: Field<String>,
    #[serde(default)]
    pub status: Field<String>,
    /// Status as shown to users, as `passed` or `blocked`.
    #[serde(default)]
    pub detailed_status: Field<String>,
    /// In order.
    #[serde(default, deserialize_with = "list")]
    pub stages: Field<Vec<Field<String>>>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub updated_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub started_at: Field<DateTime<Utc>>,
    /// Null again while a retry runs.
    #[serde(default)]
    pub finished_at: Field<DateTime<Utc>>,
    /// Seconds that its jobs ran.
    #[serde(default)]
    pub duration: Field<f64>,
    /// Seconds from creation to start.
    #[serde(default)]
    pub queued_duration: Field<f64>,
    /// Test coverage in percent; API only.
    #[serde(skip)]
    pub coverage: Field<f64>,
    #[serde(default)]
    pub url: Field<String>,
}

/// The merge request that a pipeline ran for.
#[derive(Debug, Default, Deserialize)]
pub struct MergeRequest {
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within its project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// The project of the target branch. `iid` is a number in this project, which differs from the pipeline's project if that is a fork.
    #[serde(default)]
    pub target_project_id: Field<u64>,
}

/// The pipeline that started another one.
#[derive(Debug, Default, Deserialize)]
pub struct SourcePipeline {
    #[serde(default)]
    pub project: Embedded<SourceProject>,
    #[serde(default)]
    pub pipeline_id: Field<u64>,
    /// The trigger job.
    #[serde(default)]
    pub job_id: Field<u64>,
}

/// The commit that a pipeline ran for.
#[derive(Debug, Default, Deserialize)]
pub struct Commit {
    /// When it was committed.
    #[serde(default)]
    pub timestamp: Field<DateTime<Utc>>,
}

/// The project of a source pipeline; it may be another project.
#[derive(Debug, Default, Deserialize)]
pub struct SourceProject {
    #[serde(default)]
    pub id: Field<u64>,
}

/// A job in a pipeline event. Job events and the API are converted to this form ([`super::job`]).
#[derive(Debug, Default, Deserialize)]
pub struct Build {
    #[serde(default)]
    pub id: Field<u64>,
    #[serde(default)]
    pub stage: Field<String>,
    #[serde(default)]
    pub name: Field<String>,
    #[serde(default)]
    pub status: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub started_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub finished_at: Field<DateTime<Utc>>,
    /// Seconds that it ran.
    #[serde(default)]
    pub duration: Field<f64>,
    /// Seconds that it waited for a runner.
    #[serde(default)]
    pub queued_duration: Field<f64>,
    /// Meaningful only if the job failed.
    #[serde(default)]
    pub failure_reason: Field<String>,
    /// `on_success`, `manual`, ...
    #[serde(default)]
    pub when: Field<String>,
    /// Whether somebody must start it.
    #[serde(default)]
    pub manual: Field<bool>,
    #[serde(default)]
    pub allow_failure: Field<bool>,
    /// Who it runs for.
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub runner: Embedded<Runner>,
    /// What it made.
    #[serde(default)]
    pub artifacts_file: Embedded<ArtifactsFile>,
    #[serde(default)]
    pub environment: Embedded<Environment>,
    /// Number of earlier attempts; job events only.
    #[serde(skip)]
    pub retries_count: Field<u64>,
    /// When its log and artifacts were erased; API only.
    #[serde(skip)]
    pub erased_at: Field<DateTime<Utc>>,
    /// Test coverage in percent; API only.
    #[serde(skip)]
    pub coverage: Field<f64>,
    /// API only.
    #[serde(skip)]
    pub url: Field<String>,
    /// The pipeline started by a trigger job; API only.
    #[serde(skip)]
    pub downstream_pipeline_id: Field<u64>,
}

impl Build {
    /// The newest of the job's times.
    pub fn newest_time(&self) -> Option<DateTime<Utc>> {
        let times = [&self.created_at, &self.started_at, &self.finished_at, &self.erased_at];
        times.into_iter().filter_map(Field::get).max()
    }
}

/// The runner of a job.
#[derive(Debug, Default, Deserialize)]
pub struct Runner {
    #[serde(default)]
    pub id: Field<u64>,
    #[serde(default)]
    pub description: Field<String>,
    /// `instance_type`, `group_type` or `project_type`.
    #[serde(default)]
    pub runner_type: Field<String>,
    /// Whether all projects may use it, as GitLab stores it.
    #[serde(default)]
    pub is_shared: Field<bool>,
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
    #[serde(default)]
    pub name: Field<String>,
    /// `start`, `prepare`, `stop`, `verify` or `access`.
    #[serde(default)]
    pub action: Field<String>,
    /// GitLab 15 and later.
    #[serde(default)]
    pub deployment_tier: Field<String>,
}

/// Splits a ref into a branch or tag and the number of a merge request.
///
/// For a pipeline of a merge request, job events and the API have the ref that GitLab made for it, `refs/merge-requests/7/head` (or `merge`,
/// `train`); pipeline events have the source branch. The former gives the number, but not the branch.
pub fn branch_and_merge_request(ref_name: Field<String>) -> (Field<String>, Field<u64>) {
    match ref_name.text().strip_prefix("refs/merge-requests/") {
        None => (ref_name, Field::Absent),
        Some(rest) => match rest.split('/').next().and_then(|number| number.parse().ok()) {
            Some(number) => (Field::Absent, Field::Value(number)),
            None => (Field::Absent, Field::Absent),
        },
    }
}
