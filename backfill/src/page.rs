//! Finds the next page of a list in ascending order of `updated_at`. In: a cursor and the objects of a page. Out: which of them are new, and the next
//! cursor. Pure.
//!
//! Each request asks for the first page of what was updated at or after the last time seen. An offset would miss things: whatever is updated
//! meanwhile leaves its place, and everything behind it moves up by one.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::coverage::Cursor;

/// This many pages of one time, or without a row, are an error: offsets end at 50,000 rows.
const MOST_PAGES: u32 = 500;

/// The two fields by which a list is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The object's id.
    pub id: u64,
    /// When it was updated, in GitLab's format.
    pub updated_at: String,
}

/// The meaning of a page for its walk.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Indexes of the objects that were not seen before.
    pub new: Vec<usize>,
    /// Where to continue; `None` at the end.
    pub next: Option<Cursor>,
}

/// Why a page is not believable. Without this error, such a server would be queried without end.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The list is not filtered or sorted as requested.
    #[error("a page has objects from before the time that it was asked for")]
    Earlier,
    /// A further page has nothing new, or page after page has nothing.
    #[error("a page repeats those before it, and names another one")]
    Repeated,
    /// The walk cannot continue from there.
    #[error("an object of a page has no updated_at that can be read")]
    Time,
}

/// Evaluates a page. `is_last`: GitLab names no next page.
///
/// # Errors
/// The page does not lead on.
pub fn step(cursor: &Cursor, page: &[Listed], is_last: bool) -> Result<Step, PageError> {
    let is_repeated = |listed: &Listed| is_at(listed, &cursor.after) && cursor.seen.contains(&listed.id);
    let new: Vec<usize> = (0..page.len()).filter(|index| !is_repeated(&page[*index])).collect();
    if is_last {
        return Ok(Step { new, next: None });
    }
    let Some(last) = page.last() else {
        // GitLab drops rows that the token may not see after it has cut the page: an empty page need not be the last.
        if cursor.page >= MOST_PAGES {
            return Err(PageError::Repeated);
        }
        return Ok(Step { new, next: Some(Cursor { page: cursor.page + 1, ..cursor.clone() }) });
    };
    let at_last = page.iter().filter(|listed| is_at(listed, &last.updated_at)).map(|listed| listed.id);
    let asked = time(&cursor.after)?;
    for listed in page {
        if time(&listed.updated_at)? < asked {
            return Err(PageError::Earlier);
        }
    }
    let next = if is_at(last, &cursor.after) {
        if cursor.page > 1 && new.is_empty() {
            return Err(PageError::Repeated);
        }
        // The whole page was updated at the requested time: only further pages lead beyond it.
        let mut seen = cursor.seen.clone();
        seen.extend(at_last.filter(|id| !cursor.seen.contains(id)));
        Cursor { after: cursor.after.clone(), page: cursor.page + 1, seen }
    } else {
        Cursor { after: last.updated_at.clone(), page: 1, seen: at_last.collect() }
    };
    Ok(Step { new, next: Some(next) })
}

/// Whether an object was updated at that time, in whatever format.
fn is_at(listed: &Listed, at: &str) -> bool {
    listed.updated_at == at
        || matches!((time(&listed.updated_at), time(at)), (Ok(one), Ok(other)) if one == other)
}

fn time(text: &str) -> Result<DateTime<FixedOffset>, PageError> {
    DateTime::parse_from_rfc3339(text).map_err(|_| PageError::Time)
}

#[cfg(test)]
mod tests;
