//! One history of a spool. In: a seed. Out: what happened in it. For each record that it gave to the spool, it knows the place and the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prometheus::Registry;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::TopicRecord;
use tempfile::TempDir;

use super::super::super::frame::Damage;
use super::super::super::writer::Writer;
use super::super::super::{Inner, Spool, locked, segment};
use super::super::{contents, metric};
use super::appended::End;

/// Number of steps after which a spool without faults must be empty.
const PATIENCE: u32 = 10_000;

/// The result of a history.
#[derive(Debug, PartialEq)]
pub(super) struct Ending {
    pub(super) met: BTreeMap<&'static str, u64>,
    arrived: BTreeSet<u64>,
    lost: BTreeSet<u64>,
}

/// A record that must come back.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) record: TopicRecord,
    pub(super) at: i64,
    /// Its segment.
    pub(super) segment: u64,
    /// The offset of its end in the segment.
    pub(super) end: u64,
    /// Whether the drain of this process is past it.
    pub(super) passed: bool,
}

/// A process with a spool.
pub(super) struct Process {
    pub(super) spool: Spool,
    pub(super) writer: Writer,
    /// The segment and offset that the drain has reached.
    pub(super) progress: (u64, u64),
}

pub(super) struct History {
    pub(super) random: StdRng,
    pub(super) folder: TempDir,
    pub(super) limit: u64,
    segment_bytes: u64,
    /// Whether the open segment was moved away, so that the next sync fails.
    pub(super) moved: bool,
    /// `None` while no process runs.
    pub(super) process: Option<Process>,
    /// In the order in which they come back.
    pub(super) kept: Vec<Kept>,
    pub(super) offered: u64,
    /// Answered with Ok.
    pub(super) accepted: BTreeSet<u64>,
    /// Damaged after that.
    pub(super) lost: BTreeSet<u64>,
    /// Acknowledged by Kafka.
    pub(super) arrived: BTreeSet<u64>,
    pub(super) met: BTreeMap<&'static str, u64>,
}

impl History {
    pub(super) fn new(seed: u64) -> History {
        let mut random = StdRng::seed_from_u64(seed);
        History {
            // In memory, if the machine has this folder: no power cut is tested here, and a run makes thousands of syncs.
            folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(),
            limit: random.random_range(2_000..40_000),
            segment_bytes: random.random_range(1..2_000),
            moved: false,
            process: None,
            kept: Vec::new(),
            offered: 0,
            accepted: BTreeSet::new(),
            lost: BTreeSet::new(),
            arrived: BTreeSet::new(),
            met: BTreeMap::new(),
            random,
        }
    }

    pub(super) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Runs the history, then lets Kafka take what is left.
    pub(super) fn live(mut self) -> Ending {
        self.start();
        for _ in 0..self.random.random_range(5..60) {
            match self.random.random_range(0..20) {
                0..7 => self.append(End::Answered),
                7 => self.append(End::Failed),
                8 => self.append(End::Killed),
                9 => {
                    self.meet("killed between two steps");
                    self.kill();
                }
                10 => {
                    self.kill();
                    self.damage();
                }
                11 => self.seal(),
                _ => self.drain(true),
            }
            if self.process.is_none() {
                // Each start finds what the one before it found.
                for _ in 0..self.random.random_range(0..2) {
                    self.start();
                    self.kill();
                }
                self.start();
            }
            self.check();
        }
        for steps in 0.. {
            assert!(steps < PATIENCE, "without faults, the spool was not emptied");
            self.drain(false);
            self.check();
            if self.kept.is_empty() && self.sizes().is_empty() {
                break;
            }
        }
        self.kill();
        self.start();
        let missing: Vec<&u64> = self.accepted.difference(&self.arrived).collect();
        assert!(missing.iter().all(|number| self.lost.contains(number)), "never in Kafka: {missing:?}");
        Ending { met: self.met, arrived: self.arrived, lost: self.lost }
    }

    /// Starts a process, which reads what the last one left.
    fn start(&mut self) {
        let registry = Registry::new();
        let (inner, writer) =
            Inner::recover(self.folder.path(), self.limit, self.segment_bytes, &registry).unwrap();
        let spool = Spool { inner: Arc::new(inner) };
        self.process = Some(Process { spool, writer, progress: (0, 0) });
        let mut damaged = 0;
        for (number, size) in self.sizes() {
            let good = self.kept.iter().filter(|kept| kept.segment == number).map(|kept| kept.end).max();
            damaged += u32::from(good.unwrap_or(0) < size);
        }
        let of = |damage: Damage| {
            metric(&registry, &format!("gitpulse_spool_damaged_total{{damage=\"{}\"}}", damage.as_str()))
        };
        assert_eq!(
            Damage::ALL.map(of).iter().sum::<f64>(),
            f64::from(damaged),
            "what does not come back is told"
        );
        let oldest = self.kept.iter().map(|kept| kept.at).min();
        assert_eq!(locked(&self.process().spool.inner.shared.ledger).oldest_at(), oldest);
        self.check();
    }

    /// Drops what the process had in memory.
    pub(super) fn kill(&mut self) {
        (self.process, self.moved) = (None, false);
        self.kept.iter_mut().for_each(|kept| kept.passed = false);
    }

    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// The segments on disk and their sizes.
    pub(super) fn sizes(&self) -> Vec<(u64, u64)> {
        let numbers = segment::numbers(self.folder.path()).unwrap().0;
        let size = |number| segment::path(self.folder.path(), number).metadata().unwrap().len();
        numbers.into_iter().map(|number| (number, size(number))).collect()
    }

    /// Compares the records that come back, and the ledger's account of them, with what is expected.
    fn check(&mut self) {
        let sizes: u64 = self.sizes().iter().map(|(_, size)| size).sum();
        let Process { spool, .. } = self.process.as_ref().unwrap();
        let expected: Vec<TopicRecord> = self.kept.iter().map(|kept| kept.record.clone()).collect();
        assert_eq!(contents(spool), expected);
        let left = self.kept.iter().filter(|kept| !kept.passed).count();
        let ledger = locked(&spool.inner.shared.ledger);
        assert_eq!((ledger.records(), ledger.bytes()), (left as u64, sizes), "records and bytes");
    }
}
