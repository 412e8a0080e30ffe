//! How far a list was read from its highest id down. In: the ids of pages. Out: which objects are new, and whether the walk is over. Pure, and small
//! enough to be kept as a checkpoint.
//!
//! New things have higher ids, so a walk that begins at the top reads the newest first, and the next one ends where the last one began.

use chrono::{DateTime, Days, NaiveDate, Utc};
use gitlab::Next;
use serde::{Deserialize, Serialize};

use crate::page::PageError;

/// After so many pages a list that is paged by offsets is asked anew, for what is older than the last row: an offset costs GitLab what it skips.
const PAGES_BEFORE_ANEW: u32 = 100;
/// So many pages, one after the other, that lead no further down are no list. One or two may: things that are created meanwhile move those of a
/// page behind it.
const PAGES_IN_PLACE: u32 = 10;

/// What was read of one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// The highest id of what was read to its end.
    pub top: Option<u64>,
    /// How far back all was read.
    pub since: Option<DateTime<Utc>>,
    /// When the walk that was read to its end began.
    pub read_at: Option<DateTime<Utc>>,
    /// The walk that is under way.
    pub open: Option<Descent>,
}

/// A walk under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// How far back it goes.
    pub since: DateTime<Utc>,
    /// What was created later is left to a later run.
    pub until: DateTime<Utc>,
    /// The highest id that it read.
    pub top: Option<u64>,
    /// The lowest id that it met.
    pub last: Option<u64>,
    /// Where it ends: what has this id or a lower one was read before.
    pub floor: Option<u64>,
    /// The next page; `None` at the beginning, and where the list is asked anew.
    pub next: Option<Next>,
    /// Only what was created before this day is asked for.
    pub before: Option<NaiveDate>,
    /// Pages since the list was asked anew.
    pub pages: u32,
    /// Pages until now, one after the other, that led no further down.
    #[serde(default)]
    pub in_place: u32,
}

/// The fields by which a list is walked.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The object's id.
    pub id: u64,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
}

impl Keys {
    /// The walk to go on with; `None` when all from `since` until `until` was read.
    pub fn next(
        &mut self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<&mut Descent> {
        if self.open.is_none() {
            // What is older than all that was read lies behind everything else.
            let is_deeper = self.since.is_none_or(|read| since < read);
            if !is_deeper && self.read_at.is_some_and(|read_at| read_at >= until.min(now)) {
                return None;
            }
            // And up to what was read before, for the same reason.
            let until =
                if is_deeper { self.read_at.map_or(until, |read_at| until.max(read_at)) } else { until };
            self.open = Some(Descent {
                began_at: now.min(until),
                // Down to what was read before, though it is older than what is asked for now: else there would be a hole between.
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

    /// A page was read. Gives the places of the objects that were not read before.
    ///
    /// `can_ask_anew`: the list is paged by offsets and can be asked for what was created before a day.
    ///
    /// # Errors
    /// Page after page leads no further down, and names another one.
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
        // An empty page leads nowhere, and may be one: GitLab drops rows that the token may not see.
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
            // The day is one of the instance's time zone.
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
