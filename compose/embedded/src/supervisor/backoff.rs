//! In: how long each run of a child lasted. Out: the pause before the next run, or that there is none. Never reads the clock.

use std::time::Duration;

use crate::child::GivesUp;

/// A run that lasted this long was a good one: whatever ended it is a new fault.
const GOOD_RUN: Duration = Duration::from_secs(30);

/// The pause after each short run in a row; after the last of them the child is given up.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
    Duration::from_secs(5),
];

/// The pause before every further run of a child that is never given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often in a row a child has ended shortly after its start.
#[derive(Debug)]
pub(super) struct Backoff {
    short_runs: usize,
    gives_up: GivesUp,
}

impl Backoff {
    /// For a child that has not run yet.
    pub(super) fn new(gives_up: GivesUp) -> Self {
        Self { short_runs: 0, gives_up }
    }

    /// The pause before the next run, after one that lasted `ran_for`; `None` if the child is given up.
    pub(super) fn after(&mut self, ran_for: Duration) -> Option<Duration> {
        if ran_for < GOOD_RUN {
            self.short_runs += 1;
        } else {
            self.short_runs = 0;
        }
        let pause = PAUSES.get(self.short_runs.saturating_sub(1)).copied();
        match self.gives_up {
            GivesUp::AfterShortRuns => pause,
            GivesUp::NeverOnceReady => Some(pause.unwrap_or(LONGEST_PAUSE)),
            GivesUp::Never => Some(pause.unwrap_or(PAUSES[0]).min(PAUSES[0])),
        }
    }

    /// Short runs in a row, so far.
    pub(super) fn short_runs(&self) -> usize {
        self.short_runs
    }
}
