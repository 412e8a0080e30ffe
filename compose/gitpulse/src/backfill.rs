//! `gitpulse backfill`. In: projects, groups. Out: their history in the topics of their webhooks, and a list of what could not be read; every call of
//! GitLab's API in the audit log. Exits with 0 if everything was read or is not shown to the token, with 1 if something failed or was interrupted,
//! and with 2 if it could not begin. `status` shows the progress of all lists.

mod follow;
mod plan;
mod progress;
mod session;
mod status;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use backfill::{BackfillConfig, Summary};
use clap::{ArgGroup, Args, Subcommand};
use gitlab::{ApiConfig, Client};
use prometheus::Registry;
use runtime::admin::Readiness;
use runtime::clickhouse::ClickHouse;
use runtime::publisher::PublisherConfig;
use runtime::{Publisher, migrate, shutdown};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use self::follow::follow;
pub(crate) use self::progress::Shown;
use self::session::{Fault, instance_of, is_whole};
pub(crate) use self::session::{Session, TENANT, line, unread};
pub(crate) use self::status::line_of;
use crate::arguments::{MetricsArgs, StoreArgs, span};
use crate::audit::{self, AuditLog, Caller, Role};
use crate::roles;

/// The exit code of a command that could not begin; the same as for invalid settings.
const COULD_NOT_BEGIN: u8 = 2;

/// What to read, and where to.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = ArgGroup::new("scope").required(true).multiple(true).args(["project", "group", "instance"]))]
pub(crate) struct BackfillArgs {
    #[command(subcommand)]
    command: Option<BackfillCommand>,

    #[command(flatten)]
    backfill: BackfillConfig,

    /// Keeps running and polls for what is new, with this pause between two runs (--follow=30s, --follow=2h); --follow alone means 5m
    #[arg(long, value_name = "PAUSE", num_args = 0..=1, require_equals = true, default_missing_value = "5m", value_parser = span)]
    follow: Option<Duration>,

    /// Shows what would be read and what that would cost; reads and publishes no history
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,

    #[command(flatten)]
    gitlab: ApiConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
}

#[derive(Debug, Subcommand)]
enum BackfillCommand {
    /// Shows how far each list is that was ever read; exits with 1 unless all are complete
    Status(status::StatusArgs),
}

/// The connections of the command.
struct Surroundings {
    client: Client,
    publisher: Publisher,
    registry: Registry,
    shutdown: CancellationToken,
}

/// Reads history to its end, or until a signal; the next run resumes.
pub(crate) async fn run(mut args: BackfillArgs) -> anyhow::Result<ExitCode> {
    if let Some(BackfillCommand::Status(args)) = args.command.take() {
        return status::run(args).await;
    }
    let ended = match begin(&args).await {
        Ok((surroundings, log)) => {
            let ended = read(args, surroundings).await;
            log.finish().await;
            ended
        }
        Err(error) => Err(error),
    };
    ended.or_else(|error| {
        tracing::error!("{error:#}");
        Ok(ExitCode::from(COULD_NOT_BEGIN))
    })
}

/// Makes the connections, and starts the audit log. Makes no request yet.
async fn begin(args: &BackfillArgs) -> anyhow::Result<(Surroundings, AuditLog)> {
    let shutdown = shutdown::on_signal()?;
    let registry = roles::registry()?;
    let metrics = gitlab::Metrics::register(&registry)?;
    let (audit, calls) = audit::channel();
    let client = Client::new(&args.gitlab, audit.clone())?.with_metrics(metrics.clone());
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &registry)?;
    if let Some(address) = args.metrics.metrics_listen {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; GITPULSE_METRICS_LISTEN chooses another address")
        })?;
        let readiness = Readiness::default();
        tokio::spawn(runtime::admin::serve(listener, registry.clone(), readiness, shutdown.clone()));
    }
    let caller = Caller::new(Role::Backfill, &instance_of(&client)?, TENANT);
    let prefix = args.stores.kafka.topic_prefix.clone();
    let log = AuditLog::start((audit, calls), caller, publisher.clone(), prefix, Some(metrics));
    Ok((Surroundings { client, publisher, registry, shutdown }, log))
}

/// Reads history. An error means that it could not begin.
async fn read(args: BackfillArgs, surroundings: Surroundings) -> anyhow::Result<ExitCode> {
    let Surroundings { client, publisher, registry, shutdown } = surroundings;
    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    if args.dry_run {
        let per_minute = args.gitlab.permitted_per_minute();
        return ended(plan::run(&args.backfill, &client, clickhouse.client, per_minute, &shutdown).await);
    }
    migrate::tables(&clickhouse).await?;
    let kafka = args.stores.kafka;
    let session = Session::new(args.backfill, client, clickhouse.client, publisher, kafka, &registry)?;
    let Some(every) = args.follow else {
        let run = session.run(Shown::Directly, &shutdown).await;
        return ended(run.map(|summary| exit_code(&summary, say(&summary))));
    };
    let mut code = None;
    follow(&session, every, Shown::Directly, &shutdown, |run| match run {
        Ok(summary) => code = Some(exit_code(summary, say(summary))),
        Err(fault) => {
            tracing::warn!("history cannot be read, and is tried again: {fault}");
            code = Some(ExitCode::FAILURE);
        }
    })
    .await;
    // Stopped within the first run, it has read nothing to its end.
    Ok(code.unwrap_or(ExitCode::FAILURE))
}

/// The exit code for the result of a run. An error means that it could not begin.
fn ended(run: Result<ExitCode, Fault>) -> anyhow::Result<ExitCode> {
    match run {
        Ok(code) => Ok(code),
        Err(Fault::NotBegun(fault)) => Err(anyhow::anyhow!(fault)),
        Err(Fault::Stopped) => {
            tracing::warn!("{}", Fault::Stopped);
            Ok(ExitCode::FAILURE)
        }
        Err(fault @ Fault::Broken(_)) => {
            tracing::error!("{fault}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Prints the result of a run.
fn say(summary: &Summary) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", line(summary))?;
    for unread in unread(summary) {
        writeln!(out, "{unread}")?;
    }
    Ok(())
}

fn exit_code(summary: &Summary, said: std::io::Result<()>) -> ExitCode {
    // If nobody can read the result, that is not a success.
    if is_whole(summary) && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
