//! `gitpulse report releases`. In: nothing more. Out: releases, how many merge requests each brought, and the time between them. A release with a
//! date in the future is counted on that day, and not before.

use clap::Args;

use super::answer::{Breakdown, Report, limit};
use super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::pipelines::PATHS;

/// Which releases are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct ReleaseArgs {
    /// Releases to list at most, newest first
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
}

impl ReleaseArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        Report {
            name: "releases",
            title: "Releases",
            chosen: Vec::new(),
            sections: vec![releases()],
            breakdowns: vec![Breakdown {
                name: "by_release",
                title: "By release",
                subject: "release",
                columns: vec![("released_day", "on"), ("merge_requests_count", "merge requests")],
                order: "released_day",
                limit: self.limit,
            }],
            drawn: "releases_count",
            first: ("SELECT min(released_at) FROM release_metrics WHERE ${scope}".to_owned(), "releases"),
            hint: "",
            lists: &["releases", "merge_requests", "commits"],
            notes: vec!["A release brings the merge requests between its tag and the one before; the first on record all that was merged up to it.".to_owned()],
        }
    }
}

fn releases() -> Section {
    let known = Coverage::new("merge_requests IS NOT NULL", "1", "'place_unknown'");
    let contents =
        |name, label, level| Measure::quantile(name, label, Unit::Number, (level, "merge_requests"), "1");
    Section {
        title: "Releases",
        rows: format!(
            "SELECT *, [('released', {})] AS days, [concat(ifNull(path, toString(project_id)), ' ', tag, if(ifNull(previous_tag, '') = '', '', concat(', after ', ifNull(previous_tag, ''))))] AS subjects FROM \
             (SELECT *, dateDiff('second', lagInFrame(toNullable(released_at)) OVER (PARTITION BY instance, project_id ORDER BY released_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), released_at) AS gap_seconds \
             FROM release_metrics WHERE ${{scope}}) AS counted {PATHS} WHERE {}",
            day("toNullable(released_at)"),
            within("released_at"),
        ),
        measures: vec![
            Measure::aggregate(
                "released_day",
                "last released on",
                Unit::Day,
                format!("max(toUInt16({}))", day("released_at")),
            ),
            Measure::count("releases_count", "releases", "1").more_is_better(),
            Measure::quantile(
                "gap_p50_seconds",
                "time since the one before, median",
                Unit::Seconds,
                (0.5, "gap_seconds"),
                "1",
            )
            .less_is_better(),
            contents("merge_requests_p50", "merge requests each, median", 0.5).covering(&known),
            Measure::sum("merge_requests_count", "merge requests", Unit::Count, "merge_requests", "1")
                .more_is_better(),
        ],
    }
}
