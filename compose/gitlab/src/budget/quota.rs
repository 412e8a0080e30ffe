//! The remaining requests that GitLab reports. In: the `RateLimit-*` headers of answers. Out: when the next request can be made so that the rest
//! lasts until GitLab's window ends. Never uses the last requests: others may use the same token.

use std::time::Duration;

use super::window::{MARGIN, Moment};

/// The limit that one answer reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// `RateLimit-Limit`: requests per minute.
    pub(crate) limit: u32,
    /// `RateLimit-Remaining`: requests left in GitLab's current window.
    pub(crate) remaining: u32,
    /// Time until `RateLimit-Reset`, by GitLab's own clock.
    pub(crate) resets_in: Duration,
}

/// Two answers are of the same window if its ends differ by no more than this: they are reported in whole seconds.
const SAME_WINDOW: Duration = Duration::from_secs(2);
/// The longest window. GitLab's throttles last a minute, or an hour if the administrator configured it.
const LONGEST_WINDOW: Duration = Duration::from_secs(2 * 3600);
/// One in this many requests is left to others.
const RESERVE: u32 = 100;

/// The rest of GitLab's current window.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    remaining: u32,
    reserve: u32,
    /// The number of the request whose answer reported it. It does not include later requests.
    number: u64,
    resets_at: Moment,
}

impl Quota {
    pub(crate) fn new(told: Told, number: u64, now: Moment) -> Quota {
        Quota {
            remaining: told.remaining,
            reserve: told.limit / RESERVE,
            number,
            resets_at: now + told.resets_in.min(LONGEST_WINDOW),
        }
    }

    /// Applies what a further answer reported. Answers overtake each other: within a window the lowest number is the newest.
    pub(crate) fn tell(&mut self, told: Told, number: u64, now: Moment) {
        let new = Quota::new(told, number, now);
        if new.resets_at > self.resets_at + SAME_WINDOW || now >= self.resets_at + MARGIN {
            *self = new;
        } else if new.resets_at + SAME_WINDOW >= self.resets_at && new.remaining <= self.remaining {
            let number = self.number.max(number);
            // The time an answer took, and the fraction of a second that its date omits, make the end seem later, never sooner.
            *self = Quota { number, resets_at: self.resets_at.min(new.resets_at), ..new };
        }
    }

    /// Requests that may still be made in the current window, after `granted` in all.
    pub(crate) fn left(&self, granted: u64) -> u32 {
        let since = u32::try_from(granted.saturating_sub(self.number)).unwrap_or(u32::MAX);
        self.remaining.saturating_sub(since).saturating_sub(self.reserve)
    }

    /// Whether GitLab has started a new window since.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now >= self.resets_at + MARGIN
    }

    /// The earliest moment for a request, so that the remaining ones are spread until the window ends.
    pub(crate) fn ready_at(&self, granted: u64, last: Moment, now: Moment) -> Moment {
        if self.is_over(now) {
            return now;
        }
        match self.left(granted) {
            0 => self.resets_at + MARGIN,
            left => now.max(last + self.resets_at.saturating_sub(last) / left),
        }
    }
}
