//! `gitpulse backfill`. In: projects, groups. Out: their history in the topics of their webhooks, and what could not be read.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use backfill::checkpoint::{Checkpoints, Outcome};
use backfill::face::Face;
use backfill::pending::Pending;
use backfill::publish::Destination;
use backfill::{BackfillConfig, Goal, Live, Metrics, Summary, Walk, scope};
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
        let scope = scope::find(&client, &args.backfill, None, &shutdown).await?;
        for project in scope.projects.values() {
            writeln!(out, "{:>10}  {}", project.id, project.path)?;
        }
        let names: Vec<&str> = lists.iter().map(|list| list.as_str()).collect();
        writeln!(out, "{} projects, of each {}", scope.projects.len(), names.join(", "))?;
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
    let scope = scope::find(&client, &args.backfill, Some(&destination), &shutdown).await?;
    let live = Live::default();
    let walk = Walk {
        client,
        destination,
        checkpoints: Checkpoints::new(clickhouse.client.clone(), &instance),
        pending: Pending::new(clickhouse.client, &instance),
        face: Face::default(),
        metrics: Metrics::register(&registry)?,
        live: live.clone(),
        shutdown,
    };
    let showing = tokio::spawn(show(live, scope.projects.len()));
    let now = now();
    let until = args.backfill.until.unwrap_or(now).min(now);
    let goal = Goal { since: args.backfill.begins_at(), until, now };
    let summary = walk.run(scope, &lists, goal).await;
    showing.abort();
    say(&mut out, &summary?)
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
            let path = &ended.owner.path;
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
