//! Moves a group's offsets. In: positions whose records are stored. Out: committed offsets, each with a mark of the log that it counts in. Never
//! commits a position of another log than the one that was read before: a topic that was deleted and made again is read from its beginning.
//!
//! Offsets of a new log begin at 0 again, and Kafka's clients go on where they were: as soon as the new log has grown beyond that, everything
//! before would be skipped without a word (librdkafka notes it as open in `rd_kafka_topic_metadata_update2`). A log tells itself by Kafka's times of
//! its records: a new one begins with a record that is later than all that was read before. In doubt, records are read twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::batch::{Positions, Range};
use crate::metrics::Metrics;

/// How long Kafka may take to tell.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Topic and partition.
type Partition = (String, i32);

/// Up to where a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// The offset behind the last record.
    next: i64,
    /// The latest of Kafka's times of what was read, in milliseconds since 1970.
    latest_at: i64,
}

/// The offsets of one assignment of partitions.
pub(crate) struct Commits<C: ConsumerContext + 'static> {
    consumer: Arc<StreamConsumer<C>>,
    metrics: Metrics,
    /// Of each log that was read, up to where; committed with the offset.
    marks: BTreeMap<Partition, Mark>,
    /// What is stored and could not be committed.
    owed: Positions,
}

impl<C: ConsumerContext + 'static> Commits<C> {
    pub(crate) fn new(consumer: Arc<StreamConsumer<C>>, metrics: Metrics) -> Commits<C> {
        Commits { consumer, metrics, marks: BTreeMap::new(), owed: Positions::default() }
    }

    /// Begins with a new assignment, before any of its records is taken. Gives partitions whose log is not the one that was read before: they are read
    /// from their beginning.
    pub(crate) async fn assigned(&mut self) -> KafkaResult<Vec<Partition>> {
        self.owed = Positions::default();
        let consumer = self.consumer.clone();
        self.marks = blocking(move || committed_marks(&consumer)).await?;
        self.begin_anew(self.marks.clone()).await
    }

    /// Commits positions whose records are stored. Gives partitions whose log turned out to be another one: of them nothing is committed, and they are
    /// read from their beginning. What cannot be committed now is committed later; until then it would be read again, which changes nothing.
    pub(crate) async fn commit(&mut self, positions: &Positions) -> Vec<Partition> {
        let mut positions = positions.clone();
        positions.append(std::mem::take(&mut self.owed));
        match self.try_commit(&mut positions).await {
            Ok(made_anew) => made_anew,
            Err(error) => {
                self.metrics.commit_failures.inc();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "offsets could not be committed yet"
                );
                self.owed = positions;
                Vec::new()
            }
        }
    }

    /// Looks whether the logs are still those that are read, also where they bring no record, and commits what is owed.
    pub(crate) async fn look(&mut self) -> Vec<Partition> {
        let made_anew = match self.begin_anew(self.marks.clone()).await {
            Ok(made_anew) => made_anew,
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not tell about its logs"
                );
                return Vec::new();
            }
        };
        if !self.owed.is_empty() {
            self.commit(&Positions::default()).await;
        }
        made_anew
    }

    async fn try_commit(&mut self, positions: &mut Positions) -> KafkaResult<Vec<Partition>> {
        let read = |(partition, _): &(&Partition, &Mark)| positions.get(partition).is_some();
        let marks =
            self.marks.iter().filter(read).map(|(partition, mark)| (partition.clone(), *mark)).collect();
        let made_anew = self.begin_anew(marks).await?;
        for partition in &made_anew {
            positions.remove(partition);
        }
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, range) in positions.iter() {
            let mut element = offsets.add_partition(topic, partition);
            element.set_offset(Offset::Offset(range.next))?;
            element.set_metadata(
                self.latest_at(topic, partition, range).map(|at| at.to_string()).unwrap_or_default(),
            );
        }
        if offsets.count() > 0 {
            let consumer = self.consumer.clone();
            fail_point!("processor::mid_commit", |_| {
                // Handed to the client, and whether it leaves is open.
                let _ = consumer.commit(&offsets, CommitMode::Async);
                std::process::abort()
            });
            blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await?;
        }
        for (topic, partition, range) in positions.iter() {
            if let Some(latest_at) = self.latest_at(topic, partition, range) {
                self.marks.insert((topic.to_owned(), partition), Mark { next: range.next, latest_at });
            }
        }
        Ok(made_anew)
    }

    fn latest_at(&self, topic: &str, partition: i32, range: Range) -> Option<i64> {
        let before = self.marks.get(&(topic.to_owned(), partition)).map(|mark| mark.latest_at);
        range.latest_at.max(before)
    }

    /// Begins those of the logs anew that are not what they were.
    async fn begin_anew(&mut self, marks: BTreeMap<Partition, Mark>) -> KafkaResult<Vec<Partition>> {
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let consumer = self.consumer.clone();
        let made_anew = blocking(move || {
            let made_anew = made_anew(&consumer, &marks)?;
            for (topic, partition) in &made_anew {
                consumer.seek(topic, *partition, Offset::Beginning, TIMEOUT)?;
            }
            Ok(made_anew)
        })
        .await?;
        for partition in &made_anew {
            let (topic, number) = partition;
            tracing::warn!(
                topic,
                partition = number,
                "this log is another one than was read before: it is read from its beginning"
            );
            self.marks.remove(partition);
        }
        Ok(made_anew)
    }
}

/// Waits for Kafka beside the tasks that others wait for.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> KafkaResult<T> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))
}

/// The marks that were committed of the partitions that are assigned.
fn committed_marks<C: ConsumerContext>(
    consumer: &StreamConsumer<C>,
) -> KafkaResult<BTreeMap<Partition, Mark>> {
    let assignment = consumer.assignment()?;
    if assignment.count() == 0 {
        return Ok(BTreeMap::new());
    }
    let committed = consumer.committed_offsets(assignment, TIMEOUT)?;
    let elements = committed.elements();
    let marks = elements.iter().filter_map(|element| {
        let Offset::Offset(next @ 1..) = element.offset() else { return None };
        let latest_at = element.metadata().parse().ok()?;
        Some(((element.topic().to_owned(), element.partition()), Mark { next, latest_at }))
    });
    Ok(marks.collect())
}

/// The partitions whose log is another one than the one that was read.
fn made_anew<C: ConsumerContext>(
    consumer: &StreamConsumer<C>,
    marks: &BTreeMap<Partition, Mark>,
) -> KafkaResult<Vec<Partition>> {
    // The first record that is later than what was read, and the first of all.
    let offsets = |time: fn(&Mark) -> i64| {
        let mut times = TopicPartitionList::new();
        for ((topic, partition), mark) in marks {
            times.add_partition_offset(topic, *partition, Offset::Offset(time(mark)))?;
        }
        consumer.offsets_for_times(times, TIMEOUT)
    };
    let (later, first) = (offsets(|mark| mark.latest_at + 1)?, offsets(|_| 0)?);
    let is_another = |((topic, partition), mark): &(&Partition, &Mark)| {
        let offset = |list: &TopicPartitionList| match list.find_partition(topic, *partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        is_another(**mark, offset(&later), offset(&first))
    };
    Ok(marks.iter().filter(is_another).map(|(partition, _)| partition.clone()).collect())
}

/// Whether a log is another one than the one that was read up to a mark: all of it is later than what was read.
fn is_another(mark: Mark, later: Option<i64>, first: Option<i64>) -> bool {
    // Where nothing is later, nothing is missed.
    matches!((later, first), (Some(later), Some(first)) if later == first && first < mark.next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(next: i64, later: Option<i64>, first: Option<i64>, expected: bool) {
        assert_eq!(is_another(Mark { next, latest_at: 0 }, later, first), expected);
    }

    #[test]
    fn a_log_that_begins_with_what_was_read_is_the_same() {
        check(100, Some(100), Some(0), false);
        // Nothing has come since, and there is one record only.
        check(1, None, Some(0), false);
        // Retention has come close, or has taken what was read.
        check(100, Some(100), Some(99), false);
        check(100, Some(120), Some(120), false);
        check(100, Some(100), Some(100), false);
    }

    #[test]
    fn a_log_of_which_all_is_later_is_another() {
        check(100, Some(0), Some(0), true);
        check(1, Some(0), Some(0), true);
        check(100, Some(50), Some(50), true);
    }

    #[test]
    fn an_empty_log_says_nothing() {
        check(100, None, None, false);
    }
}
