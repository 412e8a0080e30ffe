//! The commits that a ref contains, as `git log` lists them. In: a head and two times. Out: commits, newest first by their own dates. Never sorts
//! what it has not walked to: with `since`, a commit with an older date hides everything that only it leads to, as in git.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use crate::gitlab::{Commit, Millis, Sha, Sprint, World};

/// Where a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    committed_at: Millis,
    sprint: u32,
    number: u32,
}

/// What a ref contains.
pub(super) struct Log {
    walked: Vec<Spot>,
    sprints: HashMap<u32, Arc<Sprint>>,
}

impl Log {
    /// How many commits there are.
    pub(super) fn len(&self) -> usize {
        self.walked.len()
    }

    /// Some of them, newest first.
    pub(super) fn slice(&self, skip: usize, take: usize) -> impl Iterator<Item = &Commit> {
        let spots = self.walked.iter().skip(skip).take(take);
        spots.filter_map(|spot| self.sprints.get(&spot.sprint)?.commits.get(spot.number as usize))
    }
}

/// Walks from a head that is in `sprint` or ends the previous one.
pub(super) fn log(
    world: &World,
    project: u32,
    (head, sprint): (Sha, u32),
    since: Option<Millis>,
    until: Option<Millis>,
) -> Log {
    let mut sprints: HashMap<u32, (Arc<Sprint>, HashMap<Sha, u32>)> = HashMap::new();
    let mut find = |sha: Sha, sprint: u32| -> Option<(Spot, Vec<Sha>)> {
        for number in [Some(sprint), sprint.checked_sub(1)].into_iter().flatten() {
            let (held, numbers) = sprints.entry(number).or_insert_with(|| {
                let held = world.sprint(project, number);
                let numbers =
                    held.commits.iter().zip(0..).map(|(commit, number)| (commit.sha, number)).collect();
                (held, numbers)
            });
            if let Some(place) = numbers.get(&sha)
                && let Some(commit) = held.commits.get(*place as usize)
            {
                let spot = Spot { committed_at: commit.committed_at, sprint: number, number: *place };
                return Some((spot, commit.parents.clone()));
            }
        }
        None
    };
    let (mut heap, mut seen, mut walked) = (BinaryHeap::new(), HashSet::new(), Vec::new());
    heap.extend(find(head, sprint));
    seen.insert(head);
    while let Some((spot, parents)) = heap.pop() {
        if since.is_some_and(|since| spot.committed_at < since) {
            continue;
        }
        if until.is_none_or(|until| spot.committed_at <= until) {
            walked.push(spot);
        }
        for parent in parents {
            if seen.insert(parent) {
                heap.extend(find(parent, spot.sprint));
            }
        }
    }
    let sprints = sprints.into_iter().map(|(number, (sprint, _))| (number, sprint)).collect();
    Log { walked, sprints }
}
