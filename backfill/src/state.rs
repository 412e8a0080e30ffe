//! How far a list was read, however it is walked: what a checkpoint keeps. In: a list. Out: a state to begin with. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;
use crate::keys::Keys;
use crate::list::{List, Way};
use crate::whole::Whole;

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
    /// One by one. What is left is in `backfill_pending`; this is when nothing was.
    Each(Option<DateTime<Utc>>),
}

impl State {
    /// That of a list of which nothing was read.
    pub fn new(list: List) -> State {
        match list.way() {
            Way::Updated => State::Updated(Coverage::default()),
            Way::Keys => State::Keys(Keys::default()),
            Way::Whole => State::Whole(Whole::default()),
            Way::Each => State::Each(None),
        }
    }

    /// Until when all was read; `None` where that is not so yet.
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
