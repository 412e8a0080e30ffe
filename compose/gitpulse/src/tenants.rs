//! The tenants in force. In: `[[tenant]]` tables and the settings of the default tenant. Out: a list. Never invents a secret: `up` does that, and
//! reports it.

use clap::Args;
use gitlab::InstanceConfig;
use ingest::config::TenantConfig;
use ipnet::IpNet;
use runtime::Secret;

/// The name of the tenant that the environment configures.
const DEFAULT: &str = "default";

/// The default tenant: the settings that people need first.
#[derive(Debug, Clone, Args)]
pub(crate) struct WebhookConfig {
    /// Secret token of the default tenant's hooks (a secret: environment or file only)
    #[arg(long, env = "GITLAB_WEBHOOK_TOKEN", hide_env_values = true, hide = true, value_name = "TOKEN")]
    pub(crate) gitlab_webhook_token: Option<Secret>,

    /// Signing token of the default tenant's hooks, whsec_... (a secret: environment or file only)
    #[arg(
        long,
        env = "GITLAB_WEBHOOK_SIGNING_TOKEN",
        hide_env_values = true,
        hide = true,
        value_name = "TOKEN"
    )]
    pub(crate) gitlab_webhook_signing_token: Option<Secret>,

    /// Networks that the default tenant's deliveries may come from, as 10.0.0.0/8,...; without it, any
    #[arg(long, env = "GITPULSE_ALLOWED_NETWORKS", value_delimiter = ',', value_name = "NETWORKS")]
    pub(crate) allowed_networks: Vec<IpNet>,
}

/// A hint if the instance of some events cannot be known: the body of a signed delivery need not contain the path of GitLab on its host, and the
/// signature does not cover the header that does.
pub(crate) fn instance_hint(tenants: &[TenantConfig]) -> Option<String> {
    let unnamed =
        tenants.iter().find(|tenant| tenant.instance.is_none() && !tenant.signing_tokens.is_empty())?;
    Some(format!(
        "tenant {:?} has a signing token but no instance: a GitLab below a path, as https://example.com/gitlab, would be counted as two instances; set GITLAB_URL, or `instance` of the tenant",
        unnamed.name
    ))
}

impl WebhookConfig {
    /// The configured tenants, and the default one of this instance if it has a secret.
    pub(crate) fn tenants(
        &self,
        instance: &InstanceConfig,
        configured: Vec<TenantConfig>,
    ) -> Vec<TenantConfig> {
        let mut tenants = configured;
        tenants.extend(self.default_tenant(instance));
        tenants
    }

    fn default_tenant(&self, instance: &InstanceConfig) -> Option<TenantConfig> {
        let secrets = |secret: &Option<Secret>| {
            secret.iter().filter(|secret| !secret.expose().is_empty()).cloned().collect::<Vec<Secret>>()
        };
        let tokens = secrets(&self.gitlab_webhook_token);
        let signing_tokens = secrets(&self.gitlab_webhook_signing_token);
        if tokens.is_empty() && signing_tokens.is_empty() {
            return None;
        }
        Some(self.tenant(instance, tokens, signing_tokens))
    }

    /// The default tenant of this instance, with these secrets.
    pub(crate) fn tenant(
        &self,
        instance: &InstanceConfig,
        tokens: Vec<Secret>,
        signing_tokens: Vec<Secret>,
    ) -> TenantConfig {
        TenantConfig {
            name: DEFAULT.to_owned(),
            instance: instance.url().map(str::to_owned),
            tokens,
            signing_tokens,
            allowed_networks: self.allowed_networks.clone(),
            ..TenantConfig::default()
        }
    }
}
