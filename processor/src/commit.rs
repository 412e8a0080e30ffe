//! Moves a group's offsets. In: positions whose records are stored. Out: committed offsets, each with a mark of the log that it counts in. Notices
//! a topic that was deleted and made again, and has it read from its beginning.
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

use crate::batch::Positions;
use crate::metrics::Metrics;

/// How long Kafka may take to tell.
const TIMEOUT: Duration = Duration::from_secs(5);

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

type Marks = BTreeMap<Partition, Mark>;

/// The offsets of one assignment of partitions.
pub(crate) struct Commits<C: ConsumerContext + 'static> {
    consumer: Arc<StreamConsumer<C>>,
    metrics: Metrics,
    /// Up to where logs were read when they were looked at last. Committed with the offsets, so that whoever comes next also notices what happened
    /// since.
    marks: Marks,
    /// Up to where they were read.
    read: Marks,
    /// What is stored and could not be committed.
    owed: Positions,
}

impl<C: ConsumerContext + 'static> Commits<C> {
    pub(crate) fn new(consumer: Arc<StreamConsumer<C>>, metrics: Metrics) -> Commits<C> {
        Commits { consumer, metrics, marks: Marks::new(), read: Marks::new(), owed: Positions::default() }
    }

    /// Begins with a new assignment, before any of its records is taken. Gives partitions whose log is not the one that was read before: they are read
    /// from their beginning.
    pub(crate) async fn assigned(&mut self) -> KafkaResult<Vec<Partition>> {
        self.owed = Positions::default();
        let consumer = self.consumer.clone();
        self.marks = blocking(move || committed_marks(&consumer)).await?;
        self.read = self.marks.clone();
        self.begin_anew().await
    }

    /// Commits positions whose records are stored. What cannot be committed now is committed later; until then it would be read again, which changes
    /// nothing.
    pub(crate) async fn commit(&mut self, positions: &Positions) {
        let mut positions = positions.clone();
        positions.append(std::mem::take(&mut self.owed));
        for (topic, partition, range) in positions.iter() {
            let partition = (topic.to_owned(), partition);
            let before = self.read.get(&partition).map(|mark| mark.latest_at);
            if let Some(latest_at) = range.latest_at.max(before) {
                self.read.insert(partition, Mark { next: range.next, latest_at });
            }
        }
        if let Err(error) = self.try_commit(&positions).await {
            self.metrics.commit_failures.inc();
            tracing::warn!(error = &error as &dyn std::error::Error, "offsets could not be committed yet");
            self.owed = positions;
        }
    }

    /// Looks whether the logs are still those that are read, also where they bring no record, and commits what is owed. Everything that was taken has to
    /// be committed before: positions of two logs must not meet.
    pub(crate) async fn look(&mut self) {
        match self.begin_anew().await {
            Ok(_) => self.marks.clone_from(&self.read),
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not tell about its logs"
                );
            }
        }
        if !self.owed.is_empty() {
            self.commit(&Positions::default()).await;
        }
    }

    async fn try_commit(&self, positions: &Positions) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, range) in positions.iter() {
            let mark = self.marks.get(&(topic.to_owned(), partition));
            let latest_at = mark.map(|mark| mark.latest_at).or(range.latest_at);
            let mut element = offsets.add_partition(topic, partition);
            element.set_offset(Offset::Offset(range.next))?;
            element.set_metadata(latest_at.map(|at| at.to_string()).unwrap_or_default());
        }
        let consumer = self.consumer.clone();
        fail_point!("processor::mid_commit", |_| {
            // Handed to the client, and whether it leaves is open.
            let _ = consumer.commit(&offsets, CommitMode::Async);
            std::process::abort()
        });
        blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await
    }

    /// Begins those of the logs anew that are not what they were.
    async fn begin_anew(&mut self) -> KafkaResult<Vec<Partition>> {
        if self.marks.is_empty() {
            return Ok(Vec::new());
        }
        let (consumer, marks) = (self.consumer.clone(), self.marks.clone());
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
            self.read.remove(partition);
            self.owed.remove(partition);
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
fn committed_marks<C: ConsumerContext>(consumer: &StreamConsumer<C>) -> KafkaResult<Marks> {
    let assignment = consumer.assignment()?;
    if assignment.count() == 0 {
        return Ok(Marks::new());
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
fn made_anew<C: ConsumerContext>(consumer: &StreamConsumer<C>, marks: &Marks) -> KafkaResult<Vec<Partition>> {
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
