//! What was read, counted.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::list::List;

/// Metrics of backfill. What requests cost is counted by the client of GitLab.
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

    /// So many objects of a list are in Kafka.
    pub fn published(&self, list: List, count: u64) {
        self.objects.with_label_values(&[list.as_str()]).inc_by(count);
    }
}
