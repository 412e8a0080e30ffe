//! GitLab's clock. In: the `Date` of answers, and this machine's time when they came. Out: GitLab's time. Never asks a clock.
//!
//! What GitLab lists, it dates by its own clock: a window of time that ends by another one ends too late or too early.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Clocks that differ by no more are taken for equal: `Date` is cut to the second, an answer is under way for a while, and an instance has several
/// machines.
const EQUAL: TimeDelta = TimeDelta::minutes(1);

/// How far GitLab's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(crate) struct Offset {
    milliseconds: AtomicI64,
    is_said: AtomicBool,
}

impl Offset {
    /// An answer came at `now` by this machine's clock, and was dated `date` by GitLab's. Gives how far GitLab is ahead the first time that it is
    /// more than clocks differ.
    pub(crate) fn answered(&self, date: DateTime<Utc>, now: DateTime<Utc>) -> Option<TimeDelta> {
        let ahead = date - now;
        if ahead.abs() <= EQUAL {
            self.milliseconds.store(0, Ordering::Relaxed);
            return None;
        }
        self.milliseconds.store(ahead.num_milliseconds(), Ordering::Relaxed);
        (!self.is_said.swap(true, Ordering::Relaxed)).then_some(ahead)
    }

    /// GitLab's time when it is `now` by this machine's clock, as far as answers have told.
    pub(crate) fn at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = TimeDelta::milliseconds(self.milliseconds.load(Ordering::Relaxed));
        now.checked_add_signed(ahead).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitlabs_time_is_told_by_its_answers_and_a_difference_is_said_once() {
        let (offset, now) = (Offset::default(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        assert_eq!(offset.at(now), now);
        let hours = TimeDelta::hours(-3);
        assert_eq!(offset.answered(now + hours, now), Some(hours));
        assert_eq!(offset.answered(now + hours, now), None);
        assert_eq!(offset.at(now), now + hours);
        let cut = TimeDelta::seconds(-59);
        assert_eq!(offset.answered(now + cut, now), None);
        assert_eq!(offset.at(now), now, "the clock was corrected");
    }
}
