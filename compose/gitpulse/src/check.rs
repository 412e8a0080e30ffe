//! `gitpulse check`. In: the history of a run. Out: a verdict on what is in ClickHouse; the exit code says whether it is good. Changes no table that
//! anybody reads; a comparison with a rebuild makes tables beside them, and drops them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use processor::Metrics;
use processor::rebuild::Rebuild;
use processor::rows::TABLES;
use prometheus::Registry;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use simulator::History;
use simulator::check::Findings;

/// How long one INSERT of the comparison with a rebuild may take.
const INSERT_TIMEOUT: Duration = Duration::from_secs(120);

/// Which history, and how it is judged.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// History that `simulate` has written
    #[arg(value_name = "FILE")]
    history: PathBuf,

    #[command(flatten)]
    judge: JudgeArgs,
}

/// How a history is judged.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Seconds to wait for everything that was accepted to be in the tables
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,

    /// Also rebuilds all tables from `events` beside the live ones and compares them; events that arrive meanwhile may show as differences
    #[arg(long)]
    rebuild: bool,

    /// Prints the verdict as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    clickhouse: ClickHouseConfig,
}

impl JudgeArgs {
    /// Whether more is asked for than whether all is well.
    pub(crate) fn asks(&self) -> bool {
        self.json || self.rebuild
    }
}

/// Judges a history.
pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    judge(&args.judge, &History::read(&args.history)?).await
}

/// Judges a history that was read.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn judge(args: &JudgeArgs, history: &History) -> anyhow::Result<ExitCode> {
    let clickhouse = ClickHouse::new(&args.clickhouse);
    let patience = Duration::from_secs(args.patience);
    let mut verdict = simulator::check(&clickhouse.client, history, patience).await?;
    if args.rebuild {
        verdict.unlike_rebuild = Some(unlike_rebuild(&clickhouse).await?);
    }
    if args.json {
        println!("{}", serde_json::to_string(&verdict)?);
    } else {
        println!("{verdict}");
    }
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tables that a rebuild from `events` would make otherwise.
async fn unlike_rebuild(clickhouse: &ClickHouse) -> anyhow::Result<Findings> {
    let tables = TABLES.iter().filter(|table| !table.views.is_empty()).map(|table| table.name);
    let rebuild = Rebuild::begin(
        clickhouse.client.clone(),
        tables.collect(),
        clickhouse.target.on_cluster(),
        INSERT_TIMEOUT,
        Metrics::register(&Registry::new())?,
    )
    .await?;
    let differences = match rebuild.fill(|_| ()).await {
        Ok(_) => rebuild.differences().await,
        Err(error) => Err(error),
    };
    // Whatever came of it, or the next rebuild would be refused.
    rebuild.discard().await?;
    let mut findings = Findings::default();
    for difference in differences? {
        let rows = difference.removed + difference.added + difference.changed;
        if rows > 0 {
            findings.add(|| format!("{}: {rows} rows ({:?})", difference.table, difference.columns));
        }
    }
    Ok(findings)
}
