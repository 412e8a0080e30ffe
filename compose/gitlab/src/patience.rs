//! How long and how often a call is tried. In: how many attempts there were, and a random number. Out: the pause before the next. Never asks the clock.

use std::time::Duration;

use crate::config::ApiConfig;

/// How often a call is made by default.
pub(crate) const ATTEMPTS: u32 = 7;
/// Seconds for which the beginning of an answer is waited for by default.
pub(crate) const ANSWER_SECONDS: u64 = 70;
/// The longest that nothing may come of an answer that has begun.
const IDLE: Duration = Duration::from_secs(30);
/// How long one attempt may take in all.
const WHOLE: Duration = Duration::from_secs(300);

/// How long and how often it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often a call is made if the reason may pass: no connection, 5xx, 429.
    pub attempts: u32,
    /// How long an answer may take to begin. GitLab itself gives up a request after 60 seconds.
    pub answer: Duration,
    /// How long nothing may come of an answer that has begun.
    pub idle: Duration,
    /// How long one attempt may take in all.
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

/// The pause after so many attempts, between half of the longest and all of it. `random` is at least 0 and less than 1.
pub(crate) fn pause(attempts: u32, random: f64) -> Duration {
    let longest = PAUSE * (1 << attempts.saturating_sub(1).min(16));
    longest.min(PAUSE_MAX).mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests;
