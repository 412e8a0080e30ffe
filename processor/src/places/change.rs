//! Which merge requests revert or cherry-pick others of their project. In: commit messages that name others, branches. Out: `reverts` and `picks`
//! of places.
//!
//! Git writes "This reverts commit SHA", GitLab "This reverts merge request PROJECT!7", and GitLab's button names its branch `revert-SHA`;
//! `git cherry-pick -x` and GitLab's button write "(cherry picked from commit SHA)".

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Merged, RequestPlace, Spoken, Told};

/// Characters of the SHA in the name of a branch made by GitLab's button.
const BUTTON: usize = 8;

/// Sets what each merge request reverts and picks.
pub(super) fn changes(requests: &mut [RequestPlace], told: &Told) {
    let mut starts: HashMap<&str, Vec<(&str, u64)>> = HashMap::new();
    for merged in &told.merged {
        for sha in own(merged) {
            if let Some(start) = sha.get(..BUTTON) {
                starts.entry(start).or_default().push((sha, merged.iid));
            }
        }
    }
    let meant = |said: &str| -> Vec<u64> {
        if let Some(iid) = said.strip_prefix('!') {
            return iid.parse().into_iter().collect();
        }
        let known = said.get(..BUTTON).and_then(|start| starts.get(start)).into_iter().flatten();
        known.filter(|(sha, _)| sha.starts_with(said)).map(|(_, iid)| *iid).collect()
    };
    let speakers = Speakers::new(told);
    let mut found: HashMap<u64, (BTreeSet<u64>, BTreeSet<u64>)> = HashMap::new();
    for spoken in &told.spoken {
        for iid in speakers.of(spoken) {
            let (reverts, picks) = found.entry(iid).or_default();
            reverts.extend(spoken.reverts.iter().flat_map(|said| meant(said)));
            picks.extend(spoken.picks.iter().flat_map(|said| meant(said)));
        }
    }
    for merged in &told.merged {
        let button = merged.source.strip_prefix("revert-").filter(|sha| sha.len() == BUTTON);
        if let Some(sha) = button {
            found.entry(merged.iid).or_default().0.extend(meant(sha));
        }
    }
    for request in requests {
        let Some((reverts, picks)) = found.remove(&request.iid) else { continue };
        let but_itself = |iids: BTreeSet<u64>| iids.into_iter().filter(|iid| *iid != request.iid).collect();
        request.reverts = but_itself(reverts);
        request.picks = but_itself(picks);
    }
}

/// Which merge requests commits belong to.
struct Speakers<'t> {
    merged: HashSet<u64>,
    by_sha: HashMap<&'t str, Vec<u64>>,
    /// By source branch. Commits pushed to a branch that is also a target do not belong to its merge request.
    by_source: HashMap<&'t str, Vec<u64>>,
}

impl<'t> Speakers<'t> {
    fn new(told: &'t Told) -> Speakers<'t> {
        let targets: HashSet<&str> = told.merged.iter().map(|merged| merged.branch.as_str()).collect();
        let mut by_sha: HashMap<&str, Vec<u64>> = HashMap::new();
        let mut by_source: HashMap<&str, Vec<u64>> = HashMap::new();
        for merged in &told.merged {
            for sha in own(merged).chain([merged.head.as_str()]) {
                by_sha.entry(sha).or_default().push(merged.iid);
            }
            if !merged.source.is_empty() && !targets.contains(merged.source.as_str()) {
                by_source.entry(&merged.source).or_default().push(merged.iid);
            }
        }
        let merged = told.merged.iter().map(|merged| merged.iid).collect();
        Speakers { merged, by_sha, by_source }
    }

    /// The merge requests that a commit belongs to.
    fn of(&self, spoken: &Spoken) -> BTreeSet<u64> {
        let by_sha = self.by_sha.get(spoken.sha.as_str()).into_iter().flatten();
        let branches = spoken.refs.iter().filter_map(|name| name.strip_prefix("refs/heads/"));
        let by_source = branches.filter_map(|branch| self.by_source.get(branch)).flatten();
        let listed = spoken.iids.iter().filter(|iid| self.merged.contains(iid));
        by_sha.chain(by_source).chain(listed).copied().collect()
    }
}

/// The SHAs that stand for a merge request.
fn own(merged: &Merged) -> impl Iterator<Item = &str> {
    let told = [merged.merge_commit.as_str(), merged.squash_commit.as_str()]
        .into_iter()
        .filter(|sha| !sha.is_empty());
    let head = merged.merge_commit.is_empty() && merged.squash_commit.is_empty() && !merged.head.is_empty();
    told.chain(head.then_some(merged.head.as_str()))
}
