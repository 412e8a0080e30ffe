//! Chooses the next list to read. In: lists, and how far they are. Out: the list that was read least, so that all advance evenly; lists with one
//! request per thing come last, once the lists that find the things have ended. Makes no request.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use schemas::api::subject;

use crate::checkpoint::Progress;
use crate::list::{List, Way};
use crate::scope::Owner;
use crate::share::Bounds;

/// A list in the queue.
#[derive(Debug)]
pub struct Waiting {
    /// The project or group.
    pub owner: Arc<Owner>,
    /// Its progress.
    pub progress: Progress,
    /// The signals at which reading has to stop.
    pub bounds: Bounds,
    turns: u32,
    number: usize,
}

/// The lists to read.
#[derive(Debug, Default)]
pub struct Queue {
    ready: BinaryHeap<Reverse<Waiting>>,
    /// By project: lists whose things are still being found.
    parked: BTreeMap<subject::Owner, Vec<Waiting>>,
    /// By project or group: lists that have not ended.
    reading: BTreeMap<subject::Owner, BTreeSet<List>>,
    number: usize,
}

impl Queue {
    /// Adds a list.
    pub fn add(&mut self, owner: Arc<Owner>, progress: Progress, bounds: Bounds) {
        let list = progress.list;
        let waiting = Waiting { owner, progress, bounds, turns: 0, number: self.number };
        self.number += 1;
        let key = waiting.owner.subject();
        match list.way() {
            Way::Each => self.parked.entry(key).or_default().push(waiting),
            Way::Updated | Way::Keys | Way::Whole => {
                self.reading.entry(key).or_default().insert(list);
                self.ready.push(Reverse(waiting));
            }
        }
    }

    /// Number of lists that are waiting.
    pub fn len(&self) -> usize {
        self.ready.len() + self.parked.values().map(Vec::len).sum::<usize>()
    }

    /// Whether no list is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list that is next.
    pub fn take_next(&mut self) -> Option<Waiting> {
        if self.ready.is_empty() {
            // If the lists that find things are not read, things that were found before are read.
            let idle = self.parked.keys().copied().find(|key| !self.reading.contains_key(key));
            self.release(idle?);
        }
        self.ready.pop().map(|Reverse(waiting)| waiting)
    }

    /// Returns a list that is not finished to the queue.
    pub fn again(&mut self, mut waiting: Waiting) {
        waiting.turns += 1;
        self.ready.push(Reverse(waiting));
    }

    /// Records that a list of a project or group has ended.
    pub fn ended(&mut self, key: subject::Owner, list: List) {
        if let Some(reading) = self.reading.get_mut(&key) {
            reading.remove(&list);
            if reading.is_empty() {
                self.reading.remove(&key);
            }
        }
        self.release(key);
    }

    /// Removes the waiting lists of a project or group; returns their number.
    pub fn remove(&mut self, key: subject::Owner) -> usize {
        let before = self.len();
        self.parked.remove(&key);
        self.reading.remove(&key);
        self.ready.retain(|Reverse(waiting)| waiting.owner.subject() != key);
        before - self.len()
    }

    /// Makes the lists ready whose things were all found.
    fn release(&mut self, key: subject::Owner) {
        let Some(parked) = self.parked.remove(&key) else { return };
        let reading = self.reading.get(&key);
        let is_found = |waiting: &Waiting| {
            let mut sources = waiting.progress.list.sources().iter();
            !sources.any(|source| reading.is_some_and(|reading| reading.contains(source)))
        };
        let (ready, parked): (Vec<_>, Vec<_>) = parked.into_iter().partition(is_found);
        self.ready.extend(ready.into_iter().map(Reverse));
        if !parked.is_empty() {
            self.parked.insert(key, parked);
        }
    }
}

impl Waiting {
    fn order(&self) -> (bool, u32, usize) {
        (self.progress.list.way() == Way::Each, self.turns, self.number)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Origin;
    use crate::state::State;

    fn queue(lists: &[(u64, List)]) -> Queue {
        let mut queue = Queue::default();
        for (id, list) in lists {
            let owner = Owner {
                is_group: false,
                id: *id,
                path: format!("shop/{id}"),
                default_branch: None,
                last_activity_at: None,
            };
            let progress = Progress {
                owner_id: *id,
                list: *list,
                state: State::new(*list),
                origin: Origin::Own,
                counted: Default::default(),
            };
            queue.add(Arc::new(owner), progress, Bounds::default());
        }
        queue
    }

    fn next(queue: &mut Queue) -> Option<(u64, List)> {
        let waiting = queue.take_next()?;
        let named = (waiting.owner.id, waiting.progress.list);
        Some(named)
    }

    #[test]
    fn lists_take_turns() {
        let mut queue = queue(&[(1, List::Jobs), (2, List::Jobs)]);
        let first = queue.take_next().unwrap();
        queue.again(first);
        assert_eq!(next(&mut queue), Some((2, List::Jobs)));
        assert_eq!(next(&mut queue), Some((1, List::Jobs)));
        assert_eq!(next(&mut queue), None);
    }

    #[test]
    fn what_is_asked_one_by_one_waits_for_what_finds_it() {
        let mut queue = queue(&[(1, List::IssueNotes), (1, List::Issues), (1, List::Jobs), (2, List::Jobs)]);
        for expected in [(1, List::Issues), (1, List::Jobs), (2, List::Jobs)] {
            assert_eq!(next(&mut queue), Some(expected));
        }
        assert_eq!((next(&mut queue), queue.len()), (None, 1));
        queue.ended(subject::Owner::Project(1), List::Jobs);
        assert_eq!(next(&mut queue), None);
        queue.ended(subject::Owner::Project(1), List::Issues);
        assert_eq!(next(&mut queue), Some((1, List::IssueNotes)));
    }

    #[test]
    fn what_was_found_before_is_asked_about_without_its_list() {
        let mut queue = queue(&[(1, List::IssueNotes)]);
        assert_eq!(next(&mut queue), Some((1, List::IssueNotes)));
    }
}
