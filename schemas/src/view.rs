//! The views, which analysts read. In: where to create them, and whose rights they use. Out: statements. Never talks to ClickHouse.
//!
//! They store nothing, so they are not migrations: a file of `clickhouse/views` or `clickhouse/metrics` is edited, and all views are replaced if
//! one of them differs from the database.

use crate::migration::{Target, checksum, statements};

/// The user names that GitLab gives to the bots of access tokens
/// (<https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects>,
/// <https://docs.gitlab.com/user/group/settings/group_access_tokens/#bot-users-for-groups>), as a regular expression of ClickHouse. In files it is
/// `${bot_names}`.
pub const BOT_NAMES: &str = "^(project|group)_[0-9]+_bot";

/// Failure reasons that are the job's own fault, as an SQL list; all others are caused by the runner, GitLab or settings. In files it is
/// `${script_failures}`.
const SCRIPT_FAILURES: &str =
    "'', 'unknown_failure', 'script_failure', 'job_execution_timeout', 'trace_size_exceeded'";

/// One file of `clickhouse/views` or `clickhouse/metrics`. It defines the view with its name.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The name for analysts.
    pub name: &'static str,
    sql: &'static str,
}

/// Whose rights a view uses to read the tables. Replacing a view resets them, so each statement sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The reader's: there are no roles, and readers may read the tables.
    Reader,
    /// The rights of the user who creates the view, so that readers need none on the tables.
    Definer,
}

// `VIEWS` and `METRICS`, which `build.rs` makes from the files.
include!(concat!(env!("OUT_DIR"), "/views.rs"));

impl View {
    /// The statement that creates or replaces the view.
    pub fn statements(&self, target: &Target, rights: Rights) -> Vec<String> {
        let security = match rights {
            Rights::Reader => "SQL SECURITY INVOKER",
            Rights::Definer => "DEFINER = CURRENT_USER SQL SECURITY DEFINER",
        };
        statements(&self.filled().replace("${security}", security), target)
    }

    /// Its text, with the shared parts filled in.
    fn filled(&self) -> String {
        self.sql.replace("${bot_names}", BOT_NAMES).replace("${script_failures}", SCRIPT_FAILURES)
    }

    /// Whether it has this column.
    pub fn has(&self, column: &str) -> bool {
        self.lines().filter_map(|line| line.trim_start().split_once(' ')).any(|(name, _)| name == column)
    }

    /// Its columns with types and comments, as in its statement and in that of a table.
    pub fn columns(&self) -> String {
        Vec::from_iter(self.lines()).join("\n")
    }

    /// Its query, with `${database}` to be filled in.
    #[cfg(test)]
    pub(crate) fn query(&self) -> &'static str {
        self.sql.split_once("${security}\nAS").map_or("", |(_, query)| query.trim().trim_end_matches(';'))
    }

    fn lines(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sql.lines().skip_while(|line| *line != "(").skip(1).take_while(|line| *line != ")")
    }

    /// Whether it reads another view or table with this name.
    pub fn reads(&self, name: &str) -> bool {
        let after = self.sql.split("${database}.").skip(1);
        after
            .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            .any(|read| read == name && read != self.name)
    }
}

/// All views, each after the views that it reads.
pub fn in_order() -> Vec<View> {
    let mut pending = [VIEWS, METRICS].concat();
    let mut ordered = Vec::new();
    while !pending.is_empty() {
        let (waiting, ready): (Vec<View>, Vec<View>) =
            pending.iter().partition(|view| pending.iter().any(|other| view.reads(other.name)));
        // Views that read each other: ClickHouse will report the error.
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        pending = waiting;
    }
    ordered
}

/// SHA-256 of all files. If the recorded one differs, the views must be replaced.
pub fn all_checksum() -> String {
    let texts: Vec<(&str, String)> =
        VIEWS.iter().chain(METRICS).map(|view| (view.name, view.filled())).collect();
    checksum(texts.iter().flat_map(|(name, text)| [*name, text.as_str()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::MIGRATIONS;

    fn target(cluster: Option<&str>) -> Target {
        Target { database: "gitpulse".to_owned(), cluster: cluster.map(str::to_owned) }
    }

    #[test]
    fn a_file_replaces_the_view_of_its_name_and_nothing_else() {
        for view in VIEWS.iter().chain(METRICS) {
            for (rights, security) in [
                (Rights::Reader, "\nSQL SECURITY INVOKER\nAS"),
                (Rights::Definer, "\nDEFINER = CURRENT_USER SQL SECURITY DEFINER\nAS"),
            ] {
                let statements = view.statements(&target(Some("main")), rights);
                let [statement] = statements.as_slice() else { panic!("{}: {statements:?}", view.name) };
                let start = format!("CREATE OR REPLACE VIEW `gitpulse`.{} ON CLUSTER `main`\n(\n", view.name);
                assert!(statement.contains(&start) && statement.contains(security), "{statement}");
                assert!(!statement.contains("${"), "{statement}");
            }
        }
    }

    #[test]
    fn what_several_views_say_stands_in_one_place() {
        let texts: String = VIEWS.iter().chain(METRICS).map(|view| view.sql).collect();
        assert!(!texts.contains("[0-9]+_bot") && !texts.contains("'script_failure'"));
        let filled = |name: &str| METRICS.iter().find(|view| view.name == name).unwrap().filled();
        assert!(filled("contributions").contains(&format!("match(author, '{BOT_NAMES}')")));
        for view in ["job_attempts", "flaky_jobs"] {
            assert!(filled(view).contains(&format!("IN ({SCRIPT_FAILURES}), 'script'")), "{view}");
        }
    }

    #[test]
    fn no_migration_makes_a_view() {
        for migration in MIGRATIONS {
            for statement in migration.statements(&target(None)) {
                assert!(!statement.contains(" VIEW "), "{statement}");
            }
        }
    }

    #[test]
    fn a_view_comes_after_those_that_it_reads() {
        let ordered = in_order();
        assert_eq!(ordered.len(), VIEWS.len() + METRICS.len());
        let mut pairs = 0;
        for (index, view) in ordered.iter().enumerate() {
            let later = ordered[index..].iter().find(|later| view.reads(later.name));
            assert!(later.is_none(), "{} comes before {later:?}", view.name);
            pairs += ordered[..index].iter().filter(|earlier| view.reads(earlier.name)).count();
        }
        assert!(pairs >= 5, "branches, tags and emoji_events read other views: {pairs}");
    }

    #[test]
    fn a_metric_reads_no_table() {
        for metric in METRICS {
            assert!(!metric.sql.contains("_facts") && !metric.sql.contains("FINAL"), "{}", metric.name);
            assert!(metric.has("instance"), "{}", metric.name);
        }
    }

    #[test]
    fn columns_are_those_of_the_list() {
        let notes = VIEWS.iter().find(|view| view.name == "notes").unwrap();
        assert!(notes.has("confidential") && notes.has("tenants") && notes.has("first_received_at"));
        assert!(!notes.has("tenant") && !notes.has("issue_facts") && !notes.has("SELECT"));
        assert!(notes.reads("issue_facts") && !notes.reads("issue") && !notes.reads("notes"));
    }
}
