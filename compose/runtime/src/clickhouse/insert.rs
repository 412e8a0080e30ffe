//! Inserts rows into one table. In: rows. Out: nothing, once ClickHouse has them. Never into columns of other types than the migrations made, and never
//! stopped by a column that somebody else added.
//!
//! ClickHouse's client compares rows with the table, and remembers the table. It refuses a table that has a column without a default which the rows lack,
//! although ClickHouse would fill it with the default of its type; and it goes on with what it remembers when the table has changed.

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
    /// For each piece that is sent, and for the answer; `None` waits for ever.
    pub timeout: Option<Duration>,
}

impl<'i> Insertion<'i> {
    /// Into a table by its own name, however long that takes.
    pub fn into(client: &'i Client, table: &'i str) -> Insertion<'i> {
        Insertion { client, table, into: table, timeout: None }
    }

    /// Inserts the rows by one INSERT.
    ///
    /// # Errors
    ///
    /// What ClickHouse, or the way to it, said; `SchemaMismatch` where the table is not as the migrations made it, as far as the rows need it.
    pub async fn rows<'r, 'v: 'r, R>(
        &self,
        rows: impl IntoIterator<Item = &'r R::Value<'v>> + Copy,
    ) -> Result<()>
    where
        R: RowWrite,
        R::Value<'v>: 'r,
    {
        match self.send::<R>(self.client, rows).await {
            // What is remembered of the table may be out of date.
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

    /// Whether the table has columns that the rows lack and ClickHouse has to fill, and is otherwise as the migrations made it. What is sent without the
    /// client's own comparison depends on that.
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
