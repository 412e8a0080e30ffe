//! The rollups: what views measure, stored. In: where they are. Out: statements that make them, mark projects and fill them. Never talks to ClickHouse.
//!
//! A rollup has the columns of its view and the generation of its row. The view stays the only definition: the table is made of its columns, and
//! filled from it. So it is no migration: it is made again whenever the view has other columns, and all projects are computed anew whenever
//! the views are replaced. Readers read a third thing, a view of the rollup's name, which shows what the newest generation of each project
//! shows. Roles read neither: their row policies are those of the views that measure.

use crate::migration::{Target, quoted, statements};
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
    /// What is read in the place of views that its view reads: rollups that were filled before it say the same for a fraction of the cost.
    pub instead: &'static [(&'static str, &'static str)],
}

/// The rows of a table of rollups that were just filled, or by another processor later.
macro_rules! just_filled {
    ($columns:literal, $table:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " FINAL WHERE instance = {instance:String} AND project_id IN {projects:Array(UInt64)} AND ",
            $table,
            ".generation >= transform(project_id, {projects:Array(UInt64)}, {generations:Array(UInt64)}, toUInt64(0))"
        )
    };
}

/// All rollups, in the order in which they are filled.
pub const ROLLUPS: [Rollup; 4] = [
    Rollup {
        view: "merge_request_metrics",
        name: "merge_request_rollups",
        table: "merge_request_rollup_rows",
        key: "iid",
        instead: &[],
    },
    Rollup {
        view: "lead_times",
        name: "lead_time_rollups",
        table: "lead_time_rollup_rows",
        key: "iid, tier",
        instead: &[(
            "first_commits",
            just_filled!(
                "instance, project_id, iid, author_id, first_commit_at",
                "merge_request_rollup_rows"
            ),
        )],
    },
    Rollup {
        view: "deployment_metrics",
        name: "deployment_rollups",
        table: "deployment_rollup_rows",
        key: "deployment_id",
        instead: &[(
            "deliveries",
            concat!(
                "SELECT lead.instance AS instance, lead.project_id AS project_id, lead.iid AS iid, lead.tier AS tier, '' AS environment, \
                 lead.deployment_id AS deployment_id, lead.deployed_at AS deployed_at, places.reverts AS reverts FROM (",
                just_filled!(
                    "instance, project_id, iid, tier, deployment_id, deployed_at",
                    "lead_time_rollup_rows"
                ),
                ") AS lead LEFT ANY JOIN merge_request_places AS places \
                 ON places.instance = lead.instance AND places.project_id = lead.project_id AND places.iid = lead.iid"
            ),
        )],
    },
    Rollup {
        view: "pipeline_metrics",
        name: "pipeline_rollups",
        table: "pipeline_rollup_rows",
        key: "pipeline_id",
        instead: &[],
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
/// generation that is just being stored are shown in the place of those that they replace. A project's newest generation is looked up by a hash in
/// two arrays, which costs less than half of a join. What has none has no hash there, and no row is of a generation that is as new as that.
const SHOWN: &str = "\
CREATE OR REPLACE VIEW ${database}.${name} ${on_cluster}
(
${columns}
)
SQL SECURITY INVOKER
AS
WITH (
    SELECT (groupArray(project), groupArray(newest)) FROM (
        SELECT cityHash64(instance, project_id) AS project, max(rollup_generations.generation) AS newest
        FROM ${database}.rollup_generations AS rollup_generations GROUP BY instance, project_id
    )
) AS generations
SELECT rollup_rows.* EXCEPT generation
FROM ${database}.${table} AS rollup_rows FINAL
WHERE rollup_rows.generation >= transform(
    cityHash64(rollup_rows.instance, rollup_rows.project_id), tupleElement(generations, 1), tupleElement(generations, 2), toUInt64(18446744073709551615));
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

    /// A statement for a client of the database, which fills it for some projects of a GitLab: the table's columns, and the query of the view as the
    /// database has it, whose version may be another than this build's. Its parameters are `instance`, `projects` and `generations`.
    pub fn fill(&self, columns: &str, query: &str, database: &str) -> String {
        let mut source = query.to_owned();
        for (view, instead) in self.instead {
            // As ClickHouse writes what a view reads.
            for database in [database.to_owned(), quoted(database)] {
                let read = format!("{database}.{view} AS {view}");
                source = source.replace(&read, &format!("({instead}) AS {view}"));
            }
        }
        let source = if source == query { self.view.to_owned() } else { format!("({source}) AS filled") };
        format!(
            "INSERT INTO {} ({columns}, generation) SELECT {columns}, \
             transform(project_id, {{projects:Array(UInt64)}}, {{generations:Array(UInt64)}}, toUInt64(0)) AS generation \
             FROM {source} WHERE instance = {{instance:String}} AND project_id IN {{projects:Array(UInt64)}}",
            self.table
        )
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

/// A statement for a client of the database, which marks the projects that have fewer marks than something that was computed of them had: somebody has
/// deleted marks. They get one more than it had, so that what is computed next is the newest.
pub fn mark_lost() -> String {
    "INSERT INTO rollup_generations (instance, project_id, marks) \
     SELECT computed.instance, computed.project_id, computed.newest + 1 - marked.marks FROM ( \
         SELECT instance, project_id, max(generation) AS newest FROM project_places GROUP BY instance, project_id \
     ) AS computed LEFT JOIN ( \
         SELECT instance, project_id, sum(rollup_generations.marks) AS marks FROM rollup_generations GROUP BY instance, project_id \
     ) AS marked ON marked.instance = computed.instance AND marked.project_id = computed.project_id \
     WHERE computed.newest > marked.marks"
        .to_owned()
}

/// A statement for a client of the database, which marks the projects that merge requests from some forks are merged into. Its parameters are `instance`
/// and `forks`.
pub fn mark_targets() -> String {
    "INSERT INTO rollup_generations (instance, project_id, marks) SELECT DISTINCT instance, project_id, 1 FROM merge_request_facts \
     WHERE instance = {instance:String} AND source_project_id.4 IN {forks:Array(UInt64)} AND project_id != assumeNotNull(source_project_id.4)"
        .to_owned()
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
    fn what_was_filled_before_is_read_in_the_place_of_views() {
        for rollup in ROLLUPS.iter().filter(|rollup| !rollup.instead.is_empty()) {
            let query = rollup.measure().unwrap().query();
            for (view, instead) in rollup.instead {
                assert_eq!(query.matches(&format!("${{database}}.{view} AS {view}")).count(), 1, "{view}");
                let read = ROLLUPS.iter().position(|other| instead.contains(&format!(" {} ", other.table)));
                assert!(read < ROLLUPS.iter().position(|other| other == rollup), "{view} is filled later");
            }
            for database in ["gitpulse", "`git-pulse`"] {
                let query = query.replace("${database}", database);
                let filled = rollup.fill("iid", &query, &database.replace('`', ""));
                for (view, instead) in rollup.instead {
                    assert!(filled.contains(&format!("({instead}) AS {view}")), "{filled}");
                    assert!(!filled.contains(&format!("{database}.{view}")), "{filled}");
                }
            }
            // Of a version that reads something else.
            let other = rollup.fill("iid", "SELECT 1 FROM gitpulse.others AS others", "gitpulse");
            assert!(other.contains(&format!("FROM {} WHERE", rollup.view)), "{other}");
        }
    }

    #[test]
    fn nobody_is_granted_a_rollup() {
        let roles = crate::access::roles(&target(None)).concat();
        assert!(roles.contains("merge_requests"));
        assert!(!roles.contains("rollup"), "{roles}");
    }
}
