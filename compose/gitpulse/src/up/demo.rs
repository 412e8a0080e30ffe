//! An invented GitLab beside `up`. In: a data folder. Out: its API with three months of history, and its webhooks: first those of the last days, as
//! fast as a small machine stores them, then each as it happens. A later start continues with the same GitLab. Never mixes with a real GitLab: a data
//! folder belongs to one or the other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use gitlab::ApiConfig;
use runtime::Secret;
use serde::{Deserialize, Serialize};
use simulator::api::{self, Clock, Options, Version};
use simulator::gitlab::hooks::delivery::HookConfig;
use simulator::gitlab::{Millis, World, WorldConfig};
use simulator::load::Credentials;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::folder::DEMO_FILE;

/// Days of history in the API at first.
const HISTORY_DAYS: i64 = 90;
/// The last of these days, which come as webhooks instead.
const HOOKED_DAYS: i64 = 3;
/// Days for which it continues.
const FUTURE_DAYS: i64 = 730;
/// Pause between two webhooks. Those of three days are some ten thousand: they are sent within two minutes, and leave a machine with two cores time
/// to store them and to answer.
const PACE: Duration = Duration::from_millis(8);
/// Interval at which new events are sent.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// Progress is saved after this many webhooks: a start after a kill repeats some, which changes nothing.
const REMEMBER_EVERY: usize = 100;
/// Pause before a webhook that was not accepted is sent again.
const RETRY: Duration = Duration::from_secs(1);
const DAY: Millis = 24 * 60 * 60 * 1_000;
/// Its token. Anyone who reaches the address may read the invented data.
const TOKEN: &str = "glpat-demo";
/// The group of its projects.
pub(super) const GROUP: &str = "factory";

/// Whether to invent a GitLab, and how large.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Runs with an invented GitLab: three months of history, and webhooks that go on; the data folder is ./demo unless --data-dir names another
    #[arg(long, conflicts_with_all = ["project", "group", "instance"])]
    pub(super) demo: bool,

    /// Projects of the invented GitLab
    #[arg(long, default_value_t = 8, requires = "demo", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    demo_projects: u32,

    /// Seed of the invented GitLab: the same seed gives the same one
    #[arg(long, default_value_t = 1, requires = "demo", value_name = "SEED")]
    demo_seed: u64,
}

/// The state of an invented GitLab in its data folder.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    seed: u64,
    projects: u32,
    began_at: Millis,
    port: u16,
    /// The moment of the invented GitLab up to which events were sent.
    sent_until: Millis,
}

/// A running invented GitLab.
pub(super) struct Demo {
    world: Arc<World>,
    clock: Clock,
    kept: Kept,
    /// Whether this start has invented it.
    is_new: bool,
    file: std::path::PathBuf,
    serving: JoinHandle<()>,
}

/// Refuses a data folder of the other kind.
pub(super) fn check_folder(args: &DemoArgs, data: &Path) -> anyhow::Result<()> {
    let is_demo = data.join(DEMO_FILE).exists();
    let is_new = !data.join(super::folder::CLICKHOUSE).exists();
    if args.demo && !is_demo && !is_new {
        bail!(
            "{} holds events of a real GitLab: choose another folder for the invented one with --data-dir",
            data.display()
        );
    }
    if !args.demo && is_demo {
        bail!(
            "{} belongs to an invented GitLab: continue with --demo, or choose another folder with --data-dir",
            data.display()
        );
    }
    Ok(())
}

impl Demo {
    /// Serves the API of the invented GitLab in a data folder; makes a new one if there is none.
    pub(super) async fn start(
        args: &DemoArgs,
        data: &Path,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Demo> {
        let file = data.join(DEMO_FILE);
        let (kept, is_new) = match std::fs::read_to_string(&file) {
            Ok(text) => {
                let kept = serde_json::from_str(&text)
                    .with_context(|| format!("{} is damaged: remove the folder", file.display()))?;
                (kept, false)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let today = wall() / DAY * DAY;
                let sent_until = wall() - HOOKED_DAYS * DAY;
                let began_at = today - HISTORY_DAYS * DAY;
                let kept = Kept {
                    seed: args.demo_seed,
                    projects: args.demo_projects,
                    began_at,
                    port: 0,
                    sent_until,
                };
                (kept, true)
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        let listener = TcpListener::bind(("127.0.0.1", kept.port)).await.with_context(|| {
            format!(
                "the invented GitLab of {} needs port {} again, but another process uses it",
                data.display(),
                kept.port
            )
        })?;
        let port = listener.local_addr()?.port();
        let kept = Kept { port, ..kept };
        let days = u32::try_from(HISTORY_DAYS + FUTURE_DAYS)?;
        let mut config = WorldConfig::new(kept.seed, kept.projects, days);
        config.url = format!("http://127.0.0.1:{port}");
        config.began_at = kept.began_at;
        let world = Arc::new(World::new(config));
        let mut options = Options::new(&world, TOKEN);
        let clock = Clock::at(kept.sent_until);
        options.clock = clock.clone();
        options.started_at = wall();
        let serving = tokio::spawn(api::serve(world.clone(), options, listener, shutdown.clone()));
        let demo = Demo { world, clock, kept, is_new, file, serving };
        demo.keep(demo.kept.sent_until)?;
        Ok(demo)
    }

    /// Its address, in objects and webhooks.
    pub(super) fn url(&self) -> String {
        self.world.config().url.clone()
    }

    /// What to expect now, for the user.
    pub(super) fn announcement(&self) -> String {
        if self.is_new {
            return "Its GitLab is invented: three months of history come within a minute, then the webhooks of the last three days within some three minutes, then each as it happens.".to_owned();
        }
        let until = DateTime::from_timestamp_millis(self.kept.sent_until).unwrap_or_default();
        let until = until.format("%Y-%m-%d %H:%M");
        format!(
            "Its GitLab is invented, and goes on from {until} UTC: the webhooks since then come at once, then each as it happens."
        )
    }

    /// Settings for its API, which has no limits.
    pub(super) fn api(&self) -> ApiConfig {
        let mut api = ApiConfig::new(Some(self.url()), Some(Secret::new(TOKEN)));
        api.requests_per_minute = 60_000;
        api
    }

    fn keep(&self, sent_until: Millis) -> anyhow::Result<()> {
        let kept = Kept { sent_until, ..Kept { ..self.kept } };
        let written = std::fs::write(&self.file, serde_json::to_string(&kept)?);
        written.with_context(|| format!("{} cannot be written", self.file.display()))
    }

    /// Sends events since the last time, and then new ones, until `shutdown`. Retries what is not accepted.
    pub(super) async fn send(self, webhooks: String, secret: Secret, shutdown: CancellationToken) {
        let credentials = Credentials::Token(secret.expose().to_owned());
        let hook = HookConfig::new(Version::V19, &webhooks, credentials);
        let client = reqwest::Client::new();
        let mut sent_until = self.kept.sent_until;
        let sending = async {
            loop {
                let now = wall();
                let mut due = Vec::new();
                for index in 0..self.world.projects() {
                    let project = self.world.project(index);
                    due.extend(self.world.arrivals(&project, &hook, (sent_until, now)));
                }
                due.sort_by_key(|delivery| delivery.hook.at);
                for (number, delivery) in due.into_iter().enumerate() {
                    let mut headers = reqwest::header::HeaderMap::new();
                    for (name, value) in delivery.headers(wall()) {
                        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes());
                        if let (Ok(name), Ok(value)) = (name, value.parse()) {
                            headers.append(name, value);
                        }
                    }
                    loop {
                        let request =
                            client.post(&webhooks).headers(headers.clone()).body(delivery.body.clone());
                        if request.send().await.is_ok_and(|response| response.status().is_success()) {
                            break;
                        }
                        tokio::time::sleep(RETRY).await;
                    }
                    self.clock.set(delivery.hook.at);
                    if number % REMEMBER_EVERY == 0 {
                        self.remember(delivery.hook.at);
                    }
                    tokio::time::sleep(PACE).await;
                }
                sent_until = now;
                self.clock.set(now);
                self.remember(now);
                tokio::time::sleep(SEND_EVERY).await;
            }
        };
        let _ = shutdown.run_until_cancelled(sending).await;
        self.serving.abort();
    }

    fn remember(&self, sent_until: Millis) {
        if let Err(error) = self.keep(sent_until) {
            tracing::warn!("a later start sends some webhooks of the invented GitLab again: {error:#}");
        }
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the edge: the invented GitLab goes on in real time")]
fn wall() -> Millis {
    Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhooks_of_the_last_days_come_within_three_minutes() {
        let config = WorldConfig::new(1, 8, u32::try_from(HISTORY_DAYS).unwrap());
        let until = config.began_at + HISTORY_DAYS * DAY;
        let world = World::new(config);
        let credentials = Credentials::Token("token".to_owned());
        let hook = HookConfig::new(Version::V19, "http://127.0.0.1/", credentials);
        let span = (until - HOOKED_DAYS * DAY, until);
        let of = |index| world.arrivals(&world.project(index), &hook, span).count();
        let webhooks = (0..world.projects()).map(of).sum::<usize>();
        let paused = PACE * u32::try_from(webhooks).unwrap();
        assert!(webhooks > 1_000 && paused < Duration::from_secs(150), "{webhooks} in {paused:?} and more");
    }
}
