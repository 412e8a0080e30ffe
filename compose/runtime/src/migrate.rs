//! Creates what the services talk to. In: clients. Out: topics and tables. Never drops or changes what is there; running it again
//! changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::migration::{self, MIGRATIONS};
use schemas::topic::TopicPrefix;

use crate::clickhouse::{ClickHouse, ClickHouseError};
use crate::kafka::{Kafka, KafkaConfig, TopicsError};

/// One statement of a migration; on a cluster it waits for all replicas.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(180);

/// What a migration did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Topics that were created.
    pub topics: Vec<String>,
    /// Migrations that were applied.
    pub migrations: Vec<String>,
}

/// Why topics or tables could not be created.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Kafka refused or is not there.
    #[error("topics could not be created")]
    Topics(#[from] TopicsError),
    /// A statement failed. Migrations can be repeated: mend the cause and run `gitpulse migrate` again.
    #[error("migration {name} could not be applied")]
    Statement {
        /// The migration.
        name: String,
        /// ClickHouse's answer.
        #[source]
        source: ClickHouseError,
    },
    /// The files of this binary and what was applied to the database differ.
    #[error(
        "migration {name} was applied with another content: this database was migrated by another build; use that build, or another database"
    )]
    Edited {
        /// The migration.
        name: String,
    },
}

/// Creates the topics that are missing.
pub async fn topics(kafka: &Kafka, config: &KafkaConfig) -> Result<Vec<String>, TopicsError> {
    let prefix: &TopicPrefix = &config.topic_prefix;
    kafka.create_topics(&prefix.all(), config.partitions, config.replication_factor).await
}

/// Applies the migrations that are missing, in order.
pub async fn tables(clickhouse: &ClickHouse) -> Result<Vec<String>, MigrateError> {
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| MigrateError::Statement { name, source }
    };
    for statement in migration::ledger(&clickhouse.target) {
        clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed("ledger"))?;
    }
    let applied: Vec<(u32, String)> = clickhouse
        .client
        .query("SELECT version, checksum FROM migrations FINAL")
        .fetch_all()
        .await
        .map_err(ClickHouseError::Client)
        .map_err(failed("ledger"))?;
    let applied: BTreeMap<u32, String> = applied.into_iter().collect();

    let mut done = Vec::new();
    for migration in MIGRATIONS {
        let name = format!("{:04}_{}", migration.version, migration.name);
        match applied.get(&migration.version) {
            Some(checksum) if *checksum == migration.checksum() => continue,
            Some(_) => return Err(MigrateError::Edited { name }),
            None => (),
        }
        for statement in migration.statements(&clickhouse.target) {
            clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed(&name))?;
        }
        clickhouse
            .client
            .query("INSERT INTO migrations (version, name, checksum) VALUES (?, ?, ?)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(migration.checksum())
            .execute()
            .await
            .map_err(ClickHouseError::Client)
            .map_err(failed(&name))?;
        tracing::debug!(migration = name, "applied");
        done.push(name);
    }
    Ok(done)
}
