//! Which part of a list was read. In: windows of `updated_at` that were read. Out: the next one to read. Pure, and small enough to be kept as a
//! checkpoint.
//!
//! The newest window comes first, then older ones, each twice as long as all before, so that tables fill from today backwards; once a window
//! holds little, all that is older is one window, because each costs a request. What was read is always one span without a gap. What changes while a window is read moves behind its end, and is found by the next window that
//! begins there.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The first window.
const FIRST_WINDOW: TimeDelta = TimeDelta::days(30);
/// A window of so few pages is followed by one of all that is older.
const FEW_PAGES: u32 = 2;
/// What windows that follow each other have in common: the clocks of the instance's machines differ.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

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

/// A window that is being read, in ascending order of `updated_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// All of it.
    pub span: Span,
    /// Where the next page begins.
    pub cursor: Cursor,
    /// Pages that were read of it.
    #[serde(default)]
    pub pages: u32,
}

/// Where the next page of a window begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// `updated_after` of the next request, as GitLab printed it.
    pub after: String,
    /// The page: 1, unless more things than a page holds were updated at that one time.
    pub page: u32,
    /// The ids that were read and were updated at that time: the next page has them once more.
    pub seen: Vec<u64>,
}

impl Span {
    fn length(&self) -> TimeDelta {
        self.until - self.from
    }
}

impl Window {
    fn new(span: Span) -> Window {
        let after = span.from.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        Window { span, cursor: Cursor { after, page: 1, seen: Vec::new() }, pages: 0 }
    }
}

impl Coverage {
    /// The window to read next, which becomes the open one; `None` when all from `since` to `now` was read.
    pub fn next(&mut self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<&mut Window> {
        if self.open.is_none() {
            let span = self.next_span(since, now)?;
            self.open = Some(Window::new(span));
        }
        self.open.as_mut()
    }

    fn next_span(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<Span> {
        let Some(read) = self.span else {
            return Some(Span { from: since.max(now - FIRST_WINDOW), until: now });
        };
        if read.until < now {
            return Some(Span { from: read.until - OVERLAP, until: now });
        }
        if read.from > since {
            let from = match self.last_pages {
                0..=FEW_PAGES => since,
                _ => since.max(read.from - (read.length() * 2).max(FIRST_WINDOW)),
            };
            return Some(Span { from, until: read.from });
        }
        None
    }

    /// A page of the open window was read, and where the next one begins; without it the window was read to its end.
    pub fn advance(&mut self, next: Option<Cursor>) {
        if let Some(window) = &mut self.open {
            window.pages += 1;
            match next {
                Some(cursor) => window.cursor = cursor,
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
