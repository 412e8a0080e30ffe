//! From answer to visibility. In: deliveries at a fixed rate, independent of answers. Out: how long after its intended sending, and after its answer,
//! a query sees each event. Found by polling ClickHouse, so each time is an upper bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::Sender;
use runtime::clickhouse::ClickHouse;
use tokio_util::sync::CancellationToken;

use crate::installation::Installation;
use crate::load::{self, Corpus, Pace, Reuse, send};
use crate::meter::Meter;
use crate::report::{Report, Run};
use crate::{Options, check, receiving};

const NAME: &str = "visibility";
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Untimed deliveries at the beginning: the processor joins its group meanwhile.
const WARM: usize = 500;

/// The run with both services.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (sender, bodies) = (Sender::new()?, receiving::bodies()?);
    installation.migrate(NAME).await?;
    let clickhouse = installation.clickhouse(NAME);
    let processor = installation.processor(NAME, NAME).await?;
    let ingest = installation.ingest(NAME, NAME).await?;
    let warm = Arc::new(Corpus::sign(&sender, "warm", &bodies, WARM));
    send(ingest.address, warm, options.connections, Pace::Closed, Reuse::Kept).await?;
    check::wait_visible(&clickhouse, WARM as u64).await?;

    let rate = options.rate as f64;
    let count = (options.rate * options.seconds) as usize;
    let corpus = Arc::new(Corpus::sign(&sender, NAME, &bodies, count));
    let mut processes = installation.pids();
    processes.push(("ingest", ingest.pid()?));
    processes.push(("processor", processor.pid()?));
    let meter = Meter::start(&processes);
    let enough = CancellationToken::new();
    let watching = tokio::spawn(watch(clickhouse.clone(), count, enough.clone()));
    let answers = send(ingest.address, corpus, options.connections, Pace::Open(rate), Reuse::Kept).await?;
    let waited = check::wait_visible(&clickhouse, (WARM + count) as u64).await;
    enough.cancel();
    let seen = watching.await??;
    let cpu = meter.per_event(count as u64);

    let (mut after_answer, mut after_intended) = (Vec::new(), Vec::new());
    for one in &answers.accepted {
        if let Some(visible) = seen.get(&load::id(NAME, one.index)) {
            let milliseconds = |from: Instant| visible.saturating_duration_since(from).as_secs_f64() * 1000.0;
            after_answer.push(milliseconds(one.answered));
            after_intended.push(milliseconds(one.intended));
        }
    }
    let dead = check::dead_letters(&clickhouse, &processor).await?;
    let stored = check::Stored::count(&clickhouse).await?;
    ingest.stop().await?;
    processor.stop().await?;
    let fault = answers.fault().or(stored.fault(NAME, count as u64)).or(dead);
    let fault = fault.or(waited.err().map(|error| error.to_string()));
    for (name, latencies) in [
        ("sent_to_answered", answers.latencies()),
        ("answered_to_visible", after_answer),
        ("sent_to_visible", after_intended),
    ] {
        let mut run = Run::new(name, NAME.to_owned(), count as u64, answers.took);
        run.cpu_us_per_event = cpu.clone();
        run.fault = fault.clone().or((latencies.len() != count)
            .then(|| format!("{} of {count} events were seen in time", latencies.len())));
        run.latencies(latencies);
        report.push(run);
    }
    Ok(())
}

/// When a query first saw each delivery.
async fn watch(
    clickhouse: ClickHouse,
    count: usize,
    enough: CancellationToken,
) -> anyhow::Result<HashMap<String, Instant>> {
    let mut seen = HashMap::with_capacity(count);
    let mut rows = 0;
    loop {
        // Checked before the query: whatever came before the end is seen in the last round.
        let last_round = enough.is_cancelled();
        let now = check::visible(&clickhouse).await?;
        if now > rows || last_round {
            rows = now;
            let sql = "SELECT delivery_id FROM event_facts WHERE startsWith(delivery_id, 'visibility.')";
            let ids: Vec<String> = clickhouse.client.query(sql).fetch_all().await?;
            let at = Instant::now();
            for id in ids {
                seen.entry(id).or_insert(at);
            }
        }
        if last_round {
            return Ok(seen);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
