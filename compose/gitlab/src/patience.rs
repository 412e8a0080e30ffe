//! Timeouts and attempts of a call. In: how many attempts there were, and a random number. Out: the pause before the next. Never reads the clock.

use std::time::Duration;

use crate::config::ApiConfig;

/// Default number of attempts.
pub(crate) const ATTEMPTS: u32 = 7;
/// Default seconds to wait for an answer to begin.
pub(crate) const ANSWER_SECONDS: u64 = 70;
/// Timeout between two pieces of an answer.
const IDLE: Duration = Duration::from_secs(30);
/// Timeout for one attempt in all.
const WHOLE: Duration = Duration::from_secs(300);

/// Timeouts and attempts of a call.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts if the failure may be temporary: no connection, 5xx, 429.
    pub attempts: u32,
    /// Timeout for an answer to begin. GitLab itself gives up a request after 60 seconds.
    pub answer: Duration,
    /// Timeout between two pieces of an answer.
    pub idle: Duration,
    /// Timeout for one attempt in all.
    pub whole: Duration,
}

impl Patience {
    /// As configured.
    pub fn new(config: &ApiConfig) -> Patience {
        let answer = Duration::from_secs(config.answer_seconds);
        Patience { attempts: config.attempts, answer, idle: answer.min(IDLE), whole: WHOLE }
    }
}

/// The longest pause after the first attempt; doubles with each further one.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A random pause after this many attempts, between half of the longest and all of it. `random` is at least 0 and less than 1.
pub(crate) fn pause(attempts: u32, random: f64) -> Duration {
    let longest = PAUSE * (1 << attempts.saturating_sub(1).min(16));
    longest.min(PAUSE_MAX).mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests;
