//! Kafka to ClickHouse. In: records of a realistic mix, in the topics before the processor starts. Out: how fast rows become visible, compared with a
//! consumer that only reads the records and with inserts of the same rows, encoded beforehand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::{Mix, Sender, examples};
use processor::decode::decode;
use processor::rows::{Rows, rows_for};
use rdkafka::consumer::{Consumer, StreamConsumer};
use schemas::{EventKind, TopicRecord};

use crate::installation::Installation;
use crate::load::{self, now};
use crate::meter::{Meter, peak_mib};
use crate::recorder::{self, Recorded};
use crate::report::{Report, Run};
use crate::{Options, bare, check};

/// Batches of the encoded inserts: the processor's own limits.
const BATCH_ROWS: usize = 50_000;
const BATCH_BYTES: usize = 48 << 20;
const LIMIT: Duration = Duration::from_secs(180);
/// Each poll costs ClickHouse a millisecond or two, which distorts the measurement.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// All runs of the processor, interleaved.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let count = options.records as usize;
    let (sender, mix, at) = (Sender::new()?, Mix::new(&examples()?), now());
    let mut encoded: Option<Vec<Recorded>> = None;
    for repeat in 0..options.repeats {
        // Topics, group and database of their own for each repeat: each starts from nothing.
        let name = format!("processing{repeat}");
        installation.migrate(&name).await?;
        let kafka = installation.kafka(&name)?;
        let records =
            (0..count).map(|n| sender.record(&kafka.topic_prefix, &load::id(&name, n), mix.body(n), at));
        let records = Arc::new(records.collect::<anyhow::Result<Vec<_>>>()?);
        let inserts = match encoded.take() {
            Some(inserts) => inserts,
            None => {
                let bytes: usize = records.iter().map(|record| record.value.len()).sum();
                let rows: Vec<Rows> = batches(&records)?;
                let all: usize = rows.iter().map(Rows::len).sum();
                report.note(format!(
                    "processor: {count} records of {} bytes on average, {:.1} rows each",
                    bytes / count,
                    all as f64 / count as f64
                ));
                recorder::record(installation, &name, rows).await?
            }
        };
        bare::produce(&kafka, records, usize::MAX).await?;

        report.push(consume(installation, &name, count as u64).await?);
        report.push(process(installation, &name, count as u64).await?);
        report.push(replay(installation, &inserts, repeat, count as u64).await?);
        encoded = Some(inserts);
    }
    Ok(())
}

/// The rows of all records, in batches of the processor's size.
fn batches(records: &[TopicRecord]) -> anyhow::Result<Vec<Rows>> {
    let (mut batches, mut open, mut bytes) = (Vec::new(), Rows::default(), 0);
    for record in records {
        let event = decode(&record.value)?;
        if let Err(error) = event.body {
            anyhow::bail!("an example would be dead-lettered: {error}");
        }
        open.append(rows_for(event));
        bytes += record.value.len();
        if open.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            batches.push(std::mem::take(&mut open));
            bytes = 0;
        }
    }
    batches.push(open);
    Ok(batches)
}

/// Reads all records and does nothing with them.
async fn consume(installation: &Installation, name: &str, count: u64) -> anyhow::Result<Run> {
    let kafka = installation.kafka(name)?;
    let prefix = &kafka.topic_prefix;
    let consumer: StreamConsumer = kafka.consumer(&format!("{name}.bare")).create()?;
    let topics: Vec<String> = EventKind::ALL.iter().map(|kind| prefix.events(*kind)).collect();
    consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
    let reading = async {
        // The clock runs from the first record: joining the group does not count as reading.
        consumer.recv().await?;
        let meter = Meter::start(&installation.pids());
        let started = Instant::now();
        for _ in 1..count {
            consumer.recv().await?;
        }
        let mut run = Run::new("bare_consumer", name.to_owned(), count - 1, started.elapsed());
        run.cpu_us_per_event = meter.per_event(count);
        anyhow::Ok(run)
    };
    let run = tokio::time::timeout(LIMIT, reading).await.context("the records were not read in time")?;
    tokio::task::spawn_blocking(move || drop(consumer)).await?;
    run
}

/// Starts the processor on topics that are full and times it from the first visible row to the last.
async fn process(installation: &Installation, name: &str, count: u64) -> anyhow::Result<Run> {
    let clickhouse = installation.clickhouse(name);
    let processor = installation.processor(name, name).await?;
    let mut processes = installation.pids();
    processes.push(("service", processor.pid()?));
    let meter = Meter::start(&processes);
    let begun = Instant::now();
    let (mut first, mut last) = (None, None);
    while last.is_none() && begun.elapsed() < LIMIT {
        let rows = check::visible(&clickhouse).await?;
        let now = Instant::now();
        if rows > 0 && first.is_none() {
            first = Some((now, rows));
        }
        if rows >= count {
            last = Some(now);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let cpu = meter.per_event(count);
    let peak = peak_mib(processor.pid()?);
    let (Some((first, seen)), Some(last)) = (first, last) else {
        let rows = check::visible(&clickhouse).await?;
        anyhow::bail!("{rows} of {count} events are visible after {LIMIT:?}");
    };
    anyhow::ensure!(seen < count, "all rows came in one batch: --records must be larger");
    let mut run = Run::new("processor", name.to_owned(), count - seen, last - first);
    run.cpu_us_per_event = cpu;
    run.peak_mib = peak;
    let dead = check::dead_letters(&clickhouse, &processor).await?;
    processor.stop().await?;
    let stored = check::Stored::count(&clickhouse).await?;
    run.fault = stored.fault(name, count).or(dead);
    Ok(run)
}

/// Inserts the rows that were encoded beforehand into fresh tables.
async fn replay(
    installation: &Installation,
    inserts: &[Recorded],
    repeat: u32,
    count: u64,
) -> anyhow::Result<Run> {
    let database = format!("encoded{repeat}");
    installation.tables(&database).await?;
    let meter = Meter::start(&installation.pids());
    let took = recorder::replay(installation, &database, inserts).await?;
    let mut run = Run::new("encoded_inserts", database.clone(), count, took);
    run.cpu_us_per_event = meter.per_event(count);
    let stored = check::Stored::count(&installation.clickhouse(&database)).await?;
    // The rows were encoded once, from the records of the first repeat.
    run.fault = stored.fault("processing0", count);
    Ok(run)
}
