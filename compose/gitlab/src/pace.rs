//! Waits for the budget. In: what is called. Out: a permit, in the order in which it was asked for. Never keeps a call that could go waiting behind one
//! that its own endpoint holds back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::{Budget, Called, Moment, Permit, Take};

/// The budget, and the queue before it.
pub(crate) struct Pace {
    began: Instant,
    budget: Mutex<Budget>,
    /// Held by the first in the queue; tokio's mutex is fair.
    queue: tokio::sync::Mutex<()>,
}

impl Pace {
    pub(crate) fn new(budget: Budget) -> Pace {
        Pace { began: Instant::now(), budget: Mutex::new(budget), queue: tokio::sync::Mutex::default() }
    }

    pub(crate) fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// Nothing that holds the lock can leave it half changed.
    pub(crate) fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// For how long GitLab takes nothing, if that is longer than a call waits.
    pub(crate) async fn permit(&self, called: &Called) -> Result<Permit, Duration> {
        loop {
            let first = self.queue.lock().await;
            let at = loop {
                let (take, token_ready_at) = {
                    let (now, mut budget) = (self.now(), self.budget());
                    (budget.take(called, now), budget.token_ready_at(now))
                };
                match take {
                    Take::Granted(permit) => return Ok(permit),
                    Take::TooLong(wait) => return Err(wait),
                    // A token has time for others sooner.
                    Take::Wait(at) if at > token_ready_at => break at,
                    Take::Wait(at) => self.until(at).await,
                }
            };
            drop(first);
            self.until(at).await;
        }
    }

    async fn until(&self, at: Moment) {
        tokio::time::sleep_until(self.began + at).await;
    }
}

#[cfg(test)]
mod tests;
