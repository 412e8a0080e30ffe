//! Stores reports of worlds, and reads the metric views. In: worlds. Out: rows of the metric views, by world and source.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::Client;
use processor::insert::{Destination, Store};
use processor::rows::{Rows, TABLES};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::expected::shown;
use super::told::{Told, projects};
use crate::law::records::Record;

/// The source that reported a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Face {
    Webhooks,
    Api,
    Both,
}

impl Face {
    pub(super) const ALL: [Face; 3] = [Face::Webhooks, Face::Api, Face::Both];

    /// The instance of a world as reported by this source.
    pub(super) fn instance(self, seed: u64) -> String {
        format!("https://{self:?}.{seed}").to_lowercase()
    }
}

/// Records whose rows are stored at once.
const BATCH: usize = 10_000;

/// Stores a world three times: as reported by webhooks, by the API, and by both.
pub(super) async fn store(client: &Client, told: &Told) {
    let seed = told.world.config().seed;
    let of_face = [(Face::Webhooks, &told.webhooks), (Face::Api, &told.objects)];
    for (face, records) in of_face {
        store_shuffled(client, &face.instance(seed), records, seed).await;
    }
    // The order of rows does not matter: both sources together are all rows of each.
    let (webhooks, api, both) =
        (Face::Webhooks.instance(seed), Face::Api.instance(seed), Face::Both.instance(seed));
    for table in TABLES.iter().filter(|table| is_stored(table.name)) {
        let copy = format!(
            "INSERT INTO {name} SELECT * REPLACE ('{both}' AS instance) FROM (SELECT * FROM {name} WHERE instance IN ('{webhooks}', '{api}'))",
            name = table.name
        );
        client.query(&copy).execute().await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
    }
    let projects: Vec<(u64, u64)> = projects(&told.world).iter().map(|project| (project.id, 1)).collect();
    for face in Face::ALL {
        processor::places::compute(client, &face.instance(seed), &projects).await.unwrap();
    }
}

/// Stores records in any order, every tenth a second time through another hook, in several batches.
async fn store_shuffled(client: &Client, instance: &str, records: &[Record], seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut all: Vec<Record> = Vec::new();
    for record in records {
        all.push(record.clone());
        if random.random_range(0..10) == 0 {
            all.push(record.clone().through("second", "default"));
        }
    }
    all.shuffle(&mut random);
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let tables: Vec<&'static str> =
        TABLES.iter().map(|table| table.name).filter(|name| is_stored(name)).collect();
    let timeout = Duration::from_secs(60);
    let store = Store { client, destination: Destination::Some(&tables), timeout, metrics: &metrics };
    for batch in all.chunks(BATCH) {
        let mut rows = Rows::default();
        batch.iter().for_each(|record| rows.append(record.rows(instance)));
        store.insert(&rows).await.unwrap();
    }
}

/// No metric reads deliveries, which are most of a database, nor rows without an instance.
fn is_stored(table: &str) -> bool {
    !matches!(table, "event_facts" | "audit_log_facts" | "dead_letter_facts")
}

/// The rows of a view, by instance, each as JSON.
pub(super) async fn read(client: &Client, view: &str) -> BTreeMap<String, Vec<Value>> {
    let query = format!("SELECT * FROM {view}");
    let lines = client.query(&query).fetch_bytes("JSONEachRow").unwrap().collect().await;
    let lines = lines.unwrap_or_else(|error| panic!("{view}: {error}"));
    let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut row: Value = serde_json::from_slice(line).unwrap();
        let instance = row.as_object_mut().unwrap().remove("instance").unwrap();
        rows.entry(instance.as_str().unwrap().to_owned()).or_default().extend(shown(view, row));
    }
    rows
}
