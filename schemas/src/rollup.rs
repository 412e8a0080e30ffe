//! The rollups: stored results of metric views. In: where they are. Out: statements that create them, mark projects as changed and fill them. Never
//! talks to ClickHouse.
//!
//! A rollup has the columns of its view, and the generation of each row. The view remains the only definition: the table gets its columns and its
//! content from it. So a rollup is not a migration: it is recreated when the view's columns change, and all projects are recomputed when the views
//! are replaced. Readers use a third object, a view with the rollup's name that shows the newest generation of each project. Roles read neither:
//! their row policies belong to the metric views.

use crate::migration::{Target, quoted, statements};
use crate::view::{METRICS, View};

/// The stored result of one metric view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollup {
    /// The view that it is computed from.
    pub view: &'static str,
    /// The view for readers: the newest generation of each project.
    pub name: &'static str,
    /// The table with all generations.
    pub table: &'static str,
    /// The columns that identify a row, besides instance and project.
    pub key: &'static str,
    /// Replacements for views that the view reads: rollups filled earlier have the same content at a fraction of the cost.
    pub instead: &'static [(&'static str, &'static str)],
}

/// The rows of a rollup's table from this run, or from a later one of another processor.
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

/// All rollups, in the order of filling.
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

/// Not a project: the row of `rollup_generations` with this number has the number of known bots of a GitLab.
pub const BOTS: u64 = u64::MAX;

/// The tables of facts that rollups are about: a project in none of them has no rollup.
const FACTS: [&str; 3] = ["merge_request_facts", "pipeline_facts", "deployment_facts"];

/// Creates the table. `${columns}`, `${table}` and `${key}` are filled in.
const TABLE: &str = "\
CREATE OR REPLACE TABLE ${database}.${table} ${on_cluster}
(
${columns},
    generation UInt64 COMMENT 'How many marks the project had before this was computed'
)
ENGINE = ${replicated}ReplacingMergeTree(generation)
ORDER BY (instance, project_id, ${key});
";

/// A row is shown until a later generation has a row with its key, or until its project's newest generation is complete without it. Until then,
/// rows of a generation that is still being stored are shown instead of those that they replace. A project's newest generation is looked up by a
/// hash in two arrays, at less than half the cost of a join. For a project without one the
/// lookup gives the maximum, so none of its rows is shown.
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
    /// The view that it is computed from, in this build's version.
    pub fn measure(&self) -> Option<&'static View> {
        METRICS.iter().find(|view| view.name == self.view)
    }

    /// The statements that create its table, empty.
    pub fn table(&self, target: &Target) -> Vec<String> {
        self.filled(TABLE, target)
    }

    /// The statements that create the view of its newest rows.
    pub fn shown(&self, target: &Target) -> Vec<String> {
        self.filled(SHOWN, target)
    }

    /// A statement for a client of the database that fills it for some projects of a GitLab. `columns` are the table's columns; `query` is the
    /// view's query as stored in the database, whose version may differ from this build's. Parameters: `instance`, `projects`, `generations`.
    pub fn fill(&self, columns: &str, query: &str, database: &str) -> String {
        let mut source = query.to_owned();
        for (view, instead) in self.instead {
            // The forms in which ClickHouse writes the database.
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

/// The statements that mark all projects with stored facts, so that all are recomputed.
pub fn mark_all(target: &Target) -> Vec<String> {
    statements(&mark("${database}.", ""), target)
}

/// The same as a statement for a client of the database.
pub fn mark_known() -> String {
    mark("", "")
}

/// A statement for a client of the database that marks projects without marks: they were stored by a version before the rollups, or somebody
/// deleted the marks.
pub fn mark_unknown() -> String {
    mark("", " AND (instance, project_id) NOT IN (SELECT instance, project_id FROM rollup_generations)")
}

/// A statement for a client of the database that marks projects with fewer marks than their newest computed generation: somebody deleted marks.
/// They get one more than that, so that the next generation is the newest.
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

/// A statement for a client of the database that marks the target projects of merge requests from some forks. Parameters: `instance`, `forks`.
pub fn mark_targets() -> String {
    "INSERT INTO rollup_generations (instance, project_id, marks) SELECT DISTINCT instance, project_id, 1 FROM merge_request_facts \
     WHERE instance = {instance:String} AND source_project_id.4 IN {forks:Array(UInt64)} AND project_id != assumeNotNull(source_project_id.4)"
        .to_owned()
}

/// A query for projects with stored facts and without marks, as `instance` and `project_id`: they have no rollups, and nothing else shows it.
pub fn unknown() -> String {
    let facts = FACTS.map(|table| format!("SELECT DISTINCT instance, project_id FROM {table}"));
    format!(
        "SELECT instance, project_id FROM ({}) WHERE (instance, project_id) NOT IN (SELECT instance, project_id FROM rollup_generations)",
        facts.join(" UNION DISTINCT ")
    )
}

/// A query that counts the rollups in which projects with facts have no rows. A recreated rollup is recomputed one project after the other.
/// Parameter: `asked`, an array of instance and project.
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

/// A statement for a client of the database that counts the rows of facts of some projects. Parameters: `instance`, `projects`.
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
            // A version that reads something else.
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
