//! The metrics of the processor, in the order of the path. Every record ends in exactly one outcome, so `consumed` is the sum of `records`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use runtime::admin::Health;
use schemas::EventKind;
use schemas::drift::Unknown;
use schemas::kind::PerKind;

use crate::decode::DecodeError;
use crate::series::Series;

/// The most kinds and paths with their own series of unknown things. Otherwise a sender could create any number of series.
const MAX_UNKNOWN: usize = 500;

/// The path of everything beyond [`MAX_UNKNOWN`].
const OTHER_PATH: &str = "other";

/// The metrics of the processor; clones share them.
#[derive(Clone)]
pub struct Metrics {
    /// Records read from Kafka.
    pub consumed: IntCounter,
    /// Records that became rows.
    pub stored: IntCounter,
    /// Records of a batch that was dropped because its partitions were revoked; the next owner of the partitions reads them again.
    pub dropped: IntCounter,
    /// Batches that were inserted and committed.
    pub batches: IntCounter,
    /// Failed attempts to insert a batch.
    pub insert_failures: IntCounter,
    /// Whether the last batch was stored, for `/readyz`.
    pub storing: Health,
    /// Commits that Kafka refused; their records are read again.
    pub commit_failures: IntCounter,
    /// Time from the receipt of an event until queries see it.
    pub visible_seconds: Histogram,
    /// Age of the oldest event in the last batch, when it was stored.
    pub oldest_seconds: IntGauge,
    /// Computations of rollups, counted per project.
    pub rollup_projects: IntCounter,
    /// Failed computations, and failed queries for pending projects.
    pub rollup_failures: IntCounter,
    /// Time to compute a group of projects.
    pub rollup_seconds: Histogram,
    /// Time from finding a pending project until its rollups are published.
    pub rollup_lag_seconds: Histogram,
    /// Pending projects.
    pub rollups_waiting: IntGauge,
    /// How long the oldest of them has been pending.
    pub rollups_oldest: IntGauge,
    /// The exported series of the rollups; only one processor exports them.
    pub series: Series,
    dead_letters: IntCounterVec,
    events: PerKind<IntCounter>,
    unreadable: PerKind<IntCounter>,
    unknown: IntCounterVec,
    /// The series of `unknown`, at most [`MAX_UNKNOWN`].
    known_unknowns: Arc<Mutex<HashMap<(EventKind, Unknown), IntCounter>>>,
    rows: IntCounterVec,
    insert_seconds: HistogramVec,
    lag: IntGaugeVec,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let consumed = IntCounter::new("gitpulse_processor_consumed_total", "Records read from Kafka")?;
        let records = IntCounterVec::new(
            Opts::new(
                "gitpulse_processor_records_total",
                "Records by outcome: stored (as rows or as a dead letter), or dropped with a revoked partition and read again later",
            ),
            &["outcome"],
        )?;
        let dead_letters = IntCounterVec::new(
            Opts::new("gitpulse_processor_dead_letters_total", "Records that were dead-lettered, by reason"),
            &["reason"],
        )?;
        let events = IntCounterVec::new(
            Opts::new("gitpulse_processor_events_total", "Events decoded, by kind"),
            &["kind"],
        )?;
        let unreadable = IntCounterVec::new(
            Opts::new(
                "gitpulse_processor_unreadable_fields_total",
                "Fields that were present but unreadable, so that their columns keep the earlier value, by kind of event",
            ),
            &["kind"],
        )?;
        let unknown = IntCounterVec::new(
            Opts::new(
                "gitpulse_processor_unknown_total",
                "Events with a field, value or kind that GitPulse does not know, by kind of event, path, and type of finding",
            ),
            &["kind", "path", "what"],
        )?;
        let batches = IntCounter::new("gitpulse_processor_batches_total", "Batches inserted and committed")?;
        let rows = IntCounterVec::new(
            Opts::new("gitpulse_processor_rows_total", "Rows inserted, by table"),
            &["table"],
        )?;
        let insert_seconds = HistogramVec::new(
            HistogramOpts::new("gitpulse_processor_insert_seconds", "Time of one INSERT, by table")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]),
            &["table"],
        )?;
        let insert_failures =
            IntCounter::new("gitpulse_processor_insert_failures_total", "Failed attempts to insert a batch")?;
        let commit_failures = IntCounter::new(
            "gitpulse_processor_commit_failures_total",
            "Commits that Kafka refused; their records are read again",
        )?;
        let visible_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_processor_visible_seconds",
                "Time from the receipt of an event until queries see it",
            )
            .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0]),
        )?;
        let oldest_seconds = IntGauge::new(
            "gitpulse_processor_oldest_event_seconds",
            "Age of the oldest event in the last stored batch, when it was stored",
        )?;
        let lag = IntGaugeVec::new(
            Opts::new("gitpulse_processor_lag_records", "Records of a topic that are not committed yet"),
            &["topic"],
        )?;
        let rollup_projects = IntCounter::new(
            "gitpulse_processor_rollup_projects_total",
            "Computations of rollups, counted per project",
        )?;
        let rollup_failures = IntCounter::new(
            "gitpulse_processor_rollup_failures_total",
            "Failed computations of rollups and failed queries for pending projects; both are retried",
        )?;
        let rollup_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_processor_rollup_seconds",
                "Time to compute the rollups of a group of projects",
            )
            .buckets(vec![0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]),
        )?;
        let rollup_lag_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "gitpulse_processor_rollup_lag_seconds",
                "Time from finding a pending project until its rollups are published",
            )
            .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0]),
        )?;
        let rollups_waiting = IntGauge::new(
            "gitpulse_processor_rollups_waiting_projects",
            "Pending projects of this processor's share: something was stored that is not yet in their rollups",
        )?;
        let rollups_oldest = IntGauge::new(
            "gitpulse_processor_rollups_oldest_seconds",
            "How long the oldest of the pending projects has been waiting",
        )?;
        registry.register(Box::new(consumed.clone()))?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(dead_letters.clone()))?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(unreadable.clone()))?;
        registry.register(Box::new(unknown.clone()))?;
        registry.register(Box::new(batches.clone()))?;
        registry.register(Box::new(rows.clone()))?;
        registry.register(Box::new(insert_seconds.clone()))?;
        registry.register(Box::new(insert_failures.clone()))?;
        registry.register(Box::new(commit_failures.clone()))?;
        registry.register(Box::new(visible_seconds.clone()))?;
        registry.register(Box::new(oldest_seconds.clone()))?;
        registry.register(Box::new(lag.clone()))?;
        registry.register(Box::new(rollup_projects.clone()))?;
        registry.register(Box::new(rollup_failures.clone()))?;
        registry.register(Box::new(rollup_seconds.clone()))?;
        registry.register(Box::new(rollup_lag_seconds.clone()))?;
        registry.register(Box::new(rollups_waiting.clone()))?;
        registry.register(Box::new(rollups_oldest.clone()))?;
        let series = Series::default();
        registry.register(Box::new(series.clone()))?;
        let by_kind = |vector: &IntCounterVec| {
            PerKind::new(|kind: EventKind| vector.with_label_values(&[kind.as_str()]))
        };
        for reason in DecodeError::REASONS {
            dead_letters.with_label_values(&[reason]);
        }
        Ok(Metrics {
            consumed,
            stored: records.with_label_values(&["stored"]),
            dropped: records.with_label_values(&["dropped"]),
            batches,
            insert_failures,
            storing: Health::default(),
            commit_failures,
            visible_seconds,
            oldest_seconds,
            rollup_projects,
            rollup_failures,
            rollup_seconds,
            rollup_lag_seconds,
            rollups_waiting,
            rollups_oldest,
            series,
            dead_letters,
            events: by_kind(&events),
            unreadable: by_kind(&unreadable),
            unknown,
            known_unknowns: Arc::default(),
            rows,
            insert_seconds,
            lag,
        })
    }

    /// Counts a decoded event and its unreadable fields.
    pub fn decoded(&self, kind: EventKind, unreadable: u64) {
        self.events[kind].inc();
        self.unreadable[kind].inc_by(unreadable);
    }

    /// Counts something unknown. True if it is new to this process and the limit of unknown series is not reached.
    pub fn unknown(&self, kind: EventKind, unknown: Unknown) -> bool {
        let mut series = self.known_unknowns.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, unknown);
        if let Some(counter) = series.get(&key) {
            counter.inc();
            return false;
        }
        let (kind, unknown) = &key;
        let is_new = series.len() < MAX_UNKNOWN;
        let path = if is_new { &unknown.path } else { OTHER_PATH };
        let counter = self.unknown.with_label_values(&[kind.as_str(), path, unknown.what.as_str()]);
        counter.inc();
        if is_new {
            series.insert(key, counter);
        }
        is_new
    }

    /// Counts a dead letter.
    pub fn dead_lettered(&self, reason: &'static str) {
        self.dead_letters.with_label_values(&[reason]).inc();
    }

    /// Counts the rows of one INSERT.
    pub fn inserted(&self, table: &'static str, rows: usize, took: Duration) {
        self.rows.with_label_values(&[table]).inc_by(rows as u64);
        self.insert_seconds.with_label_values(&[table]).observe(took.as_secs_f64());
    }

    /// Shows how far this processor is behind in its partitions of one topic; removes the series if it has none or does not know.
    pub fn lag(&self, topic: &str, records: Option<u64>) {
        match records.and_then(|records| i64::try_from(records).ok()) {
            Some(records) => self.lag.with_label_values(&[topic]).set(records),
            None => {
                // It may not have existed.
                let _ = self.lag.remove_label_values(&[topic]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
