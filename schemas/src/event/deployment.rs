//! Deployment Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field};

/// The payload of a deployment event.
#[derive(Debug, Default, Deserialize)]
pub struct Deployment {
    #[serde(default)]
    pub deployment_id: Field<u64>,
    /// Number within the project; API only.
    #[serde(skip)]
    pub iid: Field<u64>,
    /// `running`, `success`, `failed`, `canceled`, `blocked`; the API also lists `created` and `skipped`. `approved` and `rejected` are somebody's
    /// decision, not a status of the deployment.
    #[serde(default)]
    pub status: Field<String>,
    /// When the status was reached, in whole seconds, with a numeric offset.
    #[serde(default)]
    pub status_changed_at: Field<DateTime<Utc>>,
    /// The deploying job; null if something outside GitLab deploys.
    #[serde(default)]
    pub deployable_id: Field<u64>,
    /// The pipeline of that job; API only.
    #[serde(skip)]
    pub pipeline_id: Field<u64>,
    #[serde(default)]
    pub environment: Field<String>,
    /// API only.
    #[serde(skip)]
    pub environment_id: Field<u64>,
    /// `production`, `staging`, `testing`, `development`, `other`; GitLab 15 and later, not in the API.
    #[serde(default)]
    pub environment_tier: Field<String>,
    /// Name of the environment in host names.
    #[serde(default)]
    pub environment_slug: Field<String>,
    /// Where to reach the environment.
    #[serde(default)]
    pub environment_external_url: Field<String>,
    /// Branch or tag.
    #[serde(default, rename = "ref")]
    pub ref_name: Field<String>,
    /// Whether `ref` is a tag; API only.
    #[serde(skip)]
    pub tag: Field<bool>,
    /// API only. A webhook has it at the end of `commit_url`.
    #[serde(skip)]
    pub sha: Field<String>,
    /// The first eight characters of the commit.
    #[serde(default)]
    pub short_sha: Field<String>,
    /// Page of the commit; null if the repository no longer has it.
    #[serde(default)]
    pub commit_url: Field<String>,
    /// First line of the commit's message.
    #[serde(default)]
    pub commit_title: Field<String>,
    /// The user of the job, who may have started it by hand.
    #[serde(default)]
    pub user: Embedded<User>,
    /// Who approved or rejected it; Premium.
    #[serde(default)]
    pub approver: Embedded<User>,
    /// Newer versions.
    #[serde(default)]
    pub approval: Embedded<Approval>,
    /// All approvals and rejections; only from the API, when it returns one deployment.
    #[serde(skip)]
    pub approvals: Field<Vec<Embedded<Approval>>>,
    /// API only.
    #[serde(skip)]
    pub created_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When its job finished; API only.
    #[serde(skip)]
    pub job_finished_at: Field<DateTime<Utc>>,
}

/// Somebody's decision about a deployment.
#[derive(Debug, Default, Deserialize)]
pub struct Approval {
    /// API only; a webhook has `approver`.
    #[serde(default)]
    pub user: Embedded<User>,
    /// `approved` or `rejected`.
    #[serde(default)]
    pub status: Field<String>,
    #[serde(default)]
    pub comment: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
}

impl Deployment {
    /// The full SHA: the API's, or the last part of `commit_url`.
    pub fn full_sha(&self) -> Field<String> {
        let linked = self.commit_url.value().and_then(|url| url.rsplit('/').next());
        match (&self.sha, linked) {
            (Field::Absent, Some(sha)) if is_full(sha) => Field::Value(sha.to_owned()),
            (sha, _) => sha.clone(),
        }
    }
}

/// Whether the text is a full SHA-1 or SHA-256.
fn is_full(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
}
