//! In: how long each run of a child lasted. Out: how long to wait before the next, or that there
//! should be none. Never reads the clock.

use std::time::Duration;

/// A run that lasted this long was a good one: what ended it is a new matter.
const GOOD_RUN: Duration = Duration::from_secs(30);

/// The pause after each short run in a row; the one after the last of them is final.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
    Duration::from_secs(5),
];

/// How often in a row a child has ended shortly after its start.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    short_runs: usize,
}

impl Backoff {
    /// The pause before the next run, after one that lasted `ran_for`; none when the child has had
    /// its chances.
    pub(super) fn after(&mut self, ran_for: Duration) -> Option<Duration> {
        if ran_for < GOOD_RUN {
            self.short_runs += 1;
        } else {
            self.short_runs = 0;
        }
        PAUSES.get(self.short_runs.saturating_sub(1)).copied()
    }

    /// Short runs in a row, so far.
    pub(super) fn short_runs(&self) -> usize {
        self.short_runs
    }
}
