//! Sends a world's deliveries on a schedule. In: a rate and a limit. Out: requests, and a history of them. Open loop: what is due is sent whether or
//! not other requests were answered, as long as not too many are under way. Never sends more than its limit, nor to anywhere else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::expected::{Expected, Refusal};
use crate::history::{HistoryError, Run, Writer};
pub use crate::sign::Credentials;
use crate::sign::InvalidSigningToken;
use crate::world::{Delivery, World};

/// GitLab gives up on a delivery after ten seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A hook: where it sends to, and its secret.
#[derive(Debug, Clone)]
pub struct Target {
    /// The URL of webhooks.
    pub url: String,
    /// The secret.
    pub credentials: Credentials,
}

/// The configuration of a load.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// Target and secret, which may change while the load runs.
    pub target: watch::Receiver<Target>,
    /// Requests per second.
    pub rate: f64,
    /// Limit of requests.
    pub requests: u64,
    /// Requests under way at the same time, at most; at this limit the schedule slips.
    pub under_way: usize,
    /// How long a connection lives.
    pub connections: Connections,
}

/// How long a connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// For one delivery, as GitLab's do.
    Fresh,
    /// For as long as it can.
    Kept,
}

/// Why a load ended before its limit.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its history could not be written, so the run could not be judged.
    #[error("the history cannot be written")]
    History(#[from] HistoryError),
    /// There is no HTTP client.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
    /// The secret is invalid.
    #[error(transparent)]
    Credentials(#[from] InvalidSigningToken),
    /// A task of it panicked.
    #[error("a request was lost")]
    Lost,
}

/// Progress of a load.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    accepted: AtomicU64,
    /// 401 or 404, if that ended the load.
    refused: AtomicU16,
}

impl Counts {
    /// Requests that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Requests that were answered, or are known to stay unanswered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests that were answered 200.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// The status, 401 or 404, that ended the load: an authentic delivery was refused, and none had been accepted before.
    pub fn refused(&self) -> Option<u16> {
        Some(self.refused.load(Ordering::Relaxed)).filter(|status| *status > 0)
    }
}

/// A load under way.
pub struct Load {
    counts: Arc<Counts>,
    stop: CancellationToken,
    paused: watch::Sender<bool>,
    task: JoinHandle<Result<(), LoadError>>,
}

impl Load {
    /// Begins to send `world`, and to write the history of `run` to `path`.
    pub fn start(world: World, run: Run, path: &Path, config: LoadConfig) -> Result<Load, LoadError> {
        let history = Writer::create(path, &run)?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A proxy of the environment would be another target.
            .no_proxy()
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(match config.connections {
                Connections::Fresh => 0,
                Connections::Kept => config.under_way,
            })
            .build()?;
        let counts = Arc::new(Counts::default());
        let stop = CancellationToken::new();
        let sender = Sender { client, run, history, config, counts: counts.clone(), stop: stop.clone() };
        let (paused, is_paused) = watch::channel(false);
        let task = tokio::spawn(send_all(Arc::new(sender), world, stop.clone(), is_paused));
        Ok(Load { counts, stop, paused, task })
    }

    /// Its progress.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Stops sending until it is resumed. Requests under way continue.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Continues sending.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// Waits until every request was answered, or is known to stay unanswered; `stop` ends the sending early.
    pub async fn finish(self, stop: &CancellationToken) -> Result<(), LoadError> {
        let mut task = self.task;
        let finished = tokio::select! {
            finished = &mut task => finished,
            () = stop.cancelled() => {
                self.stop.cancel();
                task.await
            }
        };
        finished.map_err(|_| LoadError::Lost)?
    }
}

struct Sender {
    client: reqwest::Client,
    run: Run,
    history: Writer,
    config: LoadConfig,
    counts: Arc<Counts>,
    stop: CancellationToken,
}

async fn send_all(
    sender: Arc<Sender>,
    mut world: World,
    stop: CancellationToken,
    mut paused: watch::Receiver<bool>,
) -> Result<(), LoadError> {
    let under_way = Arc::new(Semaphore::new(sender.config.under_way));
    let pause = Duration::from_secs_f64(1.0 / sender.config.rate.max(0.001));
    let mut due = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..sender.config.requests {
        let free = async {
            tokio::time::sleep_until(due).await;
            // If nobody can pause it any more, it is not paused.
            let _ = paused.wait_for(|is_paused| !is_paused).await;
            under_way.clone().acquire_owned().await
        };
        let Some(Ok(permit)) = stop.run_until_cancelled(free).await else { break };
        // Requests that could not be sent in time are not sent in a burst later.
        due = (due + pause).max(Instant::now() - Duration::from_secs(1));
        let delivery = world.deliver();
        let sender = sender.clone();
        requests.spawn(async move {
            let sent = sender.send(delivery).await;
            drop(permit);
            sent
        });
        while let Some(finished) = requests.try_join_next() {
            finished.map_err(|_| LoadError::Lost)??;
        }
    }
    while let Some(finished) = requests.join_next().await {
        finished.map_err(|_| LoadError::Lost)??;
    }
    Ok(())
}

impl Sender {
    async fn send(&self, delivery: Delivery) -> Result<(), LoadError> {
        let Delivery { number, expected, event_header, body } = delivery;
        let id = self.run.delivery_id(number);
        let now = now();
        let timestamp = now.timestamp().to_string();
        let Target { url, credentials } = self.config.target.borrow().clone();
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "GitLab/19.0.0")
            .header("x-gitlab-event", event_header)
            .header("x-gitlab-instance", &self.run.world.instance)
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", &timestamp);
        let credentials = match expected {
            Expected::Refused(Refusal::Forged) => credentials.forged(),
            _ => credentials,
        };
        let (header, proof) = credentials.prove(&id, &timestamp, &body)?;
        request = request.header(header, proof);
        if let Expected::Refused(Refusal::Compressed) = expected {
            request = request.header("content-encoding", "gzip");
        }
        let is_to_be_taken = !matches!(expected, Expected::Refused(_));
        self.history.sent(number, now.timestamp_millis(), expected)?;
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let status = match request.body(body.to_vec()).send().await {
            // A complete answer, not only its head.
            Ok(response) => {
                let status = response.status().as_u16();
                response.bytes().await.is_ok().then_some(status)
            }
            Err(_) => None,
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.history.answered(number, status, took_ms)?;
        self.counts.answered.fetch_add(1, Ordering::Relaxed);
        match status {
            Some(200) => {
                self.counts.accepted.fetch_add(1, Ordering::Relaxed);
            }
            // The address or the secret is wrong, so all others would be refused too.
            Some(status @ (401 | 404)) if is_to_be_taken && self.counts.accepted() == 0 => {
                self.counts.refused.store(status, Ordering::Relaxed);
                self.stop.cancel();
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: requests and signatures are dated by the clock")]
fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}
