//! Logs are deleted and recreated at any moment and read by processors that die at any moment. No record of an existing log may be skipped.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::batch::Record;

const MARK: Mark = Mark { next: 100, latest_at: 1_795_000_000_000 };
/// How many times a log is recreated in one run.
const LIVES: u64 = 3_000;

#[test]
fn what_is_later_comes_after_what_was_read_or_the_log_is_another() {
    assert!(!is_another(MARK, 100));
    assert!(!is_another(MARK, 170), "retention has taken what was read, and more");
    assert!(is_another(MARK, 0));
    assert!(is_another(MARK, 1), "the first record of the new log was made before the old one ended");
    assert!(is_another(MARK, 99));
}

#[test]
fn a_mark_is_read_as_it_is_committed_and_what_others_committed_is_none() {
    let text = format!("{} {}", MARK.next, MARK.latest_at);
    assert_eq!(read_mark(&text), Some(MARK));
    for text in ["", "100", "1795000000000", "a b", "1 2 3"] {
        assert_eq!(read_mark(text), None, "{text:?}");
    }
}

/// One partition: the timestamps of its records, and what the group has committed.
#[derive(Default)]
struct Partitioned {
    clock: i64,
    times: Vec<i64>,
    /// Which records of this log were stored.
    stored: Vec<bool>,
    committed: Option<(i64, Option<Mark>)>,
}

impl Partitioned {
    fn append(&mut self, records: usize) {
        for _ in 0..records {
            self.times.push(self.clock);
            self.stored.push(false);
        }
    }

    fn recreate(&mut self) {
        self.clock += 1;
        self.times.clear();
        self.stored.clear();
    }

    /// Kafka's answer for the first record with a later timestamp.
    fn later_than(&self, time: i64) -> Option<i64> {
        self.times.iter().position(|at| *at > time).map(|offset| offset as i64)
    }
}

/// A processor, reduced to its loop.
struct Processor {
    logs: Logs,
    position: usize,
    batch: Positions,
}

fn partition() -> Partition {
    ("gitlab.push".to_owned(), 0)
}

impl Processor {
    fn start(partitioned: &Partitioned) -> Processor {
        let position = partitioned.committed.map_or(0, |(next, _)| next as usize);
        Processor { logs: Logs::default(), position, batch: Positions::default() }
    }

    fn read(&mut self, partitioned: &mut Partitioned) {
        if self.position > partitioned.times.len() {
            // As when Kafka answers that there is no such offset.
            self.position = 0;
        }
        let Some(at) = partitioned.times.get(self.position) else { return };
        partitioned.stored[self.position] = true;
        self.batch.add(Record {
            topic: "gitlab.push",
            partition: 0,
            offset: self.position as i64,
            bytes: 1,
            at: Some(*at),
        });
        self.position += 1;
    }

    fn flush(&mut self, partitioned: &mut Partitioned, commits: bool) {
        if !self.batch.is_empty() {
            self.logs.stored(&std::mem::take(&mut self.batch));
        }
        self.commit_pending(partitioned, commits);
    }

    fn commit_pending(&mut self, partitioned: &mut Partitioned, commits: bool) {
        if let Some(offsets) = self.logs.committable().filter(|_| commits) {
            for (_, next, mark) in offsets {
                partitioned.committed = Some((next, mark));
            }
            self.logs.pending = Positions::default();
        }
    }

    /// Whether the log was found to be another one.
    fn check_logs(&mut self, partitioned: &mut Partitioned, seeks: bool) -> bool {
        self.flush(partitioned, true);
        let committed =
            || partitioned.committed.and_then(|(_, mark)| Some((partition(), mark?))).into_iter().collect();
        let marks: Marks = self.logs.marks.clone().unwrap_or_else(committed);
        let mark = marks.get(&partition());
        let later = mark.and_then(|mark| partitioned.later_than(mark.latest_at));
        let is_recreated = mark.zip(later).is_some_and(|(mark, later)| is_another(*mark, later));
        let those = if is_recreated { vec![partition()] } else { Vec::new() };
        if is_recreated && seeks {
            self.position = 0;
        }
        let (restarted, failed) = if seeks { (those, Vec::new()) } else { (Vec::new(), those) };
        self.logs.checked(marks, &restarted, &failed);
        self.commit_pending(partitioned, true);
        is_recreated
    }
}

fn live(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut partitioned = Partitioned::default();
    let mut processor = Processor::start(&partitioned);
    for _ in 0..random.random_range(1..120) {
        match random.random_range(0..20) {
            0..5 => {
                partitioned.clock += random.random_range(0..3);
                partitioned.append(random.random_range(1..6));
            }
            5 => partitioned.recreate(),
            6..14 => processor.read(&mut partitioned),
            14..17 => processor.flush(&mut partitioned, random.random_bool(0.8)),
            17 => drop(processor.check_logs(&mut partitioned, random.random_bool(0.8))),
            18 => processor = Processor::start(&partitioned),
            // It starts with a check, unless Kafka does not answer.
            _ => {
                processor = Processor::start(&partitioned);
                processor.check_logs(&mut partitioned, true);
            }
        }
    }
    let read_all = |processor: &mut Processor, partitioned: &mut Partitioned| {
        for _ in 0..partitioned.times.len() + 1 {
            processor.read(partitioned);
        }
    };
    // The first check of a log only sets its mark.
    for _ in 0..3 {
        read_all(&mut processor, &mut partitioned);
        processor.check_logs(&mut partitioned, true);
    }
    read_all(&mut processor, &mut partitioned);
    assert!(!processor.check_logs(&mut partitioned, true), "seed {seed}: it would be read again for ever");
    let passed = partitioned.stored.iter().filter(|stored| !**stored).count();
    assert_eq!(passed, 0, "seed {seed}: so many records of {} were passed over", partitioned.stored.len());
    let committed = partitioned.committed.map_or(0, |(next, _)| next);
    if !partitioned.times.is_empty() {
        assert_eq!(committed, partitioned.times.len() as i64, "seed {seed}: committed to the end");
    }
}

/// Promise 2, for topics that are deleted and recreated.
///
/// Mutations that this test caught: marks that move with each commit; a first mark from the last record read; commits before the marks are known;
/// losing the mark of a log that could not be restarted; keeping pending positions of a log that no longer exists.
#[test]
fn no_record_of_a_log_that_is_there_is_passed_over() {
    for seed in 0..LIVES {
        live(seed);
    }
}
