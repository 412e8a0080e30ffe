//! Metrics of the spool. What is on disk is read from the ledger at each scrape, so that it is never stale.

use std::sync::{Arc, Mutex};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::frame::Damage;
use super::ledger::Ledger;
use super::{SpoolError, locked, now};

/// The metrics of a spool; clones share them.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) appended: IntCounter,
    refused: IntCounterVec,
    pub(super) fsync_seconds: Histogram,
    pub(super) usable: IntGauge,
    damaged: IntCounterVec,
    pub(super) drained: IntCounter,
    pub(super) requeued: IntCounter,
    pub(super) breaker_open: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry, ledger: &Arc<Mutex<Ledger>>) -> prometheus::Result<Metrics> {
        let appended = IntCounter::new("gitpulse_spool_appended_total", "Events stored in the spool")?;
        let refused = IntCounterVec::new(
            Opts::new("gitpulse_spool_refused_total", "Events that the spool refused, by cause"),
            &["reason"],
        )?;
        let fsync_seconds = Histogram::with_opts(
            HistogramOpts::new("gitpulse_spool_fsync_seconds", "Duration of the fsync of a group of events")
                .buckets(vec![
                    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
                ]),
        )?;
        let usable = IntGauge::new(
            "gitpulse_spool_usable",
            "1 while the spool can be written, 0 after a write or an fsync failed until it works again",
        )?;
        let damaged = IntCounterVec::new(
            Opts::new(
                "gitpulse_spool_damaged_total",
                "Segments that could not be read to their end, by kind of damage",
            ),
            &["damage"],
        )?;
        let drained =
            IntCounter::new("gitpulse_spool_drained_total", "Spooled events that Kafka acknowledged")?;
        let requeued = IntCounter::new(
            "gitpulse_spool_requeued_total",
            "Spooled events that Kafka did not acknowledge while it acknowledged others, moved behind those",
        )?;
        let breaker_open = IntGauge::new(
            "gitpulse_spool_breaker_open",
            "1 while deliveries go to the spool at once, because Kafka does not acknowledge",
        )?;
        usable.set(1);
        for reason in ["full", "unusable", "slow"] {
            refused.with_label_values(&[reason]);
        }
        for damage in Damage::ALL {
            damaged.with_label_values(&[damage.as_str()]);
        }
        registry.register(Box::new(Contents::new(ledger)?))?;
        registry.register(Box::new(appended.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(fsync_seconds.clone()))?;
        registry.register(Box::new(usable.clone()))?;
        registry.register(Box::new(damaged.clone()))?;
        registry.register(Box::new(drained.clone()))?;
        registry.register(Box::new(requeued.clone()))?;
        registry.register(Box::new(breaker_open.clone()))?;
        Ok(Metrics { appended, refused, fsync_seconds, usable, damaged, drained, requeued, breaker_open })
    }

    pub(super) fn refused(&self, error: &SpoolError) {
        self.refused.with_label_values(&[error.reason()]).inc();
    }

    pub(super) fn damaged(&self, damage: Damage) {
        self.damaged.with_label_values(&[damage.as_str()]).inc();
    }
}

/// What lies on disk.
struct Contents {
    ledger: Arc<Mutex<Ledger>>,
    bytes: IntGauge,
    records: IntGauge,
    oldest_seconds: Gauge,
}

impl Contents {
    fn new(ledger: &Arc<Mutex<Ledger>>) -> prometheus::Result<Contents> {
        Ok(Contents {
            ledger: ledger.clone(),
            bytes: IntGauge::new("gitpulse_spool_bytes", "Bytes of the spool on disk")?,
            records: IntGauge::new(
                "gitpulse_spool_records",
                "Events in the spool that Kafka does not have yet",
            )?,
            oldest_seconds: Gauge::new(
                "gitpulse_spool_oldest_seconds",
                "Age of the oldest event in the spool; 0 if it is empty",
            )?,
        })
    }
}

impl Collector for Contents {
    fn desc(&self) -> Vec<&Desc> {
        [self.bytes.desc(), self.records.desc(), self.oldest_seconds.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (bytes, records, oldest_at) = {
            let ledger = locked(&self.ledger);
            (ledger.bytes(), ledger.records(), ledger.oldest_at())
        };
        self.bytes.set(bytes as i64);
        self.records.set(records as i64);
        self.oldest_seconds.set(oldest_at.map_or(0.0, |at| (now() - at).max(0) as f64 / 1000.0));
        [self.bytes.collect(), self.records.collect(), self.oldest_seconds.collect()].concat()
    }
}
