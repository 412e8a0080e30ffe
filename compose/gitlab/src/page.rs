//! Pages of a list. In: rows, and the link to the next page. Out: where the next page is. Never follows pages in a circle.
//!
//! A page may be short or empty without being the last: GitLab drops rows that the token may not see after it has cut the page. Only a page without a
//! link is the last.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::FetchError;
use crate::limit::Limit;

/// More empty pages in a row than any list has. Offsets end at 50,000 rows, which are 500 pages.
const MAX_EMPTY: u32 = 1_000;

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The objects, as GitLab wrote them.
    pub items: Vec<Box<RawValue>>,
    /// Where the next page is; `None` if this is the last.
    pub next: Option<Next>,
    /// Number of objects in the whole list, if GitLab counts them: not beyond 10,000, and not in every list
    /// (<https://docs.gitlab.com/api/rest/#other-pagination-headers>).
    pub total: Option<u64>,
    /// When the page was requested: its content is of that moment, or a later one.
    pub read_at: DateTime<Utc>,
}

/// The place of a next page. It can be saved and used by another program later.
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

/// State by which a walk over pages detects a circle: name and rows of one earlier page, which moves ahead each time twice as many pages have passed
/// (Brent's algorithm). So a circle of any length is detected with constant memory. A page's name is the query that asks for it, or the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    anchor: u64,
    /// Hash of that earlier page's rows; 0 for none.
    #[serde(default)]
    anchor_rows: u64,
    steps: u32,
    power: u32,
    /// Hash of the previous page's rows; 0 for none.
    rows: u64,
    /// Empty pages in a row so far.
    empty: u32,
}

impl Walk {
    /// A walk that begins with the page of this name.
    pub fn new(name: &str) -> Walk {
        Walk { anchor: hash(name), anchor_rows: 0, steps: 0, power: 1, rows: 0, empty: 0 }
    }

    /// The walk after a page that was requested under the name `asked`, had these rows, and names `next`.
    ///
    /// # Errors
    /// [`FetchError::Endless`]: the pages lead in a circle, or there are only empty ones.
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

/// The same in every process, so that a walk can be saved.
fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
