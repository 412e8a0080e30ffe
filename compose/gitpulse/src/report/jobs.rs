//! `gitpulse report jobs`. In: a grouping. Out: runs of jobs, how long they take and wait, the slowest, those that fail most, and flaky ones: failed,
//! then passed, in one pipeline.

use clap::{Args, ValueEnum};

use super::answer::{Breakdown, Report, limit};
use super::measure::{Measure, Section, Unit, day, within};

/// Which jobs are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct JobArgs {
    /// Grouping: name (without the number of a parallel job), stage, branch or tag, what started the pipeline, or tag of the runner
    #[arg(long, value_enum, default_value_t = By::Name)]
    by: By,
    /// Rows of each table at most
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Name,
    Stage,
    Ref,
    Source,
    RunnerTag,
}

impl JobArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        let (subjects, subject) = match self.by {
            By::Name => ("[toString(group_name)]", "job"),
            By::Stage => ("[ifNull(toString(stage), '')]", "stage"),
            By::Ref => ("[ifNull(toString(ref), '')]", "ref"),
            By::Source => ("[ifNull(toString(source), '')]", "source"),
            By::RunnerTag => (
                "if(empty(runner_tags), ['(no tag)'], arrayMap(tag -> toString(tag), runner_tags))",
                "runner tag",
            ),
        };
        let rows = format!(
            "SELECT *, [('finished', {})] AS days, {subjects} AS subjects FROM job_metrics \
             WHERE ${{scope}} AND outcome != 'none' AND {}",
            day("toNullable(finished_at)"),
            within("finished_at"),
        );
        let list = |name, title, columns, order| Breakdown {
            name,
            title,
            subject,
            columns,
            order,
            limit: self.limit,
        };
        Report {
            name: "jobs",
            title: "Jobs",
            chosen: Vec::new(),
            sections: vec![runs(rows.clone()), times(rows), self.flaky(subjects)],
            breakdowns: vec![
                list(
                    "slowest",
                    "Slowest, by the median of what they take",
                    vec![("duration_p50_seconds", "median"), ("duration_p95_seconds", "95 of 100"), ("queued_p50_seconds", "queue"), ("runs_count", "runs"), ("run_seconds", "run in all")],
                    "duration_p50_seconds",
                ),
                list(
                    "most_failing",
                    "Failing most",
                    vec![("failed_count", "failed"), ("failed_ratio", "of runs"), ("failed_by_system_count", "by system"), ("retried_count", "run again"), ("runs_count", "runs")],
                    "failed_count",
                ),
                Breakdown {
                    subject: if self.by == By::Name { "flaky job" } else { subject },
                    ..list("flaky", "Flaky: failed, then passed, in one pipeline", vec![("flaky_count", "times"), ("flaky_wasted_seconds", "for nothing")], "flaky_count")
                },
            ],
            drawn: "runs_count",
            first: ("SELECT min(finished_at) FROM job_metrics WHERE ${scope}".to_owned(), "jobs"),
            hint: "",
            lists: &["jobs", "pipelines"],
            notes: vec!["A job is counted on the day on which it finished, each attempt as a run; what never started is none. A failure that is allowed is a failure.".to_owned()],
        }
    }

    /// Flaky jobs by name, with the suffix that `parallel:` adds, or by another grouping.
    fn flaky(&self, subjects: &str) -> Section {
        let (subjects, runs) = match self.by {
            By::Name => ("[toString(name)]", ""),
            _ => (
                subjects,
                "LEFT ANY JOIN (SELECT instance, job_id, stage, ref, source, runner_tags FROM job_metrics WHERE ${scope}) AS runs \
                 ON runs.instance = flaky.instance AND runs.job_id = flaky.failed_job_id",
            ),
        };
        Section {
            title: "Flaky",
            rows: format!(
                "SELECT *, [('passed', {})] AS days, {subjects} AS subjects FROM \
                 (SELECT instance, failed_job_id, name, passed_at, wasted_seconds FROM flaky_jobs WHERE ${{scope}} AND {}) AS flaky {runs}",
                day("toNullable(passed_at)"),
                within("passed_at"),
            ),
            measures: vec![
                Measure::count("flaky_count", "failed, then passed, in one pipeline", "1").less_is_better(),
                Measure::sum("flaky_wasted_seconds", "run for nothing", Unit::Seconds, "wasted_seconds", "1")
                    .less_is_better(),
            ],
        }
    }
}

const RATED: &str = "outcome IN ('success', 'failed')";

fn runs(rows: String) -> Section {
    Section {
        title: "Runs",
        rows,
        measures: vec![
            Measure::count("runs_count", "runs", "1"),
            Measure::share(
                "failed_ratio",
                "failed, of those that succeeded or failed",
                "outcome = 'failed'",
                RATED,
            )
            .less_is_better(),
            Measure::count("failed_count", "failed", "outcome = 'failed'").less_is_better(),
            Measure::count(
                "failed_by_system_count",
                "failed by system, not by script",
                "failure_class = 'system'",
            )
            .less_is_better(),
            Measure::count(
                "allowed_failures_count",
                "failed and were allowed to",
                "outcome = 'failed' AND is_allowed_failure",
            ),
            Measure::count("canceled_count", "canceled", "outcome = 'canceled'"),
            Measure::count("retried_count", "run again", "NOT is_final").less_is_better(),
        ],
    }
}

fn times(rows: String) -> Section {
    let quantile = |name, label, level, column| {
        Measure::quantile(name, label, Unit::Seconds, (level, column), RATED).less_is_better()
    };
    Section {
        title: "Duration and queue",
        rows,
        measures: vec![
            quantile("duration_p50_seconds", "duration, median", 0.5, "duration_seconds"),
            quantile("duration_p90_seconds", "duration, 90 of 100 within", 0.9, "duration_seconds"),
            quantile("duration_p95_seconds", "duration, 95 of 100 within", 0.95, "duration_seconds"),
            quantile("queued_p50_seconds", "queue, median", 0.5, "queued_seconds"),
            quantile("queued_p95_seconds", "queue, 95 of 100 within", 0.95, "queued_seconds"),
            Measure::sum("run_seconds", "run", Unit::Seconds, "duration_seconds", "1"),
            Measure::sum("wasted_seconds", "run for nothing", Unit::Seconds, "wasted_seconds", "1")
                .less_is_better(),
        ],
    }
}
