//! Stores rows. In: the rows of a batch. Out: rows in ClickHouse, or an error that says whether trying again could help. One INSERT a table
//! that has rows, synchronous: when it is answered, the rows are in the table. Inserting twice changes nothing, because of keys.

use std::time::{Duration, Instant};

use clickhouse::{Client, RowOwned, RowWrite};

use crate::metrics::Metrics;
use crate::rows::Rows;

/// Rows of one table could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("rows could not be inserted into {table}")]
pub struct InsertError {
    /// The table.
    pub table: &'static str,
    /// What ClickHouse, or the way to it, said.
    #[source]
    pub source: clickhouse::error::Error,
}

/// ClickHouse's codes for what another try, or a mended configuration, cannot cure: the rows do not fit the tables, or may not be
/// written at all. Everything else passes: overload, read-only replicas, lost connections.
const PERMANENT: [u32; 8] = [
    16,  // NO_SUCH_COLUMN_IN_TABLE
    47,  // UNKNOWN_IDENTIFIER
    53,  // TYPE_MISMATCH
    60,  // UNKNOWN_TABLE
    62,  // SYNTAX_ERROR
    81,  // UNKNOWN_DATABASE
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];

impl InsertError {
    /// Whether the same rows may be stored by another try.
    pub fn is_transient(&self) -> bool {
        use clickhouse::error::Error;
        match &self.source {
            Error::BadResponse(text) => !code(text).is_some_and(|code| PERMANENT.contains(&code)),
            Error::Network(_) | Error::TimedOut => true,
            _ => false,
        }
    }
}

/// The number in `Code: 60. DB::Exception: ...`.
fn code(text: &str) -> Option<u32> {
    let digits = text.split_once("Code: ")?.1;
    digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

/// Stores all rows, the tables side by side and `events` last, so that an event that can be seen has its rows.
pub async fn insert(
    client: &Client,
    rows: &Rows,
    timeout: Duration,
    metrics: &Metrics,
) -> Result<(), InsertError> {
    tokio::try_join!(
        table(client, "push_facts", &rows.pushes, timeout, metrics),
        table(client, "commit_facts", &rows.commits, timeout, metrics),
        table(client, "ref_head_facts", &rows.ref_heads, timeout, metrics),
        table(client, "merge_request_facts", &rows.merge_requests, timeout, metrics),
        table(client, "merge_request_event_facts", &rows.merge_request_events, timeout, metrics),
        table(client, "pipeline_facts", &rows.pipelines, timeout, metrics),
        table(client, "pipeline_event_facts", &rows.pipeline_events, timeout, metrics),
        table(client, "job_facts", &rows.jobs, timeout, metrics),
        table(client, "dead_letter_facts", &rows.dead_letters, timeout, metrics),
    )?;
    table(client, "event_facts", &rows.events, timeout, metrics).await
}

async fn table<T>(
    client: &Client,
    table: &'static str,
    rows: &[T],
    timeout: Duration,
    metrics: &Metrics,
) -> Result<(), InsertError>
where
    T: RowOwned + RowWrite,
{
    if rows.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let failed = |source| InsertError { table, source };
    let mut insert =
        client.insert::<T>(table).await.map_err(failed)?.with_timeouts(Some(timeout), Some(timeout));
    for row in rows {
        insert.write(row).await.map_err(failed)?;
    }
    insert.end().await.map_err(failed)?;
    metrics.inserted(table, rows.len(), started.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, transient: bool) {
        let source = clickhouse::error::Error::BadResponse(text.to_owned());
        assert_eq!(InsertError { table: "event_facts", source }.is_transient(), transient, "{text}");
    }

    #[test]
    fn overload_passes_and_a_missing_table_does_not() {
        check("Code: 252. DB::Exception: Too many parts (TOO_MANY_PARTS)", true);
        check("Code: 241. DB::Exception: Memory limit exceeded", true);
        check("Code: 242. DB::Exception: Table is in readonly mode", true);
        check("bad gateway", true);
        check("Code: 60. DB::Exception: Table does not exist. (UNKNOWN_TABLE)", false);
        check("Code: 516. DB::Exception: Authentication failed", false);
    }
}
