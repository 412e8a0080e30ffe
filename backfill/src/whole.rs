//! Short lists, which are read from their first page to their last each time. In: pages. Out: whether the list was read. Pure.

use chrono::{DateTime, Utc};
use gitlab::Next;
use serde::{Deserialize, Serialize};

/// The state of one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Whole {
    /// When the last complete reading began.
    pub read_at: Option<DateTime<Utc>>,
    /// Its first item: for commits, the head.
    #[serde(default)]
    pub first: Option<String>,
    /// The unfinished reading.
    pub open: Option<Reading>,
}

/// An unfinished reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// Its first item.
    #[serde(default)]
    pub first: Option<String>,
    /// The next page; `None` at the beginning.
    pub next: Option<Next>,
}

impl Whole {
    /// The reading to continue with; `None` if the list was read at `now` or later.
    pub fn next(&mut self, now: DateTime<Utc>) -> Option<&mut Reading> {
        if self.open.is_none() {
            if self.read_at.is_some_and(|read_at| read_at >= now) {
                return None;
            }
            self.open = Some(Reading { began_at: now, first: None, next: None });
        }
        self.open.as_mut()
    }

    /// Records a page, and the position of the next one; without one, the list is finished.
    pub fn advance(&mut self, first: Option<String>, next: Option<Next>) {
        let Some(mut open) = self.open.take() else { return };
        open.first = open.first.or(first);
        match next {
            Some(next) => self.open = Some(Reading { next: Some(next), ..open }),
            None => {
                self.read_at = Some(open.began_at);
                // Nothing is new: the head has not changed.
                self.first = open.first.or(self.first.take());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_list_is_read_once_at_a_time_and_again_later() {
        let mut whole = Whole::default();
        let now = DateTime::UNIX_EPOCH;
        assert!(whole.next(now).is_some_and(|reading| reading.next.is_none()));
        whole.advance(Some("head".to_owned()), None);
        assert_eq!(whole.next(now), None);
        assert_eq!(whole.first.as_deref(), Some("head"));
        assert!(whole.next(now + TimeDelta::seconds(1)).is_some());
        whole.advance(None, None);
        assert_eq!(whole.first.as_deref(), Some("head"));
    }
}
