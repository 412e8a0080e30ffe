//! Keeps one rate. In: the time, and each permit that is taken. Out: when the next one is available. Never gives more permits than the rate allows in
//! any window of its length, and never more at once than those of a second.

use std::collections::VecDeque;
use std::time::Duration;

/// A moment, as the time since the client started. It is an argument, so that tests can choose it.
pub(crate) type Moment = Duration;

/// A request may reach GitLab later by this much, and be counted in a later window than here. Costs 1/61 of a rate per minute.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);

/// This many permits in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) permits: u32,
    pub(crate) per: Duration,
}

impl Rate {
    pub(crate) const fn per_minute(permits: u32) -> Rate {
        Rate { permits, per: Duration::from_secs(60) }
    }

    fn span(self) -> Duration {
        self.per + MARGIN
    }

    /// The time between two permits that are spread evenly.
    fn interval(self) -> Duration {
        self.span() / self.permits.max(1)
    }

    /// Permits that may be taken at once after a pause: those of a second.
    fn burst(self) -> u32 {
        u32::try_from(u64::from(self.permits) / self.per.as_secs().max(1)).unwrap_or(u32::MAX).max(1)
    }
}

/// The permits of one rate.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    rate: Rate,
    /// When the permits of the last window were taken, oldest first.
    taken: VecDeque<Moment>,
    /// When the next permit is due if permits are spread evenly.
    even_at: Moment,
}

impl Window {
    pub(crate) fn new(rate: Rate) -> Window {
        Window { rate, taken: VecDeque::new(), even_at: Moment::ZERO }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Changes the number of permits. Permits that were taken stay taken.
    pub(crate) fn set_permits(&mut self, permits: u32) {
        self.rate.permits = permits.max(1);
    }

    /// The earliest moment, at or after `now`, at which there is a permit.
    pub(crate) fn ready_at(&self, now: Moment) -> Moment {
        let credit = self.rate.interval() * (self.rate.burst() - 1);
        let even = self.even_at.saturating_sub(credit);
        // The permit taken this many permits ago must be a whole window old.
        let before = self.taken.len().checked_sub(self.rate.permits as usize);
        let free = before.map_or(Moment::ZERO, |index| self.taken[index] + self.rate.span());
        now.max(even).max(free)
    }

    /// Takes a permit. The caller has checked that [`Window::ready_at`] is not later than `now`.
    pub(crate) fn take(&mut self, now: Moment) {
        self.even_at = self.even_at.max(now) + self.rate.interval();
        while self.taken.front().is_some_and(|taken| *taken + self.rate.span() <= now) {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// Permits taken in the window that ends at `now`.
    pub(crate) fn used(&self, now: Moment) -> u32 {
        let old = self.taken.partition_point(|taken| *taken + self.rate.span() <= now);
        u32::try_from(self.taken.len() - old).unwrap_or(u32::MAX)
    }

    /// Permits left in the window that ends at `now`.
    pub(crate) fn left(&self, now: Moment) -> u32 {
        self.rate.permits.saturating_sub(self.used(now))
    }
}
