//! The result of a run. In: a database. Out: how many events of each run are in it, or what is wrong. A fast run that lost or doubled one event is a
//! failed run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use runtime::clickhouse::ClickHouse;

use crate::installation::Service;

/// Timeout until rows are visible.
const LIMIT: Duration = Duration::from_secs(180);
/// Interval of polling.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Rows in `event_facts`, including duplicates; cheap to query.
pub(crate) async fn visible(clickhouse: &ClickHouse) -> anyhow::Result<u64> {
    let rows = clickhouse.client.query("SELECT count() FROM event_facts");
    Ok(rows.fetch_one::<u64>().await?)
}

/// Waits until `expected` rows are visible; an error says how many there were.
pub(crate) async fn wait_visible(clickhouse: &ClickHouse, expected: u64) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let rows = visible(clickhouse).await?;
        if rows >= expected {
            return Ok(());
        }
        anyhow::ensure!(started.elapsed() < LIMIT, "{rows} of {expected} events are visible after {LIMIT:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Distinct events by run, which is the prefix of their delivery ids.
pub(crate) struct Stored(BTreeMap<String, (u64, u64)>);

impl Stored {
    /// Counts what `events` shows.
    pub(crate) async fn count(clickhouse: &ClickHouse) -> anyhow::Result<Stored> {
        let sql =
            "SELECT splitByChar('.', delivery_id)[1] AS run, uniqExact(id), count() FROM events GROUP BY run";
        let rows: Vec<(String, u64, u64)> = clickhouse.client.query(sql).fetch_all().await?;
        Ok(Stored(rows.into_iter().map(|(run, distinct, all)| (run, (distinct, all))).collect()))
    }

    /// What is wrong with a run, if anything.
    pub(crate) fn fault(&self, run: &str, expected: u64) -> Option<String> {
        let (distinct, all) = self.0.get(run).copied().unwrap_or_default();
        (distinct != expected || all != expected)
            .then(|| format!("{expected} events sent, {distinct} distinct ones and {all} rows in `events`"))
    }
}

/// The number of dead letters, by the processor's count and by the table.
pub(crate) async fn dead_letters(
    clickhouse: &ClickHouse,
    processor: &Service,
) -> anyhow::Result<Option<String>> {
    let table: u64 = clickhouse.client.query("SELECT count() FROM dead_letters").fetch_one().await?;
    let counted = metric(processor, "gitpulse_processor_dead_letters_total").await?;
    Ok((table > 0 || counted > 0.0)
        .then(|| format!("{counted} records were dead-lettered, {table} are in `dead_letters`")))
}

/// The sum of a metric over its labels.
async fn metric(service: &Service, name: &str) -> anyhow::Result<f64> {
    let (status, text) = crate::recorder::get(service.address, "/metrics").await?;
    anyhow::ensure!(status.is_success(), "the metrics answer {status}");
    let text = String::from_utf8(text.to_vec())?;
    let mut sum = 0.0;
    for line in text.lines().filter(|line| line.starts_with(name)) {
        let value = line.rsplit_once(' ').context("a metric without a value")?.1;
        sum += value.parse::<f64>()?;
    }
    Ok(sum)
}
