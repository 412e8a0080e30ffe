//! Where commits stand on the branches of a project: what a table cannot say by itself, because it takes following chains. In: what is told of a
//! project. Out: the place of each merged merge request, and of each commit that was deployed, in `project_places`. Never decides what a deployment
//! delivered: views do, over the rows that their reader may see.
//!
//! - `read` asks for what is told of a project;
//! - `graph` lands merge requests, puts those of one second in order, walks from commits that no merge request brought to the nearest that one did, and
//!   follows promotions;
//! - `change` reads which merge request takes back or picks another.

mod change;
mod graph;
mod read;

pub use read::{PlacesError, compute};

/// What is told of one project.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Merge requests that were merged.
    pub(crate) merged: Vec<Merged>,
    /// Commits that were deployed successfully, each once a ref and tier.
    pub(crate) deployed: Vec<Deployed>,
    /// Pushes to the branches that merge requests were merged into, or that were deployed; deletions are none.
    pub(crate) moves: Vec<Move>,
    /// First parents, by commit; read only where pushes leave a gap.
    pub(crate) parents: Vec<(String, String)>,
    /// Commits whose message speaks of others.
    pub(crate) spoken: Vec<Spoken>,
    /// The default branch; empty where nobody told it.
    pub(crate) default_branch: String,
    /// The configured sources that told of merge requests and deployments, sorted.
    pub(crate) tenants: Vec<String>,
}

/// A merge request that was merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    pub(crate) iid: u64,
    /// Branch that it was merged into.
    pub(crate) branch: String,
    /// Branch that it came from; empty for one of a fork.
    pub(crate) source: String,
    /// When, in seconds since 1970.
    pub(crate) second: i64,
    pub(crate) head: String,
    pub(crate) merge_commit: String,
    pub(crate) squash_commit: String,
    /// Whether the API told of it, which knows whether it was squashed.
    pub(crate) is_listed: bool,
    /// The configured sources that told of it, sorted.
    pub(crate) tenants: Vec<String>,
}

/// A commit that was deployed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deployed {
    /// The SHA, or its first eight characters where GitLab told no more.
    pub(crate) sha: String,
    /// Branch or tag.
    pub(crate) reference: String,
    pub(crate) tier: String,
}

/// A push to a branch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Move {
    pub(crate) branch: String,
    /// What it left behind; empty where the branch was created.
    pub(crate) before: String,
    pub(crate) after: String,
    /// When, in seconds since 1970; the latest of several.
    pub(crate) second: i64,
}

/// A commit whose message speaks of other commits or merge requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoken {
    pub(crate) sha: String,
    /// Refs that it was pushed to, with `refs/heads/`.
    pub(crate) refs: Vec<String>,
    /// Merge requests whose lists have it.
    pub(crate) iids: Vec<u64>,
    /// SHAs, or beginnings of them, and merge requests as `!7`, that it reverts.
    pub(crate) reverts: Vec<String>,
    /// SHAs that it was picked from.
    pub(crate) picks: Vec<String>,
}

/// Where a merge request stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestPlace {
    pub(crate) iid: u64,
    pub(crate) branch: String,
    /// The second of the merge in milliseconds since 1970, and as milliseconds its rank among the merges of that second and branch.
    pub(crate) place: i64,
    /// The landing SHA; empty where it is not known.
    pub(crate) sha: String,
    /// Whether another one was merged in that second, and nothing tells which came first.
    pub(crate) is_tie: bool,
    /// Whether it carries the commits of one lasting branch to another.
    pub(crate) is_promotion: bool,
    /// When a force push took it from its branch, in seconds since 1970; 0 if none did.
    pub(crate) rewritten_at: i64,
    /// Merge requests that it reverts, and whose commits it picks.
    pub(crate) reverts: Vec<u64>,
    pub(crate) picks: Vec<u64>,
    /// The configured sources that told of it, sorted.
    pub(crate) tenants: Vec<String>,
}

/// Where a commit stands that was deployed: one row a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShaPlace {
    pub(crate) sha: String,
    /// Empty where it stands on none that is known.
    pub(crate) branch: String,
    pub(crate) place: i64,
    /// The merge request that it is the landing SHA of; 0 for another commit.
    pub(crate) iid: u64,
    /// How that is known: `sha`, `short_sha`, `walk`, `promotion`; or why it is not: `deployment_sha_unknown`, `chain_gap`.
    pub(crate) word: &'static str,
}

/// The places of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) requests: Vec<RequestPlace>,
    pub(crate) shas: Vec<ShaPlace>,
}

/// The places, and whether first parents of commits are needed to close a gap.
pub(crate) fn places(told: &Told) -> (Places, bool) {
    graph::places(told)
}

#[cfg(test)]
mod tests;
