//! View `gitlab_dora_daily`: GitLab's own numbers, with their faults (`Dora::DailyMetrics` of its source). Per day and environment: its deployments,
//! the median over the merge requests that GitLab links to them, and the incidents created and closed that day, whatever was deployed.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::super::super::names::environment;
use super::super::super::sprint::Sprint;
use super::deployments::{is_production, merged_second};
use super::lead_times::successes;
use super::{OfProject, Second};

/// A day in UTC, counted from 1970. In JSON it has the form in which ClickHouse writes a `Date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    fn of(at: Second) -> Day {
        Day(at.0.div_euclid(86_400))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&super::super::super::text::date(self.0 * 86_400_000))
    }
}

/// A row: one day of an environment that had a successful deployment or, in tier production, an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoraDay {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Name of the environment.
    pub environment: String,
    /// Day in UTC.
    pub day: Day,
    /// Number of successful deployments that ended on that day.
    pub deployment_frequency: u64,
    /// Median from merge to deployment over the pairs that GitLab links; none without pairs. For an even number it is the mean of the middle two, as
    /// `percentile_cont` computes it.
    pub lead_time_for_changes_seconds: Option<f64>,
    /// Incidents created on that day; 0 outside of tier production.
    pub incidents_count: u64,
    /// Median from creation to closing over the incidents closed on that day.
    pub time_to_restore_seconds: Option<f64>,
    /// Whether the API has the facts that it is computed from.
    pub told_by_api: bool,
    /// Always false: webhooks report no links.
    pub told_by_webhooks: bool,
}

#[derive(Default)]
struct Found {
    deployments: u64,
    lead_times: Vec<i64>,
    incidents: u64,
    restores: Vec<i64>,
}

impl OfProject<'_> {
    pub(super) fn dora_days(&self, sprint: &Sprint) -> Vec<DoraDay> {
        let mut days: BTreeMap<(String, Day), Found> = BTreeMap::new();
        let mut productions: Vec<String> = Vec::new();
        for number in successes(sprint) {
            let ended = &sprint.deployments[number as usize];
            let at = Second::of(ended.finished_at);
            let name = environment(&self.project, sprint.number, ended.environment);
            if is_production(ended.environment) && !productions.contains(&name) {
                productions.push(name.clone());
            }
            let found = days.entry((name, Day::of(at))).or_default();
            found.deployments += 1;
            let merged = ended.merge_requests.iter().filter_map(|request| merged_second(sprint, *request));
            found.lead_times.extend(merged.map(|merged| at.0 - merged));
        }
        for row in self.incident_metrics(sprint) {
            for name in &productions {
                days.entry((name.clone(), Day::of(row.created_at))).or_default().incidents += 1;
                if let (Some(at), Some(seconds)) = (row.closed_at, row.restore_seconds) {
                    days.entry((name.clone(), Day::of(at))).or_default().restores.push(seconds);
                }
            }
        }
        let row = |((environment, day), found): ((String, Day), Found)| DoraDay {
            project_id: self.project.id,
            environment,
            day,
            deployment_frequency: found.deployments,
            lead_time_for_changes_seconds: median(found.lead_times),
            incidents_count: found.incidents,
            time_to_restore_seconds: median(found.restores),
            told_by_api: true,
            told_by_webhooks: false,
        };
        days.into_iter().map(row).collect()
    }
}

/// The median; for an even number the mean of the middle two.
pub(super) fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((*values.get(low)? as f64 + *values.get(high)? as f64) / 2.0)
}
