//! The commit graph of a sprint. In: SHAs. Out: ancestors. Never looks at times: a commit contains what its parents lead to.

use super::super::dice::Sha;
use super::super::sprint::{Ref, Sprint};
use super::Growth;

/// A push of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) on: Ref,
    pub(super) sha: Sha,
    /// The number of its commit; an invalid one if the commit belongs to another sprint.
    pub(super) commit: u32,
    /// The merge request that landed with it.
    pub(super) landed: Option<u32>,
    /// Whether the branch began with it: then it has no commits of its own yet.
    pub(super) begins: bool,
}

/// Commits of a sprint that a commit contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contained(Vec<bool>);

impl Contained {
    /// Whether the commit of a number is among them.
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize).copied().unwrap_or(false)
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().zip(0..).filter(|(is_there, _)| **is_there).map(|(_, number)| number)
    }
}

impl Sprint {
    /// Commits of this sprint that a commit contains, including itself. A commit comes after its parents, so one backward walk finds all.
    pub(crate) fn contained(&self, sha: Sha) -> Contained {
        let Some(head) = self.places.get(&sha).map(|number| *number as usize) else {
            return Contained::default();
        };
        let mut found = vec![false; head + 1];
        found[head] = true;
        for number in (0..=head).rev() {
            if !found[number] {
                continue;
            }
            for parent in self.parents.get(number).into_iter().flatten().flatten() {
                if let Some(is_there) = found.get_mut(*parent as usize) {
                    *is_there = true;
                }
            }
        }
        Contained(found)
    }

    /// Whether a commit is among those.
    pub(crate) fn is_among(&self, sha: Sha, contained: &Contained) -> bool {
        self.places.get(&sha).is_some_and(|number| contained.contains(*number))
    }
}

impl Growth<'_> {
    /// Numbers of the commits of this sprint that a commit contains, itself among them.
    pub(super) fn contained(&self, sha: Sha) -> Contained {
        self.sprint.contained(sha)
    }

    /// Numbers of the commits that a commit contains and another does not, in the order in which GitLab got them.
    pub(super) fn between(&self, before: Sha, after: Sha) -> Vec<u32> {
        let known = self.contained(before);
        self.contained(after).numbers().filter(|number| !known.contains(*number)).collect()
    }

    /// Whether a commit is among those.
    pub(super) fn is_among(&self, sha: Sha, contained: &Contained) -> bool {
        self.sprint.is_among(sha, contained)
    }

    /// The number of a commit; an invalid one if it belongs to another sprint.
    pub(super) fn number(&self, sha: Sha) -> u32 {
        self.sprint.places.get(&sha).copied().unwrap_or(u32::MAX)
    }
}
