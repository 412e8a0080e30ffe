//! The ClickHouse client. In: settings. Out: a client that waits for a bounded time. Production and tests, embedded engine and
//! cluster use the same one, over HTTP.

mod insert;
mod refusal;
mod relay;

use std::time::Duration;

use clap::Args;
use clickhouse::Client;
use schemas::migration::Target;

use crate::Secret;
pub use insert::Insertion;
pub use refusal::{Code, code, is_transient};

/// Where ClickHouse is.
#[derive(Debug, Clone, Args)]
pub struct ClickHouseConfig {
    /// HTTP or HTTPS address of ClickHouse; `up` starts its own there
    #[arg(
        long = "clickhouse-url",
        env = "GITPULSE_CLICKHOUSE_URL",
        default_value = "http://127.0.0.1:8123",
        value_name = "URL"
    )]
    pub url: String,

    /// Database of all tables; `migrate` creates it
    #[arg(
        long = "clickhouse-database",
        env = "GITPULSE_CLICKHOUSE_DATABASE",
        default_value = "gitpulse",
        value_name = "NAME"
    )]
    pub database: String,

    /// User of ClickHouse
    #[arg(
        long = "clickhouse-user",
        env = "GITPULSE_CLICKHOUSE_USER",
        default_value = "default",
        value_name = "NAME"
    )]
    pub user: String,

    /// Password of the user (a secret: environment or file only)
    #[arg(
        long = "clickhouse-password",
        env = "GITPULSE_CLICKHOUSE_PASSWORD",
        hide_env_values = true,
        hide = true,
        default_value = "",
        value_name = "PASSWORD"
    )]
    pub password: Secret,

    /// Cluster on which replicated tables are created; without it, tables of a single node
    #[arg(long = "clickhouse-cluster", env = "GITPULSE_CLICKHOUSE_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
}

/// A client for one database.
#[derive(Clone)]
pub struct ClickHouse {
    /// The client, with the database chosen.
    pub client: Client,
    /// Database and cluster, for migrations.
    pub target: Target,
}

/// ClickHouse gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClickHouseError {
    /// It refused, or cannot be reached.
    #[error(transparent)]
    Client(#[from] clickhouse::error::Error),
    /// It did not answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl ClickHouseError {
    /// ClickHouse's code; `None` if it did not answer, or if something in front of it answered.
    pub fn code(&self) -> Option<Code> {
        match self {
            ClickHouseError::Client(error) => code(error),
            ClickHouseError::Timeout(_) => None,
        }
    }
}

impl ClickHouse {
    /// A client; connects at the first use.
    pub fn new(config: &ClickHouseConfig) -> ClickHouse {
        let mut client = relay::client()
            .with_url(&config.url)
            .with_user(&config.user)
            .with_password(config.password.expose())
            .with_database(&config.database)
            // A 200 for an insert must mean that the rows are in the table; `relay` checks that the answer is ClickHouse's own.
            .with_setting("async_insert", "0")
            .with_setting("wait_end_of_query", "1");
        if config.cluster.is_some() {
            // A majority of replicas has the rows before the insert is answered.
            client = client.with_setting("insert_quorum", "auto");
        }
        let target = Target { database: config.database.clone(), cluster: config.cluster.clone() };
        ClickHouse { client, target }
    }

    /// Checks that ClickHouse answers queries, whether or not the database exists.
    pub async fn ping(&self, timeout: Duration) -> Result<(), ClickHouseError> {
        self.execute_anywhere("SELECT 1 FORMAT Null", timeout).await
    }

    /// Runs one statement that names its database itself, within `timeout`.
    pub async fn execute_anywhere(&self, statement: &str, timeout: Duration) -> Result<(), ClickHouseError> {
        let client = self.client.clone().with_database("default");
        tokio::time::timeout(timeout, client.query_raw(statement).execute())
            .await
            .map_err(|_| ClickHouseError::Timeout(timeout))?
            .map_err(ClickHouseError::Client)
    }
}
