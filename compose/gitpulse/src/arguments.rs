//! Arguments that several commands have. In: the command line, by way of clap. Out: typed values. What one command alone has is in its own file.

use std::net::SocketAddr;

use clap::Args;
use runtime::clickhouse::ClickHouseConfig;
use runtime::kafka::KafkaConfig;

/// Where Kafka and ClickHouse are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    pub(crate) kafka: KafkaConfig,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseConfig,
}

/// How long the audit log is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditArgs {
    /// Days for which ClickHouse keeps a call of GitLab's API in the audit log; `migrate` and `up` put it in force
    #[arg(long, env = "GITPULSE_AUDIT_RETENTION_DAYS", default_value_t = 400, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) audit_retention_days: u32,
}

/// The admin listener.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminArgs {
    /// Where metrics and readiness are served
    #[arg(long, env = "GITPULSE_ADMIN_LISTEN", default_value = "127.0.0.1:8001", value_name = "ADDRESS")]
    pub(crate) admin_listen: SocketAddr,
}
