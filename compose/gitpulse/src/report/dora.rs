//! `gitpulse report dora`. In: a tier or an environment. Out: how often is deployed, how long that takes, how often it fails and how fast it
//! recovers, by each definition, with GitLab's own formulas for comparison.

mod failures;
mod lead_times;
mod place;

use clap::Args;

use self::failures::{as_gitlab, failures, incidents, restores};
pub(crate) use self::lead_times::{Productions, environment_lead_times};
use self::lead_times::{lead_times, lead_times_by_environment};
use self::place::Place;
pub(super) use self::place::place;
use super::answer::{Breakdown, Report};
use super::measure::{Measure, Section, day, within};

/// Which deployments are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct DoraArgs {
    /// Deployments to environments of this tier: production, staging, testing, development or other
    #[arg(long, value_name = "TIER", default_value = PRODUCTION)]
    pub(super) tier: String,
    /// Deployments to the environment of this name, whatever its tier
    #[arg(long, value_name = "NAME", conflicts_with = "tier")]
    pub(super) environment: Option<String>,
}

const PRODUCTION: &str = "production";
/// The condition for deployments that are counted.
const MEANT: &str = "if({environment:String} = '', ifNull(tier, '') = {tier:String}, ifNull(environment, '') = {environment:String})";
/// The same, for rows of `deployments`.
const TOLD: &str = "if({environment:String} = '', ifNull(environment_tier, '') = {tier:String}, ifNull(environment, '') = {environment:String})";

/// Whether incidents can be blamed on these deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blamed {
    Production,
    Never,
}

impl DoraArgs {
    /// Values for the queries.
    pub(super) fn words(&self) -> Vec<(&'static str, String)> {
        let environment = self.environment.clone().unwrap_or_default();
        vec![("tier", self.tier.clone()), ("environment", environment)]
    }

    /// The report.
    pub(super) fn report(&self, place: &Place) -> Report {
        let is_production = match &self.environment {
            None => self.tier == PRODUCTION,
            Some(_) => place.tiers.iter().any(|tier| tier == PRODUCTION),
        };
        let blamed = if is_production { Blamed::Production } else { Blamed::Never };
        let has_lead_times = self.environment.is_none() || place.has_lead_times();
        let mut sections = vec![deployments()];
        if has_lead_times {
            sections
                .extend([lead_times(self, place.productions), lead_times_by_environment(place.productions)]);
        }
        sections.push(failures(blamed));
        // By project, for all of its production environments.
        if is_production && self.environment.is_none() {
            sections.push(incidents());
        }
        sections.push(restores());
        sections.push(as_gitlab(blamed));
        let mut notes = Vec::new();
        if has_lead_times {
            notes.push("Lead times are of merge requests that were deployed in the window; what they cover is counted over those that were merged in it.".to_owned());
        }
        notes.extend(self.environment.as_deref().and_then(|environment| place.shared(environment)));
        if !is_production {
            notes.push("Incidents are blamed on deployments to production alone.".to_owned());
        }
        let chosen = match &self.environment {
            Some(environment) => vec![("environment", environment.clone())],
            None => vec![("tier", self.tier.clone())],
        };
        Report {
            name: "dora",
            title: "DORA metrics",
            chosen,
            sections,
            breakdowns: vec![Breakdown {
                name: "by_environment",
                title: "By environment",
                subject: "environment",
                columns: vec![
                    ("deployments_count", "successful"),
                    ("deployments_per_day", "a day"),
                    ("environment_lead_time_from_merge_p50_seconds", "lead time, median"),
                    ("failed_deployments_ratio", "failed"),
                ],
                order: "deployments_count",
                limit: 20,
            }],
            drawn: "deployments_count",
            first: (
                format!(
                    "SELECT min(finished_at) FROM ${{deployment_metrics}} WHERE ${{scope}} AND is_successful AND {MEANT}"
                ),
                "deployments",
            ),
            hint: "",
            lists: &["deployments", "environments", "merge_requests", "issues"],
            notes,
        }
    }
}

/// Deployments by the day on which they finished.
fn of_deployments() -> String {
    format!(
        "SELECT *, [('finished', {})] AS days, [ifNull(toString(environment), '')] AS subjects FROM ${{deployment_metrics}} \
         WHERE ${{scope}} AND {} AND {MEANT}",
        day("finished_at"),
        within("finished_at"),
    )
}

fn deployments() -> Section {
    let per_day = |name, label, condition| Measure::per_day(name, label, condition).more_is_better();
    Section {
        title: "Deployments",
        rows: of_deployments(),
        measures: vec![
            Measure::count("deployments_count", "successful", "is_successful").more_is_better(),
            per_day("deployments_per_day", "a day", "is_successful"),
            per_day(
                "changes_per_day",
                "a day, without repeats and rollbacks",
                "is_successful AND change IN ('first', 'change')",
            ),
            per_day("distinct_changes_per_day", "a day, each commit once a tier", "is_first_of_tier"),
            Measure::count("repeats_count", "repeats", "is_successful AND change = 'repeat'"),
            Measure::count("rollbacks_count", "rollbacks", "is_successful AND change = 'rollback'")
                .less_is_better(),
        ],
    }
}
