//! `gitpulse report pipelines`. In: a grouping. Out: how many, how many succeed, at once or in the end, how long they take and wait, and wasted
//! machine time. Rates are of root pipelines: a child is a part of its parent.

use clap::{Args, ValueEnum};

use super::answer::{Breakdown, Report, limit};
use super::measure::{Coverage, Measure, Section, Unit, day, within};

/// Which pipelines are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct PipelineArgs {
    /// Also counts child pipelines
    #[arg(long)]
    children: bool,
    /// Also shows a table by branch or tag, by what started the pipelines, or by project
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Rows of that table at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Ref,
    Source,
    Project,
}

impl PipelineArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        let (subject, name, title, head) = match self.by {
            Some(By::Ref) => ("[ifNull(toString(ref), '')]", "by_ref", "By branch or tag", "ref"),
            Some(By::Source) => {
                ("[ifNull(toString(source), '')]", "by_source", "By what began them", "source")
            }
            Some(By::Project) => {
                ("[ifNull(path, toString(project_id))]", "by_project", "By project", "project")
            }
            None => ("CAST([], 'Array(String)')", "", "", ""),
        };
        let breakdown = self.by.map(|_| Breakdown {
            name,
            title,
            subject: head,
            columns: vec![
                ("pipelines_count", "pipelines"),
                ("success_ratio", "succeeded"),
                ("duration_p50_seconds", "median"),
                ("duration_p95_seconds", "95 of 100"),
                ("run_seconds", "run in all"),
            ],
            order: "pipelines_count",
            limit: self.limit,
        });
        let counted = if self.children { "1" } else { "is_root" };
        let rows = format!(
            "SELECT *, ({counted}) AS is_counted, [('created', {})] AS days, {subject} AS subjects FROM \
             (SELECT * FROM ${{pipeline_metrics}} WHERE ${{scope}} AND {}) AS counted {}",
            day("toNullable(created_at)"),
            within("created_at"),
            if self.by == Some(By::Project) { PATHS } else { "" },
        );
        Report {
            name: "pipelines",
            title: "Pipelines",
            chosen: if self.children { vec![("with", "child pipelines".to_owned())] } else { Vec::new() },
            sections: vec![outcomes(rows.clone()), durations(rows.clone()), effort(rows)],
            breakdowns: breakdown.into_iter().collect(),
            drawn: "pipelines_count",
            first: ("SELECT min(created_at) FROM ${pipeline_metrics} WHERE ${scope}".to_owned(), "pipelines"),
            hint: "",
            lists: &["pipelines", "child_pipelines", "jobs"],
            notes: vec![
                "A pipeline is counted on the day on which it was created. Machine time is that of all jobs, those of child pipelines too.".to_owned(),
            ],
        }
    }
}

/// Current names of projects.
pub(super) const PATHS: &str = "LEFT ANY JOIN (SELECT instance, project_id, path FROM projects) AS projects \
     ON projects.instance = counted.instance AND projects.project_id = counted.project_id";

fn outcomes(rows: String) -> Section {
    let rated = "is_counted AND outcome IN ('success', 'failed')";
    let first = Coverage::new("is_first_attempt_success IS NOT NULL", rated, "'first_attempt_unknown'");
    let count = |name, label, outcome: &str| {
        Measure::count(name, label, &format!("is_counted AND outcome = '{outcome}'"))
    };
    Section {
        title: "Outcomes",
        rows,
        measures: vec![
            Measure::count("pipelines_count", "pipelines", "is_counted"),
            Measure::share(
                "success_ratio",
                "succeeded, of those that succeeded or failed",
                "outcome = 'success'",
                rated,
            )
            .more_is_better(),
            Measure::share(
                "first_attempt_success_ratio",
                "succeeded at the first attempt",
                "ifNull(is_first_attempt_success, false)",
                &format!("{rated} AND is_first_attempt_success IS NOT NULL"),
            )
            .more_is_better()
            .covering(&first),
            count("failed_count", "failed", "failed").less_is_better(),
            count("superseded_count", "superseded by a newer one", "superseded"),
            count("canceled_count", "canceled", "canceled"),
            count("skipped_count", "skipped", "skipped"),
            count("unfinished_count", "unfinished", "unfinished"),
        ],
    }
}

fn durations(rows: String) -> Section {
    let rated = "is_counted AND outcome IN ('success', 'failed')";
    let duration = |name, label, level| {
        Measure::quantile(name, label, Unit::Seconds, (level, "duration_seconds"), rated).less_is_better()
    };
    let queue = |name, label, level| {
        Measure::quantile(name, label, Unit::Seconds, (level, "queued_seconds"), "is_counted")
            .less_is_better()
    };
    let waited = Coverage::new("queued_seconds IS NOT NULL", rated, "'queue_unknown'");
    let lasted = Coverage::new("duration_seconds IS NOT NULL", rated, "'duration_unknown'");
    Section {
        title: "Duration and queue",
        rows,
        measures: vec![
            duration("duration_p50_seconds", "duration, median", 0.5).covering(&lasted),
            duration("duration_p90_seconds", "duration, 90 of 100 within", 0.9),
            duration("duration_p95_seconds", "duration, 95 of 100 within", 0.95),
            queue("queued_p50_seconds", "queue, median", 0.5).covering(&waited),
            queue("queued_p90_seconds", "queue, 90 of 100 within", 0.9),
            queue("queued_p95_seconds", "queue, 95 of 100 within", 0.95),
        ],
    }
}

fn effort(rows: String) -> Section {
    let wasted = |name, label, cause: &str| {
        Measure::sum(name, label, Unit::Seconds, "wasted_seconds", &format!("waste = '{cause}'"))
            .less_is_better()
    };
    Section {
        title: "Machine time",
        rows,
        measures: vec![
            Measure::aggregate(
                "retries_count",
                "jobs run again",
                Unit::Count,
                "sum(greatest(toInt64(attempts) - toInt64(jobs), 0))",
            )
            .less_is_better(),
            Measure::sum("run_seconds", "run", Unit::Seconds, "run_seconds", "1"),
            Measure::sum("wasted_seconds", "run for nothing", Unit::Seconds, "wasted_seconds", "1")
                .less_is_better(),
            wasted("wasted_retried_seconds", "for nothing: run again", "retried"),
            wasted("wasted_superseded_seconds", "for nothing: superseded by a newer pipeline", "superseded"),
            wasted("wasted_canceled_seconds", "for nothing: canceled", "canceled"),
        ],
    }
}
