//! The embedded ClickHouse in a temporary folder. In: the gitpulse binary that serves it. Out: a client, and the wall-clock and CPU time of
//! statements. Nothing outlives this program.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use embedded::child::Listens;
use embedded::clickhouse as embedded_clickhouse;
use embedded::provide::{Cache, Engines, Overrides};
use embedded::supervisor::Supervisor;
use runtime::Secret;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use runtime::migrate;
use tokio_util::sync::CancellationToken;

/// Time to stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);
/// Timeout for merges.
const MERGES_WITHIN: Duration = Duration::from_secs(600);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Linux counts CPU time for user space in hundredths of a second on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// ClickHouse while it runs, with the tables and views of this build.
pub(crate) struct Engine {
    supervisor: Supervisor,
    _folder: tempfile::TempDir,
    /// A client of the database.
    pub(crate) clickhouse: ClickHouse,
}

/// The cost of something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Milliseconds of wall-clock time.
    pub(crate) wall_ms: f64,
    /// Milliseconds of CPU that the engine used meanwhile, including background merges.
    pub(crate) cpu_ms: f64,
}

impl Engine {
    /// Starts it on a free port, and makes the tables.
    pub(crate) async fn start(gitpulse: &Path) -> anyhow::Result<Engine> {
        let engines = tokio::task::spawn_blocking(|| {
            Engines::provide(&Cache::default_location()?, &Overrides::default(), &CancellationToken::new())
        })
        .await??;
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let listens = Listens { address, setting: "a free port" };
        let data = folder.path().join("clickhouse");
        let child = embedded_clickhouse::child(gitpulse, &engines.libchdb, &data, listens);
        let supervisor = embedded_clickhouse::start(child).await?;
        let clickhouse = ClickHouse::new(&ClickHouseConfig {
            url: format!("http://{address}"),
            database: "cost".to_owned(),
            user: "default".to_owned(),
            password: Secret::new(""),
            cluster: None,
        });
        migrate::tables(&clickhouse).await?;
        Ok(Engine { supervisor, _folder: folder, clickhouse })
    }

    /// Stops it, and removes its data.
    pub(crate) async fn stop(self) {
        // Whether it stops in time or is killed.
        let _ = self.supervisor.stop(GRACE).await;
    }

    /// Runs a statement without a result.
    pub(crate) async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        self.clickhouse.client.query(statement).execute().await.with_context(|| statement.to_owned())
    }

    /// Runs a query, and counts the rows of the answer.
    pub(crate) async fn count(&self, query: &str) -> anyhow::Result<usize> {
        let answer = self.clickhouse.client.query(query).fetch_bytes("TSV")?.collect().await;
        let answer = answer.with_context(|| query.to_owned())?;
        Ok(answer.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Waits until no merges run, so that they do not count as the cost of what comes next.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.clickhouse.client.query("SELECT count() FROM system.merges").fetch_one::<u64>().await? > 0
        {
            anyhow::ensure!(began.elapsed() < MERGES_WITHIN, "ClickHouse merges for ever");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Measures the cost of something.
    pub(crate) async fn cost<T>(
        &self,
        step: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(T, Cost)> {
        let (began, before) = (Instant::now(), self.cpu_seconds()?);
        let outcome = step.await?;
        let wall_ms = began.elapsed().as_secs_f64() * 1e3;
        Ok((outcome, Cost { wall_ms, cpu_ms: (self.cpu_seconds()? - before) * 1e3 }))
    }

    /// Its CPU time so far, from `/proc`, so only on Linux.
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let pid = self.supervisor.pid().context("ClickHouse ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before the last parenthesis may contain anything.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>());
        let fields = fields.unwrap_or_default();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        Ok(ticks.context("no CPU time in /proc")? / TICKS_A_SECOND)
    }
}

/// The median of costs by each measure.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    let middle = |value: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Cost { wall_ms: middle(|cost| cost.wall_ms), cpu_ms: middle(|cost| cost.cpu_ms) }
}
