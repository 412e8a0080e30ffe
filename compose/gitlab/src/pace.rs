//! Waits for the budget, and reports answers to it. In: the kind of call. Out: a permit, in the order of requests. Never lets a call that may go wait
//! behind one that its own endpoint delays.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use crate::budget::{Budget, Called, LONGEST_PAUSE, Moment, Permit, Take};
use crate::headers;

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

    /// A panic under the lock cannot leave the budget half changed.
    pub(crate) fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// The time for which GitLab accepts nothing, if that is longer than a call waits.
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
                    // A token is free for other calls sooner.
                    Take::Wait(at) if at > token_ready_at => break at,
                    Take::Wait(at) => self.until(at).await,
                }
            };
            drop(first);
            self.until(at).await;
        }
    }

    /// Reports an answer to the budget; `now` is this machine's time. Returns the pause that a 429 asks for, if it is longer than a call waits.
    /// `random` is at least 0 and less than 1.
    pub(crate) fn answered(
        &self,
        permit: &Permit,
        status: StatusCode,
        headers: &HeaderMap,
        now: DateTime<Utc>,
        random: f64,
    ) -> Option<Duration> {
        let told = headers::told(headers, now);
        let (moment, mut budget) = (self.now(), self.budget());
        if status != StatusCode::TOO_MANY_REQUESTS {
            budget.answer(permit, told, moment);
            return None;
        }
        let wait = budget.refuse(permit, told, headers::retry_after(headers, now), moment, random);
        Some(wait).filter(|wait| *wait > LONGEST_PAUSE)
    }

    async fn until(&self, at: Moment) {
        tokio::time::sleep_until(self.began + at).await;
    }
}

#[cfg(test)]
mod tests;
