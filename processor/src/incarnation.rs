//! Notices topics that were deleted and made again. In: committed offsets, each with the time of the record before it. Out: partitions whose log is
//! not the one that was read; they are read from their beginning. Repeats some records in doubt, and never passes over one.
//!
//! Offsets of a new log begin at 0 again, and Kafka's clients go on where they were: as soon as the new log has grown beyond that, everything
//! before would be skipped without a word (librdkafka knows of it, `rd_kafka_topic_metadata_update2`). A new log tells itself by its times: all of its
//! records are later than the last one of the old log, its very first included.

use std::time::Duration;

use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

/// How long Kafka may take to tell.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A partition whose log is another one than the one that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MadeAnew {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// What is committed with an offset: Kafka's time of the record before it.
pub(crate) fn marker(last_at: Option<i64>) -> String {
    last_at.map(|at| at.to_string()).unwrap_or_default()
}

/// Begins those of the assigned partitions anew that were made anew. Waits for Kafka: not for a task that others wait for.
pub(crate) fn begin_anew<C: ConsumerContext>(consumer: &StreamConsumer<C>) -> KafkaResult<Vec<MadeAnew>> {
    let committed = consumer.committed_offsets(consumer.assignment()?, TIMEOUT)?;
    let (mut last, mut first) = (TopicPartitionList::new(), TopicPartitionList::new());
    for element in committed.elements() {
        if let (Offset::Offset(1..), Ok(at)) = (element.offset(), element.metadata().parse::<i64>()) {
            last.add_partition_offset(element.topic(), element.partition(), Offset::Offset(at))?;
            first.add_partition_offset(element.topic(), element.partition(), Offset::Offset(0))?;
        }
    }
    if last.count() == 0 {
        return Ok(Vec::new());
    }
    // The first record that is as late as the last one that was read, and the first one of all.
    let last = consumer.offsets_for_times(last, TIMEOUT)?;
    let first = consumer.offsets_for_times(first, TIMEOUT)?;
    let mut made_anew = Vec::new();
    for element in last.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let offset = |list: &TopicPartitionList| match list.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        if is_another(offset(&committed), offset(&last), offset(&first)) {
            consumer.seek(topic, partition, Offset::Beginning, TIMEOUT)?;
            made_anew.push(MadeAnew { topic: topic.to_owned(), partition });
        }
    }
    Ok(made_anew)
}

/// Whether a log is another one than the one that was read up to `committed`: all of it is as late as the last record that was read.
fn is_another(committed: Option<i64>, as_late: Option<i64>, first: Option<i64>) -> bool {
    match (committed, as_late, first) {
        (Some(committed), Some(as_late), Some(first)) => as_late == first && first < committed,
        // Nothing was read, or nothing is there: then Kafka's answer to a fetch says so.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(committed: i64, as_late: Option<i64>, first: Option<i64>, expected: bool) {
        assert_eq!(is_another(Some(committed), as_late, first), expected);
    }

    #[test]
    fn a_log_that_begins_before_what_was_read_is_the_same() {
        check(100, Some(99), Some(0), false);
        // Records of one millisecond.
        check(100, Some(97), Some(0), false);
        // Retention has come close, or has taken what was read.
        check(100, Some(99), Some(98), false);
        check(100, Some(120), Some(120), false);
        check(100, None, Some(98), false);
    }

    #[test]
    fn a_log_of_which_all_is_later_is_another() {
        check(100, Some(0), Some(0), true);
        check(1, Some(0), Some(0), true);
    }

    #[test]
    fn an_empty_log_says_nothing() {
        check(100, None, None, false);
        assert!(!is_another(None, Some(0), Some(0)));
    }
}
