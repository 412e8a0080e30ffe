//! The expected views of a world. In: a world. Out: rows by view, as JSON, with the columns of the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use simulator::gitlab::World;
use simulator::gitlab::truth::metrics::Metrics;

use super::told::projects;

/// A view, and the key of its rows.
pub(super) struct Judged {
    pub(super) view: &'static str,
    pub(super) key: &'static [&'static str],
    rows: fn(&Metrics) -> Vec<Value>,
}

fn json<T: Serialize>(rows: &[T]) -> Vec<Value> {
    rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

/// The views whose rows are compared.
pub(super) const JUDGED: &[Judged] = &[
    Judged { view: "lead_times", key: &["project_id", "iid", "tier"], rows: |of| json(&of.lead_times) },
    Judged {
        view: "environment_lead_times",
        key: &["project_id", "iid", "environment"],
        rows: |of| json(&of.environment_lead_times),
    },
    Judged {
        view: "deployment_metrics",
        key: &["project_id", "deployment_id"],
        rows: |of| json(&of.deployment_metrics),
    },
    Judged {
        view: "merge_request_metrics",
        key: &["project_id", "iid"],
        rows: |of| json(&of.merge_request_metrics),
    },
    Judged {
        view: "merge_request_open_spans",
        key: &["project_id", "iid", "opened_at"],
        rows: |of| json(&of.merge_request_open_spans),
    },
    Judged {
        view: "pipeline_metrics",
        key: &["project_id", "pipeline_id"],
        rows: |of| json(&of.pipeline_metrics),
    },
    Judged { view: "job_metrics", key: &["project_id", "job_id"], rows: |of| json(&of.job_metrics) },
    Judged {
        view: "flaky_jobs",
        key: &["project_id", "pipeline_id", "name"],
        rows: |of| json(&of.flaky_jobs),
    },
    Judged { view: "issue_metrics", key: &["project_id", "issue_id"], rows: |of| json(&of.issue_metrics) },
    Judged {
        view: "incident_metrics",
        key: &["project_id", "issue_id"],
        rows: |of| json(&of.incident_metrics),
    },
    Judged { view: "contributions", key: &["project_id", "sha"], rows: |of| json(&of.contributions) },
    Judged { view: "release_metrics", key: &["project_id", "tag"], rows: |of| json(&of.release_metrics) },
    Judged {
        view: "gitlab_dora_daily",
        key: &["project_id", "environment", "day"],
        rows: |of| json(&of.gitlab_dora_daily),
    },
];

impl Judged {
    /// The view of this name.
    pub(super) fn of(view: &str) -> &'static Judged {
        JUDGED.iter().find(|judged| judged.view == view).unwrap_or_else(|| panic!("nobody judges {view}"))
    }

    /// The key of a row.
    pub(super) fn key_of(&self, row: &Value) -> String {
        self.key.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join(" ")
    }
}

/// The rows of a world: by view, then by key.
pub(super) type Expected = BTreeMap<&'static str, BTreeMap<String, Value>>;

/// The expected rows of all views.
pub(super) fn expected(world: &World) -> Expected {
    let mut expected: Expected = BTreeMap::new();
    for project in projects(world) {
        for metrics in world.metrics(&project) {
            for judged in JUDGED {
                let rows = expected.entry(judged.view).or_default();
                for row in (judged.rows)(&metrics) {
                    let key = judged.key_of(&row);
                    let twice = rows.insert(key.clone(), row);
                    assert!(twice.is_none(), "the truth says twice: {} {key}", judged.view);
                }
            }
        }
    }
    adapt(&mut expected);
    expected
}

/// Translates the truth into the words of the views where they differ.
fn adapt(expected: &mut Expected) {
    let requests = expected["merge_request_metrics"].clone();
    for row in expected.get_mut("merge_request_metrics").unwrap().values_mut() {
        // A person with an id is named by it.
        row["first_reviewer"] = row["first_reviewer_id"].as_u64().map(|id| id.to_string()).into();
    }
    let mut productions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let by_environment = expected.get_mut("environment_lead_times").unwrap();
    for row in by_environment.values().filter(|row| row["tier"] == "production") {
        productions.entry(row["project_id"].to_string()).or_default().insert(row["environment"].to_string());
    }
    // Only if several environments are of tier production does the view have more than that of tiers.
    by_environment.retain(|_, row| {
        row["tier"] == "production"
            && productions.get(&row["project_id"].to_string()).is_some_and(|names| names.len() > 1)
    });
    for view in ["lead_times", "environment_lead_times"] {
        for row in expected.get_mut(view).unwrap().values_mut() {
            row["request"] = requests[&Judged::of("merge_request_metrics").key_of(row)].clone();
        }
    }
    // A job that never ran and never ended is not a run.
    expected.get_mut("job_metrics").unwrap().retain(|_, row| !row["finished_at"].is_null());
    // The view has whole seconds, as GitLab has.
    for row in expected.get_mut("gitlab_dora_daily").unwrap().values_mut() {
        for column in ["lead_time_for_changes_seconds", "time_to_restore_seconds"] {
            row[column] = row[column].as_f64().map(f64::round_ties_even).into();
        }
    }
    // The world has ended; the views are read now.
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let now = DateTime::from_timestamp(now, 0).unwrap().format("%Y-%m-%d %H:%M:%S").to_string();
    for row in expected.get_mut("release_metrics").unwrap().values_mut() {
        row["is_upcoming"] = (row["released_at"].as_str().unwrap() > now.as_str()).into();
    }
}

/// A row of a view in the words of the truth; `None` for a row that is not compared.
pub(super) fn shown(view: &str, mut row: Value) -> Option<Value> {
    match view {
        // Nothing is delivered by review apps.
        "lead_times" if row["tier"] == "development" => return None,
        // Behind the second stands the rank within it.
        "deployment_metrics" => row["place"] = (row["place"].as_i64().unwrap() / 1_000).into(),
        _ => (),
    }
    Some(row)
}
