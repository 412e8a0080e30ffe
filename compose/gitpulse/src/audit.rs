//! Writes the audit log. In: calls of GitLab's API, as its client hands them over, and who makes them. Out: records of the audit topic; each is
//! retried until Kafka has it. Never makes a call wait, and never keeps a command from ending: what Kafka has not accepted within a limit at the end
//! is counted, and reported in the log.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use gitlab::{Audit, Call, Metrics};
use runtime::Publisher;
use schemas::audit::{ApiCall, Audited};
use schemas::{TopicPrefix, TopicRecord};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Calls that may wait to be written: as many as a token makes in a quarter of an hour, some MiB.
const WAITING: usize = 10_000;
/// Calls that are sent to Kafka at the same time.
const BATCH: usize = 500;
/// Timeout of one attempt: longer than librdkafka keeps a record, so that the result of each is known.
const ATTEMPT: Duration = Duration::from_secs(12);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the end of a command waits for calls that are not written yet.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The command that makes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `gitpulse backfill`.
    Backfill,
    /// `gitpulse doctor`.
    Doctor,
    /// `gitpulse reconcile`.
    Reconcile,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Backfill => "backfill",
            Role::Doctor => "doctor",
            Role::Reconcile => "reconcile",
        }
    }
}

/// Who makes the requests, and for which tenant: the same in all calls of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    role: Role,
    instance: String,
    tenant: String,
    run: Uuid,
}

impl Caller {
    /// A new run that begins now. `instance` is in its normal form.
    pub(crate) fn new(role: Role, instance: &str, tenant: &str) -> Caller {
        let run = run_id(now(), rand::random());
        Caller { role, instance: instance.to_owned(), tenant: tenant.to_owned(), run }
    }

    fn audited(&self, call: Call) -> Audited {
        Audited {
            instance: self.instance.clone(),
            tenant: self.tenant.clone(),
            at: call.at,
            call: ApiCall {
                role: self.role.as_str().to_owned(),
                run: self.run,
                number: call.number,
                method: call.method.to_owned(),
                path: call.path,
                status: call.status,
                outcome: call.outcome.as_str().to_owned(),
                duration_ms: u64::try_from(call.duration.as_millis()).unwrap_or(u64::MAX),
                bytes: call.bytes,
                token: call.token,
                budget_left: call.budget_left,
            },
        }
    }
}

/// A UUID of version 7: as text, a later one is greater.
fn run_id(began_at: DateTime<Utc>, random: [u8; 10]) -> Uuid {
    let milliseconds = u64::try_from(began_at.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// The calls of a run, as counted at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Calls that Kafka has.
    pub(crate) written: u64,
    /// Calls that Kafka lacks, as far as is known.
    pub(crate) lost: u64,
}

/// The channel for calls: its ends are for a client and for [`AuditLog::start`].
pub(crate) fn channel() -> (Audit, mpsc::Receiver<Call>) {
    Audit::channel(WAITING)
}

/// The audit log of one run, written in the background.
pub(crate) struct AuditLog {
    audit: Audit,
    stop: CancellationToken,
    writing: JoinHandle<u64>,
}

impl AuditLog {
    /// Starts to write the calls that are handed to `audit` and arrive in `calls`.
    pub(crate) fn start(
        (audit, calls): (Audit, mpsc::Receiver<Call>),
        caller: Caller,
        publisher: Publisher,
        prefix: TopicPrefix,
        metrics: Option<Metrics>,
    ) -> AuditLog {
        let stop = CancellationToken::new();
        let counts = Counts::default();
        let kafka = Destination { publisher, prefix, caller, counts };
        let writing = tokio::spawn(Writer { calls, kafka, metrics, stop: stop.clone() }.run());
        AuditLog { audit, stop, writing }
    }

    /// Accepts no further calls, and writes the remaining ones, within a time limit.
    pub(crate) async fn finish(self) -> Ended {
        self.stop.cancel();
        // If the writer panicked, nothing is known to be written.
        let written = self.writing.await.unwrap_or_default();
        let lost = self.audit.calls().saturating_sub(written);
        if lost > 0 {
            tracing::warn!(
                written,
                lost,
                "calls of GitLab's API are missing in the audit log: Kafka did not take them"
            );
        }
        Ended { written, lost }
    }
}

/// Counts of calls.
#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    acknowledged: AtomicU64,
    /// Whether Kafka's refusal was logged already.
    is_said: AtomicBool,
}

/// Where records go.
struct Destination {
    publisher: Publisher,
    prefix: TopicPrefix,
    caller: Caller,
    counts: Counts,
}

struct Writer {
    calls: mpsc::Receiver<Call>,
    kafka: Destination,
    metrics: Option<Metrics>,
    stop: CancellationToken,
}

impl Writer {
    /// Writes until it is stopped and everything is written, or the time is over. Returns how many calls Kafka has.
    async fn run(mut self) -> u64 {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.write() => (),
            () = async { stop.cancelled().await; tokio::time::sleep(END_WITHIN).await } => (),
        }
        self.calls.close();
        let Counts { taken, acknowledged, .. } = self.kafka.counts;
        let (taken, acknowledged) = (taken.into_inner(), acknowledged.into_inner());
        if let Some(metrics) = &self.metrics {
            // Calls for which there was no room were counted when they were handed over.
            metrics.unaudited(taken - acknowledged + self.calls.len() as u64);
        }
        acknowledged
    }

    async fn write(&mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let is_open = !self.calls.is_closed();
            let taken = tokio::select! {
                taken = self.calls.recv_many(&mut batch, BATCH) => taken,
                () = self.stop.cancelled(), if is_open => {
                    self.calls.close();
                    continue;
                }
            };
            if taken == 0 {
                return;
            }
            self.kafka.counts.taken.fetch_add(taken as u64, Ordering::Relaxed);
            join_all(batch.drain(..).map(|call| self.kafka.write(call))).await;
        }
    }
}

impl Destination {
    /// Sends a call until Kafka has it, or refuses it for good.
    async fn write(&self, call: Call) {
        let record = match self.caller.audited(call).to_record(&self.prefix) {
            Ok(record) => record,
            Err(error) => return self.say(&error),
        };
        self.until_acknowledged(&record).await;
    }

    async fn until_acknowledged(&self, record: &TopicRecord) {
        loop {
            match self.publisher.publish_within(record, ATTEMPT).await {
                Ok(_) => {
                    self.counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                    self.counts.is_said.store(false, Ordering::Relaxed);
                    return;
                }
                Err(error) if !error.is_transient() => return self.say(&error),
                Err(error) => self.say(&error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Logs that Kafka does not accept the audit log, once until it accepts it again.
    fn say(&self, error: &(dyn std::error::Error + 'static)) {
        if !self.counts.is_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(error, "Kafka does not take the audit log; it is offered again");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: when a run begins")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests;
