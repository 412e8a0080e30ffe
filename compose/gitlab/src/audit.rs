//! Calls of GitLab's API, for the audit log. In: one call when it has ended. Out: the same, to whoever writes it down. Never holds a token or a
//! query, which may contain secrets, and never makes a call wait or fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::metrics::Outcome;

/// One call of GitLab's API: one request and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Number of the call within one audit, from 1: a missing number is a lost call.
    pub number: u64,
    /// When the call was made.
    pub at: DateTime<Utc>,
    /// `GET`, or `POST` for GraphQL, which only reads.
    pub method: &'static str,
    /// The path on the configured host, as `/api/v4/projects/42/jobs`, without the query.
    pub path: String,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// From sending the request to the last byte of the answer.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// The name of the token, as `the token` or `token 2`.
    pub token: String,
    /// Requests that this token could still have made at that moment.
    pub budget_left: u32,
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Where calls are handed over to be written down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    sender: Option<mpsc::Sender<Call>>,
    calls: Arc<AtomicU64>,
}

impl Audit {
    /// An audit that records no calls.
    pub fn none() -> Audit {
        Audit::default()
    }

    /// An audit and its calls, of which up to `waiting` may wait to be written down. Calls beyond that are lost, and counted in
    /// `gitpulse_gitlab_unaudited_total`.
    pub fn channel(waiting: usize) -> (Audit, mpsc::Receiver<Call>) {
        let (sender, calls) = mpsc::channel(waiting.max(1));
        (Audit::from(sender), calls)
    }

    /// How many calls were made, including lost ones.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The number of the next call.
    pub(crate) fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Hands a call over; returns whether that succeeded.
    pub(crate) fn record(&self, call: Call) -> bool {
        self.sender.as_ref().is_none_or(|sender| sender.try_send(call).is_ok())
    }
}

impl From<mpsc::Sender<Call>> for Audit {
    fn from(sender: mpsc::Sender<Call>) -> Audit {
        Audit { sender: Some(sender), calls: Arc::default() }
    }
}
