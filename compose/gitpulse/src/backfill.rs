//! `gitpulse backfill`. In: projects, groups. Out: their history in the topics of their webhooks, and what could not be read; every call of GitLab's API
//! in the audit log. It exits with 0 if all was read or is not shown to the token, with 1 if something failed or was interrupted, and with 2 if it could
//! not begin.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use backfill::checkpoint::{Checkpoints, Outcome};
use backfill::face::Face;
use backfill::list::List;
use backfill::pending::Pending;
use backfill::publish::{BackfillPublishError, Destination};
use backfill::scope::{self, Scope, ScopeError};
use backfill::walk::WalkError;
use backfill::{BackfillConfig, Goal, Live, Metrics, Summary, Walk};
use clap::Args;
use gitlab::{ApiConfig, Client};
use indicatif::{ProgressBar, ProgressStyle};
use prometheus::Registry;
use runtime::admin::Readiness;
use runtime::clickhouse::ClickHouse;
use runtime::fault::chain;
use runtime::publisher::PublisherConfig;
use runtime::{Publisher, migrate, shutdown};
use schemas::instance::normal_instance;
use schemas::tenant::Tenant;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::arguments::StoreArgs;
use crate::audit::{self, AuditLog, Caller, Role};
use crate::roles;

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How often a line says how far it is, where nobody watches a bar.
const PLAIN_LINE_EVERY: u32 = 20;
/// Whose events they are.
const TENANT: &str = "default";
/// The exit code of a command that could not begin, as of one whose settings cannot be read.
const COULD_NOT_BEGIN: u8 = 2;

/// What to read, and where to.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    backfill: BackfillConfig,
    #[command(flatten)]
    gitlab: ApiConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
    #[command(flatten)]
    stores: StoreArgs,

    /// Where metrics are served while it runs; by default nowhere
    #[arg(long, env = "GITPULSE_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
}

/// What it talks to.
struct Surroundings {
    client: Client,
    /// The instance that is read, in its one form.
    instance: String,
    publisher: Publisher,
    registry: Registry,
    shutdown: CancellationToken,
}

/// Reads history until it is read, or until a signal; the next run goes on from there.
pub(crate) async fn run(args: BackfillArgs) -> anyhow::Result<ExitCode> {
    let ended = match begin(&args).await {
        Ok((surroundings, log)) => {
            let ended = read(&args, &surroundings).await;
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

/// Makes what it talks to, and begins the audit log. Asks nobody yet.
async fn begin(args: &BackfillArgs) -> anyhow::Result<(Surroundings, AuditLog)> {
    let shutdown = shutdown::on_signal()?;
    let registry = roles::registry()?;
    let metrics = gitlab::Metrics::register(&registry)?;
    let (audit, calls) = audit::channel();
    let client = Client::new(&args.gitlab, audit.clone())?.with_metrics(metrics.clone());
    let instance = normal_instance(client.base_url()).context("GITLAB_URL is no URL")?;
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &registry)?;
    if let Some(address) = args.metrics_listen {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; GITPULSE_METRICS_LISTEN chooses another address")
        })?;
        let readiness = Readiness { kafka: None, outbox: None, clickhouse: None };
        tokio::spawn(runtime::admin::serve(listener, registry.clone(), readiness, shutdown.clone()));
    }
    let caller = Caller::new(Role::Backfill, &instance, TENANT);
    let prefix = args.stores.kafka.topic_prefix.clone();
    let log = AuditLog::start((audit, calls), caller, publisher.clone(), prefix, Some(metrics));
    Ok((Surroundings { client, instance, publisher, registry, shutdown }, log))
}

/// Reads. An error is why it could not begin.
async fn read(args: &BackfillArgs, surroundings: &Surroundings) -> anyhow::Result<ExitCode> {
    let Surroundings { client, instance, publisher, registry, shutdown } = surroundings;
    let lists = args.backfill.lists();
    let mut out = std::io::stdout().lock();
    if args.backfill.dry_run {
        let Some(scope) = find(args, client, None, shutdown).await? else {
            return Ok(ExitCode::FAILURE);
        };
        return Ok(plan(&mut out, &scope, &lists).unwrap_or(ExitCode::FAILURE));
    }

    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    migrate::tables(&clickhouse).await?;
    let destination = Destination {
        publisher: publisher.clone(),
        prefix: args.stores.kafka.topic_prefix.clone(),
        tenant: Tenant::new(TENANT, Some(instance))?,
        instance: instance.clone(),
    };
    let metrics = Metrics::register(registry)?;
    let Some(scope) = find(args, client, Some(&destination), shutdown).await? else {
        return Ok(ExitCode::FAILURE);
    };
    let live = Live::default();
    let walk = Walk {
        client: client.clone(),
        destination,
        checkpoints: Checkpoints::new(clickhouse.client.clone(), instance),
        pending: Pending::new(clickhouse.client, instance),
        face: Face::default(),
        metrics,
        live: live.clone(),
        shutdown: shutdown.clone(),
    };
    let showing = tokio::spawn(show(live, scope.projects.len()));
    let now = now();
    let until = args.backfill.until.unwrap_or(now).min(now);
    let goal = Goal { since: args.backfill.begins_at(), until, now };
    let summary = walk.run(scope, &lists, goal).await;
    showing.abort();
    match summary {
        // Nobody hears what it did: that is no success.
        Ok(summary) => Ok(say(&mut out, &summary).unwrap_or(ExitCode::FAILURE)),
        Err(error) => {
            tracing::error!("{}", chain(&error));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Finds projects and groups; `None` if it was stopped meanwhile, which it says.
async fn find(
    args: &BackfillArgs,
    client: &Client,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Scope>> {
    let found = scope::find(client, &args.backfill, destination, shutdown);
    match shutdown.run_until_cancelled(found).await {
        None | Some(Err(ScopeError::Publish(BackfillPublishError::Stopped))) => {
            tracing::warn!("stopped before the projects were found; nothing of their lists was read");
            Ok(None)
        }
        Some(Ok(scope)) => Ok(Some(scope)),
        Some(Err(error)) => Err(anyhow::anyhow!(with_remedy(&error, error.needs_attention()))),
    }
}

/// What is wrong and what to do about it, in one line.
fn with_remedy(error: &dyn std::error::Error, remedy: Option<String>) -> String {
    let fault = chain(error);
    match remedy {
        Some(remedy) => format!("{fault}; {remedy}"),
        None => fault,
    }
}

/// Shows how many objects are in Kafka: a bar on a terminal, else a line now and then.
async fn show(live: Live, projects: usize) {
    let bar = ProgressBar::new_spinner().with_message(format!("history of {projects} projects"));
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg}: {human_pos} objects, {per_sec}, {elapsed}")
    {
        bar.set_style(style);
    }
    for tick in 1u32.. {
        tokio::time::sleep(SHOW_EVERY).await;
        let count = live.numbers().objects;
        bar.set_position(count);
        if bar.is_hidden() && tick.is_multiple_of(PLAIN_LINE_EVERY) {
            // That nobody reads it does not end the work.
            let _ = writeln!(std::io::stderr(), "history of {projects} projects: {count} objects");
        }
    }
}

fn plan(out: &mut impl Write, scope: &Scope, lists: &[List]) -> std::io::Result<ExitCode> {
    for project in scope.projects.values() {
        writeln!(out, "{:>10}  {}", project.id, project.path)?;
    }
    let names: Vec<&str> = lists.iter().map(|list| list.as_str()).collect();
    writeln!(out, "{} projects, of each {}", scope.projects.len(), names.join(", "))?;
    Ok(ExitCode::SUCCESS)
}

fn say(out: &mut impl Write, summary: &Summary) -> std::io::Result<ExitCode> {
    let counted = summary.counted();
    writeln!(
        out,
        "{} objects by {} requests; {} lists complete, {} skipped, {} failed, {} interrupted",
        counted.objects,
        counted.requests,
        summary.count(Outcome::Complete),
        summary.count(Outcome::Skipped),
        summary.count(Outcome::Failed),
        summary.count(Outcome::Reading),
    )?;
    for ended in &summary.lists {
        if let Some(error) = &ended.error {
            let path = &ended.owner.path;
            let remedy = match error {
                WalkError::Fetch(error) => error.needs_attention(),
                _ => None,
            };
            let fault = with_remedy(error, remedy);
            writeln!(out, "{} of {path}: {}: {fault}", ended.list.as_str(), ended.outcome().as_str())?;
        }
    }
    let is_whole = summary.count(Outcome::Failed) + summary.count(Outcome::Reading) == 0;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "the edge: up to when history is read")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
