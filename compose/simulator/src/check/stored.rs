//! What is stored of a run. In: ClickHouse. Out: deliveries by number, and how often each is there.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::verdict::Findings;
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

/// A range that does not begin where those before it ended, or holds fewer records than positions.
#[derive(Row, Deserialize)]
struct Hole {
    topic: String,
    partition: i32,
    reached: i64,
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

/// Positions, recorded since the run began, that no range covers.
pub(crate) async fn holes(client: &Client, run: &Run, holes: &mut Findings) -> Result<(), CheckError> {
    let query = "SELECT topic, partition, if(reached = 0, first_offset, reached) AS reached, first_offset, next_offset, records FROM \
                 (SELECT *, max(next_offset) OVER (PARTITION BY topic, partition ORDER BY first_offset, next_offset \
                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached \
                  FROM consumed_ranges WHERE recorded_at >= fromUnixTimestamp64Milli(?, 'UTC')) \
                 WHERE first_offset > reached OR toUInt64(next_offset - first_offset) != records \
                 ORDER BY topic, partition, first_offset";
    let found: Vec<Hole> = client
        .query(query)
        .bind(run.world.began_at)
        .fetch_all()
        .await
        .map_err(|source| CheckError { table: "consumed_ranges", source })?;
    for Hole { topic, partition, reached, first_offset, next_offset, records } in found {
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
    }
    Ok(())
}
