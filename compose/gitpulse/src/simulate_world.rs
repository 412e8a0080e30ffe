//! `gitpulse simulate --world`. In: a seed, projects and days. Out: the webhooks of consistent history, oldest first, as GitLab's hooks would have
//! sent them: some twice, some late, some never. Never holds more than a day of them.

use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use futures_util::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::shutdown;
use simulator::api::Version;
use simulator::gitlab::hooks::delivery::{Delivery, HookConfig};
use simulator::gitlab::{World, WorldConfig};
use simulator::load::Credentials;

use crate::progress::Progress;
use crate::target;

/// GitLab gives up on a delivery after ten seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The history to send.
#[derive(Debug, Args)]
pub(crate) struct WorldArgs {
    /// Sends consistent history (commits, merge requests, pipelines and deployments that belong together), oldest first, instead of a load
    #[arg(long, conflicts_with_all = ["serve_api", "check", "requests"])]
    pub(crate) world: bool,

    /// Days of history, up to now
    #[arg(long, default_value_t = 90, requires = "world", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,

    /// Deliveries per thousand that are sent twice
    #[arg(long, default_value_t = 0, requires = "world", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    duplicates: u32,

    /// Deliveries per thousand that are sent up to a day late, out of order
    #[arg(long, default_value_t = 0, requires = "world", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    disorder: u32,

    /// Deliveries per thousand that are never sent
    #[arg(long, default_value_t = 0, requires = "world", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    drops: u32,
}

/// Where and how to send.
pub(crate) struct Sending {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    /// The instance's address in objects.
    pub(crate) instance: String,
    pub(crate) seed: u64,
    pub(crate) projects: u32,
    /// Deliveries per second.
    pub(crate) rate: u32,
    pub(crate) under_way: usize,
}

/// Sends everything, and prints the answers.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: &WorldArgs, sending: Sending, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    // Also cancelled by an answer that all other deliveries would get too.
    let stopped = shutdown::on_signal()?.child_token();
    let now = now.timestamp_millis();
    let mut config =
        WorldConfig::new(sending.seed, sending.projects, args.days + simulator::gitlab::SPRINT_DAYS);
    config.url = sending.instance.clone();
    config.began_at = (now / DAY - i64::from(args.days)) * DAY;
    let began_at = config.began_at;
    let world = World::new(config);
    let mut hook = HookConfig::new(Version::V19, &sending.url, sending.credentials.clone());
    hook.seed = sending.seed;
    hook.dropped = args.drops;
    tracing::info!(seed = sending.seed, projects = sending.projects, days = args.days, "sending");

    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let progress = Progress::new("days sent", u64::from(args.days));
    let mut random = StdRng::seed_from_u64(sending.seed);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / sending.rate);
    let (mut answers, mut late) = (std::collections::BTreeMap::<u16, u64>::new(), Vec::new());
    for (day, done) in (began_at..now).step_by(DAY as usize).zip(0..) {
        let mut deliveries: Vec<Delivery> = std::mem::take(&mut late);
        for index in 0..world.projects() {
            for delivery in world.arrivals(&world.project(index), &hook, (day, now.min(day + DAY))) {
                if random.random_ratio(args.duplicates, 1_000) {
                    late.push(delivery.clone());
                }
                let is_late = random.random_ratio(args.disorder, 1_000);
                if is_late { late.push(delivery) } else { deliveries.push(delivery) }
            }
        }
        deliveries.sort_by_key(|delivery| delivery.hook.at);
        send(&client, &sending, deliveries, &mut pace, &mut answers, &stopped).await;
        progress.set(done + 1);
        if stopped.is_cancelled() {
            break;
        }
    }
    send(&client, &sending, late, &mut pace, &mut answers, &stopped).await;
    drop(progress);
    for (status, count) in &answers {
        match status {
            0 => println!(
                "{count} without answer: is GitPulse running at {}? --url names another address",
                sending.url
            ),
            status => println!("{count} answered {status}"),
        }
    }
    if let [(status, _)] = answers.iter().collect::<Vec<_>>()[..]
        && let Some(refusal) = target::refuses_all(*status, &sending.url)
    {
        println!("stopped: {refusal}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{} projects of group factory, seed {}", sending.projects, sending.seed);
    let is_taken = answers.keys().all(|status| *status == 200) && !stopped.is_cancelled();
    Ok(if is_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends deliveries at the given pace, and counts the answers; 0 stands for none.
async fn send(
    client: &reqwest::Client,
    sending: &Sending,
    deliveries: Vec<Delivery>,
    pace: &mut tokio::time::Interval,
    answers: &mut std::collections::BTreeMap<u16, u64>,
    stopped: &tokio_util::sync::CancellationToken,
) {
    let pace = futures_util::lock::Mutex::new(pace);
    let answered = stream::iter(deliveries)
        .take_until(stopped.cancelled())
        .map(|delivery| {
            let pace = &pace;
            async move {
                pace.lock().await.tick().await;
                let mut headers = reqwest::header::HeaderMap::new();
                for (name, value) in delivery.headers(wall()) {
                    let name = reqwest::header::HeaderName::from_bytes(name.as_bytes());
                    if let (Ok(name), Ok(value)) = (name, value.parse()) {
                        headers.append(name, value);
                    }
                }
                let request = client.post(&sending.url).headers(headers).body(delivery.body);
                request.send().await.map_or(0, |response| response.status().as_u16())
            }
        })
        .buffer_unordered(sending.under_way);
    let mut answered = std::pin::pin!(answered);
    while let Some(status) = answered.next().await {
        *answers.entry(status).or_default() += 1;
        if answers.len() == 1 && target::refuses_all(status, &sending.url).is_some() {
            return stopped.cancel();
        }
    }
}

/// Milliseconds since 1970: a signature carries the time of sending.
#[expect(clippy::disallowed_methods, reason = "the edge: it is sent now")]
fn wall() -> i64 {
    Utc::now().timestamp_millis()
}
