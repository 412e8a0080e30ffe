//! Stores rows. In: the rows of a batch. Out: rows in ClickHouse, or an error that says whether a retry could help. There is one synchronous INSERT
//! per table with rows: when it returns, the rows are in the table. Inserting the same rows twice changes nothing, because of their keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clickhouse::{Client, Row, RowOwned, RowWrite};
use fail::fail_point;
use runtime::clickhouse::{Insertion, is_transient};
use schemas::rollup;
use serde::Serialize;

use crate::batch::Positions;
use crate::metrics::Metrics;
use crate::rows::{Rows, tables};

/// Rows of one table could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("rows could not be inserted into {table}")]
pub struct InsertError {
    /// The table.
    pub table: &'static str,
    /// The error of ClickHouse or of the connection.
    #[source]
    pub source: clickhouse::error::Error,
}

impl InsertError {
    /// Whether a retry with the same rows may succeed.
    pub fn is_transient(&self) -> bool {
        is_transient(&self.source)
    }
}

/// The tables in which rows are stored.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'d> {
    /// All live tables.
    Live,
    /// Some of the live tables; rows for other tables are left out.
    Some(&'d [&'static str]),
    /// New tables for some of these, whose names have this ending.
    Beside(&'d [&'static str], &'d str),
}

impl Destination<'_> {
    fn table(&self, table: &'static str) -> Option<Cow<'static, str>> {
        match self {
            Destination::Live => Some(Cow::Borrowed(table)),
            Destination::Some(tables) => tables.contains(&table).then_some(Cow::Borrowed(table)),
            Destination::Beside(tables, ending) => {
                tables.contains(&table).then(|| Cow::Owned(format!("{table}{ending}")))
            }
        }
    }
}

/// Records of one partition whose rows are stored.
#[derive(Debug, Row, Serialize)]
struct ConsumedRangeRow {
    cluster: String,
    topic: String,
    partition: i32,
    first_offset: i64,
    next_offset: i64,
    records: u64,
    first_at: Option<i64>,
    latest_at: Option<i64>,
}

/// Marks that something of a project was stored.
#[derive(Debug, Row, Serialize)]
struct MarkRow {
    instance: String,
    project_id: u64,
    marks: u64,
}

/// Where and how rows are stored.
#[derive(Clone, Copy)]
pub struct Store<'s> {
    /// ClickHouse.
    pub client: &'s Client,
    /// The tables.
    pub destination: Destination<'s>,
    /// The timeout of one INSERT.
    pub timeout: Duration,
    /// Counts the rows.
    pub metrics: &'s Metrics,
}

/// Makes the INSERTs from the list of tables.
macro_rules! insert {
    (
        { $($field:ident: $rows:ty => $table:literal, $views:tt;)* }
        then { $last:ident: $last_rows:ty => $last_table:literal, $last_views:tt; }
    ) => {
        impl Store<'_> {
            /// Stores all rows, the tables in parallel and `events` last, so that a visible event has its rows.
            pub async fn insert(&self, rows: &Rows) -> Result<(), InsertError> {
                tokio::try_join!($(self.table($table, &rows.$field),)*)?;
                fail_point!("processor::before_events", |_| std::process::abort());
                self.table($last_table, &rows.$last).await
            }
        }
    };
}

tables!(insert);

impl Store<'_> {
    /// Records which positions of a Kafka cluster are stored, after their rows: records outside all ranges were never consumed.
    pub async fn record(&self, positions: &Positions, cluster: &str) -> Result<(), InsertError> {
        let ranges = positions.iter().map(|(topic, partition, range)| ConsumedRangeRow {
            cluster: cluster.to_owned(),
            topic: topic.to_owned(),
            partition,
            first_offset: range.first,
            next_offset: range.next,
            records: range.records,
            first_at: range.first_at,
            latest_at: range.latest_at,
        });
        self.table("consumed_ranges", &Vec::from_iter(ranges)).await
    }

    /// Marks the projects of stored rows, so that their rollups are computed (`rollup/`).
    pub async fn mark(&self, rows: &Rows) -> Result<(), InsertError> {
        let mark = |(instance, project_id): (&str, u64)| MarkRow {
            instance: instance.to_owned(),
            project_id,
            marks: 1,
        };
        self.table("rollup_generations", &Vec::from_iter(rows.projects().into_iter().map(mark))).await?;
        if self.destination.table("rollup_generations").is_none() {
            return Ok(());
        }
        let mut of_instances: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (instance, project_id) in rows.pushed_projects() {
            of_instances.entry(instance).or_default().push(project_id);
        }
        for (instance, forks) in of_instances {
            // The pushes to a fork show when the first commit of its merge request was pushed.
            let query =
                self.client.query(&rollup::mark_targets()).param("instance", instance).param("forks", forks);
            let marked =
                query.with_setting("max_execution_time", self.timeout.as_secs().to_string()).execute().await;
            marked.map_err(|source| InsertError { table: "rollup_generations", source })?;
        }
        Ok(())
    }

    async fn table<'r, T: RowOwned + RowWrite + 'r>(
        &self,
        table: &'static str,
        rows: impl IntoIterator<Item = &'r T> + Copy,
    ) -> Result<(), InsertError> {
        let count = rows.into_iter().count();
        let Some(name) = self.destination.table(table).filter(|_| count > 0) else {
            return Ok(());
        };
        let started = Instant::now();
        // A batch of history may have jobs of more months than ClickHouse allows by default, and would be refused every time.
        let client = self.client.clone().with_setting("max_partitions_per_insert_block", "0");
        let insertion = Insertion { client: &client, table, into: &name, timeout: Some(self.timeout) };
        insertion.rows::<T>(rows).await.map_err(|source| InsertError { table, source })?;
        self.metrics.inserted(table, count, started.elapsed());
        Ok(())
    }
}
