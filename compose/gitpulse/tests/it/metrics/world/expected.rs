//! What views have to show of a world. In: a world. Out: rows by view, as JSON, with the columns of the truth.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use simulator::gitlab::truth::metrics::Metrics;

use super::told::Told;

/// A view, and what identifies its rows.
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
];

impl Judged {
    /// What identifies a row.
    pub(super) fn key_of(&self, row: &Value) -> String {
        self.key.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join(" ")
    }

    /// The rows of a world by their keys.
    pub(super) fn expected(&self, told: &Told) -> BTreeMap<String, Value> {
        let mut expected = BTreeMap::new();
        for project in told.projects() {
            for metrics in told.world.metrics(&project) {
                for row in (self.rows)(&metrics) {
                    let key = self.key_of(&row);
                    let twice = expected.insert(key.clone(), row);
                    assert!(twice.is_none(), "the truth says twice: {} {key}", self.view);
                }
            }
        }
        expected
    }
}
