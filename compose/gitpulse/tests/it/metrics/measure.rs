//! Stores stories and reads the metric views. In: a story. Out: rows, by the source that reported it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use clickhouse::Client;
use processor::insert::{Destination, Store};
use processor::rows::Rows;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use schemas::view::METRICS;
use serde_json::Value;

use super::story::Story;
use crate::deployment::Deployment;
use crate::law::records::Record;

/// A story, stored as reported by three sources, each in three orders, and what was read of it.
#[derive(Debug)]
struct Stored {
    prefix: String,
    /// For each view that was read: its rows, by source.
    read: Mutex<BTreeMap<String, [&'static [Value]; 3]>>,
}

/// What the metric views show of one project, each row as JSON without its instance. A view is read when it is first needed.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    stored: Arc<Stored>,
    face: usize,
}

/// The same story as reported by webhooks, by the API, and by both.
pub(crate) struct Faces {
    pub(crate) webhooks: Measured,
    pub(crate) api: Measured,
    pub(crate) both: Measured,
}

impl Faces {
    /// All three, with their names.
    pub(crate) fn all(&self) -> [(&'static str, &Measured); 3] {
        [("webhooks", &self.webhooks), ("API", &self.api), ("both", &self.both)]
    }
}

impl Measured {
    /// The rows of a view. All orders of the story must show the same.
    #[track_caller]
    pub(crate) fn rows(&self, view: &str) -> &'static [Value] {
        assert!(METRICS.iter().any(|metric| metric.name == view), "no view that measures is named {view}");
        let mut read = self.stored.read.lock().unwrap();
        let faces = read.entry(view.to_owned()).or_insert_with(|| {
            let read = self.stored.read_view(view);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(read))
        });
        faces[self.face]
    }

    /// The rows of a view whose columns have these values.
    #[track_caller]
    pub(crate) fn find(&self, view: &str, columns: Value) -> Vec<&'static Value> {
        let columns = columns.as_object().unwrap();
        self.rows(view).iter().filter(|row| columns.iter().all(|(name, value)| &row[name] == value)).collect()
    }

    /// The only such row.
    #[track_caller]
    pub(crate) fn one(&self, view: &str, columns: Value) -> &'static Value {
        match self.find(view, columns.clone()).as_slice() {
            [row] => row,
            rows => panic!(
                "{view} has {} rows with {columns}: {rows:#?}; all: {:#?}",
                rows.len(),
                self.rows(view)
            ),
        }
    }
}

/// A client of the database of these tests. Connections end with the test that opened them, so that each test has its own.
fn client() -> Client {
    static DEPLOYMENT: OnceLock<Deployment> = OnceLock::new();
    let setting =
        |name: &str| DEPLOYMENT.get_or_init(|| Deployment::new("metrics")).environment[name].clone();
    Client::default()
        .with_url(setting("GITPULSE_CLICKHOUSE_URL"))
        .with_database(setting("GITPULSE_CLICKHOUSE_DATABASE"))
}

/// Stores a story as reported by each source, in order and, twice, in other orders; all orders must measure the same.
pub(crate) async fn measure(story: &Story) -> Faces {
    let webhooks = story.webhooks.clone();
    let objects = story.objects.clone();
    let both = [webhooks.clone(), objects.clone()].concat();
    let mut random = StdRng::seed_from_u64(7);
    let mut lives = Vec::new();
    for records in [webhooks, objects, both] {
        let mut reversed = records.clone();
        reversed.reverse();
        // Twice, as reported by two hooks, in any order.
        let again = records.iter().map(|record| record.clone().through("second", "default"));
        let mut shuffled: Vec<Record> = records.iter().cloned().chain(again).collect();
        shuffled.shuffle(&mut random);
        lives.extend([records, reversed, shuffled]);
    }
    let stored = Arc::new(Stored { prefix: store(&lives).await, read: Mutex::default() });
    let [webhooks, api, both] = [0, 1, 2].map(|face| Measured { stored: stored.clone(), face });
    Faces { webhooks, api, both }
}

/// Stores each list of records in an instance of its own, the first and last halves apart; returns the prefix of the instances' names.
async fn store(lives: &[Vec<Record>]) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("https://{}-", COUNT.fetch_add(1, Ordering::Relaxed));
    let client = client();
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let store = Store { client: &client, destination: Destination::Live, timeout, metrics: &metrics };
    let of = |index: usize| format!("{prefix}{index}");
    for half in 0..2 {
        let mut rows = Rows::default();
        for (index, life) in lives.iter().enumerate() {
            let (first, last) = life.split_at(life.len() / 2);
            for record in [first, last][half] {
                rows.append(record.rows(&of(index)));
            }
        }
        store.insert(&rows).await.unwrap();
    }
    let projects = [(super::story::PROJECT, 1)];
    for index in 0..lives.len() {
        processor::places::compute(&client, &of(index), &projects).await.unwrap();
    }
    prefix
}

impl Stored {
    /// The rows of a view, by source; fails if another order of a source shows something else.
    async fn read_view(&self, view: &str) -> [&'static [Value]; 3] {
        let query = format!("SELECT * FROM {view} WHERE startsWith(instance, ?) ORDER BY ALL");
        let query = client().query(&query).bind(&self.prefix);
        let lines = query.fetch_bytes("JSONEachRow").unwrap().collect().await;
        let lines = lines.unwrap_or_else(|error| panic!("{view}: {error}"));
        let mut lives: [Vec<Value>; 9] = Default::default();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut row: Value = serde_json::from_slice(line).unwrap();
            let instance = row.as_object_mut().unwrap().remove("instance").unwrap();
            let index: usize = instance.as_str().unwrap()[self.prefix.len()..].parse().unwrap();
            lives[index].push(row);
        }
        let [w0, w1, w2, a0, a1, a2, b0, b1, b2] = lives;
        [("webhooks", w0, w1, w2), ("API", a0, a1, a2), ("both", b0, b1, b2)].map(
            |(face, straight, reversed, shuffled)| {
                assert_eq!(straight, reversed, "{face}, reversed: {view}");
                assert_eq!(straight, shuffled, "{face}, doubled and shuffled: {view}");
                &*straight.leak()
            },
        )
    }
}
