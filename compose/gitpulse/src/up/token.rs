//! The webhook secret of `up`. In: the configured tenants, the data folder. Out: tenants with a secret; if none is configured, one is made and saved.
//! Never logs it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use gitlab::InstanceConfig;
use ingest::config::TenantConfig;
use runtime::Secret;

use super::folder::TOKEN_FILE;
use crate::tenants::WebhookConfig;

/// The tenants, and the token that `up` made if no secret is configured.
pub(super) struct WebhookToken {
    pub(super) tenants: Vec<TenantConfig>,
    pub(super) made: Option<Secret>,
    pub(super) file: PathBuf,
}

impl WebhookToken {
    /// The only tenant of an invented GitLab, whatever is configured.
    pub(super) fn demo(
        instance: &InstanceConfig,
        webhooks: &WebhookConfig,
        data: &Path,
    ) -> anyhow::Result<WebhookToken> {
        let file = data.join(TOKEN_FILE);
        let token = match kept_token(data)? {
            Some(token) => token,
            None => make_token(&file)?,
        };
        let tenant = webhooks.tenant(instance, vec![token.clone()], Vec::new());
        let tenant = TenantConfig { allowed_networks: Vec::new(), ..tenant };
        Ok(WebhookToken { tenants: vec![tenant], made: Some(token), file })
    }

    /// The configured tenants; else one with the token that an earlier `up` saved or this one makes.
    pub(super) fn settle(
        instance: &InstanceConfig,
        webhooks: &WebhookConfig,
        configured: Vec<TenantConfig>,
        data: &Path,
    ) -> anyhow::Result<WebhookToken> {
        let file = data.join(TOKEN_FILE);
        let tenants = webhooks.tenants(instance, configured);
        if !tenants.is_empty() {
            return Ok(WebhookToken { tenants, made: None, file });
        }
        let token = match kept_token(data)? {
            Some(token) => token,
            None => make_token(&file)?,
        };
        let tenant = webhooks.tenant(instance, vec![token.clone()], Vec::new());
        Ok(WebhookToken { tenants: vec![tenant], made: Some(token), file })
    }
}

/// The token that an earlier `up` made and saved in the data folder.
pub(crate) fn kept_token(data: &Path) -> anyhow::Result<Option<Secret>> {
    let file = data.join(TOKEN_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

fn make_token(file: &Path) -> anyhow::Result<Secret> {
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut options = File::options();
    let mut written = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    writeln!(written, "{token}")?;
    Ok(Secret::new(token))
}
