//! Identity: what the keys of the tables are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::records::{Record, body, examples};
use super::telling::{ask, tell_lives};

/// The identity of every entity, which is its sort key. Occurrences have keys of content, which the tests of `occurrences` are about.
const ENTITIES: &[(&str, &str)] = &[
    ("commit_facts", "instance, project_id, sha"),
    ("deployment_facts", "instance, project_id, id"),
    ("group_facts", "instance, group_id"),
    ("issue_facts", "instance, project_id, id"),
    ("job_facts", "instance, project_id, id"),
    ("member_facts", "instance, project_id, group_id, user_id"),
    ("merge_request_facts", "instance, project_id, iid"),
    ("milestone_facts", "instance, project_id, id"),
    ("note_facts", "instance, project_id, id"),
    ("pipeline_facts", "instance, project_id, id"),
    ("project_facts", "instance, project_id"),
    ("ref_head_facts", "instance, project_id, ref"),
    ("release_facts", "instance, project_id, tag"),
    ("token_expiry_facts", "instance, project_id, group_id, token_type, id"),
    ("user_facts", "instance, user_id"),
    ("vulnerability_facts", "instance, project_id, id"),
];

/// The occurrences, whose keys may have a second or the id of a delivery, where a view makes one of several.
const OCCURRENCES: &[&str] = &[
    "dead_letter_facts",
    "deployment_event_facts",
    "emoji_event_facts",
    "event_facts",
    "feature_flag_event_facts",
    "issue_event_facts",
    "merge_request_event_facts",
    "pipeline_event_facts",
    "push_facts",
    "wiki_page_event_facts",
];

/// Rule 1. The sort key of an entity is its identity and nothing that can change; no table is partitioned by what can.
///
/// Seen to fail: `first_received_at` in the key of merge requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_sort_key_of_an_entity_is_its_identity() {
    let query = "SELECT name, sorting_key, partition_key, engine FROM system.tables \
                 WHERE database = currentDatabase() AND name LIKE '%\\_facts'";
    let tables: Vec<(String, String, String, String)> = ask(query).await;
    let expected: BTreeMap<&str, &str> = ENTITIES.iter().copied().collect();
    let mut known: BTreeSet<&str> = OCCURRENCES.iter().copied().collect();
    for (name, sorting_key, partition_key, engine) in &tables {
        assert_eq!(partition_key, "", "{name}");
        if known.remove(name.as_str()) {
            continue;
        }
        assert_eq!(
            expected.get(name.as_str()),
            Some(&sorting_key.as_str()),
            "{name}: the law of a new table comes before it"
        );
        assert_eq!(engine, "AggregatingMergeTree", "{name}");
    }
    assert_eq!((tables.len(), known.len()), (ENTITIES.len() + OCCURRENCES.len(), 0));
}

/// The same payload where the project has another path and name.
fn renamed(body: &Value) -> Value {
    let text = body.to_string().replace("shop/checkout", "shop/till").replace("\"Checkout\"", "\"Till\"");
    serde_json::from_str(&text).unwrap()
}

/// Rule 8. A rename changes columns, never keys: told again under the new path, everything is still there once.
///
/// Seen to fail: `first_received_at` in the key of merge requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_project_keeps_its_rows() {
    // Old wiki pages have nothing but their text to tell one from another, the path of the project included.
    let names: Vec<(String, Record)> =
        examples().into_iter().filter(|(name, _)| name != "wiki_page/before_versions.webhook").collect();
    let before: Vec<Record> = names.iter().map(|(_, record)| record.clone()).collect();
    let webhooks = names.iter().filter(|(name, _)| name.ends_with(".webhook"));
    let after = webhooks.map(|(name, _)| Record::webhook(&renamed(&body(name))).later(60)).collect();
    let told = tell_lives(&[vec![before.clone()], vec![before.clone(), after], vec![before]]).await;
    for (view, rows) in told[0].0.iter().filter(|(view, _)| *view != "events") {
        assert_eq!(told[1].rows(view).len(), rows.len(), "{view}");
    }
    let path = |row: &&Value| row["project_id"] == 42;
    let project = told[1].rows("projects").iter().find(path).unwrap();
    assert_eq!(project["path"], "shop/till");
}
