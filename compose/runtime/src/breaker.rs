//! Decides whether Kafka is tried. In: how publishing went. Out: whether the next delivery waits for Kafka or goes to the spool at once. Never closes
//! by time alone: something must have been acknowledged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntGauge;

/// Pause after a probe that Kafka did not acknowledge, in which no other delivery tries.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// A breaker; clones share it.
#[derive(Clone)]
pub(crate) struct Breaker {
    state: Arc<Mutex<State>>,
    /// 1 while the breaker is open.
    gauge: IntGauge,
}

#[derive(Default)]
struct State {
    is_open: bool,
    is_probing: bool,
    next_probe_at: Option<Instant>,
}

/// The right to try Kafka while the breaker is open; given back when dropped.
pub(crate) struct Probe {
    breaker: Breaker,
}

impl Breaker {
    pub(crate) fn new(gauge: IntGauge) -> Breaker {
        gauge.set(0);
        Breaker { state: Arc::default(), gauge }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// Kafka did not acknowledge.
    pub(crate) fn open(&self) {
        let was_open = std::mem::replace(&mut self.state().is_open, true);
        if !was_open {
            self.gauge.set(1);
            tracing::warn!("Kafka does not acknowledge: deliveries are kept on disk until it does");
        }
    }

    /// Kafka acknowledged.
    pub(crate) fn close(&self) {
        let was_open = std::mem::take(&mut self.state().is_open);
        if was_open {
            self.gauge.set(0);
            tracing::info!("Kafka acknowledges again");
        }
    }

    /// The right for one delivery to try an open breaker. One at a time, so that an unreachable Kafka holds no memory.
    pub(crate) fn probe(&self) -> Option<Probe> {
        let mut state = self.state();
        if state.is_probing || state.next_probe_at.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        state.is_probing = true;
        Some(Probe { breaker: self.clone() })
    }

    /// A panic under the lock cannot leave the state half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        state.is_probing = false;
        state.next_probe_at = Some(Instant::now() + PROBE_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_lets_one_try_at_a_time() {
        let breaker = Breaker::new(IntGauge::new("open", "open").unwrap());
        assert!(!breaker.is_open());
        breaker.open();
        assert!(breaker.is_open());
        let probe = breaker.probe().expect("nobody tries yet");
        assert!(breaker.probe().is_none(), "somebody tries already");
        drop(probe);
        assert!(breaker.probe().is_none(), "somebody has just tried");
        assert!(breaker.is_open());
        breaker.close();
        assert!(!breaker.is_open());
    }
}
