//! Inserts records into the tables. In: records, and the orders in which they arrive. Out: what every view shows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clickhouse::{Client, RowOwned, RowRead};
use processor::insert::{Destination, Store};
use processor::rows::{Rows, TABLES};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use schemas::view::{VIEWS, View};
use serde_json::Value;

use super::records::Record;
use crate::deployment::Deployment;

/// What every view shows, each row as JSON.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables(pub(crate) BTreeMap<String, Vec<Value>>);

impl Tables {
    /// The rows of a view.
    pub(crate) fn rows(&self, view: &str) -> &[Value] {
        self.0.get(view).unwrap_or_else(|| panic!("there is no view {view}"))
    }

    /// The only row of a view.
    #[track_caller]
    pub(crate) fn one(&self, view: &str) -> &Value {
        match self.rows(view) {
            [row] => row,
            rows => panic!("{view} has {} rows: {rows:#?}", rows.len()),
        }
    }

    /// One column of every row.
    pub(crate) fn column(&self, view: &str, column: &str) -> Vec<Value> {
        self.rows(view)
            .iter()
            .map(|row| row.get(column).unwrap_or_else(|| panic!("{view}.{column}")).clone())
            .collect()
    }

    /// The same, as texts.
    pub(crate) fn texts(&self, view: &str, column: &str) -> Vec<String> {
        self.column(view, column).iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Without the columns that depend on the receipt, and without `events`, which is about deliveries.
    pub(crate) fn of_things(mut self, receipt: &BTreeSet<(String, String)>) -> Tables {
        self.0.remove("events");
        for (view, column) in receipt {
            for row in self.0.get_mut(view).into_iter().flatten() {
                row.as_object_mut().unwrap().remove(column);
            }
        }
        self
    }

    /// Without a column that many views have.
    pub(crate) fn without_everywhere(mut self, column: &str) -> Tables {
        for row in self.0.values_mut().flatten() {
            row.as_object_mut().unwrap().remove(column);
        }
        self
    }

    /// Rows sorted by their remaining columns.
    fn sorted(mut self) -> Tables {
        self.0.values_mut().for_each(|rows| rows.sort_by_cached_key(Value::to_string));
        self
    }
}

/// Fails with the first table in which two orders differ.
#[track_caller]
pub(crate) fn assert_same(one: &Tables, other: &Tables, what: &str) {
    let (one, other) = (one.clone().sorted(), other.clone().sorted());
    for (view, rows) in &one.0 {
        let others = other.rows(view);
        assert_eq!(rows.len(), others.len(), "{what}: rows of {view}: {rows:#?} {others:#?}");
        for (row, other) in rows.iter().zip(others) {
            for (column, value) in row.as_object().unwrap() {
                assert_eq!(value, &other[column], "{what}: {view}.{column} of {row}");
            }
        }
    }
}

/// The database of all tests of the law.
struct Law {
    client: Client,
    /// The views with an instance column; `ref_heads` is a part of two of them, and `merge_request_timeline` shows each observation.
    views: Vec<String>,
    /// Columns whose description says that they depend on the receipt.
    receipt: BTreeSet<(String, String)>,
}

/// A client of the database. Connections end with the test that opened them, so that each test has its own.
pub(super) fn client() -> Client {
    static DEPLOYMENT: OnceLock<Deployment> = OnceLock::new();
    let setting = |name: &str| DEPLOYMENT.get_or_init(|| Deployment::new("law")).environment[name].clone();
    Client::default()
        .with_url(setting("GITPULSE_CLICKHOUSE_URL"))
        .with_database(setting("GITPULSE_CLICKHOUSE_DATABASE"))
}

impl Law {
    async fn new() -> Law {
        let client = client();
        let of_an_instance = |view: &View| {
            view.has("instance")
                && !matches!(
                    view.name,
                    "ref_heads"
                        | "ref_moves"
                        | "merge_request_places"
                        | "sha_places"
                        | "merge_request_timeline"
                        | "audit_log"
                )
        };
        let receipt = "SELECT table, name FROM system.columns WHERE database = currentDatabase() \
                       AND position(comment, '(receipt-derived') > 0";
        Law {
            views: VIEWS
                .iter()
                .filter(|view| of_an_instance(view))
                .map(|view| view.name.to_owned())
                .collect(),
            receipt: client.query(receipt).fetch_all().await.unwrap().into_iter().collect(),
            client,
        }
    }

    /// The tables that have rows of these instances.
    async fn written(&self, prefix: &str) -> BTreeSet<String> {
        let tables: BTreeSet<&str> = self.views.iter().flat_map(|view| sources(view)).collect();
        let one = |table: &&str| {
            format!("SELECT '{table}' AS name FROM {table} WHERE startsWith(instance, '{prefix}') LIMIT 1")
        };
        let all = tables.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        self.client.query(&all).fetch_all().await.unwrap().into_iter().collect()
    }
}

/// The tables from which a view gets its rows.
fn sources(view: &str) -> Vec<&'static str> {
    let made_of = TABLES.iter().filter(|table| table.views.contains(&view)).map(|table| table.name);
    match Vec::from_iter(made_of) {
        tables if !tables.is_empty() => tables,
        _ if view == "events" => vec!["event_facts"],
        _ => panic!("nobody says what {view} reads"),
    }
}

/// Columns whose description says that they depend on the receipt.
pub(crate) async fn receipt_derived() -> BTreeSet<(String, String)> {
    Law::new().await.receipt
}

/// All rows of a query.
pub(crate) async fn ask<T: RowOwned + RowRead>(query: &str) -> Vec<T> {
    client().query(query).fetch_all().await.unwrap()
}

/// Records in insert batches.
pub(crate) type Life = Vec<Vec<Record>>;

/// Inserts each life into an instance of its own, and reads what every view shows of it.
pub(crate) async fn apply_lives(lives: &[Life]) -> Vec<Tables> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("https://{}-", COUNT.fetch_add(1, Ordering::Relaxed));
    let law = Law::new().await;
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let store = Store { client: &law.client, destination: Destination::Live, timeout, metrics: &metrics };
    let batches = lives.iter().map(Vec::len).max().unwrap_or(0);
    for number in 0..batches {
        let mut rows = Rows::default();
        for (index, life) in lives.iter().enumerate() {
            for record in life.get(number).into_iter().flatten() {
                rows.append(record.rows(&format!("{prefix}{index}")));
            }
        }
        store.insert(&rows).await.unwrap();
    }
    let mut told = vec![Tables::default(); lives.len()];
    let written = law.written(&prefix).await;
    for view in &law.views {
        told.iter_mut().for_each(|tables| drop(tables.0.insert(view.clone(), Vec::new())));
        if !sources(view).iter().any(|table| written.contains(*table)) {
            continue;
        }
        let query = format!("SELECT * FROM {view} WHERE startsWith(instance, ?) ORDER BY ALL");
        let query = law.client.query(&query).bind(&prefix);
        let lines = query.fetch_bytes("JSONEachRow").unwrap().collect().await;
        let lines = lines.unwrap_or_else(|error| panic!("{view}: {error}"));
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut row: Value = serde_json::from_slice(line).unwrap();
            let instance = row.as_object_mut().unwrap().remove("instance").unwrap();
            let index: usize = instance.as_str().unwrap()[prefix.len()..].parse().unwrap();
            told[index].0.get_mut(view).unwrap().push(row);
        }
    }
    told
}

/// Randomness, the same in every test of a run: a failing test prints the seed that reproduces it.
pub(crate) fn chance() -> StdRng {
    static SEED: OnceLock<u64> = OnceLock::new();
    let given = || std::env::var_os("GITPULSE_TEST_SEED")?.to_str()?.parse().ok();
    let seed = *SEED.get_or_init(|| given().unwrap_or_else(rand::random));
    eprintln!("GITPULSE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Records in batches of any size, but at most four of them.
pub(crate) fn split(records: Vec<Record>, random: &mut StdRng) -> Life {
    let mut life: Life = vec![Vec::new(); random.random_range(1..=4)];
    let count = life.len();
    for (index, record) in records.iter().enumerate() {
        life[index * count / records.len()].push(record.clone());
    }
    life
}

/// Every order of a few records, or some orders of many.
fn orders(records: &[Record], random: &mut StdRng) -> Vec<Vec<Record>> {
    if records.len() > 3 {
        return (0..8).map(|_| shuffled(records, random)).collect();
    }
    let mut orders: Vec<Vec<Record>> = vec![Vec::new()];
    for record in records {
        let places = |order: &Vec<Record>| {
            let (order, record) = (order.clone(), record.clone());
            (0..=order.len())
                .map(move |place| [&order[..place], std::slice::from_ref(&record), &order[place..]].concat())
        };
        orders = orders.iter().flat_map(places).collect();
    }
    orders
}

pub(crate) fn shuffled(records: &[Record], random: &mut StdRng) -> Vec<Record> {
    let mut records = records.to_vec();
    records.shuffle(random);
    records
}

/// Inserts records once in their order; then, in other instances, in other orders, in batches of any size, every other time twice. All columns of all
/// views must be the same, even those that depend on the receipt, because the records are the same.
pub(crate) async fn apply(records: &[Record]) -> Tables {
    let mut random = chance();
    // One by one, unless that would take minutes.
    let each = records.len().div_ceil(10);
    let mut lives: Vec<Life> = vec![records.chunks(each).map(<[Record]>::to_vec).collect()];
    for (index, mut order) in orders(records, &mut random).into_iter().enumerate() {
        if index % 2 == 1 {
            order.extend(shuffled(records, &mut random));
        }
        lives.push(split(order, &mut random));
    }
    let mut told = apply_lives(&lives).await.into_iter();
    let first = told.next().unwrap();
    for (index, other) in told.enumerate() {
        assert_same(&first, &other, &format!("order {index}"));
    }
    first
}
