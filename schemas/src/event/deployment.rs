//! Deployment Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field};

/// The payload of a deployment event.
#[derive(Debug, Default, Deserialize)]
pub struct Deployment {
    /// GitLab id.
    #[serde(default)]
    pub deployment_id: Field<u64>,
    /// Number within the project; the API alone.
    #[serde(skip)]
    pub iid: Field<u64>,
    /// `running`, `success`, `failed`, `canceled`, `blocked`; the API also lists `created` and `skipped`. `approved` and `rejected` are what
    /// somebody decided, not a status of the deployment.
    #[serde(default)]
    pub status: Field<String>,
    /// When it reached the status, in whole seconds, with a numeric offset.
    #[serde(default)]
    pub status_changed_at: Field<DateTime<Utc>>,
    /// The job that deploys; null where something outside GitLab does.
    #[serde(default)]
    pub deployable_id: Field<u64>,
    /// The pipeline of that job; the API alone.
    #[serde(skip)]
    pub pipeline_id: Field<u64>,
    /// Name of the environment.
    #[serde(default)]
    pub environment: Field<String>,
    /// GitLab id of the environment; the API alone.
    #[serde(skip)]
    pub environment_id: Field<u64>,
    /// `production`, `staging`, `testing`, `development`, `other`; GitLab 15 and later, the API not.
    #[serde(default)]
    pub environment_tier: Field<String>,
    /// Name of the environment in host names.
    #[serde(default)]
    pub environment_slug: Field<String>,
    /// Where the environment is reached.
    #[serde(default)]
    pub environment_external_url: Field<String>,
    /// Branch or tag.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
    /// Whether `ref` is a tag; the API alone.
    #[serde(skip)]
    pub tag: Field<bool>,
    /// Commit; the API alone. A webhook has it at the end of `commit_url`.
    #[serde(skip)]
    pub sha: Field<String>,
    /// The first eight characters of the commit.
    #[serde(default)]
    pub short_sha: Field<String>,
    /// Page of the commit; null where the repository no longer has it.
    #[serde(default)]
    pub commit_url: Field<String>,
    /// First line of the commit's message.
    #[serde(default)]
    pub commit_title: Field<String>,
    /// Who deploys: the user of the job, who may have started it by hand.
    #[serde(default)]
    pub user: Embedded<User>,
    /// Who approved or rejected it; Premium.
    #[serde(default)]
    pub approver: Embedded<User>,
    /// The approval or rejection; newer versions.
    #[serde(default)]
    pub approval: Embedded<Approval>,
    /// All approvals and rejections; the API alone, where a deployment is asked for alone.
    #[serde(skip)]
    pub approvals: Field<Vec<Embedded<Approval>>>,
    /// When it was created; the API alone.
    #[serde(skip)]
    pub created_at: Field<DateTime<Utc>>,
    /// When it last changed; the API alone.
    #[serde(skip)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When its job finished; the API alone.
    #[serde(skip)]
    pub job_finished_at: Field<DateTime<Utc>>,
}

/// What somebody decided about a deployment.
#[derive(Debug, Default, Deserialize)]
pub struct Approval {
    /// Who; the API alone, a webhook has `approver`.
    #[serde(default)]
    pub user: Embedded<User>,
    /// `approved` or `rejected`.
    #[serde(default)]
    pub status: Field<String>,
    /// What they wrote.
    #[serde(default)]
    pub comment: Field<String>,
    /// When.
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
}

impl Deployment {
    /// The full name of the commit: the API's, or the last part of the address of the commit's page.
    pub fn full_sha(&self) -> Field<String> {
        let linked = self.commit_url.value().and_then(|url| url.rsplit('/').next());
        match (&self.sha, linked) {
            (Field::Absent, Some(sha)) if is_full(sha) => Field::Value(sha.to_owned()),
            (sha, _) => sha.clone(),
        }
    }
}

/// Whether it is a whole SHA-1 or SHA-256.
fn is_full(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
}
