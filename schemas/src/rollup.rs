//! The rollups: what views measure, stored. In: where they are. Out: statements that make them, mark projects and fill them. Never talks to ClickHouse.
//!
//! A rollup has the columns of its view and the generation of its row. The view stays the only definition: the table is made of its columns, and
//! filled from it. So it is no migration: it is made again whenever the view has other columns, and all projects are computed anew whenever
//! the views are replaced. Readers read a third thing, a view of the rollup's name, which shows what the newest generation of each project
//! shows. Roles read neither: their row policies are those of the views that measure.

use crate::migration::{Target, statements};
use crate::view::{METRICS, View};

/// One view that measures, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollup {
    /// The view that it is computed from.
    pub view: &'static str,
    /// What is read: the newest generation of each project.
    pub name: &'static str,
    /// Where all generations are.
    pub table: &'static str,
    /// What identifies a row, besides instance and project.
    pub key: &'static str,
}

/// All rollups.
pub const ROLLUPS: [Rollup; 4] = [
    Rollup {
        view: "merge_request_metrics",
        name: "merge_request_rollups",
        table: "merge_request_rollup_rows",
        key: "iid",
    },
    Rollup {
        view: "lead_times",
        name: "lead_time_rollups",
        table: "lead_time_rollup_rows",
        key: "iid, tier",
    },
    Rollup {
        view: "deployment_metrics",
        name: "deployment_rollups",
        table: "deployment_rollup_rows",
        key: "deployment_id",
    },
    Rollup {
        view: "pipeline_metrics",
        name: "pipeline_rollups",
        table: "pipeline_rollup_rows",
        key: "pipeline_id",
    },
];

/// No project: under this number `rollup_generations` has how many bots of a GitLab are known.
pub const BOTS: u64 = u64::MAX;

/// Tables of facts whose rows the rollups are about: what is in none of them has no rollup.
const FACTS: [&str; 3] = ["merge_request_facts", "pipeline_facts", "deployment_facts"];

/// Names the table and the view besides, with `${columns}`, `${table}`, `${name}` and `${key}` to be filled in.
const TABLE: &str = "\
CREATE OR REPLACE TABLE ${database}.${table} ${on_cluster}
(
${columns},
    generation UInt64 COMMENT 'How many marks the project had before this was computed'
)
ENGINE = ${replicated}ReplacingMergeTree(generation)
ORDER BY (instance, project_id, ${key});
";

/// A row stays until a later generation has one of its key, or is the newest of its project without it. Before that, rows of a
/// generation that is just being stored are shown in the place of those that they replace.
const SHOWN: &str = "\
CREATE OR REPLACE VIEW ${database}.${name} ${on_cluster}
(
${columns}
)
SQL SECURITY INVOKER
AS SELECT rollup_rows.* EXCEPT generation
FROM (SELECT * FROM ${database}.${table} FINAL) AS rollup_rows
INNER JOIN (
    SELECT instance, project_id, max(rollup_generations.generation) AS newest
    FROM ${database}.rollup_generations AS rollup_generations GROUP BY instance, project_id
) AS generations
    ON generations.instance = rollup_rows.instance AND generations.project_id = rollup_rows.project_id
WHERE rollup_rows.generation >= generations.newest;
";

impl Rollup {
    /// The view that it is computed from, as this build has it.
    pub fn measure(&self) -> Option<&'static View> {
        METRICS.iter().find(|view| view.name == self.view)
    }

    /// The statements that make its table, empty.
    pub fn table(&self, target: &Target) -> Vec<String> {
        self.filled(TABLE, target)
    }

    /// The statements that make the view of its newest rows.
    pub fn shown(&self, target: &Target) -> Vec<String> {
        self.filled(SHOWN, target)
    }

    fn filled(&self, sql: &str, target: &Target) -> Vec<String> {
        let Some(view) = self.measure() else { return Vec::new() };
        let sql = sql
            .replace("${table}", self.table)
            .replace("${name}", self.name)
            .replace("${key}", self.key)
            .replace("${columns}", &view.columns());
        statements(&sql, target)
    }
}

/// The statements that mark every project of which anything is stored, so that all are computed anew.
pub fn mark_all(target: &Target) -> Vec<String> {
    statements(&mark("${database}.", ""), target)
}

/// The same as a statement for a client of the database.
pub fn mark_known() -> String {
    mark("", "")
}

/// A statement for a client of the database, which marks the projects that were never marked: those that were stored by a version before the rollups,
/// or whose marks somebody has deleted.
pub fn mark_unknown() -> String {
    mark("", " AND (instance, project_id) NOT IN (SELECT instance, project_id FROM rollup_generations)")
}

/// A query for the projects of which facts are stored and that were never marked, as `instance` and `project_id`: they have no rollups, and nothing says so.
pub fn unknown() -> String {
    let facts = FACTS.map(|table| format!("SELECT DISTINCT instance, project_id FROM {table}"));
    format!(
        "SELECT instance, project_id FROM ({}) WHERE (instance, project_id) NOT IN (SELECT instance, project_id FROM rollup_generations)",
        facts.join(" UNION DISTINCT ")
    )
}

/// A query that counts in which rollups projects have no row, though they have facts that would be in it: those of a rollup that was made anew are computed again one after
/// the other. Its parameter is `asked`, an array of instance and project.
pub fn missing() -> String {
    const ASKED: &str = "(instance, project_id) IN {asked:Array(Tuple(String, UInt64))}";
    let of = |facts: &str, rollup: &Rollup| {
        format!(
            "SELECT DISTINCT instance, project_id FROM {facts} AND {ASKED} AND (instance, project_id) NOT IN (SELECT instance, project_id FROM {} WHERE {ASKED})",
            rollup.name
        )
    };
    let missing = ROLLUPS.iter().map(|rollup| match rollup.view {
        "lead_times" => of("merge_requests WHERE merged_at IS NOT NULL AND created_at IS NOT NULL", rollup),
        "merge_request_metrics" => of("merge_request_facts WHERE true", rollup),
        "deployment_metrics" => of("deployment_facts WHERE true", rollup),
        _ => of("pipeline_facts WHERE true", rollup),
    });
    format!("SELECT count() FROM ({})", Vec::from_iter(missing).join(" UNION ALL "))
}

fn mark(database: &str, which: &str) -> String {
    let known = FACTS.iter().chain(&["rollup_generations"]);
    let known = known.map(|table| format!("SELECT DISTINCT instance, project_id FROM {database}{table}"));
    let known = Vec::from_iter(known).join(" UNION DISTINCT ");
    format!(
        "INSERT INTO {database}rollup_generations (instance, project_id, marks) SELECT instance, project_id, 1 FROM ({known}) \
         WHERE project_id != {BOTS}{which}"
    )
}

/// A statement for a client of the database, which counts the rows of facts of some projects. Its parameters are `instance` and `projects`.
pub fn sizes() -> String {
    let counted = FACTS.map(|table| {
        format!(
            "SELECT project_id, count() AS facts FROM {table} \
             WHERE instance = {{instance:String}} AND project_id IN {{projects:Array(UInt64)}} GROUP BY project_id"
        )
    });
    format!("SELECT project_id, sum(facts) FROM ({}) GROUP BY project_id", counted.join(" UNION ALL "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(cluster: Option<&str>) -> Target {
        Target { database: "gitpulse".to_owned(), cluster: cluster.map(str::to_owned) }
    }

    #[test]
    fn a_rollup_has_the_columns_of_its_view_and_a_generation() {
        for rollup in ROLLUPS {
            let view = rollup.measure().unwrap_or_else(|| panic!("{} is no view", rollup.view));
            for column in rollup.key.split(", ").chain(["instance", "project_id"]) {
                assert!(view.has(column), "{}: {column}", rollup.view);
            }
            let [table] = &rollup.table(&target(Some("main")))[..] else { panic!("one statement") };
            let [shown] = &rollup.shown(&target(Some("main")))[..] else { panic!("one statement") };
            for statement in [table, shown] {
                assert!(statement.contains(&view.columns()), "{statement}");
                assert!(statement.contains("ON CLUSTER `main`") && !statement.contains("${"), "{statement}");
            }
            assert!(table.contains("ENGINE = ReplicatedReplacingMergeTree(generation)"), "{table}");
        }
    }

    #[test]
    fn nobody_is_granted_a_rollup() {
        let roles = crate::access::roles(&target(None)).concat();
        assert!(roles.contains("merge_requests"));
        assert!(!roles.contains("rollup"), "{roles}");
    }
}
