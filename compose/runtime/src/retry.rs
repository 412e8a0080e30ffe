//! Repeats what failed for a time. In: an attempt, and a deadline. Out: its result, or the error of the last attempt. Never repeats what no further
//! attempt cures, and never begins one after the deadline.
//!
//! Pauses grow and have jitter, so that many processors that lost the same ClickHouse or Kafka do not return to it at the same moment.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest pause before the second attempt; doubles with each further one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Limits of repeating.
#[derive(Debug, Clone, Copy)]
pub struct Retry<'r> {
    /// The deadline: no attempt begins after it, but one that is under way is not cut off.
    pub until: Instant,
    /// Ends a pause, and with it the attempts.
    pub shutdown: &'r CancellationToken,
    /// The log message for a failed attempt that is not the last.
    pub warning: &'static str,
}

impl Retry<'_> {
    /// Makes attempts until one succeeds.
    ///
    /// # Errors
    /// The error of the last attempt: it is not transient, the deadline has passed, or the shutdown came.
    pub async fn run<T, E, A>(
        self,
        is_transient: fn(&E) -> bool,
        mut attempt: impl FnMut() -> A,
    ) -> Result<T, E>
    where
        E: std::error::Error + 'static,
        A: Future<Output = Result<T, E>>,
    {
        let mut longest = PAUSE;
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let pause = jittered(longest, rand::random());
            if !is_transient(&error) || Instant::now() + pause > self.until {
                return Err(error);
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                pause_ms = pause.as_millis() as u64,
                "{}",
                self.warning
            );
            if self.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(error);
            }
            longest = (longest * 2).min(PAUSE_MAX);
        }
    }
}

/// A random pause between half of `longest` and all of it. `random` is at least 0 and less than 1.
fn jittered(longest: Duration, random: f64) -> Duration {
    longest.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests;
