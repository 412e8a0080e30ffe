//! Creates what the services need. In: clients. Out: topics, tables, views, and roles for readers. Never drops or changes an existing topic or table
//! of facts. Views hold no rows and are replaced when this build has others; so are rollups, which are computed from views. Running it again changes
//! nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use schemas::access;
use schemas::migration::{self, MIGRATIONS};
use schemas::rollup::{self, ROLLUPS};
use schemas::topic::TopicPrefix;
use schemas::view::{self, Rights};

use crate::clickhouse::{ClickHouse, ClickHouseError, Code};
use crate::kafka::{Kafka, KafkaConfig, TopicsError};

/// Timeout for one statement of a migration; on a cluster it waits for all replicas.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(180);

/// The number that stands for the views in the table `migrations`.
const VIEWS_VERSION: u32 = 0;

/// What was applied to a database.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The migrations, in order.
    pub migrations: Vec<String>,
    /// How many views were replaced: all or none.
    pub views: usize,
}

/// Why topics or tables could not be created.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Kafka refused or is not there.
    #[error("topics could not be created")]
    Topics(#[from] TopicsError),
    /// A statement failed. Migrations can be repeated: fix the cause and run `gitpulse migrate` again.
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
        "migration {name} was applied to database {database} with another content, by another build: go on with that build, or name a new \
         database (GITPULSE_CLICKHOUSE_DATABASE) and run `gitpulse migrate` again. A processor on a new database reads everything that Kafka \
         still holds; for what is older, `INSERT INTO new.event_facts SELECT * FROM {database}.event_facts` and `gitpulse rebuild`"
    )]
    Edited {
        /// The migration.
        name: String,
        /// The database.
        database: String,
    },
    /// The views are as this build has them, but the existing roles are not.
    #[error("the views were replaced; roles cannot read new ones until `gitpulse migrate --roles` succeeds")]
    Roles(#[from] RolesError),
}

/// Why roles could not be created. What was done before stays, and gives no user more rights: grants come last.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// ClickHouse has no place for roles.
    #[error(
        "this ClickHouse stores no users and roles, as the embedded one never does: --roles needs a server whose user_directories has a \
         local_directory or a replicated one"
    )]
    NowhereToStore(#[source] ClickHouseError),
    /// The user may not create roles, or may not grant the rights in them.
    #[error("the ClickHouse user lacks the right that the answer names: grant it and repeat this command")]
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

/// Applies the missing migrations in order, and then the views, if this build has others than the database.
///
/// Two at once do the same work twice, which changes nothing: each statement can be repeated, and each view is replaced in one step.
pub async fn tables(clickhouse: &ClickHouse) -> Result<Applied, MigrateError> {
    for statement in migration::ledger(&clickhouse.target) {
        clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed("ledger"))?;
    }
    let recorded: Vec<(u32, String)> = clickhouse
        .client
        .query("SELECT version, checksum FROM migrations FINAL")
        .fetch_all()
        .await
        .map_err(ClickHouseError::Client)
        .map_err(failed("ledger"))?;
    let recorded: BTreeMap<u32, String> = recorded.into_iter().collect();

    let mut applied = Applied::default();
    for migration in MIGRATIONS {
        let name = format!("{:04}_{}", migration.version, migration.name);
        match recorded.get(&migration.version) {
            Some(checksum) if *checksum == migration.checksum() => continue,
            Some(_) => {
                return Err(MigrateError::Edited { name, database: clickhouse.target.database.clone() });
            }
            None => (),
        }
        for statement in migration.statements(&clickhouse.target) {
            clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed(&name))?;
        }
        record(clickhouse, migration.version, migration.name, &migration.checksum()).await?;
        tracing::debug!(migration = name, "applied");
        applied.migrations.push(name);
    }
    let newest = recorded.keys().next_back().copied().unwrap_or_default();
    // A database that a newer build migrated keeps that build's views, which read columns that this one does not know.
    let is_newer = MIGRATIONS.last().is_some_and(|last| newest > last.version);
    let checksum = view::all_checksum();
    if !is_newer && recorded.get(&VIEWS_VERSION) != Some(&checksum) {
        applied.views = views(clickhouse).await?;
        record(clickhouse, VIEWS_VERSION, "views", &checksum).await?;
    }
    Ok(applied)
}

/// Sets how many days ClickHouse keeps the audit log; returns whether that changed. The tables must exist.
///
/// # Errors
/// ClickHouse refuses, for example because the user lacks the right ALTER TTL.
pub async fn audit_retention(clickhouse: &ClickHouse, days: u32) -> Result<bool, MigrateError> {
    const NAME: &str = "audit_retention";
    let engine = "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'audit_log_facts'";
    let engine: String = clickhouse
        .client
        .query(engine)
        .fetch_one()
        .await
        .map_err(ClickHouseError::Client)
        .map_err(failed(NAME))?;
    if engine.contains(&format!("toIntervalDay({days})")) {
        return Ok(false);
    }
    for statement in migration::audit_retention(&clickhouse.target, days) {
        clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed(NAME))?;
    }
    Ok(true)
}

/// Replaces all views, and applies the roles again where roles exist. Views are recorded as applied only after both, so that an interrupted run is
/// repeated.
///
/// ClickHouse creates the new view and exchanges the names; older versions drop the old one first, so that for a moment there is none. Grants and row
/// policies belong to the name and stay. The definer belongs to the view and would be lost, so the statement names it: at no time is a view readable
/// with other rights than before. Rights for new views, and policies on new columns, come with the roles.
async fn views(clickhouse: &ClickHouse) -> Result<usize, MigrateError> {
    // Only roles need a definer: without them the statement says that readers use their own rights, whatever the server's default is.
    let with_definer = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine = 'View' \
                        AND create_table_query LIKE '% SQL SECURITY DEFINER%'";
    let with_definer: u64 = clickhouse
        .client
        .query(with_definer)
        .fetch_one()
        .await
        .map_err(ClickHouseError::Client)
        .map_err(failed("views"))?;
    let has_roles = with_definer > 0;
    let all = view::in_order();
    for view in &all {
        let rights = if has_roles && access::has_definer(view) { Rights::Definer } else { Rights::Reader };
        for statement in view.statements(&clickhouse.target, rights) {
            let name = format!("views/{}", view.name);
            clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed(&name))?;
        }
    }
    rollups(clickhouse).await?;
    if has_roles {
        roles(clickhouse, &[]).await?;
    }
    Ok(all.len())
}

/// Creates the rollups, which the processor computes from the metric views. A rollup whose view has other columns than before starts empty. If
/// anything changed, every project is marked, so that all are computed by the new views.
async fn rollups(clickhouse: &ClickHouse) -> Result<(), MigrateError> {
    let columns = "SELECT arraySort(groupArray((position, name, type))) FROM system.columns \
                   WHERE database = currentDatabase() AND table = ? AND NOT (table = ? AND name = 'generation')";
    for rollup in ROLLUPS {
        let name = format!("rollups/{}", rollup.name);
        let mut told: [Vec<(u64, String, String)>; 2] = Default::default();
        for (told, table) in told.iter_mut().zip([rollup.view, rollup.table]) {
            let asked = clickhouse.client.query(columns).bind(table).bind(rollup.table).fetch_one();
            *told = asked.await.map_err(ClickHouseError::Client).map_err(failed(&name))?;
        }
        let mut statements = rollup.shown(&clickhouse.target);
        if told[0] != told[1] {
            statements = [rollup.table(&clickhouse.target), statements].concat();
        }
        for statement in statements {
            clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed(&name))?;
        }
    }
    for statement in rollup::mark_all(&clickhouse.target) {
        clickhouse.execute_anywhere(&statement, STATEMENT_TIMEOUT).await.map_err(failed("rollups"))?;
    }
    Ok(())
}

/// Records what was applied.
async fn record(
    clickhouse: &ClickHouse,
    version: u32,
    name: &str,
    checksum: &str,
) -> Result<(), MigrateError> {
    let insert = "INSERT INTO migrations (version, name, checksum) VALUES (?, ?, ?)";
    let inserted = clickhouse.client.query(insert).bind(version).bind(name).bind(checksum).execute().await;
    inserted.map_err(ClickHouseError::Client).map_err(failed(name))
}

fn failed(name: &str) -> impl FnOnce(ClickHouseError) -> MigrateError {
    let name = name.to_owned();
    move |source| MigrateError::Statement { name, source }
}

/// Creates the roles for readers of the views, and one for each of `tenants`, as this build has them. All views must exist.
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

/// Whether the server can store roles. A server that does not say so counts as one that can.
async fn stores_roles(clickhouse: &ClickHouse) -> bool {
    let writable =
        "SELECT count() FROM system.user_directories WHERE type NOT IN ('users_xml', 'users.xml', 'ldap')";
    let asked = clickhouse.client.query(writable).fetch_one::<u64>();
    !matches!(tokio::time::timeout(STATEMENT_TIMEOUT, asked).await, Ok(Ok(0)))
}
