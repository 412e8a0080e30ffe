//! Where a walk goes on after a page. In: a cursor and the objects of a page, in ascending order of `updated_at`. Out: which of them are new,
//! and the next cursor. Pure.
//!
//! Each request asks for the first page of what was updated at or after the last time seen. An offset would miss things: whatever is updated
//! meanwhile leaves its place, and all behind it move up by one.

use serde::Deserialize;

use crate::coverage::Cursor;

/// The two fields by which a list is walked.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// The object's id.
    pub id: u64,
    /// When it was updated, as GitLab printed it.
    pub updated_at: String,
}

/// What a page means for its walk.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The places in the page of the objects that were not seen before.
    pub new: Vec<usize>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Looks at a page. `is_last`: GitLab names no page behind it.
pub fn step(cursor: &Cursor, page: &[Listed], is_last: bool) -> Step {
    let is_repeated = |listed: &Listed| listed.updated_at == cursor.after && cursor.seen.contains(&listed.id);
    let new = (0..page.len()).filter(|index| !is_repeated(&page[*index])).collect();
    let Some(last) = page.last().filter(|_| !is_last) else {
        return Step { new, next: None };
    };
    let at_last = page.iter().filter(|listed| listed.updated_at == last.updated_at).map(|listed| listed.id);
    let next = if last.updated_at == cursor.after {
        // All of the page was updated at the one time it was asked for: only further pages lead beyond.
        let mut seen = cursor.seen.clone();
        seen.extend(at_last.filter(|id| !cursor.seen.contains(id)));
        Cursor { after: cursor.after.clone(), page: cursor.page + 1, seen }
    } else {
        Cursor { after: last.updated_at.clone(), page: 1, seen: at_last.collect() }
    };
    Step { new, next: Some(next) }
}

#[cfg(test)]
mod tests;
