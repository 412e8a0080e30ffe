//! One rate, kept. In: the time, and that a permit is taken. Out: when the next one can be had. Never more permits than the rate allows in any span of
//! its length, and never more at once than those of a second.

use std::collections::VecDeque;
use std::time::Duration;

/// A moment, as the time since the client began. Comes in as an argument, so that a test can make it up.
pub(crate) type Moment = Duration;

/// What a request may be late on its way to GitLab, so that GitLab counts it in a later window than this side does. Costs 1/61 of a rate of a minute.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);

/// So many permits in any span of this length.
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

    /// The time between two permits when they are taken evenly.
    fn interval(self) -> Duration {
        self.span() / self.permits.max(1)
    }

    /// How many may be taken at once after a pause: those of a second.
    fn burst(self) -> u32 {
        u32::try_from(u64::from(self.permits) / self.per.as_secs().max(1)).unwrap_or(u32::MAX).max(1)
    }
}

/// The permits of one rate.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    rate: Rate,
    /// When the permits of the last span were taken, oldest first.
    taken: VecDeque<Moment>,
    /// When the next permit was due if all so far had been taken evenly.
    even_at: Moment,
}

impl Window {
    pub(crate) fn new(rate: Rate) -> Window {
        Window { rate, taken: VecDeque::new(), even_at: Moment::ZERO }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Changes how many permits there are. What was taken stays taken.
    pub(crate) fn set_permits(&mut self, permits: u32) {
        self.rate.permits = permits.max(1);
    }

    /// The earliest moment, `now` or later, at which there is a permit.
    pub(crate) fn ready_at(&self, now: Moment) -> Moment {
        let credit = self.rate.interval() * (self.rate.burst() - 1);
        let even = self.even_at.saturating_sub(credit);
        // So many permits ago, one was taken that must be a whole span old.
        let before = self.taken.len().checked_sub(self.rate.permits as usize);
        let free = before.map_or(Moment::ZERO, |index| self.taken[index] + self.rate.span());
        now.max(even).max(free)
    }

    /// Takes a permit. The caller has seen that [`Window::ready_at`] is not later than `now`.
    pub(crate) fn take(&mut self, now: Moment) {
        self.even_at = self.even_at.max(now) + self.rate.interval();
        while self.taken.front().is_some_and(|taken| *taken + self.rate.span() <= now) {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// How many permits were taken within the rate's span before `now`.
    pub(crate) fn used(&self, now: Moment) -> u32 {
        let old = self.taken.partition_point(|taken| *taken + self.rate.span() <= now);
        u32::try_from(self.taken.len() - old).unwrap_or(u32::MAX)
    }

    /// How many permits of the span that ends now were not taken.
    pub(crate) fn left(&self, now: Moment) -> u32 {
        self.rate.permits.saturating_sub(self.used(now))
    }
}
