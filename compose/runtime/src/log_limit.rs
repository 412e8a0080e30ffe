//! Keeps one fault from filling the log. In: the same fault, as often as it happens. Out: a line for the first one, then at most one line per pause
//! with the number of faults since. Never leaves one uncounted while the process runs.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Logs a fault, with how often it happened since the last line.
type Say = fn(count: u64, last: &str);

/// The lines of one fault; clones share them.
#[derive(Clone)]
pub struct LogLimit {
    pause: Duration,
    say: Say,
    /// `None` if no line was logged within the last pause.
    unsaid: Arc<Mutex<Option<Unsaid>>>,
}

/// Faults since the last line.
#[derive(Default)]
struct Unsaid {
    count: u64,
    last: String,
}

impl LogLimit {
    /// Calls `say` at most once per `pause`.
    pub fn new(pause: Duration, say: Say) -> LogLimit {
        LogLimit { pause, say, unsaid: Arc::default() }
    }

    /// Counts one fault, and logs it now or later. Has to be called within a runtime, which logs the later line.
    pub fn note(&self, text: String) {
        match &mut *self.unsaid() {
            Some(unsaid) => {
                unsaid.count += 1;
                unsaid.last = text;
                return;
            }
            nothing => *nothing = Some(Unsaid::default()),
        }
        (self.say)(1, &text);
        tokio::spawn(self.clone().say_later());
    }

    /// Logs the faults that were not logged yet, until there are none.
    async fn say_later(self) {
        loop {
            tokio::time::sleep(self.pause).await;
            let Some(Unsaid { count, last }) = self.take() else { return };
            (self.say)(count, &last);
        }
    }

    /// The faults that were not logged yet; if there are none, the next one is logged at once.
    fn take(&self) -> Option<Unsaid> {
        let mut unsaid = self.unsaid();
        let taken = unsaid.as_mut().map(mem::take).filter(|unsaid| unsaid.count > 0);
        if taken.is_none() {
            *unsaid = None;
        }
        taken
    }

    /// A panic under the lock cannot leave the state half changed.
    fn unsaid(&self) -> MutexGuard<'_, Option<Unsaid>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that were logged; a function pointer captures nothing, so each test has its own.
    macro_rules! lines {
        ($lines:ident, $say:ident) => {
            static $lines: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
            fn $say(count: u64, last: &str) {
                $lines.lock().unwrap().push((count, last.to_owned()));
            }
        };
    }

    const PAUSE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_line_per_pause_and_every_fault_is_counted() {
        lines!(LINES, say);
        let limit = LogLimit::new(PAUSE, say);
        for number in 0..25_000_u64 {
            limit.note(format!("fault {number}"));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(PAUSE * 2).await;
        let lines = LINES.lock().unwrap();
        assert_eq!(lines.iter().map(|(count, _)| count).sum::<u64>(), 25_000);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[0], (1, "fault 0".to_owned()), "the first is said at once");
        assert_eq!(lines[3].1, "fault 24999");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_quiet_pause_the_next_is_said_at_once() {
        lines!(LINES, say);
        let limit = LogLimit::new(PAUSE, say);
        limit.note("one".to_owned());
        tokio::time::sleep(PAUSE + Duration::from_millis(1)).await;
        assert_eq!(LINES.lock().unwrap().len(), 1);
        limit.note("two".to_owned());
        assert_eq!(*LINES.lock().unwrap(), [(1, "one".to_owned()), (1, "two".to_owned())]);
    }
}
