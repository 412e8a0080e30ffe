//! Tracks which part of a list was read, by the time of updates. In: windows that were read. Out: the next window. Pure, and small enough for a
//! checkpoint.
//!
//! The newest window comes first, then older ones, so that tables fill from today backwards. What was read is always one span without a gap. What
//! changes while a window is read moves behind the window's end, and the next window, which begins there, finds it.

use chrono::{DateTime, TimeDelta, Utc};
use gitlab::{Next, Walk};
use serde::{Deserialize, Serialize};

/// The first window of a list that is read in ascending order.
const FIRST_WINDOW: TimeDelta = TimeDelta::days(30);
/// After a window of at most this many pages, all that is older becomes one window: each window costs a request.
const FEW_PAGES: u32 = 2;
/// Overlap of neighbouring windows: the clocks of the instance's machines differ, and rows appear a little late.
pub const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// What was read of one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Everything updated in this span was read, unless it was updated again since.
    pub span: Option<Span>,
    /// The window that is being read.
    pub open: Option<Window>,
    /// Pages of the last window.
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
    /// The whole window.
    pub span: Span,
    /// Where the next page is.
    pub place: Place,
    /// Pages that were read of it.
    #[serde(default)]
    pub pages: u32,
    /// State that detects cursors that go round in a circle.
    #[serde(default)]
    pub walk: Option<Walk>,
}

/// The position of the next page in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The beginning.
    Start,
    /// A time, in ascending order of updates.
    At(Cursor),
    /// After this row, by GraphQL's cursor.
    Behind(String),
    /// The target of a link.
    Page(Next),
}

/// The position of the next page in a window that is read in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// `updated_after` of the next request, in GitLab's format.
    pub after: String,
    /// Number of the page: 1, unless more things than fit on a page were updated at that same time.
    pub page: u32,
    /// Ids already read that were updated at that time: the next page repeats them.
    pub seen: Vec<u64>,
}

/// The order in which a window is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first, the only order in which REST misses nothing: newer windows come before older ones, each twice as long as all before.
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

    /// Its beginning, in a query's format.
    pub fn from(&self) -> String {
        self.span.from.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// Its end, in a query's format.
    pub fn until(&self) -> String {
        self.span.until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }
}

impl Coverage {
    /// Opens the window to read next; `None` when everything from `since` to `until` was read.
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

    /// Records that a page of the open window was read, and the position of the next one; without one, the window is finished.
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
