//! The project's own examples through the whole pipeline: one life, reported in any order and any number of times, gives the same tables.

use std::collections::BTreeMap;
use std::path::Path;

use clickhouse::Row;
use schemas::view::VIEWS;
use serde::{Deserialize, Serialize};

use crate::delivery::examples;
use crate::deployment::Deployment;

#[derive(Debug, PartialEq, Row, Serialize, Deserialize)]
struct Count {
    kind: String,
    events: u64,
}

/// The rows of an analyst's name, without the columns whose description says that they depend on the receipt.
async fn table(deployment: &Deployment, name: &str) -> String {
    let receipt = "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns \
                   WHERE database = currentDatabase() AND table = ? AND position(comment, '(receipt-derived') > 0";
    let receipt: String = deployment.client.query(receipt).bind(name).fetch_one().await.unwrap();
    let columns = if receipt.is_empty() { "*".to_owned() } else { format!("* EXCEPT ({receipt})") };
    let query = format!("SELECT {columns} FROM {name} ORDER BY ALL");
    let mut rows = deployment.client.query(&query).fetch_bytes("JSONEachRow").unwrap();
    String::from_utf8(rows.collect().await.unwrap().to_vec()).unwrap()
}

/// The analysts' names that count each thing once, however often it is reported: all but `events`, which counts deliveries, and
/// `merge_request_timeline`, which shows every report.
pub(crate) async fn tables(deployment: &Deployment) -> BTreeMap<String, String> {
    // Raw observations come as often as they are reported; places are computed by a task that these tests leave out.
    let raw = ["events", "dead_letters", "merge_request_timeline", "ref_moves"];
    let shown = VIEWS.iter().filter(|view| !raw.contains(&view.name) && !view.reads("project_places"));
    let mut all = BTreeMap::new();
    for view in shown {
        let rows = table(deployment, view.name).await;
        all.insert(view.name.to_owned(), rows);
    }
    all
}

fn send(deployment: &Deployment, url: &str, options: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    let arguments = [&["send", root.to_str().unwrap(), "--url", url], options].concat();
    deployment.output(&arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_give_the_same_tables_in_any_order_and_any_number() {
    let files = examples();
    let count = files.len() as u64;
    let once = Deployment::new("once");
    let (ingest, _processor) = (once.ingest(), once.processor());
    let summary = send(&once, &ingest.webhooks(), &["--concurrency", "1"]);
    assert!(summary.contains(&format!("{count} deliveries of {count} file(s)")), "{summary}");
    once.until_count("SELECT count() FROM events", count).await;

    let kinds: Vec<Count> = once
        .client
        .query("SELECT kind, count() AS events FROM events GROUP BY kind ORDER BY kind")
        .fetch_all()
        .await
        .unwrap();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for (name, _) in &files {
        *expected.entry(name.split('/').next().unwrap().to_owned()).or_default() += 1;
    }
    let kinds: BTreeMap<String, u64> = kinds.into_iter().map(|row| (row.kind, row.events)).collect();
    assert_eq!(kinds, expected, "each example is in the folder of its kind");
    assert_eq!(once.value::<u64>("SELECT count() FROM dead_letters").await, 0);

    let often = Deployment::new("often");
    let (ingest, _processor) = (often.ingest(), often.processor());
    for seed in ["1", "2"] {
        send(&often, &ingest.webhooks(), &["--shuffle", seed, "--hooks", "2", "--retry", "1"]);
    }
    // Two runs of two hooks: four deliveries of each, and the retries are no deliveries of their own.
    often.until_count("SELECT count() FROM events", 4 * count).await;
    assert_eq!(often.value::<u64>("SELECT count() FROM events").await, 4 * count);
    let (once, often) = (tables(&once).await, tables(&often).await);
    for (name, rows) in once {
        // No webhook has rows for these tables: it reports an environment only by name.
        let unsaid = ["environments", "merge_request_commits", "deployment_merge_requests", "audit_log"];
        assert_eq!(rows.is_empty(), unsaid.contains(&name.as_str()), "{name}");
        assert_eq!(rows, often[&name], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_payloads_are_nowhere() {
    let deployment = Deployment::new("redacted");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let files = examples();
    let text = |name: &str| {
        let (_, body) = files.iter().find(|(file, _)| file == name).unwrap();
        serde_json::from_slice::<serde_json::Value>(body).unwrap()
    };
    let variables = text("pipeline/manual_variables.webhook.json");
    let mut secrets: Vec<String> = variables["object_attributes"]["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["value"].as_str().unwrap().to_owned())
        // A value such as `true` occurs elsewhere too.
        .filter(|value| value.contains("secret"))
        .collect();
    assert!(!secrets.is_empty(), "the example has a secret");
    secrets.push(text("user/key_created.webhook.json")["key"].as_str().unwrap().to_owned());
    send(&deployment, &ingest.webhooks(), &[]);
    deployment.until_count("SELECT count() FROM events", files.len() as u64).await;
    for secret in secrets {
        let query = format!("SELECT count() FROM events WHERE position(payload, '{secret}') > 0");
        assert_eq!(deployment.value::<u64>(&query).await, 0, "{secret}");
    }
    let redacted = "SELECT count() FROM events WHERE position(payload, '[REDACTED]') > 0 AND kind IN ('pipeline', 'user')";
    assert!(deployment.value::<u64>(redacted).await >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_name_is_described() {
    let deployment = Deployment::new("described");
    let bare = "SELECT concat(table, '.', name) FROM system.columns WHERE database = currentDatabase() \
                AND table NOT LIKE '%\\_facts' AND comment = ''";
    let bare: Vec<String> = deployment.client.query(bare).fetch_all().await.unwrap();
    assert!(bare.is_empty(), "columns without a comment: {bare:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_changes_nothing() {
    let deployment = Deployment::new("again");
    assert_eq!(deployment.output(&["migrate"]).trim(), "nothing to do: all topics and tables are there");
}
