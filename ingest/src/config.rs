//! Settings of ingest. In: flags, environment, file. Out: typed values with units in their names.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use runtime::Secret;
use runtime::http::HttpLimits;
use schemas::Tenant;
use schemas::tenant::InvalidTenant;
use serde::Deserialize;

/// How webhooks are received.
#[derive(Debug, Clone, Args)]
pub struct IngestConfig {
    /// Address that receives webhooks
    #[arg(long, env = "GITPULSE_LISTEN", default_value = "0.0.0.0:8000", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Largest body of a webhook, in bytes; GitLab sends at most 25 MiB
    #[arg(long, env = "GITPULSE_BODY_LIMIT_BYTES", default_value_t = 25 * 1024 * 1024, value_name = "BYTES",
          value_parser = clap::value_parser!(u64).range(1024..=25 * 1024 * 1024))]
    pub body_limit_bytes: u64,

    /// Timeout for the whole body of a webhook, in milliseconds
    #[arg(long, env = "GITPULSE_BODY_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub body_timeout_ms: u64,

    /// Memory for all bodies being received, in MiB
    #[arg(long, env = "GITPULSE_BODY_BUFFER_MIB", default_value_t = 256, value_name = "MIB",
          value_parser = clap::value_parser!(u32).range(64..=65_536))]
    pub body_buffer_mib: u32,

    /// Timeout from a connection to the last byte of its headers, in milliseconds
    #[arg(long, env = "GITPULSE_HEADER_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub header_timeout_ms: u64,

    /// Maximum number of open connections
    #[arg(long, env = "GITPULSE_MAX_CONNECTIONS", default_value_t = 1024, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,

    /// How many deliveries of one project may wait for Kafka at the same time; others wait up to a second, then go to the spool
    #[arg(long, env = "GITPULSE_PROJECT_CONCURRENCY", default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub project_concurrency: u32,

    /// How long requests may take to finish when the process is stopped, in milliseconds
    #[arg(long, env = "GITPULSE_DRAIN_TIMEOUT_MS", default_value_t = 10_000, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub drain_timeout_ms: u64,

    /// How far the timestamp of a signature may differ from our clock, in seconds
    #[arg(long, env = "GITPULSE_SIGNATURE_TOLERANCE_SECONDS", default_value_t = 300, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub signature_tolerance_seconds: u64,

    /// Networks of reverse proxies whose X-Forwarded-For is trusted, as 10.0.0.0/8,...
    #[arg(long, env = "GITPULSE_TRUSTED_PROXIES", value_delimiter = ',', value_name = "NETWORKS")]
    pub trusted_proxies: Vec<IpNet>,

    /// Token for POST /api/v1/webhooks/test, in addition to the tokens of hooks (a secret: environment or file only)
    #[arg(long, env = "GITPULSE_ADMIN_TOKEN", hide_env_values = true, hide = true, value_name = "TOKEN")]
    pub admin_token: Option<Secret>,
}

impl IngestConfig {
    /// The limits of the public listener.
    pub fn http_limits(&self) -> HttpLimits {
        HttpLimits {
            max_connections: self.max_connections as usize,
            header_timeout: Duration::from_millis(self.header_timeout_ms),
            drain_timeout: Duration::from_millis(self.drain_timeout_ms),
        }
    }
}

/// A configured source of webhooks: an instance, a group, a team.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// Name in the path and in the tables: letters, digits, `-` and `_`.
    pub name: String,
    /// URL of its GitLab instance, as `https://gitlab.example.com`. Without it, the instance in its deliveries is trusted.
    #[serde(default)]
    pub instance: Option<String>,
    /// Valid secret tokens (`X-Gitlab-Token`); several during a rotation.
    #[serde(default)]
    pub tokens: Vec<Secret>,
    /// Valid signing tokens (`whsec_...`).
    #[serde(default)]
    pub signing_tokens: Vec<Secret>,
    /// Networks its deliveries may come from; empty means any.
    #[serde(default)]
    pub allowed_networks: Vec<IpNet>,
    /// Whether only its own path leads to it, not the path without a tenant.
    #[serde(default)]
    pub path_only: bool,
    /// GitLab's ids of the projects that it is bound to: it may report only these, and no other tenant may.
    #[serde(default)]
    pub projects: Vec<u64>,
    /// GitLab's ids of the groups whose own members, milestones and epics it is bound to; this excludes their projects.
    #[serde(default)]
    pub groups: Vec<u64>,
    /// Whether it may report everything that no tenant is bound to, although other tenants of its GitLab may do so too: they trust each other.
    #[serde(default)]
    pub all_projects: bool,
}

impl TenantConfig {
    /// Its identity in events, checked. All producers of events use this.
    pub fn identity(&self) -> Result<Tenant, InvalidTenant> {
        Tenant::new(&self.name, self.instance.as_deref())
    }
}
