//! Collects rows. In: events with their positions. Out: a batch that is due. Positions are committed only with their batch: a skipped or
//! dead-lettered record adds its position here and commits nothing itself.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::dead_letter::DeadLetterError;
use crate::rows::Rows;

/// When a batch is due: at the first limit that it reaches.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Rows, in all tables together.
    pub max_rows: usize,
    /// Bytes of the records that the rows were made from.
    pub max_bytes: usize,
    /// Time since its first record.
    pub max_age: Duration,
}

/// The records read from one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The offset of the first record.
    pub first: i64,
    /// The offset after the last record; this is committed.
    pub next: i64,
    /// The number of records.
    pub records: u64,
    /// Kafka's timestamp of the first record, in milliseconds since 1970.
    pub first_at: Option<i64>,
    /// The latest of their timestamps.
    pub latest_at: Option<i64>,
}

/// The records read, by topic and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<(String, i32), Range>);

impl Positions {
    /// Adds a record that was read.
    pub fn add(&mut self, record: Record<'_>) {
        let Record { topic, partition, offset, at, .. } = record;
        // A lookup without an allocation for the usual case, a known partition.
        match self.0.iter_mut().find(|((name, number), _)| *number == partition && name == topic) {
            Some((_, range)) => {
                if offset < range.first {
                    (range.first, range.first_at) = (offset, at);
                }
                range.next = range.next.max(offset + 1);
                range.latest_at = range.latest_at.max(at);
                range.records += 1;
            }
            None => {
                let range =
                    Range { first: offset, next: offset + 1, records: 1, first_at: at, latest_at: at };
                self.0.insert((topic.to_owned(), partition), range);
            }
        }
    }

    /// Adds positions from an earlier or later batch.
    pub fn append(&mut self, other: Positions) {
        for (partition, range) in other.0 {
            match self.0.get_mut(&partition) {
                Some(own) => {
                    if range.first < own.first {
                        (own.first, own.first_at) = (range.first, range.first_at);
                    }
                    own.next = own.next.max(range.next);
                    own.latest_at = own.latest_at.max(range.latest_at);
                    own.records += range.records;
                }
                None => {
                    self.0.insert(partition, range);
                }
            }
        }
    }

    /// Whether no record was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes a partition.
    pub fn remove(&mut self, partition: &(String, i32)) {
        self.0.remove(partition);
    }

    /// Topic, partition and the records read from it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, Range)> {
        self.0.iter().map(|((topic, partition), range)| (topic.as_str(), *partition, *range))
    }
}

/// Rows from one assignment of partitions, with their positions.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows to insert.
    pub rows: Rows,
    /// Dead letters on their way to Kafka; all must be acknowledged before the positions are committed.
    pub dead_letters: JoinSet<Result<(), DeadLetterError>>,
    /// When the events were received, to measure the time from receipt to visibility.
    pub received: Vec<DateTime<Utc>>,
    /// The positions to commit after that.
    positions: Positions,
    /// The assignment in which the records were read.
    generation: u64,
    records: usize,
    bytes: usize,
    opened_at: Option<Instant>,
}

impl Batch {
    /// An empty batch of one assignment.
    pub fn new(generation: u64) -> Batch {
        Batch { generation, ..Batch::default() }
    }

    /// Starts a new batch if the assignment has changed. Returns the old batch, to be dropped: the processor that now has its partitions reads its
    /// records again.
    ///
    /// **Invariant:** a batch holds records of one assignment.
    pub fn moved_to(&mut self, generation: u64) -> Option<Batch> {
        if self.generation == generation {
            return None;
        }
        Some(std::mem::replace(self, Batch::new(generation)))
    }

    /// The positions to commit once the rows are stored. `None` if the assignment has changed since they were read: another processor may have
    /// committed more, which must not be undone.
    pub fn committable(&self, generation: u64) -> Option<&Positions> {
        (self.generation == generation).then_some(&self.positions)
    }

    /// The positions of all records, whether or not they may be committed.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Adds the rows of a record.
    pub fn push(&mut self, rows: Rows, record: Record<'_>, now: Instant) {
        self.rows.append(rows);
        self.skip(record, now);
    }

    /// Adds the position of a record without rows.
    pub fn skip(&mut self, record: Record<'_>, now: Instant) {
        self.positions.add(record);
        self.records += 1;
        self.bytes += record.bytes;
        self.opened_at.get_or_insert(now);
    }

    /// Whether there is nothing to insert or commit.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The number of records in it.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether it should be inserted now.
    pub fn is_due(&self, limits: &BatchLimits, now: Instant) -> bool {
        self.is_full(limits) || self.deadline(limits).is_some_and(|deadline| deadline <= now)
    }

    /// Whether it may hold no more.
    pub fn is_full(&self, limits: &BatchLimits) -> bool {
        self.rows.len() >= limits.max_rows
            || self.bytes >= limits.max_bytes
            // Dead letters have no rows yet, but each waits for Kafka.
            || self.dead_letters.len() >= limits.max_rows
    }

    /// When its age makes it due; `None` while it is empty.
    pub fn deadline(&self, limits: &BatchLimits) -> Option<Instant> {
        self.opened_at.map(|opened_at| opened_at + limits.max_age)
    }
}

/// The position and size of a record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Bytes of its value.
    pub bytes: usize,
    /// Kafka's timestamp, in milliseconds since 1970.
    pub at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(offset: i64, bytes: usize) -> Record<'static> {
        Record { topic: "gitlab.push", partition: 0, offset, bytes, at: Some(1000 + offset) }
    }

    const LIMITS: BatchLimits =
        BatchLimits { max_rows: 10, max_bytes: 100, max_age: Duration::from_millis(500) };

    #[test]
    fn a_skipped_record_moves_with_its_batch() {
        let mut batch = Batch::new(1);
        let now = Instant::now();
        batch.skip(record(7, 10), now);
        assert!(!batch.is_empty() && batch.rows.is_empty());
        let positions = batch.committable(1).unwrap();
        assert_eq!(
            positions.iter().collect::<Vec<_>>(),
            [(
                "gitlab.push",
                0,
                Range { first: 7, next: 8, records: 1, first_at: Some(1007), latest_at: Some(1007) }
            )]
        );
        assert!(!batch.is_due(&LIMITS, now));
        assert!(batch.is_due(&LIMITS, now + LIMITS.max_age));
    }

    #[test]
    fn an_empty_batch_is_never_due() {
        let batch = Batch::new(1);
        assert_eq!(batch.deadline(&LIMITS), None);
        assert!(!batch.is_due(&LIMITS, Instant::now() + Duration::from_secs(3600)));
    }

    #[test]
    fn bytes_make_a_batch_due() {
        let mut batch = Batch::new(1);
        let now = Instant::now();
        batch.skip(record(1, 99), now);
        assert!(!batch.is_due(&LIMITS, now));
        batch.skip(record(2, 1), now);
        assert!(batch.is_due(&LIMITS, now));
    }

    proptest! {
        #[test]
        fn positions_are_the_furthest_reads_in_any_order(
            mut records in prop::collection::vec((0_usize..3, 0_i32..3, 0_i64..50), 0..40),
            seed in any::<u64>(),
        ) {
            let read = |records: &[(usize, i32, i64)]| {
                let mut positions = Positions::default();
                records.iter().for_each(|(topic, partition, offset)| {
                    let topic = ["a", "b", "c"][*topic];
                    positions.add(Record { topic, partition: *partition, ..record(*offset, 1) });
                });
                positions
            };
            let in_order = read(&records);
            for (topic, partition, range) in in_order.iter() {
                let of_it = records.iter().filter(|(name, number, _)| ["a", "b", "c"][*name] == topic && *number == partition);
                let offsets: Vec<i64> = of_it.map(|(_, _, offset)| *offset).collect();
                prop_assert_eq!(Some(range.first), offsets.iter().min().copied());
                prop_assert_eq!(Some(range.next - 1), offsets.iter().max().copied());
                prop_assert_eq!(range.records, offsets.len() as u64);
                prop_assert_eq!(range.first_at, Some(1000 + range.first));
                prop_assert_eq!(range.latest_at, Some(1000 + range.next - 1));
            }
            let length = records.len().max(1);
            records.rotate_left(usize::try_from(seed % length as u64).unwrap());
            records.reverse();
            prop_assert_eq!(read(&records), in_order);
        }
    }
}
