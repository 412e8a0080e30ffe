//! One history: processors that read, die, exchange partitions and are restarted. In: a seed. Out: what happened; panics if a record was lost,
//! counted twice, or committed before it was stored.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use chrono::DateTime;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::TopicPrefix;
use tokio::time::Instant;

use super::consumer::{Consumer, READING, Surroundings, read};
use super::kafka::{Kafka, Partition};
use super::tables::{Tables, inserts};
use super::world::World;
use crate::batch::BatchLimits;

/// The number of steps within which a history without faults must finish.
const PATIENCE: usize = 20_000;

/// The result of a history.
#[derive(Debug, PartialEq)]
pub(super) struct Ending {
    pub(super) met: BTreeMap<&'static str, u64>,
    committed: BTreeMap<Partition, i64>,
    stored: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A processor; dropping it kills it.
struct Running<F> {
    id: u64,
    at: Rc<Cell<&'static str>>,
    stops: Rc<Cell<bool>>,
    future: Pin<Box<F>>,
}

/// Runs a history.
pub(super) async fn live(seed: u64) -> Ending {
    let mut random = StdRng::seed_from_u64(seed);
    let started = Instant::now();
    let around = Rc::new(Surroundings {
        kafka: Arc::new(Mutex::new(Kafka::new(StdRng::from_rng(&mut random)))),
        tables: RefCell::new(Tables::new()),
        started,
        now: Cell::new(started),
        limits: BatchLimits {
            max_rows: random.random_range(1..120),
            max_bytes: random.random_range(500..20_000),
            max_age: Duration::from_millis(random.random_range(1..400)),
        },
        fault_rate: Cell::new([0.0, 0.1, 0.3, 0.7][random.random_range(0..4)]),
        met: RefCell::default(),
        random: RefCell::new(StdRng::from_rng(&mut random)),
    });
    let mut ids = 0..;
    let mut start = || {
        let id = ids.next().unwrap_or_default();
        around.kafka().join(id);
        let (at, stops) = (Rc::new(Cell::new(READING)), Rc::new(Cell::new(false)));
        let consumer = Consumer {
            id,
            around: around.clone(),
            at: at.clone(),
            stops: stops.clone(),
            generation: Cell::new(0),
        };
        Running { id, at, stops, future: Box::pin(consumer.run()) }
    };
    let mut world = World::default();
    let mut running = vec![start()];
    // Killed, but Kafka has not noticed yet.
    let mut missed: Vec<u64> = Vec::new();
    for _ in 0..random.random_range(50..500) {
        around.now.set(around.now.get() + Duration::from_millis(random.random_range(0..30)));
        let chosen = random.random_range(0..running.len());
        match random.random_range(0..100) {
            0..10 => {
                let record = world.tell(&mut random);
                around.kafka().append(&record.topic, &record.key, &record.value, None);
            }
            10..12 => missed.push(kill(&around, &mut running, chosen)),
            12..16 => missed.drain(..).for_each(|id| around.kafka().leave(id)),
            16 => running[chosen].stops.set(true),
            17 => around.kafka().throw_out(running[chosen].id),
            18 => around.kafka().rebalance_all(),
            19..22 if running.len() < 3 => running.push(start()),
            _ => {
                if ends(&mut running[chosen]).await {
                    around.kafka().leave(running.swap_remove(chosen).id);
                } else if running[chosen].at.get() != READING && random.random_bool(0.05) {
                    missed.push(kill(&around, &mut running, chosen));
                }
            }
        }
        if running.is_empty() {
            running.push(start());
        }
        // Dead letters are written in the meantime.
        tokio::task::yield_now().await;
    }
    around.fault_rate.set(0.0);
    missed.drain(..).for_each(|id| around.kafka().leave(id));
    // A lost commit is repaired by the next one of its partition, or by whoever reads the records again. Without either, the position stays behind
    // although everything is stored.
    around.kafka().rebalance_all();
    let mut steps = 0;
    while !around.kafka().is_drained() {
        assert!(steps < PATIENCE, "without faults, not everything was committed");
        steps += 1;
        around.now.set(around.now.get() + Duration::from_millis(10));
        let chosen = steps % running.len();
        if ends(&mut running[chosen]).await {
            around.kafka().leave(running[chosen].id);
            running[chosen] = start();
        }
        tokio::task::yield_now().await;
    }
    drop(running);
    check(&around, &world);
    let tables = around.tables.borrow();
    Ending {
        met: around.met.borrow().clone(),
        committed: around.kafka().committed.clone(),
        stored: tables.names().flat_map(|table| tables.rows(table, &[])).collect(),
    }
}

/// Kills a processor at its current pause; returns its id.
fn kill<F>(around: &Surroundings, running: &mut Vec<Running<F>>, chosen: usize) -> u64 {
    let killed = running.swap_remove(chosen);
    around.meet(killed.at.get());
    killed.id
}

/// Runs a processor to its next pause.
async fn ends<F: Future<Output = ()>>(running: &mut Running<F>) -> bool {
    poll_fn(|context| Poll::Ready(running.future.as_mut().poll(context).is_ready())).await
}

/// Compares the stored rows with what was sent, and with an undisturbed run.
fn check(around: &Surroundings, world: &World) {
    let (kafka, tables) = (around.kafka(), around.tables.borrow());
    let count = |table| tables.rows(table, &[]).len();
    assert_eq!(count("event_facts"), world.events.len(), "every event is there, once");
    assert_eq!(count("push_facts"), world.pushes.len());
    assert_eq!(count("merge_request_facts"), world.merge_requests.len());
    assert_eq!(count("pipeline_facts"), world.pipelines.len());
    assert_eq!(count("dead_letter_facts"), world.broken.len(), "every broken record is there, once");

    let mut expected = Tables::new();
    let mut letters = Kafka::new(StdRng::seed_from_u64(0));
    for message in kafka.events() {
        let reading = read(message, DateTime::UNIX_EPOCH);
        reading.rows.iter().flat_map(inserts).for_each(|insert| expected.insert(&insert));
        if let Some(letter) = reading.dead_letter {
            let topic = TopicPrefix::default().dead_letters();
            letters.append(&topic, &letter.key, &letter.value, Some(letter.headers));
        }
    }
    for letter in letters.logs.values().flatten() {
        let rows = read(letter, DateTime::UNIX_EPOCH).rows;
        rows.iter().flat_map(inserts).for_each(|insert| expected.insert(&insert));
    }
    for table in tables.names() {
        // If Kafka has a record twice, either copy may have failed first.
        let without: &[&str] = match table {
            "dead_letter_facts" => &["partition", "offset", "failed_at", "precedence"],
            _ => &[],
        };
        let (stored, expected) = (tables.rows(table, without), expected.rows(table, without));
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected, "{table}");
        }
        assert_eq!(stored.len(), expected.len(), "{table}");
    }
}
