//! Which part of a list was read by the time of its updates. In: windows that were read. Out: the next one to read. Pure, and small enough to be kept as
//! a checkpoint.
//!
//! The newest window comes first, then older ones, so that tables fill from today backwards. What was read is always one span without a gap. What
//! changes while a window is read moves behind its end, and is found by the next window, which begins there.

use chrono::{DateTime, TimeDelta, Utc};
use gitlab::{Next, Walk};
use serde::{Deserialize, Serialize};

/// The first window, of a list that is walked in ascending order.
const FIRST_WINDOW: TimeDelta = TimeDelta::days(30);
/// A window of so few pages is followed by one of all that is older: each costs a request.
const FEW_PAGES: u32 = 2;
/// What windows that follow each other have in common: the clocks of the instance's machines differ, and rows appear a little late.
pub const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// What was read of one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// All that was updated between these two was read, as far as it was not updated again.
    pub span: Option<Span>,
    /// The window that is being read.
    pub open: Option<Window>,
    /// Pages of the window that was read last.
    #[serde(default)]
    pub last_pages: u32,
}

/// From one time to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The earlier end.
    pub from: DateTime<Utc>,
    /// The later end.
    pub until: DateTime<Utc>,
}

/// A window that is being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// All of it.
    pub span: Span,
    /// Where the next page is.
    pub place: Place,
    /// Pages that were read of it.
    #[serde(default)]
    pub pages: u32,
    /// Where they are named by cursors: what tells that they go round.
    #[serde(default)]
    pub walk: Option<Walk>,
}

/// Where the next page of a window is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At its beginning.
    Start,
    /// At a time, in ascending order of updates.
    At(Cursor),
    /// Behind a row, by GraphQL's name for it.
    Behind(String),
    /// Where a link said.
    Page(Next),
}

/// Where the next page of a window in ascending order begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// `updated_after` of the next request, as GitLab printed it.
    pub after: String,
    /// The page: 1, unless more things than a page holds were updated at that one time.
    pub page: u32,
    /// The ids that were read and were updated at that time: the next page has them once more.
    pub seen: Vec<u64>,
}

/// In which order a window is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first, as REST must be read so that nothing is missed: newer windows come before older ones, each twice as long as all before.
    Ascending,
    /// Newest first, by keys: one window is enough.
    Descending,
}

impl Span {
    fn length(&self) -> TimeDelta {
        self.until - self.from
    }
}

impl Window {
    fn new(span: Span) -> Window {
        Window { span, place: Place::Start, pages: 0, walk: None }
    }

    /// Its beginning, as a query says it.
    pub fn from(&self) -> String {
        self.span.from.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// Its end, as a query says it.
    pub fn until(&self) -> String {
        self.span.until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }
}

impl Coverage {
    /// The window to read next, which becomes the open one; `None` when all from `since` to `until` was read.
    pub fn next(&mut self, since: DateTime<Utc>, until: DateTime<Utc>, order: Order) -> Option<&mut Window> {
        if self.open.is_none() {
            let span = self.next_span(since, until, order)?;
            self.open = Some(Window::new(span));
        }
        self.open.as_mut()
    }

    fn next_span(&self, since: DateTime<Utc>, until: DateTime<Utc>, order: Order) -> Option<Span> {
        if since >= until {
            return None;
        }
        let Some(read) = self.span else {
            let from = match order {
                Order::Ascending => since.max(until - FIRST_WINDOW),
                Order::Descending => since,
            };
            return Some(Span { from, until });
        };
        if read.until < until {
            return Some(Span { from: read.until - OVERLAP, until });
        }
        if read.from > since {
            let from = match (order, self.last_pages) {
                (Order::Descending, _) | (Order::Ascending, 0..=FEW_PAGES) => since,
                (Order::Ascending, _) => since.max(read.from - (read.length() * 2).max(FIRST_WINDOW)),
            };
            return Some(Span { from, until: read.from });
        }
        None
    }

    /// A page of the open window was read, and where the next one is; without it the window was read to its end.
    pub fn advance(&mut self, next: Option<Place>) {
        if let Some(window) = &mut self.open {
            window.pages += 1;
            match next {
                Some(place) => window.place = place,
                None => self.close(),
            }
        }
    }

    fn close(&mut self) {
        let Some(window) = self.open.take() else { return };
        self.last_pages = window.pages;
        self.span = Some(match self.span {
            None => window.span,
            Some(read) => {
                Span { from: read.from.min(window.span.from), until: read.until.max(window.span.until) }
            }
        });
    }
}

#[cfg(test)]
mod tests;
