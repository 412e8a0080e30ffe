//! Webhook to Kafka. In: signed deliveries of 4 to 6 KB. Out: how fast ingest answers 200 after `acks=all`, compared with warp that only reads the
//! body and a producer that only publishes the records, both in the same repeat.

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Mix, Sender, examples};
use bytes::Bytes;

use crate::installation::{Installation, Service};
use crate::load::{Corpus, Pace, Reuse, now, send};
use crate::meter::{Meter, peak_mib};
use crate::report::{Report, Run};
use crate::{Options, bare, check, load};

/// Sizes of the bodies, in bytes.
const SIZES: std::ops::RangeInclusive<usize> = 4_000..=6_144;
/// Bodies drawn from the mix; only those of these sizes are sent.
const DRAWN: usize = 8_000;
/// Topics and database of these runs.
const NAME: &str = "receiving";
/// Concurrent connections if each delivery has its own: half of what the kernel's queue of a listener holds.
const FRESH_AT_ONCE: u64 = 64;
/// Seconds of the run at half the peak rate.
const HALF_PEAK_SECONDS: f64 = 5.0;

/// Bodies of the most usual size.
pub(crate) fn bodies() -> anyhow::Result<Vec<Bytes>> {
    // From many projects, because ingest lets ten deliveries of one project wait for Kafka at the same time.
    let mix = Mix::new(&examples()?);
    let bodies = (0..DRAWN).map(|n| mix.body(n)).filter(|body| SIZES.contains(&body.len()));
    let bodies: Vec<Bytes> = bodies.collect();
    anyhow::ensure!(!bodies.is_empty(), "no example has {SIZES:?} bytes");
    Ok(bodies)
}

/// All runs of ingest, then the check of what they stored.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (sender, bodies) = (Sender::new()?, bodies()?);
    installation.migrate(NAME).await?;
    installation.topics("published").await?;
    let ingest = installation.ingest(NAME, NAME).await?;
    let bare = installation.bare_http().await?;
    let count = options.deliveries as usize;
    let fresh = count / 4;
    let under_load =
        Load { installation, sender: &sender, bodies: &bodies, connections: options.connections };

    // Connections, topics and caches are warm before anything is timed.
    under_load.run(&bare, "warm_bare", 500, Pace::Closed, Reuse::Kept, report).await?;
    under_load.run(&ingest, "warm_ingest", 500, Pace::Closed, Reuse::Kept, report).await?;
    report.runs.clear();
    for _ in 0..options.repeats {
        under_load.run(&bare, "bare_http", 6 * count, Pace::Closed, Reuse::Kept, report).await?;
        report.push(under_load.produce("bare_producer", count, usize::MAX).await?);
        let alike = options.connections as usize;
        report.push(under_load.produce("bare_producer_in_flight", count, alike).await?);
        under_load.run(&ingest, "ingest", count, Pace::Closed, Reuse::Kept, report).await?;
        under_load.run(&bare, "bare_http_fresh", 2 * fresh, Pace::Closed, Reuse::Fresh, report).await?;
        under_load.run(&ingest, "ingest_fresh", fresh, Pace::Closed, Reuse::Fresh, report).await?;
    }
    let half = report.median_rate("ingest").unwrap_or(1000.0) / 2.0;
    let calm = (half * HALF_PEAK_SECONDS) as usize;
    under_load.run(&ingest, "ingest_half_peak", calm, Pace::Open(half), Reuse::Kept, report).await?;
    ingest.stop().await?;
    bare.stop().await?;
    verdicts(installation, report).await
}

struct Load<'a> {
    installation: &'a Installation,
    sender: &'a Sender,
    bodies: &'a [Bytes],
    connections: u64,
}

impl Load<'_> {
    /// One run against one server.
    async fn run(
        &self,
        service: &Service,
        name: &'static str,
        count: usize,
        pace: Pace,
        reuse: Reuse,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let run = format!("{name}-{}", report.repeat_of(name));
        let corpus = Arc::new(Corpus::sign(self.sender, &run, self.bodies, count));
        let mut processes = self.installation.pids();
        processes.push(("service", service.pid()?));
        let meter = Meter::start(&processes);
        let connections = match reuse {
            Reuse::Kept => self.connections,
            Reuse::Fresh => self.connections.min(FRESH_AT_ONCE),
        };
        let answers = send(service.address, corpus, connections, pace, reuse).await?;
        let cpu = meter.per_event(count as u64);
        let mut measured = Run::new(name, run, count as u64, answers.took);
        measured.cpu_us_per_event = cpu;
        measured.peak_mib = peak_mib(service.pid()?);
        measured.fault = answers.fault();
        measured.latencies(answers.latencies());
        report.push(measured);
        Ok(())
    }

    /// Publishes what ingest would, without ingest, `in_flight` at once.
    async fn produce(&self, name: &'static str, count: usize, in_flight: usize) -> anyhow::Result<Run> {
        let kafka = self.installation.kafka("published")?;
        let at = now();
        let records = (0..count).map(|index| {
            let body = self.bodies[index % self.bodies.len()].clone();
            self.sender.record(&kafka.topic_prefix, &load::id(name, index), body, at)
        });
        let records = Arc::new(records.collect::<anyhow::Result<Vec<_>>>()?);
        let meter = Meter::start(&self.installation.pids());
        let took = bare::produce(&kafka, records, in_flight).await?;
        let mut run = Run::new(name, "published".to_owned(), count as u64, took);
        run.cpu_us_per_event = meter.per_event(count as u64);
        Ok(run)
    }
}

/// Stores everything that ingest accepted and compares it with what was sent.
async fn verdicts(installation: &Installation, report: &mut Report) -> anyhow::Result<()> {
    let clickhouse = installation.clickhouse(NAME);
    let processor = installation.processor(NAME, NAME).await?;
    let sent: u64 =
        report.runs.iter().filter(|run| run.name.starts_with("ingest")).map(|run| run.events).sum();
    let started = Instant::now();
    // The warm-up deliveries are stored as well.
    let waited = check::wait_visible(&clickhouse, sent + 500).await;
    report.note(format!(
        "ingest: {sent} accepted deliveries were stored and compared within {:.1} s",
        Duration::from_secs(1).max(started.elapsed()).as_secs_f64()
    ));
    let stored = check::Stored::count(&clickhouse).await?;
    let dead = check::dead_letters(&clickhouse, &processor).await?;
    for run in report.runs.iter_mut().filter(|run| run.name.starts_with("ingest")) {
        let lost = stored.fault(&run.id, run.events);
        let fault = run.fault.take().or(lost).or(dead.clone());
        run.fault = fault.or(waited.as_ref().err().map(ToString::to_string));
    }
    processor.stop().await
}
