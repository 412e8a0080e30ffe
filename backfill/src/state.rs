//! How far a list was read, for each way of reading: the content of a checkpoint. In: a list. Out: an initial state. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, OVERLAP, Place};
use crate::keys::Keys;
use crate::list::{Again, List, Way};
use crate::whole::Whole;

/// Lists that were read longer ago than this are read again, whatever GitLab says of activity.
const DAY: TimeDelta = TimeDelta::days(1);
/// How much `last_activity_at` may lag behind the last activity, including differences of clocks.
const ACTIVITY_LAGS: TimeDelta = TimeDelta::minutes(65);

/// How far a list was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// By the time of updates.
    Updated(Coverage),
    /// From the highest id down.
    Keys(Keys),
    /// From its first page to its last.
    Whole(Whole),
    /// One by one. What is left is in `backfill_pending`; this is when nothing was left.
    Each(Option<DateTime<Utc>>),
}

impl State {
    /// The state of an unread list.
    pub fn new(list: List) -> State {
        match list.way() {
            Way::Updated => State::Updated(Coverage::default()),
            Way::Keys => State::Keys(Keys::default()),
            Way::Whole => State::Whole(Whole::default()),
            Way::Each => State::Each(None),
        }
    }

    /// The state without the position of an unfinished walk; what finished walks read is kept. `None` if it has no position.
    pub fn anew(&self) -> Option<State> {
        let has_place = match self {
            State::Updated(coverage) => {
                coverage.open.as_ref().is_some_and(|window| window.place != Place::Start)
            }
            State::Keys(keys) => keys.open.as_ref().is_some_and(|descent| descent.next.is_some()),
            State::Whole(whole) => whole.open.as_ref().is_some_and(|reading| reading.next.is_some()),
            State::Each(_) => false,
        };
        let mut anew = self.clone();
        match &mut anew {
            State::Updated(coverage) => coverage.open = None,
            State::Keys(keys) => keys.open = None,
            State::Whole(whole) => whole.open = None,
            State::Each(_) => (),
        }
        has_place.then_some(anew)
    }

    /// Whether everything from that time on was read, up to some moment.
    pub fn reaches(&self, since: DateTime<Utc>) -> bool {
        match self {
            State::Updated(coverage) => coverage.span.is_some_and(|span| span.from <= since),
            State::Keys(keys) => keys.since.is_some_and(|read| read <= since),
            State::Whole(_) | State::Each(_) => true,
        }
    }

    /// Whether nothing in the list can have changed since it was read, or it was read recently enough.
    ///
    /// GitLab moves `last_activity_at` at most once an hour (<https://docs.gitlab.com/api/projects/>), so it may miss activity of the hour before.
    pub fn is_fresh(&self, list: List, last_activity_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let Some(read_until) = self.read_until() else { return false };
        let is_of_today = now - read_until < DAY;
        match list.again() {
            Again::Always => false,
            Again::Daily => is_of_today,
            Again::Activity => {
                is_of_today && last_activity_at.is_some_and(|at| at + ACTIVITY_LAGS < read_until)
            }
        }
    }

    /// Whether it claims that something was read after `now`: then the clock behind it was wrong, and the real time is unknown.
    pub fn is_of_the_future(&self, now: DateTime<Utc>) -> bool {
        let until = match self {
            State::Updated(Coverage { span, open, .. }) => {
                let open = open.as_ref().map(|window| window.span.until);
                span.map(|span| span.until).max(open)
            }
            State::Keys(Keys { read_at, open, .. }) => {
                (*read_at).max(open.as_ref().map(|descent| descent.began_at))
            }
            State::Whole(Whole { read_at, open, .. }) => {
                (*read_at).max(open.as_ref().map(|reading| reading.began_at))
            }
            State::Each(read_at) => *read_at,
        };
        until.is_some_and(|until| until > now + OVERLAP)
    }

    /// The moment up to which everything was read; `None` if that is not yet so.
    pub fn read_until(&self) -> Option<DateTime<Utc>> {
        match self {
            State::Updated(coverage) if coverage.open.is_none() => coverage.span.map(|span| span.until),
            State::Keys(keys) if keys.open.is_none() => keys.read_at,
            State::Whole(whole) if whole.open.is_none() => whole.read_at,
            State::Each(read_at) => *read_at,
            State::Updated(_) | State::Keys(_) | State::Whole(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Order;

    fn check(list: List, hours_since_read: i64, activity_before_read_minutes: i64, expected: bool) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let read_at = now - TimeDelta::hours(hours_since_read);
        let mut whole = Whole::default();
        whole.next(read_at);
        whole.advance(None, None);
        let activity_at = read_at - TimeDelta::minutes(activity_before_read_minutes);
        let is_fresh = State::Whole(whole).is_fresh(list, Some(activity_at), now);
        assert_eq!(is_fresh, expected, "{list:?} {hours_since_read} {activity_before_read_minutes}");
    }

    #[test]
    fn a_list_begins_anew_where_it_was_read_to_its_end() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let mut coverage = Coverage::default();
        coverage.next(now - TimeDelta::days(9), now, Order::Descending);
        assert_eq!(State::Updated(coverage.clone()).anew(), None, "nothing of it was read");
        coverage.advance(None);
        let whole = State::Updated(coverage.clone());
        coverage.next(now - TimeDelta::days(9), now + TimeDelta::days(1), Order::Descending);
        coverage.advance(Some(Place::Behind("row".to_owned())));
        assert_eq!(State::Updated(coverage).anew(), Some(whole));
        assert_eq!(State::Each(None).anew(), None);
    }

    #[test]
    fn what_was_read_in_the_future_is_not_believed() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
        let check = |minutes: i64, expected: bool| {
            let until = now + TimeDelta::minutes(minutes);
            let mut coverage = Coverage::default();
            coverage.next(now - TimeDelta::days(9), until, Order::Descending);
            assert_eq!(State::Updated(coverage.clone()).is_of_the_future(now), expected);
            coverage.advance(None);
            let mut keys = Keys::default();
            keys.next(DateTime::UNIX_EPOCH, until, until);
            let mut whole = Whole::default();
            whole.next(until);
            let states = [State::Updated(coverage), State::Keys(keys), State::Whole(whole)];
            for state in states.into_iter().chain([State::Each(Some(until))]) {
                assert_eq!(state.is_of_the_future(now), expected, "{state:?}");
            }
        };
        check(-1, false);
        check(5, false);
        check(6, true);
        assert!(!State::new(List::Jobs).is_of_the_future(now));
    }

    #[test]
    fn a_list_is_read_again_when_something_may_have_happened() {
        check(List::Branches, 2, 120, true);
        check(List::Branches, 2, 30, false);
        check(List::Branches, 2, -30, false);
        check(List::Branches, 25, 120, false);
        check(List::Members, 2, -30, true);
        check(List::Members, 25, 120, false);
        assert!(!State::new(List::Branches).is_fresh(List::Branches, None, DateTime::UNIX_EPOCH));
    }
}
