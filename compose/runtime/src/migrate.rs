//! Creates what the services talk to. In: clients. Out: topics, tables, and who may read them. Never drops or changes a topic or a table
//! that is there; running it again changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::access;
use schemas::migration::{self, MIGRATIONS};
use schemas::topic::TopicPrefix;

use crate::clickhouse::{ClickHouse, ClickHouseError, Code};
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

/// Why roles could not be made. What was done before that stays, and lets nobody read more: grants come last.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// ClickHouse has no place for roles.
    #[error(
        "this ClickHouse stores no users and roles, as the embedded one never does: --roles needs a server whose user_directories has a \
         local_directory or a replicated one"
    )]
    NowhereToStore(#[source] ClickHouseError),
    /// The user may not make roles, or not grant what it grants.
    #[error("the user of ClickHouse lacks a right, which its answer names: grant it and repeat this command")]
    Denied(#[source] ClickHouseError),
    /// Another refusal, or no answer.
    #[error("roles could not be applied")]
    Statement(#[source] ClickHouseError),
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

/// Makes the roles of those who read the tables, and one for each of `tenants`, as this build has them. All tables are there.
pub async fn roles(clickhouse: &ClickHouse, tenants: &[String]) -> Result<(), RolesError> {
    let target = &clickhouse.target;
    let of_tenants = tenants.iter().flat_map(|tenant| access::tenant_role(target, tenant));
    for statement in access::roles(target).into_iter().chain(of_tenants) {
        let Err(error) = clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await else {
            continue;
        };
        return Err(match error.code() {
            Some(Code::ACCESS_STORAGE_READONLY | Code::ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND) => {
                RolesError::NowhereToStore(error)
            }
            Some(Code::ACCESS_DENIED) if !stores_roles(clickhouse).await => RolesError::NowhereToStore(error),
            Some(Code::ACCESS_DENIED) => RolesError::Denied(error),
            _ => RolesError::Statement(error),
        });
    }
    Ok(())
}

/// Whether roles can be stored anywhere. A server that does not tell is taken for one that stores them.
async fn stores_roles(clickhouse: &ClickHouse) -> bool {
    let writable =
        "SELECT count() FROM system.user_directories WHERE type NOT IN ('users_xml', 'users.xml', 'ldap')";
    let asked = clickhouse.client.query(writable).fetch_one::<u64>();
    !matches!(tokio::time::timeout(STATEMENT_TIMEOUT, asked).await, Ok(Ok(0)))
}
