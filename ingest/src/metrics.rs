//! The metrics of ingest, in the order of the path. Every request ends in exactly one outcome, so `received` is the sum of `outcomes` once no
//! request is in progress.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use schemas::EventKind;
use schemas::envelope::Wrapped;
use schemas::kind::PerKind;

use crate::verify::VerifyError;

/// How a request for `/api/v1/webhooks/...` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Authentic and in Kafka.
    Accepted,
    /// Authentic and on disk, until Kafka takes it.
    Spooled,
    /// No valid credentials.
    Unauthorized,
    /// From a network that the tenant does not allow, or about something it is not bound to.
    Forbidden,
    /// The body exceeds the limit.
    TooLarge,
    /// The body is compressed.
    UnsupportedEncoding,
    /// The body was too slow.
    BodyTimeout,
    /// The body was cut off or malformed.
    BodyBroken,
    /// Neither Kafka nor the spool could take it.
    Unavailable,
    /// The peer closed the connection before the response.
    Aborted,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 10] = [
        Outcome::Accepted,
        Outcome::Spooled,
        Outcome::Unauthorized,
        Outcome::Forbidden,
        Outcome::TooLarge,
        Outcome::UnsupportedEncoding,
        Outcome::BodyTimeout,
        Outcome::BodyBroken,
        Outcome::Unavailable,
        Outcome::Aborted,
    ];

    /// The label value, from a fixed set.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Spooled => "spooled",
            Outcome::Unauthorized => "unauthorized",
            Outcome::Forbidden => "forbidden",
            Outcome::TooLarge => "too_large",
            Outcome::UnsupportedEncoding => "unsupported_encoding",
            Outcome::BodyTimeout => "body_timeout",
            Outcome::BodyBroken => "body_broken",
            Outcome::Unavailable => "unavailable",
            Outcome::Aborted => "aborted",
        }
    }
}

/// The metrics of ingest; clones share them.
#[derive(Clone)]
pub struct Metrics {
    received: IntCounter,
    body_bytes: IntCounter,
    buffered_bytes: IntGauge,
    unauthorized: Vec<IntCounter>,
    redacted: IntCounter,
    foreign_host: IntCounter,
    late_turns: IntCounter,
    events: PerKind<IntCounter>,
    outcomes: Vec<IntCounter>,
    request_seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics, all at zero.
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let received = IntCounter::new("gitpulse_ingest_received_total", "Requests for webhook paths")?;
        let body_bytes =
            IntCounter::new("gitpulse_ingest_body_bytes_total", "Bytes of bodies that were read completely")?;
        let buffered_bytes =
            IntGauge::new("gitpulse_ingest_buffered_bytes", "Bytes of memory reserved for bodies now")?;
        let unauthorized = IntCounterVec::new(
            Opts::new("gitpulse_ingest_unauthorized_total", "Requests without valid credentials, by reason"),
            &["reason"],
        )?;
        let redacted =
            IntCounter::new("gitpulse_ingest_redacted_total", "Events in which secrets were blanked")?;
        let foreign_host = IntCounter::new(
            "gitpulse_ingest_foreign_host_total",
            "Events whose body names a host that is not the one of their instance",
        )?;
        let late_turns = IntCounter::new(
            "gitpulse_ingest_late_turns_total",
            "Deliveries that went to the spool because too many deliveries of their project were waiting for Kafka",
        )?;
        let events = IntCounterVec::new(
            Opts::new("gitpulse_ingest_events_total", "Events accepted or spooled, by kind"),
            &["kind"],
        )?;
        let outcomes = IntCounterVec::new(
            Opts::new(
                "gitpulse_ingest_outcomes_total",
                "Requests by outcome; their sum is the number of received requests",
            ),
            &["outcome"],
        )?;
        let request_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_ingest_request_seconds",
                "Time from the headers of a request to its response",
            )
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0]),
        )?;
        registry.register(Box::new(received.clone()))?;
        registry.register(Box::new(body_bytes.clone()))?;
        registry.register(Box::new(buffered_bytes.clone()))?;
        registry.register(Box::new(unauthorized.clone()))?;
        registry.register(Box::new(redacted.clone()))?;
        registry.register(Box::new(foreign_host.clone()))?;
        registry.register(Box::new(late_turns.clone()))?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(outcomes.clone()))?;
        registry.register(Box::new(request_seconds.clone()))?;
        Ok(Metrics {
            received,
            body_bytes,
            buffered_bytes,
            unauthorized: VerifyError::ALL
                .iter()
                .map(|error| unauthorized.with_label_values(&[error.reason()]))
                .collect(),
            redacted,
            foreign_host,
            late_turns,
            events: PerKind::new(|kind| events.with_label_values(&[kind.as_str()])),
            outcomes: Outcome::ALL
                .iter()
                .map(|outcome| outcomes.with_label_values(&[outcome.as_str()]))
                .collect(),
            request_seconds,
        })
    }

    /// Counts a request, and its outcome when the guard is dropped.
    pub fn request(&self) -> RequestGuard {
        self.received.inc();
        RequestGuard { metrics: self.clone(), outcome: Outcome::Aborted, started: std::time::Instant::now() }
    }

    /// Counts a body that arrived completely.
    pub fn body(&self, bytes: usize) {
        self.body_bytes.inc_by(bytes as u64);
    }

    /// Counts why a request had no valid credentials.
    pub fn unauthorized(&self, error: VerifyError) {
        if let Some(index) = VerifyError::ALL.iter().position(|known| *known == error) {
            self.unauthorized[index].inc();
        }
    }

    /// Counts observations made while wrapping an event.
    pub fn wrapped(&self, wrapped: &Wrapped) {
        self.redacted.inc_by(u64::from(wrapped.redacted));
        self.foreign_host.inc_by(u64::from(wrapped.foreign_host));
    }

    /// Counts a delivery that waited too long for a permit of its project.
    pub fn late_turn(&self) {
        self.late_turns.inc();
    }

    /// Counts an accepted event, in Kafka or on disk.
    pub fn accepted(&self, kind: EventKind) {
        self.events[kind].inc();
    }

    /// Memory reserved for bodies.
    pub fn buffered_bytes(&self) -> &IntGauge {
        &self.buffered_bytes
    }
}

/// Counts the outcome of one request when it is dropped. Without an explicit outcome it is [`Outcome::Aborted`]: the peer closed the connection,
/// and the request was dropped with it.
pub struct RequestGuard {
    metrics: Metrics,
    outcome: Outcome,
    started: std::time::Instant,
}

impl RequestGuard {
    /// Sets the outcome.
    pub fn ended(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.metrics.outcomes[self.outcome as usize].inc();
        self.metrics.request_seconds.observe(self.started.elapsed().as_secs_f64());
    }
}
