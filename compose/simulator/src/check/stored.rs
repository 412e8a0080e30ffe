//! The stored deliveries of a run. In: ClickHouse. Out: deliveries by number, with their number of occurrences.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::Deserialize;

use crate::history::Run;

/// A query to ClickHouse failed.
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

impl Stored {
    pub(crate) async fn read(client: &Client, run: &Run) -> Result<Stored, CheckError> {
        // By project, because tables are sorted so; poison names none.
        let projects = projects(run);
        let events = format!(
            "SELECT delivery_id, count() AS rows FROM events WHERE {projects} AND startsWith(delivery_id, ?) GROUP BY delivery_id"
        );
        // By its text: ClickHouse cannot parse deeply nested JSON either.
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
