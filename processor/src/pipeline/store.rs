//! Stores a batch. In: a batch. Out: its rows in the tables that are the live ones, or why not, in time. Never commits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fail::fail_point;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use runtime::Retry;
use runtime::fault::chain;

use super::{Pipeline, PipelineError, seconds_between, wall_clock};
use crate::batch::Batch;
use crate::insert::{Destination, InsertError, Store};
use crate::rebuild::swaps;

/// How long an insert under way may go on after the shutdown.
const STOP_GRACE: Duration = Duration::from_secs(10);

impl Pipeline {
    /// Inserts until it works, the fault turns out to be one that no try cures, or the time for trying is over.
    pub(super) async fn store(&self, batch: &Batch) -> Result<(), PipelineError> {
        // All tries together stay below max.poll.interval.ms (five minutes), or Kafka would take the partitions away.
        let until = Instant::now() + self.insert_retry_for.max(self.insert_timeout);
        let retry = Retry {
            until,
            shutdown: &self.shutdown,
            warning: "a batch could not be stored and is tried again",
        };
        match retry.run(InsertError::is_transient, || self.try_to_store(batch, until)).await {
            Ok(stored) => stored,
            // It came while the next try was waited for.
            Err(error) if error.is_transient() && self.shutdown.is_cancelled() => Err(PipelineError::Stopped),
            Err(error) => Err(PipelineError::Insert(error)),
        }
    }

    /// Inserts once, until the time for trying is over or the shutdown has been for some time: these end the tries, within the result, while an
    /// error of the insert may be followed by another try.
    async fn try_to_store(
        &self,
        batch: &Batch,
        until: Instant,
    ) -> Result<Result<(), PipelineError>, InsertError> {
        let inserted = tokio::select! {
            inserted = tokio::time::timeout_at(until, self.insert(batch)) => inserted,
            () = stopping(&self.shutdown) => return Ok(Err(PipelineError::Stopped)),
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

    /// Inserts a batch into the tables that are the live ones once it is done: where a rebuild swapped them meanwhile, what went into the old
    /// ones is inserted again ([`crate::rebuild`]).
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
                    // What is recorded must not hold up what is stored: these positions will seem never to have been.
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

    /// Times how long the events of a stored batch took to become visible.
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

/// Ends some time after the shutdown: an insert that is under way may finish.
async fn stopping(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}
