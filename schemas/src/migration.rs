//! The migrations of ClickHouse. In: where to migrate. Out: numbered statements. Never talks to ClickHouse.
//!
//! A file is never edited once it is released; a change is a new file. `${database}`, `${on_cluster}` and
//! `${replicated}` are filled in, so that one set of files serves a single node and a cluster.

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
    /// The cluster of `ON CLUSTER`, for replicated tables; `None` on a single node.
    pub cluster: Option<String>,
}

impl Target {
    /// `ON CLUSTER name`, or nothing on a single node.
    pub fn on_cluster(&self) -> String {
        self.cluster.as_ref().map(|cluster| format!("ON CLUSTER {}", quoted(cluster))).unwrap_or_default()
    }
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "events", sql: include_str!("../clickhouse/0001_events.sql") },
    Migration { version: 2, name: "pushes", sql: include_str!("../clickhouse/0002_pushes.sql") },
    Migration { version: 3, name: "commits", sql: include_str!("../clickhouse/0003_commits.sql") },
    Migration {
        version: 4,
        name: "merge_requests",
        sql: include_str!("../clickhouse/0004_merge_requests.sql"),
    },
    Migration {
        version: 5,
        name: "merge_request_events",
        sql: include_str!("../clickhouse/0005_merge_request_events.sql"),
    },
    Migration { version: 6, name: "pipelines", sql: include_str!("../clickhouse/0006_pipelines.sql") },
    Migration {
        version: 7,
        name: "pipeline_events",
        sql: include_str!("../clickhouse/0007_pipeline_events.sql"),
    },
    Migration { version: 8, name: "jobs", sql: include_str!("../clickhouse/0008_jobs.sql") },
    Migration { version: 9, name: "dead_letters", sql: include_str!("../clickhouse/0009_dead_letters.sql") },
    Migration { version: 10, name: "branches", sql: include_str!("../clickhouse/0010_branches.sql") },
    Migration { version: 11, name: "tags", sql: include_str!("../clickhouse/0011_tags.sql") },
    Migration { version: 12, name: "issues", sql: include_str!("../clickhouse/0012_issues.sql") },
    Migration { version: 13, name: "issue_events", sql: include_str!("../clickhouse/0013_issue_events.sql") },
    Migration { version: 14, name: "notes", sql: include_str!("../clickhouse/0014_notes.sql") },
    Migration { version: 15, name: "deployments", sql: include_str!("../clickhouse/0015_deployments.sql") },
    Migration {
        version: 16,
        name: "deployment_events",
        sql: include_str!("../clickhouse/0016_deployment_events.sql"),
    },
    Migration { version: 17, name: "releases", sql: include_str!("../clickhouse/0017_releases.sql") },
    Migration { version: 18, name: "milestones", sql: include_str!("../clickhouse/0018_milestones.sql") },
    Migration {
        version: 19,
        name: "wiki_page_events",
        sql: include_str!("../clickhouse/0019_wiki_page_events.sql"),
    },
    Migration {
        version: 20,
        name: "feature_flag_events",
        sql: include_str!("../clickhouse/0020_feature_flag_events.sql"),
    },
    Migration { version: 21, name: "emoji_events", sql: include_str!("../clickhouse/0021_emoji_events.sql") },
    Migration {
        version: 22,
        name: "vulnerabilities",
        sql: include_str!("../clickhouse/0022_vulnerabilities.sql"),
    },
    Migration { version: 23, name: "members", sql: include_str!("../clickhouse/0023_members.sql") },
    Migration { version: 24, name: "projects", sql: include_str!("../clickhouse/0024_projects.sql") },
    Migration { version: 25, name: "groups", sql: include_str!("../clickhouse/0025_groups.sql") },
    Migration { version: 26, name: "users", sql: include_str!("../clickhouse/0026_users.sql") },
    Migration {
        version: 27,
        name: "token_expiries",
        sql: include_str!("../clickhouse/0027_token_expiries.sql"),
    },
    Migration { version: 28, name: "rebuilds", sql: include_str!("../clickhouse/0028_rebuilds.sql") },
    Migration {
        version: 29,
        name: "consumed_ranges",
        sql: include_str!("../clickhouse/0029_consumed_ranges.sql"),
    },
];

/// Creates the database and the table that records what was applied.
const LEDGER: &str = "\
CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster};
CREATE TABLE IF NOT EXISTS ${database}.migrations ${on_cluster}
(
    version UInt32 COMMENT 'Number of the migration',
    name String COMMENT 'Name of the migration',
    checksum String COMMENT 'SHA-256 of its file as it was applied',
    applied_at DateTime('UTC') DEFAULT now() COMMENT 'When it was applied'
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY version;
";

impl Migration {
    /// SHA-256 of the file, in hexadecimal. A recorded checksum that differs means that the file was edited after its release.
    pub fn checksum(&self) -> String {
        Sha256::digest(self.sql).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The statements of the file. Each can be repeated: a migration that was interrupted is applied again.
    pub fn statements(&self, target: &Target) -> Vec<String> {
        statements(self.sql, target)
    }
}

/// The statements that create the database and `migrations`. They can be repeated.
pub fn ledger(target: &Target) -> Vec<String> {
    statements(LEDGER, target)
}

/// The statements of a file. Database, cluster and engines are filled in.
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

/// An identifier as ClickHouse quotes it.
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
