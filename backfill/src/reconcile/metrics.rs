//! Metrics of reconcile. In: the report of a run. Out: how complete projects are, how old the oldest gap is, what was found and published.

use chrono::{DateTime, Utc};
use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, Opts, Registry};

use super::report::{Report, What};

/// Projects with a series of their own, the least complete ones; the others share one. An installation may have thousands of projects.
const MAX_PROJECTS: usize = 200;
/// The series of all other projects.
const OTHER: &str = "other";

/// Metrics of reconcile. The client of GitLab counts requests.
#[derive(Clone)]
pub struct Metrics {
    completeness: GaugeVec,
    oldest_gap: Gauge,
    disabled_hooks: IntGauge,
    things: IntCounterVec,
    runs: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let completeness = GaugeVec::new(
            Opts::new(
                "gitpulse_completeness_ratio",
                "Share of the things of a project in GitLab that the tables have, at the last run of reconcile; projects beyond the 200 least complete ones are `other`",
            ),
            &["project"],
        )?;
        let oldest_gap = Gauge::new(
            "gitpulse_reconcile_oldest_gap_age_seconds",
            "Minimum age of the oldest thing known to be missing, at the last run; 0 if nothing is missing",
        )?;
        let disabled_hooks = IntGauge::new(
            "gitpulse_reconcile_disabled_hooks",
            "Hooks that lead to GitPulse and that GitLab has disabled, for a time or for good",
        )?;
        let things = IntCounterVec::new(
            Opts::new(
                "gitpulse_reconcile_things_total",
                "Things that were missing or had changed unseen, by kind and outcome: mended (published), gone (GitLab does not have it), left",
            ),
            &["what", "outcome"],
        )?;
        let runs = IntCounterVec::new(
            Opts::new("gitpulse_reconcile_runs_total", "Runs by outcome: whole, gaps or failed"),
            &["outcome"],
        )?;
        registry.register(Box::new(completeness.clone()))?;
        registry.register(Box::new(oldest_gap.clone()))?;
        registry.register(Box::new(disabled_hooks.clone()))?;
        registry.register(Box::new(things.clone()))?;
        registry.register(Box::new(runs.clone()))?;
        for what in What::all() {
            for outcome in ["mended", "gone", "left"] {
                things.with_label_values(&[what.as_str(), outcome]);
            }
        }
        for outcome in ["whole", "gaps", "failed"] {
            runs.with_label_values(&[outcome]);
        }
        Ok(Metrics { completeness, oldest_gap, disabled_hooks, things, runs })
    }

    /// Records that a run failed.
    pub fn failed(&self) {
        self.runs.with_label_values(&["failed"]).inc();
    }

    /// Shows the report of a run.
    pub(super) fn show(&self, report: &Report, now: DateTime<Utc>) {
        let sum = report.sum();
        self.completeness.reset();
        let mut places: Vec<_> =
            report.places.iter().filter(|(_, found)| found.known + found.missing > 0).collect();
        places.sort_by(|one, other| one.1.completeness().total_cmp(&other.1.completeness()));
        let (mut known, mut missing) = (0, 0);
        for (number, (path, findings)) in places.into_iter().enumerate() {
            if number < MAX_PROJECTS {
                self.completeness.with_label_values(&[path.as_str()]).set(findings.completeness());
            } else {
                known += findings.known;
                missing += findings.missing;
            }
        }
        if known + missing > 0 {
            self.completeness.with_label_values(&[OTHER]).set(known as f64 / (known + missing) as f64);
        }
        let age = sum.oldest_gap.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        self.oldest_gap.set(age as f64);
        self.disabled_hooks.set(i64::try_from(sum.disabled_hooks).unwrap_or(i64::MAX));
        for (what, tally) in &sum.tallies {
            for (outcome, count) in [("mended", tally.mended), ("gone", tally.gone), ("left", tally.left)] {
                self.things.with_label_values(&[what.as_str(), outcome]).inc_by(count);
            }
        }
        let outcome = if sum.is_whole() { "whole" } else { "gaps" };
        self.runs.with_label_values(&[outcome]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Findings;
    use super::*;

    #[test]
    fn the_least_complete_projects_have_series_and_the_rest_shares_one() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let now = DateTime::from_timestamp(1_795_766_400, 0).unwrap();
        let mut report = Report::default();
        for number in 0..MAX_PROJECTS + 10 {
            report.places.insert(format!("p{number:03}"), Findings { known: 4, ..Findings::default() });
        }
        let gap = Findings {
            known: 3,
            missing: 1,
            oldest_gap: Some(now - chrono::TimeDelta::hours(1)),
            ..Findings::default()
        };
        report.places.insert("z".to_owned(), gap);
        report.places.insert("a group".to_owned(), Findings::default());
        metrics.show(&report, now);
        let series = metrics.completeness.with_label_values(&["z"]).get();
        assert_eq!((series, metrics.oldest_gap.get()), (0.75, 3_600.0));
        assert_eq!(metrics.completeness.with_label_values(&[OTHER]).get(), 1.0);
        let count = |name: &str| {
            let families = registry.gather();
            families.iter().find(|family| family.name() == name).unwrap().get_metric().len()
        };
        assert_eq!(count("gitpulse_completeness_ratio"), MAX_PROJECTS + 1);
        // Fixed since: nothing of the previous run stays.
        metrics.show(&Report::default(), now);
        assert_eq!(metrics.oldest_gap.get(), 0.0);
    }
}
