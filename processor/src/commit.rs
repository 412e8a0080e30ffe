//! Moves a group's offsets. In: positions whose records are stored. Out: committed offsets, each with a mark of the log that it counts in. Notices
//! a topic that was deleted and made again, and has it read from its beginning.
//!
//! Offsets of a new log begin at 0 again, and Kafka's clients go on where they were: as soon as the new log has grown beyond that, everything
//! before would be skipped without a word (librdkafka notes it as open in `rd_kafka_topic_metadata_update2`). A log tells itself by Kafka's times of
//! its records: of what was read, nothing is later than its latest record; a log that has something later before the place that was reached is
//! another one. Topics are made with times of the broker, not of producers, whose clocks differ.

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
    /// The latest of Kafka's times of all records before, in milliseconds since 1970.
    latest_at: i64,
}

type Marks = BTreeMap<Partition, Mark>;

/// The offsets of one assignment of partitions.
pub(crate) struct Commits<C: ConsumerContext + 'static> {
    consumer: Arc<StreamConsumer<C>>,
    metrics: Metrics,
    /// Up to where logs were read when they were looked at last; none before the marks of an assignment were asked for. Committed with the offsets,
    /// so that whoever comes next also notices what happened since.
    marks: Option<Marks>,
    /// Up to where they were read.
    read: Marks,
    /// What is stored and could not be committed.
    owed: Positions,
}

impl<C: ConsumerContext + 'static> Commits<C> {
    pub(crate) fn new(consumer: Arc<StreamConsumer<C>>, metrics: Metrics) -> Commits<C> {
        Commits { consumer, metrics, marks: None, read: Marks::new(), owed: Positions::default() }
    }

    /// Begins with a new assignment. Nothing is committed before its marks are known, or they would be lost.
    pub(crate) fn reassign(&mut self) {
        *self = Commits::new(self.consumer.clone(), self.metrics.clone());
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
        match &self.marks {
            None => self.owed = positions,
            Some(marks) => {
                if let Err(error) = self.try_commit(&positions, marks).await {
                    self.metrics.commit_failures.inc();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "offsets could not be committed yet"
                    );
                    self.owed = positions;
                }
            }
        }
    }

    /// Looks whether the logs are those that were read before, also where they bring no record, and commits what is owed. Gives partitions whose
    /// log is another one: they are read from their beginning. Everything that was taken has to be handed to [`Commits::commit`] before: positions
    /// of two logs must not meet.
    pub(crate) async fn look(&mut self) -> Vec<Partition> {
        let made_anew = match self.try_look().await {
            Ok(made_anew) => made_anew,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not tell yet what was read of its logs"
                );
                return Vec::new();
            }
        };
        if !self.owed.is_empty() {
            self.commit(&Positions::default()).await;
        }
        made_anew
    }

    async fn try_look(&mut self) -> KafkaResult<Vec<Partition>> {
        let (consumer, marks) = (self.consumer.clone(), self.marks.clone());
        let (marks, made_anew) = blocking(move || {
            let marks = match marks {
                Some(marks) => marks,
                None => committed_marks(&consumer)?,
            };
            let made_anew = made_anew(&consumer, &marks)?;
            Ok((marks, made_anew))
        })
        .await?;
        let (mut begun, mut failed) = (Vec::new(), Vec::new());
        for partition in made_anew {
            let (topic, number) = &partition;
            let (consumer, name, number) = (self.consumer.clone(), topic.clone(), *number);
            if let Err(error) =
                blocking(move || consumer.seek(&name, number, Offset::Beginning, TIMEOUT)).await
            {
                // It keeps its mark, and is found again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    topic,
                    partition = number,
                    "this log cannot be read from its beginning yet"
                );
                failed.push(partition);
                continue;
            }
            tracing::warn!(
                topic,
                partition = number,
                "this log is another one than was read before: it is read from its beginning"
            );
            self.read.remove(&partition);
            self.owed.remove(&partition);
            begun.push(partition);
        }
        // What was read since is known to be of these logs.
        let mut next = marks;
        next.retain(|partition, _| !begun.contains(partition));
        for (partition, mark) in self.read.iter().filter(|(partition, _)| !failed.contains(partition)) {
            let latest_at =
                next.get(partition).map_or(mark.latest_at, |before| before.latest_at.max(mark.latest_at));
            next.insert(partition.clone(), Mark { latest_at, ..*mark });
        }
        self.read.clone_from(&next);
        self.marks = Some(next);
        Ok(begun)
    }

    async fn try_commit(&self, positions: &Positions, marks: &Marks) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, range) in positions.iter() {
            let partition = (topic.to_owned(), partition);
            let mark = marks.get(&partition).or(self.read.get(&partition));
            let mut element = offsets.add_partition(topic, partition.1);
            element.set_offset(Offset::Offset(range.next))?;
            element.set_metadata(
                mark.map(|mark| format!("{} {}", mark.next, mark.latest_at)).unwrap_or_default(),
            );
        }
        let consumer = self.consumer.clone();
        fail_point!("processor::mid_commit", |_| {
            // Handed to the client, and whether it leaves is open.
            let _ = consumer.commit(&offsets, CommitMode::Async);
            std::process::abort()
        });
        blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await
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

/// The partitions whose log is another one than the one that was read. Of one whose leader does not answer nothing is known yet.
fn made_anew<C: ConsumerContext>(consumer: &StreamConsumer<C>, marks: &Marks) -> KafkaResult<Vec<Partition>> {
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

/// Whether a log is another one than the one that was read up to a mark, by the offset of its first record that is later than all of that.
fn is_another(mark: Mark, later: i64) -> bool {
    later < mark.next
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { next: 100, latest_at: 1_795_000_000_000 };

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
}
