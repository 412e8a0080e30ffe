//! The questions. In: metric views, and rollups. Out: one question each, over a project's thirty days and over everybody's year, with its goal; and
//! the older queries without metric views, for comparison.

use crate::Options;
use crate::engine::{Cost, Engine, median};
use crate::facts::INSTANCE;
use crate::report::{Measured, Report};

/// A project with an average number of merge requests.
pub(crate) const MIDDLE: u64 = 51;
/// The project with the most.
pub(crate) const LARGEST: u64 = 1;
/// A project in which a fifth of the merge requests come from a fork.
const FORKED: u64 = 53;

/// The projects and the time of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Thirty days of a middle project.
    Middle,
    /// Thirty days of a project that takes merge requests from forks, whose pushes are in other projects.
    Forked,
    /// Thirty days of the largest.
    Largest,
    /// The year of all.
    All,
}

impl Scope {
    /// Its name in the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Scope::Middle => "a project, 30 days",
            Scope::Forked => "one with forks, 30 days",
            Scope::Largest => "the largest, 30 days",
            Scope::All => "all, a year",
        }
    }

    fn filter(self, at: &str) -> String {
        match self {
            Scope::Middle => in_june(MIDDLE, at),
            Scope::Forked => in_june(FORKED, at),
            Scope::Largest => in_june(LARGEST, at),
            Scope::All => format!("{at} >= '2025-01-01' AND {at} < '2026-01-01'"),
        }
    }
}

fn in_june(project: u64, at: &str) -> String {
    format!(
        "instance = '{INSTANCE}' AND project_id = {project} AND {at} >= '2025-06-01' AND {at} < '2025-07-01'"
    )
}

/// A question to one view.
struct Question {
    view: &'static str,
    /// The rollup of the view, which gets the same question.
    rollup: Option<&'static str>,
    measures: &'static str,
    /// The time by which rows are counted.
    at: &'static str,
    /// How rows are grouped; empty for one row.
    by: &'static str,
}

const fn question(
    view: &'static str,
    measures: &'static str,
    at: &'static str,
    by: &'static str,
) -> Question {
    Question { view, rollup: None, measures, at, by }
}

impl Question {
    const fn rolled_up(self, rollup: &'static str) -> Question {
        Question { rollup: Some(rollup), ..self }
    }

    fn query(&self, from: &str, scope: Scope) -> String {
        let Question { measures, at, by, .. } = self;
        let filter = scope.filter(at);
        match *by {
            "" => format!("SELECT {measures} FROM {from} WHERE {filter}"),
            by => format!("SELECT {by}, {measures} FROM {from} WHERE {filter} GROUP BY {by} ORDER BY {by}"),
        }
    }

    /// Milliseconds allowed for the view.
    fn goal(&self, scope: Scope) -> f64 {
        match scope {
            Scope::Middle | Scope::Forked | Scope::Largest => 150.0,
            Scope::All if self.view.starts_with("flaky") => 8_000.0,
            Scope::All => 4_000.0,
        }
    }
}

/// Milliseconds allowed for a rollup.
fn rollup_goal(scope: Scope) -> f64 {
    if scope == Scope::All { 500.0 } else { 20.0 }
}

const QUESTIONS: [Question; 20] = [
    question(
        "lead_times",
        "count(), countIf(reason = ''), quantilesExactInclusive(0.5, 0.9)(lead_time_seconds), quantilesExactInclusive(0.5, 0.9)(first_commit_lead_time_seconds)",
        "merged_at",
        "tier",
    )
    .rolled_up("lead_time_rollups"),
    question("environment_lead_times", "count(), quantilesExactInclusive(0.5, 0.9)(lead_time_seconds)", "merged_at", "environment"),
    question(
        "deployment_metrics",
        "count(), countIf(is_successful), countIf(change = 'change'), countIf(failed_by_rollback), countIf(failed_by_incident), countIf(failed_by_rework), sum(merge_requests)",
        "finished_at",
        "tier",
    )
    .rolled_up("deployment_rollups"),
    question("dora_daily", "sum(deployments), sum(changes), sum(failed_by_incident), sum(lead_times)", "day", "tier"),
    question("gitlab_dora_daily", "sum(deployment_frequency), sum(incidents_count)", "day", "tier"),
    question(
        "merge_request_metrics",
        "count(), quantilesExactInclusive(0.5, 0.9)(cycle_seconds), quantilesExactInclusive(0.5, 0.9)(coding_seconds), quantilesExactInclusive(0.5, 0.9)(pickup_seconds), quantilesExactInclusive(0.5, 0.9)(review_seconds), avg(rounds), countIf(is_revert)",
        "merged_at",
        "",
    )
    .rolled_up("merge_request_rollups"),
    question(
        "merge_request_reviews",
        "count(), quantilesExactInclusive(0.5, 0.9)(pickup_seconds), quantilesExactInclusive(0.5, 0.9)(review_seconds), avg(rounds)",
        "merged_at",
        "",
    ),
    question("merge_request_open_spans", "count(), uniqExact(iid)", "opened_at", ""),
    question("first_commits", "count(), countIf(commits_known)", "first_commit_at", ""),
    question(
        "pipeline_metrics",
        "count(), countIf(outcome = 'success'), countIf(is_first_attempt_success), quantilesExactInclusive(0.5, 0.9, 0.95)(duration_seconds), sum(attempts), sum(wasted_seconds)",
        "created_at",
        "",
    )
    .rolled_up("pipeline_rollups"),
    question(
        "pipeline_outcomes",
        "count(), countIf(outcome = 'success'), countIf(outcome = 'superseded'), quantilesExactInclusive(0.5, 0.9, 0.95)(duration_seconds)",
        "created_at",
        "",
    ),
    question(
        "job_metrics",
        "count(), countIf(outcome = 'success'), quantilesExactInclusive(0.5, 0.9, 0.95)(duration_seconds), quantilesExactInclusive(0.5, 0.9, 0.95)(queued_seconds), sum(wasted_seconds)",
        "finished_at",
        "name",
    ),
    question(
        "job_attempts",
        "count(), countIf(outcome = 'success'), quantilesExactInclusive(0.5, 0.9, 0.95)(duration_seconds), quantilesExactInclusive(0.5, 0.9, 0.95)(queued_seconds)",
        "day",
        "name",
    ),
    question("flaky_jobs", "count(), sum(wasted_seconds)", "passed_at", "name"),
    question("flaky_by_sha", "count(), sum(failures)", "passed_at", "name"),
    question("incident_metrics", "count(), countIf(reason = ''), quantileExactInclusive(0.5)(restore_seconds)", "created_at", ""),
    question("issue_metrics", "count(), countIf(counts_closed), quantileExactInclusive(0.5)(lead_time_seconds)", "closed_at", ""),
    question("contributions", "count(), sum(additions)", "committed_at", "author"),
    question("contribution_gaps", "count(), sum(unlisted_commits)", "pushed_at", ""),
    question("release_metrics", "count(), sum(merge_requests)", "released_at", ""),
];

/// The older query for durations of jobs.
const OLD_JOBS: &str = "SELECT name, count(), countIf(status = 'success'), quantilesExactInclusive(0.5, 0.9, 0.95)(duration_seconds), \
    quantilesExactInclusive(0.5, 0.9, 0.95)(queued_seconds) FROM jobs WHERE status IN ('success', 'failed', 'canceled') \
    AND started_at IS NOT NULL AND finished_at >= '2025-01-01' AND finished_at < '2026-01-01' GROUP BY name ORDER BY name";
/// The older query for lead times: by the SHA alone, as in docs/SQL.md.
const OLD_LEAD_TIMES: &str = "SELECT tier, count(), quantilesExactInclusive(0.5, 0.9)(dateDiff('second', m.merged_at, d.deployed)) FROM merge_requests AS m \
    INNER JOIN (SELECT instance, project_id, sha, environment_tier AS tier, min(finished_at) AS deployed FROM deployments \
        WHERE status = 'success' GROUP BY ALL) AS d \
    ON d.instance = m.instance AND d.project_id = m.project_id AND d.sha = coalesce(m.merge_commit_sha, m.squash_commit_sha, m.head_sha) \
    WHERE m.state = 'merged' AND m.merged_at >= '2025-01-01' AND m.merged_at < '2026-01-01' GROUP BY tier ORDER BY tier";
/// The older query for the stages of a merge request: to the first response, the first approval and the merge, as in docs/SQL.md.
const OLD_CYCLE: &str = "SELECT count(), quantilesExactInclusive(0.5, 0.9)(dateDiff('second', e.opened, e.approved)), \
    quantilesExactInclusive(0.5, 0.9)(dateDiff('second', e.approved, m.merged_at)), quantilesExactInclusive(0.5, 0.9)(dateDiff('second', e.opened, r.first)) \
    FROM merge_requests AS m \
    INNER JOIN (SELECT instance, project_id, merge_request_iid, minIf(occurred_at, action = 'opened') AS opened, minIf(occurred_at, action = 'approved') AS approved \
        FROM merge_request_events GROUP BY ALL) AS e \
    ON e.instance = m.instance AND e.project_id = m.project_id AND e.merge_request_iid = m.iid \
    LEFT JOIN (SELECT m.instance AS instance, m.project_id AS project_id, m.iid AS iid, min(n.created_at) AS first FROM merge_requests AS m \
        INNER JOIN (SELECT instance, project_id, noteable_iid AS iid, author_id AS by, created_at FROM notes \
            WHERE noteable_type = 'MergeRequest' AND NOT ifNull(system, false)) AS n \
        ON n.instance = m.instance AND n.project_id = m.project_id AND n.iid = m.iid WHERE n.by != m.author_id GROUP BY ALL) AS r \
    ON r.instance = m.instance AND r.project_id = m.project_id AND r.iid = m.iid \
    WHERE m.state = 'merged' AND m.merged_at >= '2025-01-01' AND m.merged_at < '2026-01-01'";

/// Older queries, their replacements, and which part of the older cost is allowed.
const OLD: [(&str, &str, &[&str], f64); 3] = [
    ("jobs, old", OLD_JOBS, &["job_attempts"], 0.1),
    ("lead times, old", OLD_LEAD_TIMES, &["lead_times", "lead_time_rollups"], 0.2),
    ("cycle, old", OLD_CYCLE, &["merge_request_reviews", "merge_request_rollups"], 0.5),
];

/// Asks all questions of one scope.
pub(crate) async fn ask_all(
    engine: &Engine,
    scope: Scope,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    for question in &QUESTIONS {
        // Of the views, only this one reads other projects than the one in question.
        if scope == Scope::Forked && question.view != "first_commits" {
            continue;
        }
        let query = question.query(question.view, scope);
        let (rows, cost) = ask(engine, &query, options).await?;
        let mut measured = Measured::of(question.view, scope.label(), cost, rows).goal(question.goal(scope));
        if scope == Scope::Middle {
            let (_, planning) = ask(engine, &format!("EXPLAIN {query}"), options).await?;
            measured.planning_ms = Some(planning.wall_ms);
        }
        report.push(measured);
        if let Some(rollup) = question.rollup {
            let (rows, cost) = ask(engine, &question.query(rollup, scope), options).await?;
            report.push(Measured::of(rollup, scope.label(), cost, rows).goal(rollup_goal(scope)));
        }
    }
    if scope == Scope::All {
        for (name, query, successors, part) in OLD {
            let (rows, old) = ask(engine, query, options).await?;
            report.push(Measured::of(name, scope.label(), old, rows));
            for successor in successors {
                report.compare(successor, name, part);
            }
        }
    }
    Ok(())
}

/// The median cost of a question, and the rows of its answer.
async fn ask(engine: &Engine, query: &str, options: &Options) -> anyhow::Result<(usize, Cost)> {
    let (mut costs, mut rows) = (Vec::new(), 0);
    for _ in 0..options.repeats {
        let (counted, cost) = engine.cost(engine.count(query)).await?;
        rows = counted;
        costs.push(cost);
    }
    Ok((rows, median(&costs)))
}
