//! Unconsumed positions. In: the ranges of positions that processors recorded. Out: holes, log by log.
//!
//! An offset counts in one log. After a change of broker, or when a topic is deleted and recreated, there is another log, which begins at 0. The log
//! of a range follows from the id of the cluster, and from Kafka's times: whatever is read again from before the furthest position was recorded
//! before, so it is not later than everything recorded; a range that is later and yet before that position belongs to a new log. If a topic was
//! recreated on a Kafka whose clock went back meanwhile, that cannot be detected; then no false hole is reported, but a hole may be missed.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::stored::CheckError;
use super::verdict::Findings;
use crate::history::Run;

/// Positions of one partition that a processor recorded as stored.
#[derive(Debug, Clone, Row, Deserialize)]
struct Range {
    cluster: String,
    topic: String,
    partition: i32,
    first_offset: i64,
    next_offset: i64,
    records: u64,
    /// Kafka's times of the first record and of the latest, in milliseconds since 1970.
    first_at: Option<i64>,
    latest_at: Option<i64>,
}

/// The ranges of one log, in the order in which they were recorded.
#[derive(Default)]
struct Log {
    ranges: Vec<Range>,
    /// The furthest position.
    reached: i64,
    latest_at: Option<i64>,
}

impl Log {
    /// Whether a range is of a log that came after this one.
    fn is_followed_by(&self, range: &Range) -> bool {
        let is_later = range.first_at.zip(self.latest_at).is_some_and(|(first, latest)| first > latest);
        range.first_offset < self.reached && is_later
    }

    fn add(&mut self, range: Range) {
        self.reached = self.reached.max(range.next_offset);
        self.latest_at = self.latest_at.max(range.latest_at);
        self.ranges.push(range);
    }
}

/// Finds positions, recorded since the run began, that no range covers.
pub(super) async fn find(client: &Client, run: &Run, holes: &mut Findings) -> Result<(), CheckError> {
    let query = "SELECT ?fields FROM consumed_ranges WHERE recorded_at >= fromUnixTimestamp64Milli(?, 'UTC') \
                 ORDER BY recorded_at, first_offset";
    let recorded = client.query(query).bind(run.world.began_at).fetch_all::<Range>().await;
    let recorded = recorded.map_err(|source| CheckError { table: "consumed_ranges", source })?;
    for log in logs(recorded) {
        holes_of(log, holes);
    }
    Ok(())
}

/// The logs of ranges, those of a partition in their order. Ranges come in the order in which they were recorded.
fn logs(recorded: Vec<Range>) -> Vec<Log> {
    let mut partitions: BTreeMap<(String, i32, String), Vec<Log>> = BTreeMap::new();
    for range in recorded {
        let logs = partitions
            .entry((range.topic.clone(), range.partition, range.cluster.clone()))
            .or_insert_with(|| vec![Log::default()]);
        match logs.last_mut() {
            Some(log) if !log.is_followed_by(&range) => log.add(range),
            _ => {
                let mut log = Log::default();
                log.add(range);
                logs.push(log);
            }
        }
    }
    partitions.into_values().flatten().collect()
}

/// Adds gaps between the ranges of a log, and ranges with fewer records than positions.
fn holes_of(log: Log, holes: &mut Findings) {
    let mut ranges = log.ranges;
    ranges.sort_by_key(|range| (range.first_offset, range.next_offset));
    let mut reached = ranges.first().map_or(0, |range| range.first_offset);
    for Range { topic, partition, first_offset, next_offset, records, .. } in ranges {
        if first_offset > reached {
            holes.add(|| {
                format!("{topic} partition {partition}: nobody consumed {reached} to {}", first_offset - 1)
            });
        }
        if u64::try_from(next_offset - first_offset) != Ok(records) {
            holes.add(|| {
                format!(
                    "{topic} partition {partition}: of {first_offset} to {} only {records} were consumed",
                    next_offset - 1
                )
            });
        }
        reached = reached.max(next_offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range of a cluster whose records were written one per millisecond from `at` on.
    fn range(cluster: &str, first_offset: i64, next_offset: i64, at: i64) -> Range {
        Range {
            cluster: cluster.to_owned(),
            topic: "gitlab.push".to_owned(),
            partition: 0,
            first_offset,
            next_offset,
            records: u64::try_from(next_offset - first_offset).unwrap(),
            first_at: Some(at),
            latest_at: Some(at + next_offset - first_offset - 1),
        }
    }

    #[track_caller]
    fn check(recorded: Vec<Range>, expected: &[&str]) {
        let mut holes = Findings::default();
        logs(recorded).into_iter().for_each(|log| holes_of(log, &mut holes));
        let expected: Vec<String> =
            expected.iter().map(|hole| format!("gitlab.push partition 0: {hole}")).collect();
        assert_eq!(holes.examples, expected);
    }

    #[test]
    fn what_no_range_covers_is_a_hole() {
        check(vec![range("a", 5, 10, 5), range("a", 10, 20, 10)], &[]);
        check(vec![range("a", 5, 10, 5), range("a", 12, 20, 12)], &["nobody consumed 10 to 11"]);
        // Read again, and recorded later than what comes behind it.
        check(vec![range("a", 5, 10, 5), range("a", 12, 20, 12), range("a", 8, 14, 8)], &[]);
        let few = Range { records: 4, ..range("a", 0, 5, 0) };
        check(vec![few], &["of 0 to 4 only 4 were consumed"]);
    }

    #[test]
    fn offsets_of_two_clusters_are_not_compared() {
        check(vec![range("a", 1000, 1100, 1000), range("b", 0, 50, 2000), range("a", 1100, 1200, 3000)], &[]);
        check(
            vec![range("a", 1000, 1100, 1000), range("b", 0, 50, 2000), range("b", 60, 70, 2060)],
            &["nobody consumed 50 to 59"],
        );
    }

    #[test]
    fn a_topic_that_was_made_again_begins_a_log_of_its_own() {
        check(vec![range("a", 1000, 1100, 1000), range("a", 0, 50, 2000), range("a", 50, 60, 2050)], &[]);
        check(
            vec![range("a", 1000, 1100, 1000), range("a", 0, 50, 2000), range("a", 55, 60, 2055)],
            &["nobody consumed 50 to 54"],
        );
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_holes() {
        check(vec![range("a", 0, 10, 500), range("a", 10, 20, 100), range("a", 20, 30, 300)], &[]);
    }

    #[test]
    fn ranges_of_an_older_processor_say_no_times() {
        let silent = |first, next| Range {
            cluster: String::new(),
            first_at: None,
            latest_at: None,
            ..range("", first, next, 0)
        };
        check(vec![silent(0, 10), silent(10, 20), silent(5, 20)], &[]);
        check(vec![silent(0, 10), silent(15, 20)], &["nobody consumed 10 to 14"]);
    }
}
