//! What is stored of a run. In: ClickHouse. Out: deliveries by number, and how often each is there.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::Findings;
use crate::history::Run;

/// ClickHouse could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{table} cannot be read")]
pub struct CheckError {
    /// The table.
    pub table: &'static str,
    /// Why.
    #[source]
    pub source: clickhouse::error::Error,
}

/// What there is of a run.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Rows of `events` by the number of their delivery.
    pub(crate) events: BTreeMap<u64, u64>,
    /// Rows of `dead_letters`.
    pub(crate) dead_letters: BTreeMap<u64, u64>,
    /// Rows of `event_facts` that the view does not show.
    pub(crate) physical_duplicates: u64,
}

#[derive(Row, Deserialize)]
struct Counted {
    delivery_id: String,
    rows: u64,
}

/// A range of offsets as a processor recorded it.
#[derive(Row, Deserialize)]
struct Range {
    topic: String,
    partition: i32,
    first_offset: i64,
    next_offset: i64,
    records: u64,
}

impl Stored {
    pub(crate) async fn read(client: &Client, run: &Run) -> Result<Stored, CheckError> {
        // By project, because tables are sorted so; poison names none.
        let projects = projects(run);
        let events = format!(
            "SELECT delivery_id, count() AS rows FROM events WHERE {projects} AND startsWith(delivery_id, ?) GROUP BY delivery_id"
        );
        // By its text: what is nested too deeply, ClickHouse does not read either.
        let letters = "SELECT extract(record, '\"deliveryid\":\"([^\"]*)\"') AS delivery_id, count() AS rows FROM dead_letters \
                       WHERE startsWith(delivery_id, ?) GROUP BY delivery_id";
        let physical =
            format!("SELECT count() FROM event_facts WHERE {projects} AND startsWith(delivery_id, ?)");
        let events = counted(client, "events", &events, run).await?;
        let dead_letters = counted(client, "dead_letters", letters, run).await?;
        let physical: u64 = client
            .query(&physical)
            .bind(format!("{}-", run.id))
            .fetch_one()
            .await
            .map_err(|source| CheckError { table: "event_facts", source })?;
        let physical_duplicates = physical.saturating_sub(events.values().sum());
        Ok(Stored { events, dead_letters, physical_duplicates })
    }
}

/// The condition that a row is of a project of the run.
pub(crate) fn projects(run: &Run) -> String {
    let first = run.world.first_project;
    format!("project_id >= {first} AND project_id < {}", first + u64::from(run.world.projects))
}

async fn counted(
    client: &Client,
    table: &'static str,
    query: &str,
    run: &Run,
) -> Result<BTreeMap<u64, u64>, CheckError> {
    let rows: Vec<Counted> = client
        .query(query)
        .bind(format!("{}-", run.id))
        .fetch_all()
        .await
        .map_err(|source| CheckError { table, source })?;
    Ok(rows.into_iter().filter_map(|row| Some((run.number(&row.delivery_id)?, row.rows))).collect())
}

/// Positions between the first and the last that was recorded, and that no range covers.
pub(crate) async fn holes(client: &Client, holes: &mut Findings) -> Result<(), CheckError> {
    let query = "SELECT topic, partition, first_offset, next_offset, records FROM consumed_ranges \
                 ORDER BY topic, partition, first_offset, next_offset";
    let ranges: Vec<Range> = client
        .query(query)
        .fetch_all()
        .await
        .map_err(|source| CheckError { table: "consumed_ranges", source })?;
    find_holes(&ranges, holes);
    Ok(())
}

fn find_holes(ranges: &[Range], holes: &mut Findings) {
    let mut reached: Option<(&str, i32, i64)> = None;
    for range in ranges {
        let Range { ref topic, partition, first_offset, next_offset, records } = *range;
        let before = reached.filter(|(of, number, _)| of == topic && *number == partition);
        if let Some((_, _, next)) = before
            && first_offset > next
        {
            holes.add(|| {
                format!("{topic} partition {partition}: nobody consumed {next} to {}", first_offset - 1)
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
        reached = Some((topic, partition, before.map_or(next_offset, |(_, _, next)| next.max(next_offset))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ranges: &[(&str, i32, i64, i64, u64)], expected: &[&str]) {
        let ranges: Vec<Range> = ranges
            .iter()
            .map(|(topic, partition, first_offset, next_offset, records)| Range {
                topic: (*topic).to_owned(),
                partition: *partition,
                first_offset: *first_offset,
                next_offset: *next_offset,
                records: *records,
            })
            .collect();
        let mut holes = Findings::default();
        find_holes(&ranges, &mut holes);
        assert_eq!(holes.examples, expected);
    }

    #[test]
    fn ranges_that_meet_or_overlap_have_no_hole() {
        check(&[("a", 0, 0, 5, 5), ("a", 0, 5, 9, 4), ("a", 0, 6, 8, 2), ("a", 0, 9, 10, 1)], &[]);
    }

    #[test]
    fn a_gap_is_a_hole_behind_a_range_that_reached_further_too() {
        check(
            &[("a", 0, 0, 9, 9), ("a", 0, 2, 5, 3), ("a", 0, 11, 12, 1)],
            &["a partition 0: nobody consumed 9 to 10"],
        );
    }

    #[test]
    fn partitions_and_topics_are_apart() {
        check(&[("a", 0, 0, 5, 5), ("a", 1, 7, 9, 2), ("b", 1, 20, 21, 1)], &[]);
    }

    #[test]
    fn fewer_records_than_positions_are_a_hole() {
        check(&[("a", 0, 0, 5, 4)], &["a partition 0: of 0 to 4 only 4 were consumed"]);
    }
}
