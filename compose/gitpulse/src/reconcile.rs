//! `gitpulse reconcile`. In: projects, groups. Out: what GitLab never delivered, in the topics of its webhooks, and a table of findings. Never fails
//! a run because GitLab hides something from the token: that is only reported.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use backfill::publish::Destination;
use backfill::reconcile::state::States;
use backfill::reconcile::stored::Stored;
use backfill::reconcile::{Findings, Metrics, Reconcile, ReconcileConfig, Report, What};
use backfill::scope;
use clap::Args;
use comfy_table::{Table, presets};
use gitlab::{ApiConfig, Client};
use prometheus::Registry;
use runtime::admin::Readiness;
use runtime::clickhouse::ClickHouse;
use runtime::kafka::Kafka;
use runtime::publisher::PublisherConfig;
use runtime::{Publisher, migrate, shutdown};
use schemas::instance::normal_instance;
use schemas::tenant::Tenant;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::arguments::{AdminArgs, StoreArgs};
use crate::audit::{self, AuditLog, Caller, Role};
use crate::roles;

/// The tenant of the events.
const TENANT: &str = "default";
/// It could not begin: a setting is wrong, or nothing answers.
const NOT_BEGUN: u8 = 2;

/// What to check, and where the tables are.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    reconcile: ReconcileConfig,
    #[command(flatten)]
    gitlab: ApiConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Makes one run, or repeats it until a signal. Exits with 0 if everything is there, 1 if something is left, 2 if it could not begin.
pub(crate) async fn run(args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown::on_signal()?;
    let registry = roles::registry()?;
    let ended = match begin(&args, &registry).await {
        Ok((reconcile, log)) => {
            let ended = look(&args, &reconcile, &registry, &shutdown).await;
            log.finish().await;
            ended
        }
        Err(error) => Err(error),
    };
    ended.or_else(|error| {
        tracing::error!("{error:#}");
        Ok(ExitCode::from(NOT_BEGUN))
    })
}

/// Makes the connections, and starts the audit log. Makes no request to GitLab yet.
async fn begin(args: &ReconcileArgs, registry: &Registry) -> anyhow::Result<(Reconcile, AuditLog)> {
    let metrics = gitlab::Metrics::register(registry)?;
    let (audit, calls) = audit::channel();
    let client = Client::new(&args.gitlab, audit.clone())?.with_metrics(metrics.clone());
    let instance = normal_instance(client.base_url()).context("GITLAB_URL is no URL")?;
    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    let url = &args.stores.clickhouse.url;
    migrate::tables(&clickhouse)
        .await
        .with_context(|| format!("the tables in ClickHouse at {url} (GITPULSE_CLICKHOUSE_URL)"))?;
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, registry)?;
    let prefix = args.stores.kafka.topic_prefix.clone();
    let caller = Caller::new(Role::Reconcile, &instance, TENANT);
    let log = AuditLog::start((audit, calls), caller, publisher.clone(), prefix.clone(), Some(metrics));
    let tenant = Tenant::new(TENANT, Some(&instance))?;
    let reconcile = Reconcile {
        destination: Destination { publisher, prefix, tenant, instance: instance.clone() },
        stored: Stored::new(clickhouse.client.clone(), &instance),
        states: States::new(clickhouse.client, &instance),
        metrics: Metrics::register(registry)?,
        client,
    };
    Ok((reconcile, log))
}

/// Makes one run; with `--every` one after another until it is stopped.
async fn look(
    args: &ReconcileArgs,
    reconcile: &Reconcile,
    registry: &Registry,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let Some(every) = args.reconcile.every else {
        return once(&args.reconcile, reconcile, shutdown).await;
    };
    let readiness = Readiness {
        kafka: Some(Kafka::new(&args.stores.kafka)?),
        outbox: None,
        clickhouse: Some(ClickHouse::new(&args.stores.clickhouse)),
        ..Readiness::default()
    };
    let admin = roles::admin(args.admin.admin_listen, registry, readiness, shutdown).await?;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        // A fault of one run may be over at the next.
        if let Err(error) = once(&args.reconcile, reconcile, shutdown).await {
            reconcile.metrics.failed();
            tracing::error!("{error:#}");
        }
    }
    admin.await.context("the admin listener")?;
    Ok(ExitCode::SUCCESS)
}

/// Makes one run, and prints its table. An error means that it could not begin.
async fn once(
    config: &ReconcileConfig,
    reconcile: &Reconcile,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let scope = scope::find(&reconcile.client, &config.scope(), None, shutdown).await;
    let scope = scope.map_err(|error| {
        let remedy = error.needs_attention();
        with_remedy(error, remedy)
    })?;
    // By GitLab's clock, which its answers have shown by now.
    let now = reconcile.client.now();
    match reconcile.run(&scope, &config.plan(now), now, shutdown).await {
        Ok(report) => say(&mut out, &report),
        // Its progress is saved.
        Err(error) => {
            reconcile.metrics.failed();
            let remedy = error.needs_attention();
            tracing::error!("{:#}", with_remedy(error, remedy));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Fault and remedy.
fn with_remedy(error: impl Into<anyhow::Error>, remedy: Option<String>) -> anyhow::Error {
    let error = error.into();
    match remedy {
        Some(remedy) => anyhow::anyhow!("{error:#}; {remedy}"),
        None => error,
    }
}

fn say(out: &mut impl Write, report: &Report) -> anyhow::Result<ExitCode> {
    let sum = report.sum();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "found", "mended", "gone", "left"]);
    for what in What::all() {
        let Some(tally) = sum.tallies.get(&what).filter(|tally| tally.found() > 0) else { continue };
        let counts = [tally.found(), tally.mended, tally.gone, tally.left].map(|count| count.to_string());
        table.add_row([what.as_str().to_owned()].into_iter().chain(counts));
    }
    if sum.tallies.values().any(|tally| tally.found() > 0) {
        writeln!(out, "{}", table.trim_fmt())?;
    }
    for (place, findings) in &report.places {
        for note in &findings.notes {
            writeln!(out, "{note}")?;
        }
        if findings.more_notes > 0 {
            writeln!(out, "{place}: {} notes more", findings.more_notes)?;
        }
        if findings.missing > 0 {
            writeln!(out, "{place}: {:.2} % complete, {} missing", percent(findings), findings.missing)?;
        }
    }
    if sum.read_again > 0 {
        writeln!(out, "approvals of {} merge requests were read again", sum.read_again)?;
    }
    writeln!(
        out,
        "{} projects, {:.2} % complete, by {} requests; {} hooks lead here, {} of them disabled{}",
        report.projects,
        percent(&sum),
        report.requests,
        sum.hooks,
        sum.disabled_hooks,
        if sum.is_whole() { "; nothing is left to mend" } else { "" },
    )?;
    Ok(if sum.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// In percent, rounded down, so that it is never 100 too early.
fn percent(findings: &Findings) -> f64 {
    (findings.completeness() * 10_000.0).floor() / 100.0
}
