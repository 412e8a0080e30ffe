//! Identity: the keys of the tables.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::documents::identities;

use super::apply::{apply_lives, ask};
use super::records::{Record, body, examples};

/// Views of occurrences, whose keys may have a second or the id of a delivery, because the view combines several rows.
const OCCURRENCES: &[&str] = &[
    "audit_log_facts",
    "dead_letter_facts",
    "deployment_event_facts",
    "emoji_event_facts",
    "event_facts",
    "feature_flag_event_facts",
    "issue_event_facts",
    "job_retry_facts",
    "job_run_facts",
    "merge_request_event_facts",
    "namespace_rename_facts",
    "pipeline_event_facts",
    "push_facts",
    "wiki_page_event_facts",
];

/// Rule 1. The sort key of an entity is its identity, without anything that can change; no table is partitioned by something that can.
///
/// Seen to fail: `first_received_at` in the key of merge requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_sort_key_of_an_entity_is_its_identity() {
    let query = "SELECT name, sorting_key, partition_key, engine FROM system.tables \
                 WHERE database = currentDatabase() AND name LIKE '%\\_facts'";
    let tables: Vec<(String, String, String, String)> = ask(query).await;
    // `documents` compares each with its own table.
    let law = identities();
    let mut known: BTreeSet<&str> = OCCURRENCES.iter().copied().collect();
    for (name, sorting_key, partition_key, engine) in &tables {
        // That a job finished on a day is an occurrence, so it may have its month.
        assert_eq!(partition_key.is_empty(), name != "job_run_facts", "{name}: {partition_key}");
        if known.remove(name.as_str()) {
            continue;
        }
        assert!(
            law.contains(sorting_key),
            "{name}: the law of a new table comes before it, and none has {sorting_key}"
        );
        assert_eq!(engine, "AggregatingMergeTree", "{name}");
    }
    assert!(tables.len() > OCCURRENCES.len() && known.is_empty(), "{known:?}");
}

/// The same payload with another path and name of the project.
fn renamed(body: &Value) -> Value {
    let text = body.to_string().replace("shop/checkout", "shop/till").replace("\"Checkout\"", "\"Till\"");
    serde_json::from_str(&text).unwrap()
}

/// Rule 8. A rename changes columns, never keys: repeated under the new path, everything is still there once.
///
/// Seen to fail: `first_received_at` in the key of merge requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_project_keeps_its_rows() {
    // Old wiki pages can only be distinguished by their text, which includes the path of the project.
    let names: Vec<(String, Record)> =
        examples().into_iter().filter(|(name, _)| name != "wiki_page/before_versions.webhook").collect();
    let before: Vec<Record> = names.iter().map(|(_, record)| record.clone()).collect();
    let webhooks = names.iter().filter(|(name, _)| name.ends_with(".webhook"));
    let after = webhooks.map(|(name, _)| Record::webhook(&renamed(&body(name))).later(60)).collect();
    let told = apply_lives(&[vec![before.clone()], vec![before.clone(), after], vec![before]]).await;
    for (view, rows) in told[0].0.iter().filter(|(view, _)| *view != "events") {
        assert_eq!(told[1].rows(view).len(), rows.len(), "{view}");
    }
    let path = |row: &&Value| row["project_id"] == 42;
    let project = told[1].rows("projects").iter().find(path).unwrap();
    assert_eq!(project["path"], "shop/till");
}
