//! Business series for Prometheus. In: rollups. Out: families on `/metrics` of one processor. Never counts anything itself: a process that counts
//! would count redeliveries, and two processes would count twice.
//!
//! The series are exported by the processor that holds the first partition of the topic that divides the work (`share.rs`): exactly one processor
//! has it, and if that dies another one gets it. The others export none. The series are read again every minute, and their window ends now
//! according to ClickHouse's clock.

mod budget;
mod families;
mod read;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, MetricFamily};
use tokio::sync::watch;
use tokio::time::Instant;

use self::families::QUERIES;
use self::read::Reader;
use crate::config::SeriesConfig;
use crate::share::Share;

/// How long series are shown after reads start to fail. Alerts must notice that the values are unknown.
const STALE_AFTER: Duration = Duration::from_secs(300);

/// The series as last read; clones share them.
#[derive(Clone, Default)]
pub struct Series(Arc<RwLock<Vec<MetricFamily>>>);

impl Series {
    fn tell(&self, families: Vec<MetricFamily>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = families;
    }
}

impl Collector for Series {
    fn desc(&self) -> Vec<&Desc> {
        // None: the labels are only known after a read, and nothing else registers such names.
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Removes the series on drop.
struct ClearedAtEnd(Series);

impl Drop for ClearedAtEnd {
    fn drop(&mut self) {
        self.0.tell(Vec::new());
    }
}

/// Reads the series while this processor exports them, until it is dropped.
pub(crate) async fn keep(
    client: clickhouse::Client,
    config: SeriesConfig,
    series: Series,
    mut share: watch::Receiver<Share>,
) {
    if config.series_max == 0 {
        return std::future::pending().await;
    }
    let told = ClearedAtEnd(series);
    let reader = Reader::new(client, &config);
    let every = Duration::from_secs(config.series_refresh_seconds);
    let mut read_at: Option<Instant> = None;
    loop {
        if share.borrow_and_update().is_first() {
            match reader.read(QUERIES).await {
                Ok(families) => {
                    told.0.tell(families);
                    read_at = Some(Instant::now());
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "business series could not be read"
                    );
                    if read_at.is_none_or(|at| at.elapsed() > STALE_AFTER) {
                        told.0.tell(Vec::new());
                    }
                }
            }
        } else {
            told.0.tell(Vec::new());
        }
        tokio::select! {
            () = tokio::time::sleep(every) => (),
            changed = share.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
        }
    }
}

/// A family of one gauge without labels.
fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(prometheus::proto::MetricType::GAUGE);
    family.set_metric(vec![prometheus::proto::Metric::from_gauge(gauge)]);
    family
}

#[cfg(test)]
mod tests;
