//! GitLab's clock. In: the `Date` of answers, and this machine's time when they arrived. Out: GitLab's time. Never reads a clock.
//!
//! GitLab dates its objects by its own clock: a time window by another clock would end too late or too early.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Clocks that differ by no more than this count as equal: `Date` is cut to the second, an answer takes a while, and an instance has several
/// machines.
const EQUAL: TimeDelta = TimeDelta::minutes(1);

/// How far GitLab's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(crate) struct Offset {
    milliseconds: AtomicI64,
    is_said: AtomicBool,
}

impl Offset {
    /// Records an answer that arrived at `now` by this machine's clock and has the date `date`. Returns GitLab's offset the first time that it
    /// exceeds [`EQUAL`].
    pub(crate) fn answered(&self, date: DateTime<Utc>, now: DateTime<Utc>) -> Option<TimeDelta> {
        let ahead = date - now;
        if ahead.abs() <= EQUAL {
            self.milliseconds.store(0, Ordering::Relaxed);
            return None;
        }
        self.milliseconds.store(ahead.num_milliseconds(), Ordering::Relaxed);
        (!self.is_said.swap(true, Ordering::Relaxed)).then_some(ahead)
    }

    /// GitLab's time at `now` of this machine, as far as answers have shown.
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
