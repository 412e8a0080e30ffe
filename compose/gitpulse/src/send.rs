//! `gitpulse send`: posts payload files as GitLab would. In: files and folders. Out: deliveries with GitLab's headers, and a summary of the answers.
//! Never repeats a delivery unless it is told to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use clap::Args;
use comfy_table::{Table, presets};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::config::TenantConfig;
use ingest::credential::SigningKey;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use runtime::Secret;
use schemas::head::Head;
use schemas::kind::SYSTEM_HOOK;
use uuid::Uuid;

use crate::credentials::{CredentialsArgs, HookSecret};
use crate::target::{self, TargetArgs};

/// GitLab gives up on a delivery after ten seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The text in place of a status.
const NO_ANSWER: &str = "no answer";

/// What to send, where, and how often.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Payload files, and folders of them: every .json but REST objects (.api.json), subfolders included
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    target: TargetArgs,

    /// Sends each delivery N more times with the same delivery id, as when GitLab repeats one
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    retry: u32,

    /// Sends each event as N hooks would, each with a delivery id of its own
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    hooks: u32,

    /// Shuffles the deliveries; the same seed gives the same order
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,

    /// Deliveries per second; by default as many as are answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,

    /// Deliveries under way at the same time, at most
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    concurrency: u32,

    #[command(flatten)]
    credentials: CredentialsArgs,
}

/// A request to send.
#[derive(Clone)]
struct Delivery {
    path: Arc<Path>,
    body: Arc<[u8]>,
    event: &'static str,
    id: Uuid,
}

/// The proof of a delivery's origin.
enum Credentials {
    Token(Secret),
    Signing(SigningKey),
}

/// The answers to deliveries.
#[derive(Default)]
struct Answers {
    by_status: BTreeMap<String, u64>,
    /// The first file of each status that is not 200, with the answer.
    examples: BTreeMap<String, String>,
    latencies: Vec<Duration>,
}

/// Sends everything and prints a summary; the exit code says whether everything was answered 200.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(args: SendArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<ExitCode> {
    let (instance, url) = (args.credentials.instance(), args.target.url());
    let credentials = match args.credentials.secret(&url, tenants)? {
        HookSecret::Token(token) => Credentials::Token(token),
        HookSecret::SigningToken(token) => Credentials::Signing(SigningKey::new(&token)?),
    };
    let files = collect(&args.paths)?;
    let deliveries = plan(&args, &files)?;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .pool_max_idle_per_host(0) // GitLab opens a connection for each delivery
        .build()?;
    let progress = ProgressBar::new(deliveries.len() as u64);
    progress
        .set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} deliveries, {per_sec}, {eta} left")?);

    let total = deliveries.len();
    let started = Instant::now();
    let pause = args.rate.map(|rate| Duration::from_secs(1) / rate);
    let mut answers = Answers::default();
    let paced =
        futures_util::stream::iter(deliveries.into_iter().enumerate()).then(|(index, delivery)| async move {
            if let Some(pause) = pause {
                tokio::time::sleep_until((started + pause * u32::try_from(index).unwrap_or(u32::MAX)).into())
                    .await;
            }
            delivery
        });
    let sent = paced
        .map(|delivery| post(&client, &url, &instance, &credentials, delivery))
        .buffer_unordered(args.concurrency as usize);
    let mut sent = std::pin::pin!(sent);
    let refusal = loop {
        let Some((delivery, status, answer, took)) = sent.next().await else { break None };
        let refusal = status.parse().ok().and_then(|status| target::refuses_all(status, &url));
        answers.add(&delivery, status, answer, took);
        progress.inc(1);
        // All others would get the same answer.
        if refusal.is_some() && answers.by_status.len() == 1 {
            break refusal;
        }
    };
    progress.finish_and_clear();
    let took = started.elapsed();

    println!("{}", answers.table());
    if let Some(refusal) = refusal {
        println!("stopped after the first of {total} deliveries: {refusal}");
        return Ok(ExitCode::FAILURE);
    }
    println!(
        "{total} deliveries of {} file(s) in {:.1} s ({:.0} a second)",
        files.len(),
        took.as_secs_f64(),
        total as f64 / took.as_secs_f64().max(0.001)
    );
    for (status, example) in &answers.examples {
        println!("{status}: {example}");
    }
    if answers.examples.contains_key(NO_ANSWER) {
        println!(
            "nobody answered at {}: is `gitpulse up` or `gitpulse ingest` running there? --url names another address",
            url
        );
    }
    Ok(if answers.examples.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The payload files, with those in subfolders, sorted by name.
fn collect(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries =
                std::fs::read_dir(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            for entry in entries {
                let path = entry?.path();
                let name =
                    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if path.is_dir() || (name.ends_with(".json") && !name.ends_with(".api.json")) {
                    open.push(path);
                }
            }
        } else {
            files.push(path);
        }
    }
    anyhow::ensure!(!files.is_empty(), "no .json file in {paths:?}");
    files.sort();
    Ok(files)
}

fn plan(args: &SendArgs, files: &[PathBuf]) -> anyhow::Result<Vec<Delivery>> {
    let mut deliveries = Vec::new();
    for path in files {
        let body: Arc<[u8]> =
            std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?.into();
        let event = event_header(&body);
        for _ in 0..args.hooks {
            let delivery =
                Delivery { path: path.as_path().into(), body: body.clone(), event, id: Uuid::new_v4() };
            deliveries.extend(std::iter::repeat_n(delivery, 1 + args.retry as usize));
        }
    }
    if let Some(seed) = args.shuffle {
        deliveries.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
    }
    Ok(deliveries)
}

/// The `X-Gitlab-Event` header that GitLab would send with this body.
fn event_header(body: &[u8]) -> &'static str {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let head = Head::read(text).unwrap_or_default();
    match head.object_kind.value() {
        Some(_) => head.kind().hook_header(),
        None => SYSTEM_HOOK,
    }
}

type Answered = (Delivery, String, String, Duration);

async fn post(
    client: &reqwest::Client,
    url: &str,
    instance: &str,
    credentials: &Credentials,
    delivery: Delivery,
) -> Answered {
    let id = delivery.id.to_string();
    let timestamp = now().timestamp().to_string();
    let mut request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "GitLab/19.0.0")
        .header("x-gitlab-event", delivery.event)
        .header("x-gitlab-instance", instance)
        .header("x-gitlab-webhook-uuid", Uuid::new_v4().to_string())
        .header("x-gitlab-event-uuid", Uuid::new_v4().to_string())
        .header("idempotency-key", &id)
        .header("webhook-id", &id)
        .header("webhook-timestamp", &timestamp);
    request = match credentials {
        Credentials::Token(token) => request.header("x-gitlab-token", token.expose()),
        Credentials::Signing(key) => {
            let signature = BASE64.encode(key.sign(&id, &timestamp, &delivery.body));
            request.header("webhook-signature", format!("v1,{signature}"))
        }
    };
    let started = Instant::now();
    let (status, answer) = match request.body(delivery.body.to_vec()).send().await {
        Ok(response) => {
            let status = response.status().as_u16().to_string();
            (status, response.text().await.unwrap_or_default())
        }
        Err(error) => (NO_ANSWER.to_owned(), format!("{:#}", anyhow::Error::from(error))),
    };
    (delivery, status, answer, started.elapsed())
}

impl Answers {
    fn add(&mut self, delivery: &Delivery, status: String, answer: String, took: Duration) {
        *self.by_status.entry(status.clone()).or_default() += 1;
        if status != NO_ANSWER {
            self.latencies.push(took);
        }
        if status != "200" {
            let example = format!("{}: {}", delivery.path.display(), answer.trim());
            self.examples.entry(status).or_insert(example);
        }
    }

    fn table(&mut self) -> Table {
        self.latencies.sort_unstable();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["answer", "deliveries"]);
        for (status, count) in &self.by_status {
            table.add_row([status, &count.to_string()]);
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let index = ((self.latencies.len() as f64 * share).ceil() as usize)
                .clamp(1, self.latencies.len().max(1))
                - 1;
            if let Some(latency) = self.latencies.get(index) {
                table.add_row([name, &format!("{:.1} ms", latency.as_secs_f64() * 1000.0)]);
            }
        }
        table
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: a signature carries the time of sending")]
fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}
