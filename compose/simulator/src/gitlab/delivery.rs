//! What deployments brought, found in the commit graph when they ended. In: nothing. Out: plain facts. Never looks at places or windows: a deployment
//! contains the ancestors of its commit.

use super::sprint::Ref;

/// How a merge request got into a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its landing commit is an ancestor.
    Landing,
    /// An ancestor's message says that it was picked from its landing commit.
    CherryPick,
    /// Its landing commit is an ancestor through a promotion to another branch.
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

/// What a successful deployment changed in its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is the first on record.
    First,
    /// It brought something new.
    Change,
    /// It deployed the same again.
    Repeat,
    /// It deployed an older commit of the branch than before.
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

/// The position of a deployed commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The branch of its commit: of a tag, and of a release branch without a commit of its own, `main`.
    pub branch: Ref,
    /// The last merge request that landed there, at the commit or before it; none if there was none in the sprint.
    pub landed: Option<u32>,
    /// Whether the commit is its landing commit.
    pub is_landing: bool,
    /// What it changed; none if it did not succeed.
    pub change: Option<Change>,
}
