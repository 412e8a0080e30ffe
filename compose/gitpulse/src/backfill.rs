//! `gitpulse backfill`. In: projects, groups. Out: their history in the topics of their webhooks, and what could not be read.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use backfill::checkpoint::{Checkpoints, Outcome};
use backfill::publish::Destination;
use backfill::{Backfill, BackfillConfig, Metrics, Summary, scope};
use clap::Args;
use gitlab::{ApiConfig, Audit, Client};
use indicatif::{ProgressBar, ProgressStyle};
use prometheus::Registry;
use runtime::clickhouse::ClickHouse;
use runtime::publisher::PublisherConfig;
use runtime::{Publisher, migrate, shutdown};
use schemas::instance::normal_instance;
use schemas::tenant::Tenant;

use crate::arguments::StoreArgs;

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// How often a line says how far it is, where nobody watches a bar.
const PLAIN_LINE_EVERY: u32 = 20;
/// Whose events they are.
const TENANT: &str = "default";

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
}

/// Reads history until it is read, or until a signal; the next run goes on from there.
pub(crate) async fn run(args: BackfillArgs) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown::on_signal()?;
    let client = Client::new(&args.gitlab, Audit::none())?;
    let instance = normal_instance(client.base_url()).context("GITLAB_URL is no URL")?;
    let lists = args.backfill.lists();
    let mut out = std::io::stdout().lock();
    if args.backfill.dry_run {
        let projects = scope::projects(&client, &args.backfill, None, &shutdown).await?;
        for project in &projects {
            writeln!(out, "{:>10}  {}", project.id, project.path_with_namespace)?;
        }
        let names: Vec<&str> = lists.iter().map(|list| list.as_str()).collect();
        writeln!(out, "{} projects, of each {}", projects.len(), names.join(", "))?;
        return Ok(ExitCode::SUCCESS);
    }

    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    migrate::tables(&clickhouse).await?;
    let registry = Registry::new();
    let destination = Destination {
        publisher: Publisher::new(&args.stores.kafka, &args.publisher, &registry)?,
        prefix: args.stores.kafka.topic_prefix.clone(),
        tenant: Tenant::new(TENANT, Some(&instance))?,
        instance: instance.clone(),
    };
    let projects = scope::projects(&client, &args.backfill, Some(&destination), &shutdown).await?;
    let objects = Arc::new(AtomicU64::new(0));
    let backfill = Backfill {
        client,
        destination,
        checkpoints: Checkpoints::new(clickhouse.client, &instance),
        metrics: Metrics::register(&registry)?,
        objects: objects.clone(),
    };
    let showing = tokio::spawn(show(objects, projects.len()));
    let summary = backfill.run(&projects, &lists, args.backfill.begins_at(), now(), &shutdown).await;
    showing.abort();
    say(&mut out, &summary?)
}

/// Shows how many objects are in Kafka: a bar on a terminal, else a line now and then.
async fn show(objects: Arc<AtomicU64>, projects: usize) {
    let bar = ProgressBar::new_spinner().with_message(format!("history of {projects} projects"));
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg}: {human_pos} objects, {per_sec}, {elapsed}")
    {
        bar.set_style(style);
    }
    for tick in 1u32.. {
        tokio::time::sleep(SHOW_EVERY).await;
        let count = objects.load(Ordering::Relaxed);
        bar.set_position(count);
        if bar.is_hidden() && tick.is_multiple_of(PLAIN_LINE_EVERY) {
            // That nobody reads it does not end the work.
            let _ = writeln!(std::io::stderr(), "history of {projects} projects: {count} objects");
        }
    }
}

fn say(out: &mut impl Write, summary: &Summary) -> anyhow::Result<ExitCode> {
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
            let path = &ended.project.path_with_namespace;
            writeln!(out, "{} of {path}: {}: {error}", ended.list.as_str(), ended.outcome().as_str())?;
        }
    }
    let whole = summary.count(Outcome::Failed) + summary.count(Outcome::Reading) == 0;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "the edge: up to when history is read")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
