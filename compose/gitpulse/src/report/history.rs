//! How much of history is read. In: the scope, the lists that a report depends on. Out: lines that say what is missing from every number, so that
//! nobody takes one as final while `gitpulse backfill` reads. Never fails an answer: a role that may not see the progress gets no line.

use clickhouse::error::Error;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::scope::Scope;

/// Projects of a list that are named; others are counted.
const NAMED: usize = 5;

/// The progress of the lists of projects. A list that was read to its end once counts as done, even while it is read again; so does a list that
/// GitLab does not show.
const LISTS: &str = "\
    SELECT instance, owner_id AS project_id, list, message, saved_at, outcome = 'skipped' AS is_hidden, \
        is_hidden OR 'String' IN (JSONType(state, 'whole', 'read_at'), JSONType(state, 'keys', 'read_at'), JSONType(state, 'each')) \
            OR JSONType(state, 'updated', 'span') = 'Object' AS is_done \
    FROM backfill_checkpoints FINAL WHERE list NOT IN ('group_members', 'group_milestones')";

/// The progress of history.
#[derive(Debug, Default, PartialEq, Eq)]
struct Progress {
    done: u64,
    /// Lists of the projects whose history was read at least in part.
    all: u64,
    /// Things left to ask about one by one.
    left: u64,
    /// Whether somebody has read within the last two minutes.
    is_going_on: bool,
}

/// A list that GitLab does not show, with its projects.
#[derive(Row, Deserialize)]
struct Hidden {
    name: String,
    projects: Vec<String>,
}

/// What is missing because history is not read, or not shown.
pub(super) async fn read(client: &Client, scope: &Scope, lists: &[&str]) -> Vec<String> {
    let progress = progress(client, scope).await.ok().and_then(|progress| progress.said());
    let hidden = hidden(client, scope, lists).await.unwrap_or_default();
    progress.into_iter().chain(hidden).collect()
}

async fn progress(client: &Client, scope: &Scope) -> Result<Progress, Error> {
    // If a run excludes lists, no project has them.
    let sql = format!(
        "SELECT sum(done) AS done, count() * max(lists) AS of_all, toUInt64(max(saved) > now() - INTERVAL 2 MINUTE) AS is_going_on FROM ( \
             SELECT instance, project_id, countIf(is_done) AS done, count() AS lists, max(saved_at) AS saved FROM ({LISTS}) \
             WHERE {} GROUP BY instance, project_id)",
        scope.condition()
    );
    let (done, all, is_going_on): (u64, u64, u64) = scope.bind(client.query(&sql)).fetch_one().await?;
    let sql =
        format!("SELECT count() FROM backfill_pending FINAL WHERE NOT is_done AND {}", scope.condition());
    let left = scope.bind(client.query(&sql)).fetch_one().await?;
    Ok(Progress { done, all, left, is_going_on: is_going_on > 0 })
}

impl Progress {
    fn said(&self) -> Option<String> {
        let Progress { done, all, left, is_going_on } = self;
        if done == all && *left == 0 {
            return None;
        }
        let left = match left {
            0 => String::new(),
            left => format!(", and {left} things are left to be asked about one by one"),
        };
        Some(match is_going_on {
            true => format!(
                "History is being read: {done} of {all} lists of these projects are read{left}. Until they are, numbers are of what is known so far, and reasons such as first_commit_unknown and chain_gap too frequent."
            ),
            false => format!(
                "History is not read to its end: {done} of {all} lists of these projects are read{left}; `gitpulse backfill status --open` says which are not, and why."
            ),
        })
    }
}

/// Lists that GitLab does not show to the token, one line each.
async fn hidden(client: &Client, scope: &Scope, lists: &[&str]) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT toString(list) AS name, arraySort(groupArray(ifNull(paths.path, toString(told.project_id)))) AS projects FROM ( \
             SELECT * FROM ({LISTS}) WHERE is_hidden AND has({{lists:Array(String)}}, list) AND {}) AS told \
         LEFT ANY JOIN (SELECT instance, project_id, path FROM projects) AS paths ON paths.instance = told.instance AND paths.project_id = told.project_id \
         GROUP BY name ORDER BY name",
        scope.condition()
    );
    let hidden: Vec<Hidden> = scope.bind(client.query(&sql)).param("lists", lists).fetch_all().await?;
    Ok(hidden.iter().map(|hidden| not_shown(&hidden.name, &hidden.projects)).collect())
}

fn not_shown(list: &str, projects: &[String]) -> String {
    let mut named = projects.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if projects.len() > NAMED {
        named.push_str(&format!(" and {} more", projects.len() - NAMED));
    }
    let list = list.replace('_', " ");
    format!(
        "GitLab does not show its list of {list} of {named}: of that only webhooks tell, and what rests on it is missing here."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_said() {
        let said = |done, left, is_going_on| Progress { done, all: 206, left, is_going_on }.said();
        assert_eq!(said(206, 0, true), None);
        assert_eq!(said(206, 0, false), None);
        let check = |said: Option<String>, expected: &str| {
            let said = said.unwrap();
            assert!(said.starts_with(expected), "{said}");
        };
        check(said(48, 0, true), "History is being read: 48 of 206 lists of these projects are read. ");
        check(
            said(206, 7, true),
            "History is being read: 206 of 206 lists of these projects are read, and 7 things are left",
        );
        check(said(48, 0, false), "History is not read to its end: 48 of 206 lists");
    }

    #[test]
    fn projects_that_are_not_shown_are_named_and_counted() {
        let projects: Vec<String> = (1..=7).map(|number| format!("shop/{number}")).collect();
        let said = not_shown("merge_requests", &projects);
        assert!(said.starts_with("GitLab does not show its list of merge requests of shop/1, shop/2, shop/3, shop/4, shop/5 and 2 more:"), "{said}");
    }
}
