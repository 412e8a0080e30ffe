//! Pages of a list. In: rows, and the link to the next page. Out: where the next page is. Never leads round in a circle without saying so.
//!
//! A page may be short or empty without being the last: GitLab drops rows that the token may not see after it has cut the page. Only a page
//! without a link is the last.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::FetchError;
use crate::limit::Limit;

/// So many pages without a row, one after the other, are no list. Offsets end at 50,000 rows, which are 500 pages.
const MAX_EMPTY: u32 = 1_000;

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The objects, as GitLab wrote them.
    pub items: Vec<Box<RawValue>>,
    /// Where the next page is; `None` if this is the last.
    pub next: Option<Next>,
    /// How many objects the whole list has, where GitLab counts them: not beyond 10,000, and not in every list
    /// (<https://docs.gitlab.com/api/rest/#other-pagination-headers>).
    pub total: Option<u64>,
    /// When it was asked for: what it tells was so then, or became so later.
    pub read_at: DateTime<Utc>,
}

/// Where a next page is. Can be kept, and asked for by another program later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    pub(crate) limit: Limit,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) walk: Walk,
}

impl Next {
    /// The query of the next page, as GitLab wrote it.
    pub fn query(&self) -> &str {
        &self.query
    }
}

/// What a walk over pages remembers so that it notices that it goes round: name and rows of one earlier page, which moves ahead each time that
/// twice as many pages have passed (Brent's algorithm), so that a circle of any length is noticed and nothing grows. A page's name is the query
/// that asks for it, or the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    anchor: u64,
    /// What that earlier page had in it; 0 for nothing.
    #[serde(default)]
    anchor_rows: u64,
    steps: u32,
    power: u32,
    /// What the page before had in it; 0 for nothing.
    rows: u64,
    /// Pages without a row until now, one after the other.
    empty: u32,
}

impl Walk {
    /// A walk that begins with the page of this name.
    pub fn new(name: &str) -> Walk {
        Walk { anchor: hash(name), anchor_rows: 0, steps: 0, power: 1, rows: 0, empty: 0 }
    }

    /// The walk after a page that was asked for by the name `asked`, had these rows, and names `next`.
    ///
    /// # Errors
    /// [`FetchError::Endless`]: it goes round, or has nothing but empty pages.
    pub fn step<'r>(
        &self,
        asked: &str,
        mut rows: impl ExactSizeIterator<Item = &'r RawValue> + DoubleEndedIterator,
        next: &str,
    ) -> Result<Walk, FetchError> {
        let endless = |what| Err(FetchError::Endless { what });
        let mut walk = self.clone();
        let next_hash = hash(next);
        if next == asked || next_hash == walk.anchor {
            return endless("a page names one before it as the next");
        }
        let count = rows.len();
        match rows.next() {
            Some(first) => {
                let last = rows.next_back().unwrap_or(first);
                let seen = hash((count, first.get(), last.get()));
                if seen == walk.rows || seen == walk.anchor_rows {
                    return endless("a page repeats one before it");
                }
                (walk.rows, walk.empty) = (seen, 0);
            }
            None => {
                walk.empty += 1;
                if walk.empty > MAX_EMPTY {
                    return endless("page after page is empty");
                }
            }
        }
        walk.steps += 1;
        if walk.steps >= walk.power {
            (walk.anchor, walk.anchor_rows, walk.steps) = (next_hash, walk.rows, 0);
            walk.power = walk.power.saturating_mul(2);
        }
        Ok(walk)
    }
}

/// The same in every process, so that a walk can be kept.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
