//! Things whose requests failed. In: which, and why. Out: whether to continue with the others. Kept for one run: the next one tries again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::WalkError;
use crate::list::List;

/// After this many failures in one list, the fault is not in the things.
const MOST: usize = 10;

/// Failed things, by project and list.
#[derive(Debug, Default)]
pub struct GivenUp(Mutex<HashMap<(u64, List), Vain>>);

/// Failed things of one list.
#[derive(Debug)]
struct Vain {
    ids: Vec<u64>,
    /// Why the first of them failed.
    error: WalkError,
}

impl GivenUp {
    /// The failed things of a list.
    pub(super) fn ids(&self, owner_id: u64, list: List) -> Vec<u64> {
        self.locked(|all| all.get(&(owner_id, list)).map(|vain| vain.ids.clone()).unwrap_or_default())
    }

    /// Adds a failed thing.
    ///
    /// # Errors
    /// The first error, if there are too many.
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

    /// Forgets the failed things of a list, and returns the error that one of them had.
    pub(super) fn end(&self, owner_id: u64, list: List) -> Option<WalkError> {
        self.locked(|all| all.remove(&(owner_id, list))).map(|vain| vain.error)
    }

    /// A panic under the lock cannot leave the map half changed.
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
