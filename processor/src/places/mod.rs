//! The places of commits on the branches of a project. Tables cannot compute this, because it requires following chains. In: what is known of a
//! project. Out: the place of each merged merge request and each deployed commit, in `project_places`. Never decides what a deployment delivered:
//! views do, over the rows that their reader may see.
//!
//! - `read` queries what is known of a project;
//! - `graph` finds the landing SHAs of merge requests, orders those of one second, walks from other commits to the nearest landing SHA, and follows
//!   promotions;
//! - `change` finds which merge requests revert or pick others.

mod change;
mod graph;
mod read;

pub use read::{PlacesError, compute};

/// What is known of one project.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Merged merge requests.
    pub(crate) merged: Vec<Merged>,
    /// Commits that were deployed successfully, one entry per ref and tier.
    pub(crate) deployed: Vec<Deployed>,
    /// Pushes to target branches and deployed branches, without deletions.
    pub(crate) moves: Vec<Move>,
    /// First parents, by commit; only read if pushes leave a gap.
    pub(crate) parents: Vec<(String, String)>,
    /// Commits whose message names others.
    pub(crate) spoken: Vec<Spoken>,
    /// The default branch; empty if unknown.
    pub(crate) default_branch: String,
    /// The tenants that reported merge requests and deployments, sorted.
    pub(crate) tenants: Vec<String>,
}

/// A merged merge request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    pub(crate) iid: u64,
    /// Target branch.
    pub(crate) branch: String,
    /// Source branch; empty for a fork.
    pub(crate) source: String,
    /// When it was merged, in seconds since 1970.
    pub(crate) second: i64,
    pub(crate) head: String,
    pub(crate) merge_commit: String,
    pub(crate) squash_commit: String,
    /// Whether the API listed it, which says whether it was squashed.
    pub(crate) is_listed: bool,
    /// The tenants that reported it, sorted.
    pub(crate) tenants: Vec<String>,
}

/// A deployed commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deployed {
    /// The SHA, or its first eight characters if GitLab sent no more.
    pub(crate) sha: String,
    /// Branch or tag.
    pub(crate) reference: String,
    pub(crate) tier: String,
}

/// A push to a branch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Move {
    pub(crate) branch: String,
    /// The SHA before; empty if the branch was created.
    pub(crate) before: String,
    pub(crate) after: String,
    /// When, in seconds since 1970; the latest if it happened several times.
    pub(crate) second: i64,
}

/// A commit whose message names other commits or merge requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoken {
    pub(crate) sha: String,
    /// Refs that it was pushed to, with `refs/heads/`.
    pub(crate) refs: Vec<String>,
    /// Merge requests whose commits include it.
    pub(crate) iids: Vec<u64>,
    /// The SHAs or prefixes, and merge requests as `!7`, that it reverts.
    pub(crate) reverts: Vec<String>,
    /// The SHAs that it was picked from.
    pub(crate) picks: Vec<String>,
}

/// The place of a merge request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestPlace {
    pub(crate) iid: u64,
    pub(crate) branch: String,
    /// The second of the merge in milliseconds since 1970, plus its rank among the merges of that second and branch, as milliseconds.
    pub(crate) place: i64,
    /// The landing SHA; empty if unknown.
    pub(crate) sha: String,
    /// Whether another one was merged in the same second and the order is unknown.
    pub(crate) is_tie: bool,
    /// Whether it carries commits from one permanent branch to another.
    pub(crate) is_promotion: bool,
    /// When a force push removed it from its branch, in seconds since 1970; 0 if none did.
    pub(crate) rewritten_at: i64,
    /// The merge requests that it reverts and those whose commits it picks.
    pub(crate) reverts: Vec<u64>,
    pub(crate) picks: Vec<u64>,
    /// The tenants that reported it, sorted.
    pub(crate) tenants: Vec<String>,
}

/// The place of a deployed commit; one row per branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShaPlace {
    pub(crate) sha: String,
    /// Empty if no known branch contains it.
    pub(crate) branch: String,
    pub(crate) place: i64,
    /// The merge request with this landing SHA; 0 for another commit.
    pub(crate) iid: u64,
    /// How the place was determined: `sha`, `short_sha`, `walk`, `promotion`; or why it is unknown: `deployment_sha_unknown`, `chain_gap`.
    pub(crate) word: &'static str,
}

/// The places of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) requests: Vec<RequestPlace>,
    pub(crate) shas: Vec<ShaPlace>,
}

/// The places, and whether the first parents of commits are needed to close a gap.
pub(crate) fn places(told: &Told) -> (Places, bool) {
    graph::places(told)
}

#[cfg(test)]
mod tests;
