//! `gitpulse explain flaky`. In: a pipeline, and maybe a job of it. Out: each attempt of the jobs that failed and passed; or why none was flaky.
//! Reads `flaky_jobs` for the verdict and `job_metrics` for the attempts.

use clap::Args;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::chain::{self, Explained, Explanation, in_order};
use super::definitions::Definition;
use super::lead_time::said;
use super::thing::GitLabArgs;
use crate::report::refused;

/// The pipeline.
#[derive(Debug, Args)]
pub(super) struct FlakyArgs {
    /// Pipeline, by its id, which is unique within a GitLab instance
    #[arg(long, value_name = "NUMBER")]
    pipeline: u64,
    /// Only jobs of this name
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    #[command(flatten)]
    gitlab: GitLabArgs,
}

#[derive(Row, Deserialize)]
struct Flaky {
    name: String,
    wasted_seconds: i64,
}

/// A summary of the attempts in a pipeline.
#[derive(Row, Deserialize)]
struct Attempts {
    runs: u64,
    failed: u64,
    repeated: u64,
}

const MEANT: &str = "instance = {instance:String} AND pipeline_id = {pipeline:UInt64} AND ({job:String} = '' OR name = {job:String})";

/// The chain behind flaky jobs.
pub(super) async fn explain(client: &Client, args: &FlakyArgs) -> anyhow::Result<Explained> {
    let having = "SELECT DISTINCT toString(instance) AS instance FROM job_runs WHERE pipeline_id = {number:UInt64} ORDER BY instance";
    let instance = args.gitlab.having(client, "pipeline", having, args.pipeline).await?.unwrap_or_default();
    let bind = |query: Query| {
        let query = query.param("instance", &instance).param("pipeline", args.pipeline);
        query.param("job", args.job.as_deref().unwrap_or_default())
    };
    let sql = format!(
        "SELECT count() AS runs, countIf(outcome = 'failed') AS failed, countIf(attempt > 1) AS repeated FROM job_metrics WHERE {MEANT} AND outcome != 'none'"
    );
    let attempts: Attempts = bind(client.query(&sql)).fetch_one().await.map_err(refused)?;
    let of_what = match &args.job {
        Some(job) => format!("job {job} of pipeline {}", args.pipeline),
        None => format!("pipeline {}", args.pipeline),
    };
    if attempts.runs == 0 {
        return Ok(Explained::NotOnRecord(format!("no run of {of_what} is on record")));
    }
    let sql = format!(
        "SELECT toString(name) AS name, ifNull(toInt64(wasted_seconds), 0) AS wasted_seconds FROM flaky_jobs WHERE {MEANT} ORDER BY name"
    );
    let flaky: Vec<Flaky> = bind(client.query(&sql)).fetch_all().await.map_err(refused)?;
    let names: Vec<String> =
        flaky.iter().map(|job| format!("{}, {} for nothing", job.name, said(job.wasted_seconds))).collect();
    let steps = chain::steps(client, &runs(), bind).await?;
    Ok(Explained::By(Explanation {
        of: format!("Flaky jobs of {of_what}"),
        verdict: if names.is_empty() { "none".to_owned() } else { names.join("; ") },
        steps: in_order(steps),
        definitions: vec![Definition::Flaky],
        reason: if names.is_empty() { Some(why_not(&attempts)) } else { None },
    }))
}

/// Each attempt of the flaky jobs; if there are none, those of jobs that failed or ran again.
fn runs() -> String {
    format!(
        "SELECT toUnixTimestamp(told.finished_at) AS at, \
         concat(toString(told.name), ', attempt ', toString(told.attempt), ': ', toString(told.outcome), \
             if(toString(told.failure_class) = '', '', concat(' (', toString(told.failure_class), ')'))) AS what, \
         concat('jobs ', toString(told.job_id)) AS row, rows.last_event_id AS event, \
         told.name IN (SELECT name FROM flaky_jobs WHERE {MEANT}) AS decides \
         FROM (SELECT *, max(outcome = 'failed' OR attempt > 1) OVER (PARTITION BY name) AS is_doubtful FROM job_metrics WHERE {MEANT} AND outcome != 'none') AS told \
         LEFT JOIN (SELECT id, last_event_id FROM jobs WHERE instance = {{instance:String}} AND pipeline_id = {{pipeline:UInt64}}) AS rows ON rows.id = told.job_id \
         WHERE if((SELECT count() FROM flaky_jobs WHERE {MEANT}) > 0, \
             told.name IN (SELECT name FROM flaky_jobs WHERE {MEANT}), told.is_doubtful) \
         ORDER BY told.finished_at, told.job_id"
    )
}

/// Why no job was flaky.
fn why_not(attempts: &Attempts) -> (String, String) {
    let (why, change) = match attempts {
        Attempts { failed: 0, .. } => ("no run failed", "nothing: it passed at once"),
        Attempts { repeated: 0, .. } => (
            "what failed was not run again in this pipeline; another pipeline of the same commit does not count, for it may have run something else",
            "a retry of the job that passes; `flaky_by_sha` has the weaker definition, by commit",
        ),
        Attempts { .. } => ("what failed was run again and did not pass", "a retry that passes"),
    };
    (why.to_owned(), change.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_without_flaky_jobs_says_why() {
        let check = |failed, repeated, expected: &str| {
            let (why, _) = why_not(&Attempts { runs: 5, failed, repeated });
            assert!(why.starts_with(expected), "{why}");
        };
        check(0, 0, "no run failed");
        check(0, 1, "no run failed");
        check(1, 0, "what failed was not run again");
        check(2, 1, "what failed was run again");
    }
}
