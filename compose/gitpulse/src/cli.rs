//! The command line. In: parsed settings. Out: one command, run to its end. Knows all commands; none knows it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gitlab::ApiConfig;
use ingest::IngestConfig;
use processor::ProcessorConfig;
use runtime::publisher::PublisherConfig;
use runtime::spool::SpoolConfig;
use runtime::telemetry::TelemetryConfig;

use crate::arguments::{AdminArgs, AuditArgs, MetricsArgs, StoreArgs};
use crate::settings::Settings;
use crate::tenants::WebhookConfig;
use crate::{
    backfill, check, config, dead_letters, doctor, engine, explain, migrate, rebuild, reconcile, report,
    roles, send, simulate, up,
};

/// Turns everything that happens in many GitLab projects into SQL tables, delivery metrics and Prometheus series.
#[derive(Debug, Parser)]
#[command(name = "gitpulse", version = env!("CARGO_PKG_VERSION"), propagate_version = true)]
#[command(after_help = "\
Settings come from flags, then the environment, then .env, then gitpulse.toml, then defaults; `gitpulse config` shows each with its origin.")]
pub(crate) struct Cli {
    /// What is logged.
    #[command(flatten)]
    pub(crate) telemetry: TelemetryConfig,

    /// Settings file; by default gitpulse.toml in the working folder, if there is one
    #[arg(long, env = "GITPULSE_CONFIG", global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything on this machine: Apache Kafka, ClickHouse, ingest and processor
    Up(Box<up::UpArgs>),
    /// Receives webhooks and publishes them to Kafka
    Ingest(Box<roles::IngestArgs>),
    /// Reads Kafka and fills the tables of ClickHouse
    Processor(Box<roles::ProcessorArgs>),
    /// Creates missing Kafka topics and ClickHouse tables; with --roles, also ClickHouse's roles for readers
    Migrate(Box<migrate::MigrateArgs>),
    /// Shows the settings, their values and where they come from; secrets are masked
    Config(Box<AllArgs>),
    /// Checks settings, the spool, Kafka, ClickHouse and GitLab tokens, and says how to fix what is wrong
    Doctor(Box<doctor::DoctorArgs>),
    /// Posts payload files as GitLab would
    Send(Box<send::SendArgs>),
    /// Sends the webhooks of an invented GitLab and records what was sent and answered, or serves its API
    Simulate(Box<simulate::SimulateArgs>),
    /// Compares the history that `simulate` recorded with the tables: what is lost, doubled, or must not be there
    Check(check::CheckArgs),
    /// Lists, shows and replays records that could not be decoded
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Rebuilds tables from `events` beside the live ones, then swaps them
    Rebuild(rebuild::RebuildArgs),
    /// Reads GitLab's history into the topics of its webhooks; the next run resumes an interrupted one
    Backfill(Box<backfill::BackfillArgs>),
    /// Finds and publishes what GitLab never delivered: failed deliveries, gaps, unseen changes
    Reconcile(Box<reconcile::ReconcileArgs>),
    /// Shows delivery metrics as tables and plots: DORA, merge requests, pipelines, jobs, issues, contributors, releases
    Report(Box<report::ReportArgs>),
    /// Shows the rows and the rule behind one number, or why there is no number and what would change that
    Explain(Box<explain::ExplainArgs>),
    /// Runs an engine as a child process, for `up` and the tests
    #[command(hide = true)]
    Engine(engine::EngineArgs),
}

/// Every setting there is.
#[derive(Debug, Clone, Args)]
pub(crate) struct AllArgs {
    #[command(flatten)]
    pub(crate) ingest: IngestConfig,
    #[command(flatten)]
    pub(crate) webhooks: WebhookConfig,
    #[command(flatten)]
    pub(crate) gitlab: ApiConfig,
    #[command(flatten)]
    pub(crate) publisher: PublisherConfig,
    #[command(flatten)]
    pub(crate) spool: SpoolConfig,
    #[command(flatten)]
    pub(crate) processor: ProcessorConfig,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
    #[command(flatten)]
    pub(crate) audit: AuditArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) data: up::DataArgs,
}

/// Runs the command.
pub(crate) fn run(settings: Settings<Cli>) -> anyhow::Result<ExitCode> {
    let Settings { cli, tenants, sources, .. } = settings;
    // This fails only if a provider is installed already, which is just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let finished = match cli.command {
        Command::Engine(args) => return engine::run(args),
        Command::Config(args) => {
            config::print(&sources, &args.webhooks.tenants(&args.gitlab.instance, tenants))
        }
        Command::Backfill(args) => return runtime()?.block_on(backfill::run(*args)),
        Command::Reconcile(args) => return runtime()?.block_on(reconcile::run(*args)),
        Command::Explain(args) => return runtime()?.block_on(explain::run(*args)),
        Command::Report(args) => return runtime()?.block_on(report::run(*args)),
        Command::Up(args) => runtime()?.block_on(up::run(*args, tenants)),
        Command::Ingest(args) => runtime()?.block_on(roles::ingest(*args, tenants)),
        Command::Processor(args) => runtime()?.block_on(roles::processor(*args)),
        Command::Migrate(args) => runtime()?.block_on(migrate::run(*args)),
        Command::Doctor(args) => return runtime()?.block_on(doctor::run(*args, tenants)),
        Command::Send(args) => return runtime()?.block_on(send::run(*args, tenants)),
        Command::Simulate(args) => return runtime()?.block_on(simulate::run(*args, tenants)),
        Command::Check(args) => return runtime()?.block_on(check::run(args)),
        Command::Rebuild(args) => runtime()?.block_on(rebuild::run(args)),
        Command::DeadLetters(args) => runtime()?.block_on(dead_letters::run(args)),
    };
    finished.map(|()| ExitCode::SUCCESS)
}
