//! The consumer's callbacks. In: rebalances and statistics of librdkafka. Out: a count of assignments, the lag. Never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};
use runtime::kafka::log::ClientLog;

use crate::metrics::Metrics;

/// Counts assignments. `StreamConsumer` runs its callbacks inside `recv`, on the task of the loop: they must not wait, so they only count.
pub(super) struct Context {
    pub(super) generation: Arc<AtomicU64>,
    pub(super) metrics: Metrics,
    pub(super) log: ClientLog,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            let assigned = topic.partitions.values().filter(|partition| partition.fetch_state != "none");
            // Below 0: not known yet. If one lag is unknown, so is the sum.
            let mut lags = assigned.map(|partition| u64::try_from(partition.consumer_lag).ok()).peekable();
            let lag = if lags.peek().is_some() { lags.sum() } else { None };
            self.metrics.lag(name, lag);
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.report(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned")
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked")
            }
            Rebalance::Error(error) => {
                tracing::warn!(error = error as &dyn std::error::Error, "rebalance failed")
            }
        }
    }
}
