//! `gitpulse report contributors`. In: whose work. Out: commits on default branches, merge requests merged, reviews; by person. A commit is counted
//! once, in however many projects and branches it is, for its author and never for the person who pushed it.

use clap::Args;

use super::answer::{Breakdown, Report, limit};
use super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::people::{PeopleArgs, is_bot};

/// Whose work is counted.
#[derive(Debug, Clone, Args)]
pub(super) struct ContributorArgs {
    #[command(flatten)]
    people: PeopleArgs,
    /// Rows of each table at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
}

impl ContributorArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        let list = |name, title, subject, columns, order| Breakdown {
            name,
            title,
            subject,
            columns,
            order,
            limit: self.limit,
        };
        Report {
            name: "contributors",
            title: "Contributors",
            chosen: vec![self.people.chosen()],
            sections: vec![
                self.commits(),
                self.merged(),
                self.reviews(),
                unlisted(),
            ],
            breakdowns: vec![
                list("by_commit_author", "Commits, by who wrote them", "commit author", vec![("commits_count", "commits"), ("additions_count", "added"), ("deletions_count", "deleted")], "commits_count"),
                list("by_user", "Merge requests and reviews, by user", "user", vec![("merged_count", "merged"), ("reviewed_count", "reviewed")], "merged_count"),
            ],
            drawn: "commits_count",
            first: ("SELECT min(committed_at) FROM contributions WHERE ${scope}".to_owned(), "commits"),
            hint: "",
            lists: &["commits", "merge_requests", "merge_request_events", "notes"],
            notes: vec!["Commits name an e-mail address or a name, merge requests and reviews a user of GitLab: they are two lists, for no fact says who is who.".to_owned()],
        }
    }

    fn commits(&self) -> Section {
        let sizes = Coverage::new("additions IS NOT NULL", "1", "'size_unknown'");
        Section {
            title: "Commits on default branches",
            rows: format!(
                "SELECT *, [('committed', {})] AS days, [toString(author)] AS subjects FROM \
                 (SELECT * FROM contributions WHERE ${{scope}} AND {} AND {} ORDER BY sha, project_id LIMIT 1 BY instance, sha)",
                day("toNullable(committed_at)"),
                self.people.condition(),
                within("committed_at"),
            ),
            measures: vec![
                Measure::count("commits_count", "commits", "1").more_is_better(),
                Measure::aggregate("commit_authors_count", "authors", Unit::Count, "uniqExact(author)")
                    .more_is_better(),
                Measure::sum("additions_count", "lines added", Unit::Count, "additions", "1")
                    .covering(&sizes),
                Measure::sum("deletions_count", "lines deleted", Unit::Count, "deletions", "1"),
            ],
        }
    }

    fn merged(&self) -> Section {
        Section {
            title: "Merge requests",
            rows: format!(
                "SELECT *, [('merged', {})] AS days, [{USER}] AS subjects FROM \
                 (SELECT instance, project_id, iid, author_id AS person, merged_at FROM ${{merge_request_metrics}} \
                 WHERE ${{scope}} AND {} AND NOT is_promotion AND {}) AS counted {USERS}",
                day("toNullable(merged_at)"),
                self.people.condition(),
                within("merged_at"),
            ),
            measures: vec![
                Measure::count("merged_count", "merged", "1").more_is_better(),
                Measure::aggregate(
                    "merge_request_authors_count",
                    "authors",
                    Unit::Count,
                    "uniqExact(person)",
                )
                .more_is_better(),
            ],
        }
    }

    /// Merge requests that somebody other than the author approved or commented on before the merge or close; counted once per person and merge
    /// request, on the day of the first time.
    fn reviews(&self) -> Section {
        let is_bot = is_bot();
        Section {
            title: "Reviews",
            rows: format!(
                "SELECT *, [('reviewed', {})] AS days, [{USER}] AS subjects FROM \
                 (SELECT instance, project_id, merge_request_iid AS iid, actor_id AS person, min(toDateTime(occurred_at, 'UTC')) AS reviewed_at FROM merge_request_events \
                 WHERE ${{scope}} AND action IN ('approved', 'commented', 'reviewed', 'changes_requested') AND actor_id IS NOT NULL AND occurred_at IS NOT NULL \
                 GROUP BY instance, project_id, iid, person HAVING {}) AS counted \
                 LEFT ANY JOIN (SELECT instance, user_id, username, {is_bot} AS author_is_bot FROM users) AS users \
                 ON users.instance = counted.instance AND users.user_id = counted.person \
                 LEFT ANY JOIN (SELECT instance, project_id, iid, author_id, ifNull(merged_at, closed_at) AS ended_at FROM ${{merge_request_metrics}} WHERE ${{scope}}) AS requests \
                 ON requests.instance = counted.instance AND requests.project_id = counted.project_id AND requests.iid = counted.iid \
                 WHERE ifNull(requests.author_id, 0) != ifNull(person, 0) AND ifNull(reviewed_at <= requests.ended_at, true) AND {}",
                day("toNullable(reviewed_at)"),
                within("reviewed_at"),
                self.people.condition(),
            ),
            measures: vec![
                Measure::count("reviewed_count", "merge requests reviewed, counted once per person", "1")
                    .more_is_better(),
                Measure::aggregate("reviewers_count", "reviewers", Unit::Count, "uniqExact(person)")
                    .more_is_better(),
            ],
        }
    }
}

/// A name for a person of whom only an id is known.
const USER: &str = "ifNull(username, concat('user ', ifNull(toString(person), 'unknown')))";
const USERS: &str = "LEFT ANY JOIN (SELECT instance, user_id, username, is_bot FROM users) AS users \
     ON users.instance = counted.instance AND users.user_id = counted.person";

/// Commits that pushes counted but did not list.
fn unlisted() -> Section {
    Section {
        title: "Not listed",
        rows: format!(
            "SELECT *, [('pushed', {})] AS days, CAST([], 'Array(String)') AS subjects FROM contribution_gaps WHERE ${{scope}} AND {}",
            day("toNullable(pushed_at)"),
            within("pushed_at"),
        ),
        measures: vec![
            Measure::sum(
                "unlisted_commits_count",
                "commits that pushes counted and nobody listed",
                Unit::Count,
                "unlisted_commits",
                "1",
            )
            .less_is_better(),
        ],
    }
}
