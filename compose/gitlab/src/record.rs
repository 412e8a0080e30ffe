//! Records one request. In: its result. Out: a count, and a line of the audit log, however it ends. Never a query.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::audit::Call;
use crate::budget::Permit;
use crate::client::Client;
use crate::fetch::Asked;
use crate::metrics::Outcome;

/// Counts and writes down one request when it is dropped: as aborted, if its caller stopped waiting.
pub(crate) struct Record<'c> {
    client: &'c Client,
    asked: &'c Asked,
    permit: &'c Permit,
    pub(crate) at: DateTime<Utc>,
    began: Instant,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) outcome: Outcome,
}

impl<'c> Record<'c> {
    /// Begins now.
    pub(crate) fn new(client: &'c Client, asked: &'c Asked, permit: &'c Permit) -> Record<'c> {
        Record {
            client,
            asked,
            permit,
            at: clock(),
            began: Instant::now(),
            status: None,
            bytes: 0,
            outcome: Outcome::Aborted,
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let Client { shared, metrics, .. } = self.client;
        let (left, token_left) = {
            let (now, budget) = (shared.pace.now(), shared.pace.budget());
            (budget.left(now), budget.token_left(self.permit.token, now))
        };
        let duration = self.began.elapsed();
        let is_taken = shared.audit.record(Call {
            number: shared.audit.number(),
            at: self.at,
            method: if self.asked.body.is_some() { "POST" } else { "GET" },
            path: self.asked.url.path().to_owned(),
            status: self.status,
            outcome: self.outcome,
            duration,
            bytes: self.bytes,
            token: shared.tokens.get(self.permit.token).name.clone(),
            budget_left: token_left,
        });
        if let Some(metrics) = metrics {
            metrics.request(self.outcome);
            metrics.request_seconds.observe(duration.as_secs_f64());
            metrics.body_bytes.inc_by(self.bytes);
            metrics.budget_left.set(left.into());
            metrics.unaudited.inc_by(u64::from(!is_taken));
        }
    }
}

/// The current time, for the moments of request and answer.
#[expect(clippy::disallowed_methods, reason = "the edge: calls are dated where they are made")]
pub(crate) fn clock() -> DateTime<Utc> {
    Utc::now()
}
