//! `gitpulse report issues`. In: nothing more. Out: issues opened and closed, how long they were open, by type, and incidents. An issue that was
//! moved counts as opened once, and as closed in the project it moved to.

use clap::Args;

use super::answer::{Breakdown, Report, limit};
use super::measure::{Coverage, Measure, Section, Unit, day, within};

/// Which issues are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct IssueArgs {
    /// Types to list at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
}

impl IssueArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        Report {
            name: "issues",
            title: "Issues",
            chosen: Vec::new(),
            sections: vec![issues(), incidents()],
            breakdowns: vec![Breakdown {
                name: "by_type",
                title: "By type",
                subject: "type",
                columns: vec![
                    ("opened_count", "opened"),
                    ("closed_count", "closed"),
                    ("lead_time_p50_seconds", "open, median"),
                    ("lead_time_p90_seconds", "90 of 100"),
                ],
                order: "opened_count",
                limit: self.limit,
            }],
            drawn: "closed_count",
            first: ("SELECT min(created_at) FROM issue_metrics WHERE ${scope}".to_owned(), "issues"),
            hint: "",
            lists: &["issues", "issue_events"],
            notes: Vec::new(),
        }
    }
}

fn issues() -> Section {
    let closed = "role = 'closed' AND counts_closed";
    let opened = "role = 'opened' AND counts_opened";
    let quantile = |name, label, level| {
        Measure::quantile(name, label, Unit::Seconds, (level, "lead_time_seconds"), closed).less_is_better()
    };
    Section {
        title: "Issues",
        rows: format!(
            "SELECT *, [('opened', {}), ('closed', {})] AS days, [ifNull(toString(type), '')] AS subjects FROM issue_metrics \
             WHERE ${{scope}} AND (({}) OR ({}))",
            day("toNullable(created_at)"),
            day("closed_at"),
            within("created_at"),
            within("closed_at"),
        ),
        measures: vec![
            Measure::count("opened_count", "opened", opened),
            Measure::count("closed_count", "closed", closed).more_is_better(),
            quantile("lead_time_p50_seconds", "opened to closed, median", 0.5).covering(&Coverage::new(
                "lead_time_seconds IS NOT NULL",
                closed,
                "'opened_unknown'",
            )),
            quantile("lead_time_p90_seconds", "opened to closed, 90 of 100 within", 0.9),
            Measure::share(
                "reopened_ratio",
                "reopened at least once, of those closed",
                "reopenings > 0",
                closed,
            )
            .less_is_better(),
            Measure::count(
                "confidential_count",
                "confidential, of those opened",
                &format!("{opened} AND confidential"),
            ),
        ],
    }
}

fn incidents() -> Section {
    Section {
        title: "Incidents",
        rows: format!(
            "SELECT *, [('opened', {}), ('closed', {})] AS days, CAST([], 'Array(String)') AS subjects FROM incident_metrics \
             WHERE ${{scope}} AND (({}) OR ({}))",
            day("toNullable(created_at)"),
            day("closed_at"),
            within("created_at"),
            within("closed_at"),
        ),
        measures: vec![
            Measure::count("incidents_count", "opened", "role = 'opened'").less_is_better(),
            Measure::quantile(
                "restore_p50_seconds",
                "time to restore, median",
                Unit::Seconds,
                (0.5, "restore_seconds"),
                "role = 'closed'",
            )
            .less_is_better()
            .covering(&Coverage::still_open("role = 'opened'")),
        ],
    }
}
