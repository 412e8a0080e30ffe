//! The cost of reading. In: a million stored events of a realistic mix. Out: for each analyst's name, the time to count, and to list the newest rows
//! of one project. Nobody else uses ClickHouse meanwhile.

use std::time::{Duration, Instant};

use anyhow::Context;
use benches::{Mix, Sender, examples};
use clickhouse::Client;
use comfy_table::{CellAlignment, Table, presets};
use processor::decode::decode;
use processor::insert::{Destination, Store};
use processor::rows::{Rows, rows_for};
use prometheus::Registry;

use crate::Options;
use crate::installation::Installation;
use crate::load::{self, now};
use crate::report::{Report, Run};

const BATCH_EVENTS: usize = 20_000;
const INSERT_TIMEOUT: Duration = Duration::from_secs(120);
/// Repeats of each query; the median is shown.
const QUERIES: usize = 5;
/// A project that occurs in the mix.
const PROJECT: u64 = 42;

/// The times for one name, in milliseconds.
struct Reading {
    name: String,
    rows: u64,
    count: f64,
    list: f64,
}

/// Stores the events and reads every name.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    installation.tables("reading").await?;
    let client = installation.clickhouse("reading").client;
    let stored = store(installation, &client, options.events as usize).await?;
    report.note(format!("reading: {} events, {stored} rows", options.events));
    let names =
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name";
    let names: Vec<String> = client.query(names).fetch_all().await?;
    let mut readings = Vec::new();
    for name in names.into_iter().filter(|name| name != "ref_heads") {
        let reading = read(&client, name).await?;
        let mut run = Run::new(
            "reading",
            reading.name.clone(),
            reading.rows,
            Duration::from_secs_f64(reading.count / 1e3),
        );
        run.p50_ms = Some(reading.count);
        run.max_ms = Some(reading.count.max(reading.list));
        report.push(run);
        readings.push(reading);
    }
    println!("{}", table(&readings));
    Ok(())
}

/// Stores the events as the processor does, and returns how many rows that are.
async fn store(installation: &Installation, client: &Client, count: usize) -> anyhow::Result<usize> {
    let (sender, mix, at) = (Sender::new()?, Mix::new(&examples()?), now());
    let prefix = installation.kafka("reading")?.topic_prefix;
    let metrics = processor::Metrics::register(&Registry::new())?;
    let store = Store { client, destination: Destination::Live, timeout: INSERT_TIMEOUT, metrics: &metrics };
    let (mut rows, mut stored) = (Rows::default(), 0);
    for n in 0..count {
        let record = sender.record(&prefix, &load::id("reading", n), mix.body_with_rare_kinds(n), at)?;
        rows.append(rows_for(decode(&record.value)?));
        if (n + 1) % BATCH_EVENTS == 0 || n + 1 == count {
            stored += rows.len();
            store.insert(&std::mem::take(&mut rows)).await?;
        }
    }
    Ok(stored)
}

async fn read(client: &Client, name: String) -> anyhow::Result<Reading> {
    let counting = format!("SELECT count() FROM {name}");
    let rows: u64 = client.query(&counting).fetch_one().await?;
    let columns = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? AND \
                   (name = 'project_id' OR type LIKE '%DateTime64%') ORDER BY position";
    let columns: Vec<String> = client.query(columns).bind(&name).fetch_all().await?;
    let newest = [
        "occurred_at",
        "pushed_at",
        "received_at",
        "moved_at",
        "as_of",
        "failed_at",
        "committed_at",
        "created_at",
        "first_received_at",
    ];
    let newest =
        newest.into_iter().find(|column| columns.iter().any(|other| other == column)).context("a time")?;
    let filter =
        if columns[0] == "project_id" { format!("WHERE project_id = {PROJECT}") } else { String::new() };
    let listing = format!("SELECT * FROM {name} {filter} ORDER BY {newest} DESC LIMIT 100");
    let count = median(client, &counting).await?;
    let list = median(client, &listing).await?;
    Ok(Reading { name, rows, count, list })
}

/// The median time of a query, in milliseconds, its answer read.
async fn median(client: &Client, query: &str) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..QUERIES {
        let started = Instant::now();
        client.query(query).fetch_bytes("RowBinary")?.collect().await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[QUERIES / 2])
}

fn table(readings: &[Reading]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "name",
        "rows",
        "count() ms",
        "newest 100 of a project, ms",
    ]);
    for reading in readings {
        let times = [reading.count, reading.list].map(|time| format!("{time:.0}"));
        table.add_row([reading.name.clone(), reading.rows.to_string(), times[0].clone(), times[1].clone()]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
