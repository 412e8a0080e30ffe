//! The cost of a batch while the tables grow. In: how many facts are stored. Out: the time to store the rows of some thousand events of a hundred
//! projects as the processor does, and to mark these projects, which is all that a batch does for metrics.

use std::time::Duration;

use benches::{Mix, Sender, examples};
use chrono::{DateTime, Utc};
use processor::Metrics;
use processor::decode::decode;
use processor::insert::{Destination, Store};
use processor::rows::{Rows, rows_for};
use prometheus::Registry;
use serde::Serialize;

use crate::Options;
use crate::engine::{Engine, median};
use crate::report::Report;

const EVENTS: usize = 4_000;
const INSERT_TIMEOUT: Duration = Duration::from_secs(120);
/// Jobs per merge request in the stored facts.
const JOBS: u64 = 10;

/// A batch at one size of the tables.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    /// Jobs in the tables.
    pub(crate) jobs: u64,
    /// Rows of the batch.
    pub(crate) rows: usize,
    /// Milliseconds to store them.
    pub(crate) store_ms: f64,
    /// Milliseconds to mark their projects.
    pub(crate) mark_ms: f64,
    /// Milliseconds of the engine's CPU.
    pub(crate) cpu_ms: f64,
}

/// Measures one batch, repeated with others of the same size.
pub(crate) async fn measure(
    engine: &Engine,
    stride: u64,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let metrics = Metrics::register(&Registry::new())?;
    let client = &engine.clickhouse.client;
    let store = Store { client, destination: Destination::Live, timeout: INSERT_TIMEOUT, metrics: &metrics };
    let (mut stored, mut marked, mut rows_of_batch) = (Vec::new(), Vec::new(), 0);
    // The first batch of a process opens connections, so it is not counted.
    for repeat in 0..=options.repeats as usize {
        let rows = rows(stride as usize * 100 + repeat)?;
        engine.settle().await?;
        let ((), to_store) = engine.cost(async { Ok(store.insert(&rows).await?) }).await?;
        let ((), to_mark) = engine.cost(async { Ok(store.mark(&rows).await?) }).await?;
        if repeat > 0 {
            stored.push(to_store);
            marked.push(to_mark);
            rows_of_batch = rows.len();
        }
    }
    let (to_store, to_mark) = (median(&stored), median(&marked));
    report.batch(Batch {
        jobs: options.merge_requests / stride * JOBS,
        rows: rows_of_batch,
        store_ms: to_store.wall_ms,
        mark_ms: to_mark.wall_ms,
        cpu_ms: to_store.cpu_ms + to_mark.cpu_ms,
    });
    Ok(())
}

/// The rows of events that no batch had before.
fn rows(batch: usize) -> anyhow::Result<Rows> {
    let (sender, mix) = (Sender::new()?, Mix::new(&examples()?));
    let at = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    let prefix = "cost".parse().map_err(anyhow::Error::msg)?;
    let mut rows = Rows::default();
    for n in batch * EVENTS..(batch + 1) * EVENTS {
        let record = sender.record(&prefix, &format!("cost-{n}"), mix.body(n), at)?;
        rows.append(rows_for(decode(&record.value)?));
    }
    Ok(rows)
}
