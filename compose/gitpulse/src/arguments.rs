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

/// The admin listener.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminArgs {
    /// Where metrics and readiness are served
    #[arg(long, env = "GITPULSE_ADMIN_LISTEN", default_value = "127.0.0.1:8001", value_name = "ADDRESS")]
    pub(crate) admin_listen: SocketAddr,
}
