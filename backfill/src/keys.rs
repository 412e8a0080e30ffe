//! Tracks how far a list was read from its highest id down. In: the ids of pages. Out: which objects are new, and whether the walk is over. Pure, and
//! small enough for a checkpoint.
//!
//! New things have higher ids, so a walk that begins at the top reads the newest first, and the next one ends where the last one began.

use chrono::{DateTime, Days, NaiveDate, Utc};
use gitlab::Next;
use serde::{Deserialize, Serialize};

use crate::page::PageError;

/// After this many pages, a list that is paged by offsets is requested again for what is older than the last row: with an offset, GitLab has to read
/// all that it skips.
const PAGES_BEFORE_ANEW: u32 = 100;
/// This many pages in a row that lead no further down are an error. One or two are normal: things that are created meanwhile move rows to the next
/// page.
const PAGES_IN_PLACE: u32 = 10;

/// The state of one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// The highest id of the last finished walk.
    pub top: Option<u64>,
    /// The time back to which everything was read.
    pub since: Option<DateTime<Utc>>,
    /// When the last finished walk began.
    pub read_at: Option<DateTime<Utc>>,
    /// The unfinished walk.
    pub open: Option<Descent>,
}

/// An unfinished walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// The time back to which it goes.
    pub since: DateTime<Utc>,
    /// Things created after this are left to a later run.
    pub until: DateTime<Utc>,
    /// The highest id so far.
    pub top: Option<u64>,
    /// The lowest id so far.
    pub last: Option<u64>,
    /// Where it ends: this id and lower ones were read before.
    pub floor: Option<u64>,
    /// The next page; `None` at the beginning, and when the list is requested again.
    pub next: Option<Next>,
    /// Only things created before this day are requested.
    pub before: Option<NaiveDate>,
    /// Pages since the list was last requested again.
    pub pages: u32,
    /// Pages in a row that led no further down.
    #[serde(default)]
    pub in_place: u32,
}

/// The fields by which a list is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The object's id.
    pub id: u64,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
}

impl Keys {
    /// The walk to continue with; `None` when everything from `since` until `until` was read.
    pub fn next(
        &mut self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<&mut Descent> {
        if self.open.is_none() {
            // What is older than everything read so far lies at the end of the list.
            let is_deeper = self.since.is_none_or(|read| since < read);
            if !is_deeper && self.read_at.is_some_and(|read_at| read_at >= until.min(now)) {
                return None;
            }
            // For the same reason, the walk goes up to what was read before.
            let until =
                if is_deeper { self.read_at.map_or(until, |read_at| until.max(read_at)) } else { until };
            self.open = Some(Descent {
                began_at: now.min(until),
                // The walk goes down to what was read before, even if that is older than `since`: else there would be a hole.
                since: if is_deeper { since } else { self.since.unwrap_or(since) },
                until,
                top: None,
                last: None,
                floor: self.top.filter(|_| !is_deeper),
                next: None,
                before: None,
                pages: 0,
                in_place: 0,
            });
        }
        self.open.as_mut()
    }

    /// Records a page. Returns the indexes of the objects that were not read before.
    ///
    /// `can_ask_anew`: the list is paged by offsets and can be requested for what was created before a day.
    ///
    /// # Errors
    /// Page after page leads no further down but names another one.
    pub fn advance(
        &mut self,
        page: &[Listed],
        next: Option<Next>,
        can_ask_anew: bool,
    ) -> Result<Vec<usize>, PageError> {
        let Some(open) = &mut self.open else { return Ok(Vec::new()) };
        let is_asked = |listed: &Listed| listed.created_at.is_none_or(|at| at <= open.until);
        let is_new = |listed: &Listed| {
            is_asked(listed)
                && open.last.is_none_or(|last| listed.id < last)
                && open.floor.is_none_or(|floor| listed.id > floor)
                && listed.created_at.is_none_or(|at| at >= open.since)
        };
        let new = (0..page.len()).filter(|index| page.get(*index).is_some_and(is_new)).collect();
        let lowest = page.iter().map(|listed| listed.id).min();
        let is_through = lowest.is_some_and(|id| open.floor.is_some_and(|floor| id <= floor))
            || page.last().and_then(|listed| listed.created_at).is_some_and(|at| at < open.since);
        // An empty page is possible: GitLab drops rows that the token may not see.
        match (open.last, lowest) {
            (Some(last), Some(lowest)) if lowest >= last => open.in_place += 1,
            (_, Some(_)) => open.in_place = 0,
            (_, None) => (),
        }
        open.top = open.top.max(page.iter().filter(|listed| is_asked(listed)).map(|listed| listed.id).max());
        open.last = match (open.last, lowest) {
            (Some(last), Some(lowest)) => Some(last.min(lowest)),
            (last, lowest) => last.or(lowest),
        };
        open.pages += 1;
        open.next = next;
        if is_through || open.next.is_none() {
            self.close();
            return Ok(new);
        }
        if open.in_place >= PAGES_IN_PLACE {
            return Err(PageError::Repeated);
        }
        if can_ask_anew && open.pages >= PAGES_BEFORE_ANEW {
            // The day is in the instance's time zone.
            let day = page.last().and_then(|listed| listed.created_at);
            let day = day.and_then(|at| at.date_naive().checked_add_days(Days::new(2)));
            if day.is_some() && open.before.is_none_or(|before| day < Some(before)) {
                (open.before, open.next, open.pages) = (day, None, 0);
            }
        }
        Ok(new)
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.top = self.top.max(open.top);
        self.since = Some(self.since.map_or(open.since, |since| since.min(open.since)));
        self.read_at = self.read_at.max(Some(open.began_at));
    }
}

#[cfg(test)]
mod tests;
