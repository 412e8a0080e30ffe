//! What GitLab itself says is left. In: the `RateLimit-*` headers of answers. Out: when a request can be made so that what is left lasts until GitLab
//! starts to count anew. Never takes the last of it: others may use the same token.

use std::time::Duration;

use super::window::{MARGIN, Moment};

/// What one answer told of the limit it counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// `RateLimit-Limit`: requests a minute.
    pub(crate) limit: u32,
    /// `RateLimit-Remaining`: requests that are left in GitLab's present window.
    pub(crate) remaining: u32,
    /// Until `RateLimit-Reset`, by GitLab's own clock.
    pub(crate) resets_in: Duration,
}

/// Two answers speak of one window if their ends differ by no more: ends are told in whole seconds.
const SAME_WINDOW: Duration = Duration::from_secs(2);
/// A window is at most so long. GitLab's throttles last a minute, or an hour where the administrator says so.
const LONGEST_WINDOW: Duration = Duration::from_secs(2 * 3600);
/// One of so many requests is left to others.
const RESERVE: u32 = 100;

/// What is left in GitLab's present window.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    remaining: u32,
    reserve: u32,
    /// The number of the request whose answer told it. Later ones are not in it.
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

    /// Takes in what a further answer told. Answers overtake each other: within a window the least that was told is the newest.
    pub(crate) fn tell(&mut self, told: Told, number: u64, now: Moment) {
        let new = Quota::new(told, number, now);
        if new.resets_at > self.resets_at + SAME_WINDOW || now >= self.resets_at + MARGIN {
            *self = new;
        } else if new.resets_at + SAME_WINDOW >= self.resets_at && new.remaining <= self.remaining {
            let number = self.number.max(number);
            // What an answer took to come back, and the part of a second that its date leaves out, make the end seem later, never sooner.
            *self = Quota { number, resets_at: self.resets_at.min(new.resets_at), ..new };
        }
    }

    /// Requests that may still be made in the present window, after `granted` in all.
    pub(crate) fn left(&self, granted: u64) -> u32 {
        let since = u32::try_from(granted.saturating_sub(self.number)).unwrap_or(u32::MAX);
        self.remaining.saturating_sub(since).saturating_sub(self.reserve)
    }

    /// Whether GitLab counts anew since then.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now >= self.resets_at + MARGIN
    }

    /// The earliest moment for a request, so that those that are left are spread until GitLab counts anew.
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
