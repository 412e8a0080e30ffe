//! Inserts rows into one table. In: rows. Out: nothing, once ClickHouse has them. Never inserts into columns whose types differ from the migrations',
//! and is never stopped by a column that somebody else added.
//!
//! ClickHouse's client compares rows with the table, and caches what the table looks like. It refuses a table with an additional column that has no
//! default, although ClickHouse would fill it with the default of its type; and it keeps using its cache after the table has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::error::{Error, Result};
use clickhouse::{Client, Row, RowWrite};
use schemas::migration::columns::{columns, condensed};

use super::refusal::is_mismatch;

/// Where rows go.
#[derive(Clone, Copy)]
pub struct Insertion<'i> {
    /// ClickHouse, with the database chosen.
    pub client: &'i Client,
    /// The table as the migrations name it.
    pub table: &'i str,
    /// The name of the table that the rows go into: the same, or one of the same shape beside it.
    pub into: &'i str,
    /// Timeout for each piece that is sent, and for the answer; `None` waits for ever.
    pub timeout: Option<Duration>,
}

impl<'i> Insertion<'i> {
    /// Into a table by its own name, without a timeout.
    pub fn into(client: &'i Client, table: &'i str) -> Insertion<'i> {
        Insertion { client, table, into: table, timeout: None }
    }

    /// Inserts the rows with one INSERT.
    ///
    /// # Errors
    ///
    /// The error of ClickHouse or of the connection; `SchemaMismatch` if a column that the rows need is not as the migrations made it.
    pub async fn rows<'r, 'v: 'r, R>(
        &self,
        rows: impl IntoIterator<Item = &'r R::Value<'v>> + Copy,
    ) -> Result<()>
    where
        R: RowWrite,
        R::Value<'v>: 'r,
    {
        match self.send::<R>(self.client, rows).await {
            // The cached table may be out of date.
            Err(error) if is_mismatch(&error) => {
                self.client.clear_cached_metadata().await;
                match self.is_wider::<R>().await? {
                    true => self.send::<R>(&self.client.clone().with_validation(false), rows).await,
                    false => self.send::<R>(self.client, rows).await,
                }
            }
            sent => sent,
        }
    }

    async fn send<'r, 'v: 'r, R>(
        &self,
        client: &Client,
        rows: impl IntoIterator<Item = &'r R::Value<'v>>,
    ) -> Result<()>
    where
        R: RowWrite,
        R::Value<'v>: 'r,
    {
        let mut insert = client.insert::<R>(self.into).await?.with_timeouts(self.timeout, self.timeout);
        for row in rows {
            insert.write(row).await?;
        }
        insert.end().await
    }

    /// Whether the table only differs from the migrations by additional columns, which ClickHouse has to fill. Only then may rows be sent without the
    /// client's own comparison.
    async fn is_wider<R: Row>(&self) -> Result<bool> {
        let query = "SELECT name, type, default_kind FROM system.columns WHERE database = currentDatabase() AND table = ?";
        let there: Vec<(String, String, String)> =
            self.client.query(query).bind(self.into).fetch_all().await?;
        let is_filled = |(name, _, default): &(String, String, String)| {
            default.is_empty() && !R::COLUMN_NAMES.contains(&name.as_str())
        };
        if !there.iter().any(is_filled) {
            return Ok(false);
        }
        let there: BTreeMap<&str, &str> =
            there.iter().map(|(name, kind, _)| (name.as_str(), kind.as_str())).collect();
        let expected = columns(self.table);
        for column in R::COLUMN_NAMES {
            let (expected, found) = (expected.get(*column), there.get(column).map(|found| condensed(found)));
            if expected.is_none() || expected != found.as_ref() {
                return Err(Error::SchemaMismatch(format!(
                    "the column {column} of {} is {}, and must be {}",
                    self.into,
                    found.as_deref().unwrap_or("missing"),
                    expected.map_or("made by a migration", String::as_str),
                )));
            }
        }
        Ok(true)
    }
}
