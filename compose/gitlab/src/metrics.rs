//! Metrics of the client. Fields in the order of a call. Every request ends in exactly one outcome.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use serde::Serialize;

use crate::error::FetchError;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A usable answer.
    Ok,
    /// No connection, or one that broke off.
    Unreachable,
    /// Too slow.
    Stalled,
    /// GitLab does not know the token (401).
    Unauthorized,
    /// The token may not have it (403).
    Forbidden,
    /// It does not exist, or is not shown (404).
    Absent,
    /// Too many requests (429).
    Limited,
    /// A redirect, which is not followed.
    Redirected,
    /// 5xx.
    Server,
    /// Another status, or an error of GraphQL.
    Refused,
    /// A success that is not GitLab's, or that cannot be parsed.
    Unreadable,
    /// The body exceeds the limit.
    TooLarge,
    /// The caller stopped waiting.
    Aborted,
}

impl Outcome {
    /// All of them, in the order of their declaration.
    pub const ALL: [Outcome; 13] = [
        Outcome::Ok,
        Outcome::Unreachable,
        Outcome::Stalled,
        Outcome::Unauthorized,
        Outcome::Forbidden,
        Outcome::Absent,
        Outcome::Limited,
        Outcome::Redirected,
        Outcome::Server,
        Outcome::Refused,
        Outcome::Unreadable,
        Outcome::TooLarge,
        Outcome::Aborted,
    ];

    /// Bounded label.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Unreachable => "unreachable",
            Outcome::Stalled => "stalled",
            Outcome::Unauthorized => "unauthorized",
            Outcome::Forbidden => "forbidden",
            Outcome::Absent => "absent",
            Outcome::Limited => "limited",
            Outcome::Redirected => "redirected",
            Outcome::Server => "server",
            Outcome::Refused => "refused",
            Outcome::Unreadable => "unreadable",
            Outcome::TooLarge => "too_large",
            Outcome::Aborted => "aborted",
        }
    }
}

impl FetchError {
    /// The outcome of a request with this error.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            FetchError::Unreachable { .. } | FetchError::Broken { .. } => Outcome::Unreachable,
            FetchError::Stalled { .. } => Outcome::Stalled,
            FetchError::Unauthorized { .. } => Outcome::Unauthorized,
            FetchError::Scope { .. } | FetchError::FineGrained { .. } | FetchError::Forbidden { .. } => {
                Outcome::Forbidden
            }
            FetchError::Absent { .. } => Outcome::Absent,
            FetchError::Limited | FetchError::LimitedFor { .. } => Outcome::Limited,
            FetchError::Redirected { .. } => Outcome::Redirected,
            FetchError::Server { .. } => Outcome::Server,
            FetchError::Refused { .. } | FetchError::GraphQl { .. } | FetchError::Path => Outcome::Refused,
            FetchError::NotGitLab { .. }
            | FetchError::Malformed(_)
            | FetchError::Shape { .. }
            | FetchError::ForeignLink { .. }
            | FetchError::Endless { .. } => Outcome::Unreadable,
            FetchError::TooLarge { .. } => Outcome::TooLarge,
        }
    }
}

/// The metrics of clients of GitLab's API; clones share them.
#[derive(Clone)]
pub struct Metrics {
    /// From asking for a permit to having it.
    pub(crate) budget_wait_seconds: Histogram,
    requests: Vec<IntCounter>,
    /// From sending a request to the last byte of its answer.
    pub(crate) request_seconds: Histogram,
    /// Bytes of bodies that were read.
    pub(crate) body_bytes: IntCounter,
    /// Requests that all tokens may make now.
    pub(crate) budget_left: IntGauge,
    /// Calls that the audit log could not take.
    pub(crate) unaudited: IntCounter,
}

impl Metrics {
    /// Registers the metrics, all at zero.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let budget_wait_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_gitlab_budget_wait_seconds",
                "Time that a call of GitLab's API waited for its token's budget and for GitLab's limits",
            )
            .buckets(vec![0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0]),
        )?;
        let requests = IntCounterVec::new(
            Opts::new("gitpulse_gitlab_requests_total", "Requests to GitLab's API, by outcome"),
            &["outcome"],
        )?;
        let request_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_gitlab_request_seconds",
                "From sending a request to GitLab's API to the last byte of its answer",
            )
            .buckets(vec![0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]),
        )?;
        let body_bytes =
            IntCounter::new("gitpulse_gitlab_body_bytes_total", "Bytes of answers of GitLab's API")?;
        let budget_left = IntGauge::new(
            "gitpulse_gitlab_budget_left_requests",
            "Requests that can be made now, by the budget of all tokens and the limits that GitLab reports",
        )?;
        let unaudited = IntCounter::new(
            "gitpulse_gitlab_unaudited_total",
            "Calls of GitLab's API that are missing from the audit log",
        )?;
        registry.register(Box::new(budget_wait_seconds.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(request_seconds.clone()))?;
        registry.register(Box::new(body_bytes.clone()))?;
        registry.register(Box::new(budget_left.clone()))?;
        registry.register(Box::new(unaudited.clone()))?;
        let outcomes = Outcome::ALL.iter();
        Ok(Metrics {
            budget_wait_seconds,
            requests: outcomes.map(|outcome| requests.with_label_values(&[outcome.as_str()])).collect(),
            request_seconds,
            body_bytes,
            budget_left,
            unaudited,
        })
    }

    /// Counts calls that were handed over but could not be written down.
    pub fn unaudited(&self, calls: u64) {
        self.unaudited.inc_by(calls);
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        self.requests[outcome as usize].inc();
    }
}
