//! Commits a group's offsets. In: positions whose records are stored. Out: committed offsets, each with a mark that identifies its log. Detects a
//! topic that was deleted and recreated, and has it read from the beginning.
//!
//! Offsets of a recreated log start at 0 again, but Kafka's clients continue at their old offset. Once the new log has grown beyond it, everything
//! before would be skipped silently (an open issue according to librdkafka's `rd_kafka_topic_metadata_update2`). Kafka's timestamps tell the logs
//! apart: no record that was read is later than the latest timestamp read. If the log has a later record before the committed offset, it is another
//! log. Topics are created with broker timestamps, because the clocks of producers differ.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use crate::batch::Positions;
use crate::metrics::Metrics;

/// The timeout for calls to Kafka.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Topic and partition.
type Partition = (String, i32);

/// How far a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// The offset after the last record.
    next: i64,
    /// The latest timestamp of all records before it, in milliseconds since 1970.
    latest_at: i64,
}

type Marks = BTreeMap<Partition, Mark>;

/// What is known about the logs of one assignment. Pure: answers from Kafka come in, offsets to commit go out.
#[derive(Debug, Default)]
struct Logs {
    /// How far logs had been read when they were last checked; `None` until the marks of the assignment are fetched. They are committed with the
    /// offsets, so that the next processor also detects what happened since.
    marks: Option<Marks>,
    /// The first record read from each log: all that is known about a log before its first check.
    first: Marks,
    /// How far the logs have been read.
    read: Marks,
    /// Positions that are stored and not yet committed.
    pending: Positions,
}

impl Logs {
    /// Adds positions whose records are stored.
    fn stored(&mut self, positions: &Positions) {
        for (topic, partition, range) in positions.iter() {
            let partition = (topic.to_owned(), partition);
            if let Some(latest_at) = range.first_at {
                self.first.entry(partition.clone()).or_insert(Mark { next: range.first + 1, latest_at });
            }
            let before = self.read.get(&partition).map(|mark| mark.latest_at);
            if let Some(latest_at) = range.latest_at.max(before) {
                self.read.insert(partition, Mark { next: range.next, latest_at });
            }
        }
        self.pending.append(positions.clone());
    }

    /// What can be committed, with its marks. `None` until the marks of the assignment are known, because a commit would erase them.
    fn committable(&self) -> Option<Vec<(Partition, i64, Option<Mark>)>> {
        let marks = self.marks.as_ref().filter(|_| !self.pending.is_empty())?;
        let pending = self.pending.iter().map(|(topic, partition, range)| {
            let partition = (topic.to_owned(), partition);
            let mark = marks.get(&partition).or(self.first.get(&partition)).copied();
            (partition, range.next, mark)
        });
        Some(pending.collect())
    }

    /// Applies the result of a check: the marks of checked logs, the logs that are now read from the beginning, and those that should be but could
    /// not. The latter keep their marks, so that the next check detects them again.
    fn checked(&mut self, mut marks: Marks, restarted: &[Partition], failed: &[Partition]) {
        for partition in restarted {
            marks.remove(partition);
            self.first.remove(partition);
            self.read.remove(partition);
            self.pending.remove(partition);
        }
        for (partition, read) in self.read.iter_mut().filter(|(partition, _)| !failed.contains(partition)) {
            match marks.get_mut(partition) {
                // Records read since belong to the same log.
                Some(mark) => {
                    read.latest_at = read.latest_at.max(mark.latest_at);
                    *mark = *read;
                }
                // Not checked yet.
                None => drop(self.first.get(partition).map(|first| marks.insert(partition.clone(), *first))),
            }
        }
        self.marks = Some(marks);
    }
}

/// The offsets of one assignment of partitions.
pub(crate) struct Commits<C: ConsumerContext + 'static> {
    consumer: Arc<StreamConsumer<C>>,
    metrics: Metrics,
    logs: Logs,
}

impl<C: ConsumerContext + 'static> Commits<C> {
    pub(crate) fn new(consumer: Arc<StreamConsumer<C>>, metrics: Metrics) -> Commits<C> {
        Commits { consumer, metrics, logs: Logs::default() }
    }

    /// Starts over for a new assignment.
    pub(crate) fn reassign(&mut self) {
        self.logs = Logs::default();
    }

    /// Commits positions whose records are stored. Anything that cannot be committed now is committed later. If it were read again until then,
    /// nothing would change.
    pub(crate) async fn commit(&mut self, positions: &Positions) {
        self.logs.stored(positions);
        self.commit_pending().await;
    }

    async fn commit_pending(&mut self) {
        let Some(offsets) = self.logs.committable() else { return };
        match self.send(offsets).await {
            Ok(()) => self.logs.pending = Positions::default(),
            Err(error) => {
                self.metrics.commit_failures.inc();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "offsets could not be committed yet"
                );
            }
        }
    }

    async fn send(&self, offsets: Vec<(Partition, i64, Option<Mark>)>) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next, mark) in offsets {
            let mut element = list.add_partition(&topic, partition);
            element.set_offset(Offset::Offset(next))?;
            element.set_metadata(
                mark.map(|mark| format!("{} {}", mark.next, mark.latest_at)).unwrap_or_default(),
            );
        }
        let consumer = self.consumer.clone();
        fail_point!("processor::mid_commit", |_| {
            // Given to the client; it may not be sent.
            let _ = consumer.commit(&list, CommitMode::Async);
            std::process::abort()
        });
        blocking(move || consumer.commit(&list, CommitMode::Sync)).await
    }

    /// Checks whether the logs are still the same, even without new records, and commits what is pending. Returns the partitions whose log was
    /// recreated: they are read from the beginning. All records taken so far must be passed to [`Commits::commit`] before: positions of two logs
    /// must not be mixed.
    pub(crate) async fn check_logs(&mut self) -> Vec<Partition> {
        let (consumer, marks) = (self.consumer.clone(), self.logs.marks.clone());
        let asked = blocking(move || {
            let marks = match marks {
                Some(marks) => marks,
                None => committed_marks(&consumer)?,
            };
            let recreated = recreated(&consumer, &marks)?;
            Ok((marks, recreated))
        });
        let (marks, recreated) = match asked.await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not answer yet whether its logs are the same"
                );
                return Vec::new();
            }
        };
        let (mut restarted, mut failed) = (Vec::new(), Vec::new());
        for partition in recreated {
            let (consumer, topic, number) = (self.consumer.clone(), partition.0.clone(), partition.1);
            match blocking(move || consumer.seek(&topic, number, Offset::Beginning, TIMEOUT)).await {
                Ok(()) => {
                    let (topic, number) = &partition;
                    tracing::warn!(
                        topic,
                        partition = number,
                        "this log was recreated: it is read from the beginning"
                    );
                    restarted.push(partition);
                }
                Err(error) => {
                    let (topic, number) = &partition;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        topic,
                        partition = number,
                        "this log was recreated, but cannot be read from the beginning yet"
                    );
                    failed.push(partition);
                }
            }
        }
        self.logs.checked(marks, &restarted, &failed);
        self.commit_pending().await;
        restarted
    }
}

/// Calls Kafka's blocking client on a separate thread.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> KafkaResult<T> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(KafkaError::Canceled))
}

/// The committed marks of the assigned partitions.
fn committed_marks<C: ConsumerContext>(consumer: &StreamConsumer<C>) -> KafkaResult<Marks> {
    let assignment = consumer.assignment()?;
    if assignment.count() == 0 {
        return Ok(Marks::new());
    }
    let committed = consumer.committed_offsets(assignment, TIMEOUT)?;
    let mut marks = Marks::new();
    for element in committed.elements() {
        element.error()?;
        if let Some(mark) = read_mark(element.metadata()) {
            marks.insert((element.topic().to_owned(), element.partition()), mark);
        }
    }
    Ok(marks)
}

fn read_mark(metadata: &str) -> Option<Mark> {
    let (next, latest_at) = metadata.split_once(' ')?;
    Some(Mark { next: next.parse().ok()?, latest_at: latest_at.parse().ok()? })
}

/// The partitions whose log was recreated. A partition whose leader does not answer is left for the next check.
fn recreated<C: ConsumerContext>(consumer: &StreamConsumer<C>, marks: &Marks) -> KafkaResult<Vec<Partition>> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let mut times = TopicPartitionList::new();
    for ((topic, partition), mark) in marks {
        times.add_partition_offset(topic, *partition, Offset::Offset(mark.latest_at + 1))?;
    }
    let later = consumer.offsets_for_times(times, TIMEOUT)?;
    let is_another = |((topic, partition), mark): &(&Partition, &Mark)| {
        let element = later.find_partition(topic, *partition).filter(|element| element.error().is_ok());
        match element.map(|element| element.offset()) {
            Some(Offset::Offset(later)) => is_another(**mark, later),
            _ => false,
        }
    };
    Ok(marks.iter().filter(is_another).map(|(partition, _)| partition.clone()).collect())
}

/// Whether a log is another one than the one read up to a mark. `later` is the offset of its first record with a later timestamp.
fn is_another(mark: Mark, later: i64) -> bool {
    later < mark.next
}

#[cfg(test)]
mod tests;
