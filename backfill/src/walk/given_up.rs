//! Things that were asked about one by one in vain. In: which, and why. Out: whether the others are still to be asked about. Kept for a run: the next one asks
//! again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::WalkError;
use crate::list::List;

/// So many of a list in vain, and there is more wrong than these.
const MOST: usize = 10;

/// What could not be asked about, by project and list.
#[derive(Debug, Default)]
pub struct GivenUp(Mutex<HashMap<(u64, List), Vain>>);

/// Things of one list.
#[derive(Debug)]
struct Vain {
    ids: Vec<u64>,
    /// Why the first of them was given up.
    error: WalkError,
}

impl GivenUp {
    /// The things of a list.
    pub(super) fn ids(&self, owner_id: u64, list: List) -> Vec<u64> {
        self.locked(|all| all.get(&(owner_id, list)).map(|vain| vain.ids.clone()).unwrap_or_default())
    }

    /// Gives up a thing.
    ///
    /// # Errors
    /// The first error, if that has happened too often.
    pub(super) fn add(&self, owner_id: u64, list: List, id: u64, error: WalkError) -> Result<(), WalkError> {
        let is_too_often = self.locked(|all| {
            let vain = all.entry((owner_id, list)).or_insert(Vain { ids: Vec::new(), error });
            vain.ids.push(id);
            vain.ids.len() >= MOST
        });
        match is_too_often {
            true => self.end(owner_id, list).map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    /// Why not all things of a list could be asked about, if that is so. The list has ended with it.
    pub(super) fn end(&self, owner_id: u64, list: List) -> Option<WalkError> {
        self.locked(|all| all.remove(&(owner_id, list))).map(|vain| vain.error)
    }

    /// Nothing that holds the lock can leave it half changed.
    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<(u64, List), Vain>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use gitlab::FetchError;

    use super::*;

    #[test]
    fn the_first_fault_ends_a_list_when_the_others_are_done_or_too_many_failed() {
        let given_up = GivenUp::default();
        let (list, shape) = (List::IssueNotes, |expected| FetchError::Shape { expected }.into());
        given_up.add(1, list, 7, shape("first")).unwrap();
        given_up.add(1, list, 8, shape("second")).unwrap();
        assert_eq!((given_up.ids(1, list), given_up.ids(2, list)), (vec![7, 8], vec![]));
        assert_eq!(given_up.end(1, list).unwrap().to_string(), "an answer is not first");
        assert!(given_up.end(1, list).is_none() && given_up.ids(1, list).is_empty());
        let mut faults = (1..).map(|id| given_up.add(1, list, id, shape("a list")));
        assert_eq!(faults.position(|added| added.is_err()), Some(MOST - 1));
        assert!(given_up.ids(1, list).is_empty());
    }
}
