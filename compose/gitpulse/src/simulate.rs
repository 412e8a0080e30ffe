//! `gitpulse simulate`. In: a rate and a seed. Out: the webhooks of an invented GitLab, and the history that `gitpulse check` judges; with `--world`,
//! those of consistent history; with `--serve-api`, its API. Never sends more than it was told to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ingest::config::TenantConfig;
use runtime::shutdown;
use simulator::history::Run;
use simulator::load::{Connections, Credentials, Target};
use simulator::world::WorldConfig;
use simulator::{History, Load, LoadConfig, World};
use tokio::sync::watch;
use uuid::Uuid;

use crate::check::{self, JudgeArgs};
use crate::credentials::{CredentialsArgs, HookSecret};
use crate::progress::Progress;
use crate::simulate_api::{self, ServeApiArgs};
use crate::simulate_world::{self, Sending, WorldArgs};
use crate::target::{self, TargetArgs};

/// Pause between two updates of the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The first id of invented projects: GitLab.com has no ids this high yet.
const PROJECTS_BEGIN: u64 = 1_000_000_000;
/// Ids reserved for the projects of one run.
const PROJECTS_OF_A_RUN: u64 = 1_000;

/// What to send, where, and how fast.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// Requests to send in all
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    requests: u64,

    /// Requests per second
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// Requests under way at the same time, at most; at this limit the rate is not reached
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    under_way: u16,

    /// Sends several deliveries over one connection; GitLab opens one for each
    #[arg(long)]
    keep_alive: bool,

    /// Projects of the invented GitLab; each load gives them new ids
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    projects: u32,

    /// Bytes of a usual body of a load; one in a hundred is thirty times as large
    #[arg(long, default_value_t = 2_000, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(2..=800_000))]
    body_bytes: u32,

    /// Seed of what happens: the same seed, the same events; by default a random one
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// File for the history of a load; an existing one is replaced
    #[arg(long, default_value = "./history.jsonl", value_name = "FILE")]
    history: PathBuf,

    /// Compares the history with the tables once all is sent
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    api: ServeApiArgs,

    #[command(flatten)]
    world: WorldArgs,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    credentials: CredentialsArgs,
}

/// Sends everything, and prints the answers or, with `--check`, the verdict.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: SimulateArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<ExitCode> {
    if let Some(address) = args.api.serve_api {
        let seed = args.seed.unwrap_or_else(rand::random);
        return simulate_api::run(&args.api, address, seed, args.projects, now()).await;
    }
    anyhow::ensure!(args.check || !args.judge.asks(), "--json and --rebuild are for --check");
    let url = args.target.url();
    let credentials = match args.credentials.secret(&url, tenants)? {
        HookSecret::Token(token) => Credentials::Token(token.expose().to_owned()),
        HookSecret::SigningToken(token) => Credentials::SigningToken(token.expose().to_owned()),
    };
    if args.world.world {
        let sending = Sending {
            url,
            credentials,
            instance: args.credentials.instance(),
            seed: args.seed.unwrap_or_else(rand::random),
            projects: args.projects,
            rate: args.rate,
            under_way: usize::from(args.under_way),
        };
        return simulate_world::run(&args.world, sending, now()).await;
    }
    let world = WorldConfig {
        seed: args.seed.unwrap_or_else(rand::random),
        instance: args.credentials.instance(),
        first_project: PROJECTS_BEGIN + PROJECTS_OF_A_RUN * u64::from(rand::random::<u32>()),
        projects: args.projects,
        body_bytes: args.body_bytes,
        poison: WorldConfig::USUAL_POISON,
        began_at: now().timestamp_millis(),
    };
    let run = Run { id: format!("simulated-{}", Uuid::new_v4().simple()), world: world.clone() };
    tracing::info!(run = run.id, seed = world.seed, history = %args.history.display(), "sending");
    let (_, target) = watch::channel(Target { url: url.clone(), credentials });
    let connections = if args.keep_alive { Connections::Kept } else { Connections::Fresh };
    let config = LoadConfig {
        target,
        rate: f64::from(args.rate),
        requests: args.requests,
        under_way: usize::from(args.under_way),
        connections,
    };
    let stopped = shutdown::on_signal()?;
    let load = Load::start(World::new(world), run, &args.history, config)?;
    let (counts, progress) = (load.counts().clone(), Progress::new("sending", args.requests));
    let mut look = tokio::time::interval(POLL_INTERVAL);
    let finished = load.finish(&stopped);
    let mut finished = std::pin::pin!(finished);
    loop {
        tokio::select! {
            finished = &mut finished => break finished?,
            _ = look.tick() => progress.set(counts.answered()),
        }
    }
    drop(progress);

    if let Some(refusal) = counts.refused().and_then(|status| target::refuses_all(status, &url)) {
        println!("stopped after {} of {} requests: {refusal}", counts.answered(), args.requests);
        return Ok(ExitCode::FAILURE);
    }
    let history = History::read(&args.history)?;
    if args.check {
        return check::judge(&args.judge, &history).await;
    }
    for (status, count) in &history.answers {
        match status {
            0 => println!(
                "{count} without answer: is GitPulse running at {}? --url names another address",
                url
            ),
            status => println!("{count} answered {status}"),
        }
    }
    println!(
        "{} requests, {:.0} a second; p50 {} ms, p99 {} ms, longest {} ms. `gitpulse check {}` says what became of them.",
        history.requests(),
        history.rate(),
        history.took_at(0.5),
        history.took_at(0.99),
        history.took_at(1.0),
        args.history.display()
    );
    let is_taken = history.answers.keys().all(|status| matches!(status, 200 | 401 | 415))
        && history.answers.contains_key(&200);
    Ok(if is_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "the edge: the invented world begins now")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
