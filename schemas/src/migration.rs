//! The migrations of ClickHouse. In: where to migrate. Out: numbered statements. Never talks to ClickHouse.
//!
//! They make the tables; analysts read the views ([`crate::view`]). A file is never edited after its release; a change is a new file.
//! `${database}`, `${on_cluster}` and `${replicated}` are filled in, so the same files serve a single node and a cluster.

pub mod columns;

use sha2::{Digest, Sha256};

/// One numbered file.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The number in the file's name; applied in this order.
    pub version: u32,
    /// The rest of the file's name.
    pub name: &'static str,
    sql: &'static str,
}

/// Where migrations are applied.
#[derive(Debug, Clone)]
pub struct Target {
    /// The database, `gitpulse` unless configured.
    pub database: String,
    /// The cluster for `ON CLUSTER` and replicated tables; `None` for a single node.
    pub cluster: Option<String>,
}

impl Target {
    /// `ON CLUSTER name`, or nothing for a single node.
    pub fn on_cluster(&self) -> String {
        self.cluster.as_ref().map(|cluster| format!("ON CLUSTER {}", quoted(cluster))).unwrap_or_default()
    }
}

// `MIGRATIONS`, which `build.rs` makes from the numbered files.
include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Creates the database, and the table of applied migrations.
const LEDGER: &str = "\
CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster};
CREATE TABLE IF NOT EXISTS ${database}.migrations ${on_cluster}
(
    version UInt32 COMMENT 'Number of the migration; 0 for the views, which are applied whole',
    name String COMMENT 'Name of the migration',
    checksum String COMMENT 'SHA-256 of its file, or of all views, as applied',
    applied_at DateTime('UTC') DEFAULT now() COMMENT 'When it was applied'
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY version;
";

impl Migration {
    /// SHA-256 of the file, in hexadecimal. If the recorded checksum differs, the file was edited after its release.
    pub fn checksum(&self) -> String {
        checksum([self.sql])
    }

    /// The statements of the file. Each is idempotent: an interrupted migration is applied again.
    pub fn statements(&self, target: &Target) -> Vec<String> {
        statements(self.sql, target)
    }
}

/// The statements that create the database and the table `migrations`. They are idempotent.
pub fn ledger(target: &Target) -> Vec<String> {
    statements(LEDGER, target)
}

/// The statements that set how many days the audit log is kept. They are idempotent.
pub fn audit_retention(target: &Target, days: u32) -> Vec<String> {
    let ttl =
        "ALTER TABLE ${database}.audit_log_facts ${on_cluster} MODIFY TTL toDateTime(called_at) + INTERVAL";
    statements(&format!("{ttl} {days} DAY;\n"), target)
}

/// SHA-256 of several texts in sequence, in hexadecimal.
pub(crate) fn checksum<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The statements of a file, with database, cluster and engines filled in.
pub(crate) fn statements(sql: &str, target: &Target) -> Vec<String> {
    let filled = sql
        .replace("${database}", &quoted(&target.database))
        .replace("${on_cluster}", &target.on_cluster())
        .replace("${replicated}", if target.cluster.is_some() { "Replicated" } else { "" });
    filled
        .split(";\n")
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// A quoted identifier of ClickHouse.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(cluster: Option<&str>) -> Target {
        Target { database: "gitpulse".to_owned(), cluster: cluster.map(str::to_owned) }
    }

    #[test]
    fn versions_are_numbered_without_gaps() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, index + 1, "{}", migration.name);
        }
    }

    #[test]
    fn every_placeholder_is_filled() {
        let all = MIGRATIONS.iter().flat_map(|migration| migration.statements(&target(None)));
        for statement in ledger(&target(None)).into_iter().chain(all) {
            assert!(!statement.contains("${"), "{statement}");
            assert!(!statement.contains("Replicated") && !statement.contains("ON CLUSTER"), "{statement}");
        }
    }

    #[test]
    fn a_cluster_gets_replicated_tables_everywhere() {
        for migration in MIGRATIONS {
            for statement in migration.statements(&target(Some("main"))) {
                assert!(statement.contains("ON CLUSTER `main`"), "{statement}");
                assert!(
                    !statement.contains("ENGINE") || statement.contains("ENGINE = Replicated"),
                    "{statement}"
                );
            }
        }
    }
}
