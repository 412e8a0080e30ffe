//! Stores a batch. In: a batch. Out: its rows in the live tables, or an error, in time. Never commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clickhouse::Client;
use fail::fail_point;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use runtime::Retry;
use runtime::fault::chain;

use super::{PipelineError, seconds_between, wall_clock};
use crate::batch::Batch;
use crate::insert::{Destination, InsertError, Store};
use crate::metrics::Metrics;
use crate::rebuild::swaps;

/// How long a running insert may continue after the shutdown.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Where batches are stored.
pub(super) struct Storage {
    pub(super) client: Client,
    /// The id of the Kafka cluster, or empty if it has none. It is queried once, so a different Kafka behind the same address goes unnoticed.
    pub(super) cluster: String,
    pub(super) insert_timeout: Duration,
    pub(super) insert_retry_for: Duration,
    pub(super) metrics: Metrics,
    /// The number of table swaps when it was last queried.
    pub(super) swaps: AtomicU64,
    /// Notified when projects are marked.
    pub(super) touched: Arc<Notify>,
}

impl Storage {
    /// Inserts until it succeeds, a permanent fault occurs, or the time for retries is over.
    pub(super) async fn store(
        &self,
        batch: &Batch,
        shutdown: &CancellationToken,
    ) -> Result<(), PipelineError> {
        // All attempts together stay below max.poll.interval.ms (five minutes), or Kafka would revoke the partitions.
        let until = Instant::now() + self.insert_retry_for.max(self.insert_timeout);
        let retry = Retry { until, shutdown, warning: "a batch could not be stored and is tried again" };
        match retry.run(InsertError::is_transient, || self.try_to_store(batch, until, shutdown)).await {
            Ok(stored) => stored,
            // The shutdown came while waiting for the next attempt.
            Err(error) if error.is_transient() && shutdown.is_cancelled() => Err(PipelineError::Stopped),
            Err(error) => Err(PipelineError::Insert(error)),
        }
    }

    /// Inserts once, until the time for retries is over or the grace period after the shutdown has passed. Both end the retries, as an error in the
    /// inner result; a failed insert may be retried.
    async fn try_to_store(
        &self,
        batch: &Batch,
        until: Instant,
        shutdown: &CancellationToken,
    ) -> Result<Result<(), PipelineError>, InsertError> {
        let inserted = tokio::select! {
            inserted = tokio::time::timeout_at(until, self.insert(batch)) => inserted,
            () = stopping(shutdown) => return Ok(Err(PipelineError::Stopped)),
        };
        match inserted {
            Ok(Ok(())) => {
                self.metrics.storing.well();
                Ok(Ok(()))
            }
            Ok(Err(error)) => {
                self.metrics.insert_failures.inc();
                self.metrics.storing.failed(chain(&error));
                Err(error)
            }
            Err(_) => {
                self.metrics.storing.failed(PipelineError::InsertTimeout.to_string());
                Ok(Err(PipelineError::InsertTimeout))
            }
        }
    }

    /// Inserts a batch into the tables that are live when it is done: if a rebuild swapped them in the meantime, rows that went into the old tables
    /// are inserted again ([`crate::rebuild`]).
    async fn insert(&self, batch: &Batch) -> Result<(), InsertError> {
        let store = Store {
            client: &self.client,
            destination: Destination::Live,
            timeout: self.insert_timeout,
            metrics: &self.metrics,
        };
        loop {
            store.insert(&batch.rows).await?;
            fail_point!("processor::before_marks", |_| std::process::abort());
            let ((), swaps) = tokio::try_join!(store.mark(&batch.rows), swaps(&self.client))?;
            self.touched.notify_one();
            if self.swaps.swap(swaps, Ordering::SeqCst) == swaps {
                return match store.record(batch.positions(), &self.cluster).await {
                    // Storing rows matters more than the record of positions: these will look as if they were never consumed.
                    Err(error) if !error.is_transient() => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "positions could not be recorded: run `gitpulse migrate`"
                        );
                        Ok(())
                    }
                    recorded => recorded,
                };
            }
            tracing::info!("tables were swapped by a rebuild: the batch is stored in the new ones too");
        }
    }

    /// Measures how long the events of a stored batch took to become visible.
    pub(super) fn visible(&self, batch: &Batch) {
        let now = wall_clock();
        for received_at in &batch.received {
            self.metrics.visible_seconds.observe(seconds_between(*received_at, now));
        }
        let oldest =
            batch.received.iter().min().map_or(0.0, |received_at| seconds_between(*received_at, now));
        self.metrics.oldest_seconds.set(oldest as i64);
    }
}

/// Ends after a grace period from the shutdown, so that a running insert may finish.
async fn stopping(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}
