//! Finds the rows of a page. In: sprints in the order of the list, and which of their things are listed. Out: the rows of the page, and the total.
//! Never makes a sprint whose size is known if none of its rows is on the page.

use std::sync::Arc;

use super::super::page::{COUNTED, Next, Page, Paging};
use crate::gitlab::{Millis, Sprint, World};

/// A thing of a sprint.
#[derive(Debug, Clone)]
pub(in crate::api) struct Chosen {
    pub(in crate::api) sprint: Arc<Sprint>,
    pub(in crate::api) number: u32,
}

/// Rows of a page.
pub(in crate::api) struct Selection {
    pub(in crate::api) rows: Vec<Chosen>,
    /// Number of rows in the list; for a list that is longer than GitLab counts, any number above that.
    pub(in crate::api) total: u64,
}

impl Selection {
    /// The page of these rows.
    pub(in crate::api) fn page(
        self,
        paging: Paging,
        write: impl Fn(&Sprint, u32) -> Option<serde_json::Value>,
    ) -> Page {
        let next = if paging.skip() + paging.per_page < self.total { Next::Page } else { Next::None };
        let rows = self.rows.iter().filter_map(|row| write(&row.sprint, row.number)).collect();
        Page { rows, text: None, total: Some(self.total), next }
    }
}

/// Sprints in the order of a list.
#[derive(Debug, Clone)]
pub(in crate::api) struct Sprints {
    pub(in crate::api) numbers: Vec<u32>,
    pub(in crate::api) is_ascending: bool,
}

impl Sprints {
    /// All up to `now`, or those in which something between two times may have happened.
    pub(in crate::api) fn of(
        world: &World,
        now: Millis,
        (after, before): (Option<Millis>, Option<Millis>),
        is_ascending: bool,
    ) -> Sprints {
        let config = world.config();
        let first = after.map_or(0, |after| config.sprint_at(after));
        let last = config.sprint_at(before.unwrap_or(now).min(now));
        let is_empty =
            after.is_some_and(|after| after > now) || before.is_some_and(|before| before < config.began_at);
        let mut numbers: Vec<u32> = if is_empty { Vec::new() } else { (first..=last).collect() };
        if !is_ascending {
            numbers.reverse();
        }
        Sprints { numbers, is_ascending }
    }
}

/// Finds the rows of a page. `known` gives the number of rows of a sprint, if it is known; `choose` gives the rows in ascending order.
pub(in crate::api) fn select(
    sprints: &Sprints,
    (mut skip, take): (u64, u64),
    known: impl Fn(u32) -> Option<u64>,
    mut choose: impl FnMut(u32) -> Vec<Chosen>,
) -> Selection {
    let (mut rows, mut total) = (Vec::new(), 0);
    for sprint in &sprints.numbers {
        let is_full = rows.len() as u64 >= take;
        if is_full && total > COUNTED {
            break;
        }
        if let Some(count) = known(*sprint).filter(|count| is_full || skip >= *count) {
            total += count;
            skip = skip.saturating_sub(count);
            continue;
        }
        let mut chosen = choose(*sprint);
        if !sprints.is_ascending {
            chosen.reverse();
        }
        let count = chosen.len() as u64;
        total += count;
        let left = take - rows.len() as u64;
        rows.extend(chosen.into_iter().skip(skip as usize).take(left as usize));
        skip = skip.saturating_sub(count);
    }
    Selection { rows, total }
}
