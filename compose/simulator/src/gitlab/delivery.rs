//! What deployments brought, as it was found in the commit graph when they ended. In: nothing. Out: plain facts. Never looks at places or windows: what is
//! contained is what is an ancestor.

use super::sprint::Ref;

/// How a merge request came to what was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its landing commit is an ancestor.
    Landing,
    /// A commit that says that it was picked from its landing commit is one.
    CherryPick,
    /// Its landing commit is an ancestor by way of a promotion to another branch.
    Promotion,
}

/// The first success of an environment that contains a merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Number of the merge request.
    pub request: u32,
    /// Number of the environment.
    pub environment: u32,
    /// Number of the deployment.
    pub deployment: u32,
    /// How it came there.
    pub way: Way,
    /// Whether the deployment was the first in its environment that had a commit of the merge request's branch.
    pub first_of_branch: bool,
}

/// What a successful deployment did to its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The first on record.
    First,
    /// Something new.
    Change,
    /// What was there before.
    Repeat,
    /// An older commit of the branch than one that was there.
    Rollback,
}

impl Change {
    /// As metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::First => "first",
            Change::Change => "change",
            Change::Repeat => "repeat",
            Change::Rollback => "rollback",
        }
    }
}

/// Where what was deployed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The branch of its commit: of a tag, and of a release branch without a commit of its own, `main`.
    pub branch: Ref,
    /// The merge request that landed there last, at the commit or before it; nothing where none did in the sprint.
    pub landed: Option<u32>,
    /// Whether the commit is its landing commit.
    pub is_landing: bool,
    /// What it did; nothing of one that did not succeed.
    pub change: Option<Change>,
}
