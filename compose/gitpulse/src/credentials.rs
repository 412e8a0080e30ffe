//! The secret for sending deliveries. In: the settings of tenants, the data folder of `up`. Out: one secret of a hook. Never shows it.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use gitlab::InstanceConfig;
use ingest::config::TenantConfig;
use runtime::Secret;

use crate::tenants::WebhookConfig;
use crate::up;

/// Where secrets come from.
#[derive(Debug, Args)]
pub(crate) struct CredentialsArgs {
    /// Data folder of `up`, which holds the token that it made
    #[arg(long, env = "GITPULSE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,

    #[command(flatten)]
    instance: InstanceConfig,

    #[command(flatten)]
    webhooks: WebhookConfig,
}

/// The secret of a hook.
pub(crate) enum HookSecret {
    /// Sent as it is.
    Token(Secret),
    /// Signs deliveries.
    SigningToken(Secret),
}

impl CredentialsArgs {
    /// The GitLab that deliveries pretend to come from.
    pub(crate) fn instance(&self) -> String {
        self.instance.gitlab_url.clone().unwrap_or_else(|| "https://gitlab.example.com".to_owned())
    }

    /// The configured signing token, else the configured token, else the one that `up` keeps in its data folder.
    pub(crate) fn secret(&self, url: &str, tenants: Vec<TenantConfig>) -> anyhow::Result<HookSecret> {
        let tenants = self.webhooks.tenants(&self.instance, tenants);
        let tenant =
            tenants.iter().find(|tenant| url.ends_with(&format!("/{}", tenant.name))).or(tenants.last());
        if let Some(signing) = tenant.and_then(|tenant| tenant.signing_tokens.first()) {
            return Ok(HookSecret::SigningToken(signing.clone()));
        }
        if let Some(token) = tenant.and_then(|tenant| tenant.tokens.first()) {
            return Ok(HookSecret::Token(token.clone()));
        }
        let kept = up::kept_token(&self.data_dir)?;
        kept.map(HookSecret::Token).with_context(|| {
            format!(
                "no secret to send with: set GITLAB_WEBHOOK_TOKEN or GITLAB_WEBHOOK_SIGNING_TOKEN, or name the data folder of `up` (--data-dir, now {})",
                self.data_dir.display()
            )
        })
    }
}
