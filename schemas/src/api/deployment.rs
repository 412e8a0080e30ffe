//! Deployments as listed by the API, or one deployment with its approvals (<https://docs.gitlab.com/api/deployments/>), and the environments of a
//! project (<https://docs.gitlab.com/api/environments/>), which webhooks only name.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::deployment::{Approval, Deployment};
use crate::field::{Embedded, Field, list};

/// The length of GitLab's short SHA.
const SHORT: usize = 8;

/// A deployment.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    iid: Field<u64>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default, rename = "ref")]
    ref_name: Field<String>,
    #[serde(default)]
    sha: Field<String>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    environment: Embedded<Environment>,
    // Null if something outside GitLab deploys.
    #[serde(default)]
    deployable: Embedded<Deployable>,
    #[serde(default, deserialize_with = "list")]
    approvals: Field<Vec<Embedded<Approval>>>,
}

/// An environment, of a deployment or from its own list.
#[derive(Debug, Default, Deserialize)]
pub struct Environment {
    #[serde(default)]
    pub id: Field<u64>,
    /// As `review/retry`.
    #[serde(default)]
    pub name: Field<String>,
    /// The name in host names. This field distinguishes an environment from a deployment.
    #[serde(default)]
    pub slug: Field<String>,
    /// Where to reach it.
    #[serde(default)]
    pub external_url: Field<String>,
    /// `production`, `staging`, `testing`, `development`, `other`. No version is known to send it for the environment of a deployment.
    #[serde(default)]
    pub tier: Field<String>,
    /// `available`, `stopping`, `stopped`. This and the following fields only come from the list of environments.
    #[serde(default)]
    pub state: Field<String>,
    /// When GitLab will stop it; null if it will not.
    #[serde(default)]
    pub auto_stop_at: Field<DateTime<Utc>>,
    /// Newer versions.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    /// Newer versions.
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
}

/// The job of a deployment.
#[derive(Debug, Default, Deserialize)]
struct Deployable {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    tag: Field<bool>,
    #[serde(default)]
    finished_at: Field<DateTime<Utc>>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    commit: Embedded<Commit>,
    #[serde(default)]
    pipeline: Embedded<OwnPipeline>,
}

/// The commit of a job.
#[derive(Debug, Default, Deserialize)]
struct Commit {
    #[serde(default)]
    title: Field<String>,
}

/// The pipeline of a job.
#[derive(Debug, Default, Deserialize)]
struct OwnPipeline {
    #[serde(default)]
    id: Field<u64>,
}

impl From<Listed> for Deployment {
    fn from(listed: Listed) -> Self {
        let (environment, job) = (&listed.environment, listed.deployable.get());
        // Without a job the commit is unknown.
        let commit = job.map(|job| &job.commit);
        let user = match job.map(|job| &job.user) {
            // As in webhooks: the user of a job is who started it by hand, while the deployment's user remains who started the pipeline.
            Some(user) if user.get().is_some() => user.clone(),
            Some(_) | None => listed.user,
        };
        Deployment {
            deployment_id: listed.id,
            iid: listed.iid,
            status: listed.status,
            deployable_id: listed.deployable.field(|job| &job.id),
            pipeline_id: job.map_or(Field::Absent, |job| job.pipeline.field(|pipeline| &pipeline.id)),
            environment: environment.field(|environment| &environment.name),
            environment_id: environment.field(|environment| &environment.id),
            environment_tier: environment.field(|environment| &environment.tier),
            environment_slug: environment.field(|environment| &environment.slug),
            environment_external_url: environment.field(|environment| &environment.external_url),
            ref_name: listed.ref_name,
            tag: job.map_or(Field::Absent, |job| job.tag.clone()),
            short_sha: listed.sha.as_ref().map(|sha| sha.chars().take(SHORT).collect()),
            sha: listed.sha,
            commit_title: commit.map_or(Field::Absent, |commit| commit.field(|commit| &commit.title)),
            user,
            approvals: listed.approvals,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            job_finished_at: job.map_or(Field::Absent, |job| job.finished_at.clone()),
            ..Deployment::default()
        }
    }
}

/// The merge requests that a deployment contains, as of the time they were read
/// (<https://docs.gitlab.com/api/deployments/#list-of-merge-requests-associated-with-a-deployment>). The list has no time of its own.
#[derive(Debug, Default, Deserialize)]
pub struct MergeRequests {
    #[serde(default)]
    pub deployment_id: Field<u64>,
    #[serde(default, deserialize_with = "list")]
    pub merge_requests: Field<Vec<Embedded<BroughtMergeRequest>>>,
}

/// The ids of a merge request in a deployment.
#[derive(Debug, Default, Deserialize)]
pub struct BroughtMergeRequest {
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within its project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// The project of the target branch.
    #[serde(default)]
    pub project_id: Field<u64>,
}
