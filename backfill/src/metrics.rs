//! Metrics of backfill.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::list::List;

/// Metrics of backfill. The client of GitLab counts requests.
#[derive(Clone)]
pub struct Metrics {
    objects: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let objects = IntCounterVec::new(
            Opts::new(
                "gitpulse_backfill_objects_total",
                "Objects of GitLab's API that Kafka acknowledged, by list",
            ),
            &["list"],
        )?;
        registry.register(Box::new(objects.clone()))?;
        for list in List::ALL {
            objects.with_label_values(&[list.as_str()]);
        }
        Ok(Metrics { objects })
    }

    /// Counts objects of a list that are in Kafka.
    pub fn published(&self, list: List, count: u64) {
        self.objects.with_label_values(&[list.as_str()]).inc_by(count);
    }
}
