//! One processor of the simulation. In: records from Kafka. Out: rows in the tables, then a commit. Pauses wherever it could be killed: dropping
//! its future kills it there.
//!
//! `run`, `take` and `flush` repeat the order of the steps in [`crate::pipeline`], where each step is a call of Kafka or ClickHouse.
//! `roles_that_die_at_named_points_lose_and_double_nothing` (`compose/gitpulse/tests/it/kills.rs`) checks the real loop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use schemas::TopicPrefix;
use tokio::time::Instant;

use super::kafka::{Kafka, Partition, Polled};
use super::tables::{Tables, inserts};
use crate::batch::{Batch, BatchLimits, Positions, Record};
use crate::dead_letter::{self, DeadLetter};
use crate::decode::decode;
use crate::rows::{Rows, rows_for};

/// How often an insert is tried before the processor ends.
const TRIES: usize = 3;

/// The pause between two reads.
pub(super) const READING: &str = "between reads";

/// Shared by all processors of a history.
pub(super) struct Surroundings {
    pub(super) kafka: Arc<Mutex<Kafka>>,
    pub(super) tables: RefCell<Tables>,
    pub(super) random: RefCell<StdRng>,
    pub(super) started: Instant,
    pub(super) now: Cell<Instant>,
    pub(super) limits: BatchLimits,
    /// The probability that a call of Kafka or ClickHouse fails.
    pub(super) fault_rate: Cell<f64>,
    /// How often each event happened.
    pub(super) met: RefCell<BTreeMap<&'static str, u64>>,
}

impl Surroundings {
    pub(super) fn meet(&self, what: &'static str) {
        *self.met.borrow_mut().entry(what).or_default() += 1;
    }

    pub(super) fn kafka(&self) -> MutexGuard<'_, Kafka> {
        self.kafka.lock().unwrap()
    }

    fn fails(&self) -> bool {
        self.random.borrow_mut().random_bool(self.fault_rate.get())
    }

    fn wall_clock(&self) -> DateTime<Utc> {
        let passed = self.now.get() - self.started;
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(i64::try_from(passed.as_millis()).unwrap())
    }
}

/// The result of reading a record.
pub(super) struct Reading {
    pub(super) rows: Option<Rows>,
    pub(super) dead_letter: Option<DeadLetter>,
}

/// Reads a record.
pub(super) fn read(message: &OwnedMessage, at: DateTime<Utc>) -> Reading {
    if message.topic() == TopicPrefix::default().dead_letters() {
        return Reading { rows: Some(dead_letter::row(message, at)), dead_letter: None };
    }
    match decode(message.payload().unwrap_or_default()) {
        Ok(event) => {
            let dead_letter = event.body.as_ref().err().map(|error| DeadLetter::new(message, error, at));
            Reading { rows: Some(rows_for(event)), dead_letter }
        }
        Err(error) => Reading { rows: None, dead_letter: Some(DeadLetter::new(message, &error, at)) },
    }
}

/// The processor has ended with an error; its records are still in Kafka.
struct Ended;

/// One processor.
pub(super) struct Consumer {
    pub(super) id: u64,
    pub(super) around: Rc<Surroundings>,
    /// Where it pauses.
    pub(super) at: Rc<Cell<&'static str>>,
    /// Whether it was asked to stop.
    pub(super) stops: Rc<Cell<bool>>,
    pub(super) generation: Cell<u64>,
}

impl Consumer {
    /// Reads, stores and commits until it is stopped or cannot store.
    pub(super) async fn run(self) {
        let mut batch = Batch::new(self.generation.get());
        loop {
            self.pause(READING).await;
            if self.stops.get() {
                let _ = self.flush(batch).await;
                return;
            }
            let polled = self.around.kafka().poll(self.id);
            match polled {
                Polled::Revoked | Polled::Assigned => self.generation.set(self.generation.get() + 1),
                Polled::Record(message) => self.take(&message, &mut batch),
                Polled::Nothing => (),
            }
            if batch.is_due(&self.around.limits, self.around.now.get()) {
                if self.flush(std::mem::take(&mut batch)).await.is_err() {
                    return;
                }
                batch = Batch::new(self.generation.get());
            }
        }
    }

    fn take(&self, message: &OwnedMessage, batch: &mut Batch) {
        if batch.moved_to(self.generation.get()).is_some_and(|stale| !stale.is_empty()) {
            self.around.meet("an open batch was dropped");
        }
        let record = Record {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            bytes: message.payload().unwrap_or_default().len(),
            at: message.timestamp().to_millis(),
        };
        let reading = read(message, self.around.wall_clock());
        if let Some(dead_letter) = reading.dead_letter {
            self.dead_letter(dead_letter, batch);
        }
        match reading.rows {
            Some(rows) => batch.push(rows, record, self.around.now.get()),
            None => batch.skip(record, self.around.now.get()),
        }
    }

    fn dead_letter(&self, letter: DeadLetter, batch: &mut Batch) {
        let turns = self.around.random.borrow_mut().random_range(0..60);
        let kafka = self.around.kafka.clone();
        batch.dead_letters.spawn(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            let topic = TopicPrefix::default().dead_letters();
            kafka.lock().unwrap().append(&topic, &letter.key, &letter.value, Some(letter.headers));
            Ok(())
        });
    }

    async fn flush(&self, mut batch: Batch) -> Result<(), Ended> {
        if batch.is_empty() {
            return Ok(());
        }
        self.pause("before dead letters are acknowledged").await;
        while let Some(published) = batch.dead_letters.join_next().await {
            published.unwrap().unwrap();
        }
        self.pause("before an insert").await;
        self.store(&batch.rows).await?;
        self.pause("after an insert").await;
        let Some(positions) = batch.committable(self.generation.get()) else {
            self.around.meet("a stored batch was not committed");
            return Ok(());
        };
        self.pause("before a commit").await;
        self.commit(positions);
        self.pause("after a commit").await;
        Ok(())
    }

    async fn store(&self, rows: &Rows) -> Result<(), Ended> {
        for _ in 0..TRIES {
            if self.insert(rows).await {
                return Ok(());
            }
            self.pause("between two tries").await;
        }
        self.around.meet("a batch could not be stored");
        Err(Ended)
    }

    /// Whether all rows are stored, as far as the processor is told.
    async fn insert(&self, rows: &Rows) -> bool {
        let mut inserts = inserts(rows);
        let events = usize::from(inserts.last().is_some_and(|insert| insert.table == "event_facts"));
        let side_by_side = inserts.len() - events;
        inserts[..side_by_side].shuffle(&mut *self.around.random.borrow_mut());
        let places = 0..2 * inserts.len().max(1);
        let failing = self.around.fails().then(|| self.around.random.borrow_mut().random_range(places));
        for (number, insert) in inserts.iter().enumerate() {
            if failing == Some(2 * number) {
                self.around.meet("a table took nothing");
                return false;
            }
            self.around.tables.borrow_mut().insert(insert);
            if failing == Some(2 * number + 1) {
                self.around.meet("the answer of a table was lost");
                return false;
            }
            self.pause("in the midst of an insert").await;
        }
        true
    }

    fn commit(&self, positions: &Positions) {
        if self.around.fails() {
            return self.around.meet("a commit was lost");
        }
        let committed = self.around.kafka().commit(self.id, positions);
        match committed {
            Ok(passed) => passed.iter().for_each(|(partition, from, to)| self.check(partition, *from, *to)),
            Err(_) => self.around.meet("a commit was refused"),
        }
    }

    /// **Invariant:** everything before a committed position is in the tables, or its dead letter is in Kafka.
    fn check(&self, partition: &Partition, from: i64, to: i64) {
        let kafka = self.around.kafka();
        let tables = self.around.tables.borrow();
        for message in kafka.records(partition, from, to) {
            let reading = read(message, DateTime::UNIX_EPOCH);
            for insert in reading.rows.iter().flat_map(inserts) {
                let place = (insert.table, partition, message.offset());
                assert!(tables.hold(&insert), "a commit passed rows that are not stored: {place:?}");
            }
            if let Some(expected) = reading.dead_letter {
                let dead_letters = kafka.logs.iter().filter(|((topic, _), _)| topic != &partition.0);
                let kept = dead_letters.flat_map(|(_, log)| log).any(|letter| {
                    letter.payload() == Some(&expected.value)
                        && letter.headers().is_some_and(|headers| {
                            headers.iter().any(|header| header.value == Some(partition.0.as_bytes()))
                        })
                });
                assert!(
                    kept,
                    "a commit passed a record without its dead letter: {partition:?} {}",
                    message.offset()
                );
            }
        }
    }

    /// Lets others run, or time pass. A processor can only be killed in a pause.
    async fn pause(&self, at: &'static str) {
        self.at.set(at);
        let mut paused = false;
        poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
