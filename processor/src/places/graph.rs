//! The graph of one project, as far as it is known. In: [`Told`]. Out: [`Places`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::change::changes;
use super::{Merged, Places, RequestPlace, ShaPlace, Told};

/// The maximum number of steps along a chain.
const MAX_STEPS: usize = 10_000;
/// Length of the SHA in old webhooks.
const SHORT: usize = 8;

/// The position of a landing SHA on a branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stand {
    branch: String,
    place: i64,
    iid: u64,
}

/// From `place` on and before `until`, a branch contains what the branch `from` has up to `from_place`.
struct Carrier {
    place: i64,
    until: i64,
    from: String,
    from_place: i64,
}

/// What is known about the commits of a project.
struct Graph<'t> {
    stands: HashMap<&'t str, Vec<Stand>>,
    /// The SHAs before pushes, with their times, by the SHA after; the latest first.
    before: HashMap<&'t str, Vec<(i64, &'t str)>>,
    parent: HashMap<&'t str, &'t str>,
}

pub(super) fn places(told: &Told) -> (Places, bool) {
    let pushed: HashSet<(&str, &str)> = told
        .moves
        .iter()
        .filter(|step| !step.before.is_empty())
        .map(|step| (step.branch.as_str(), step.after.as_str()))
        .collect();
    let mut requests: Vec<RequestPlace> = told.merged.iter().map(|merged| landed(merged, &pushed)).collect();
    rank(&mut requests, told);
    let graph = Graph::new(told, &requests);
    let (carriers, promotions, mut has_gap) = carriers(told, &graph);
    for request in &mut requests {
        request.is_promotion = promotions.contains(&request.iid);
    }
    rewrite(&mut requests, told, &graph);
    changes(&mut requests, told);
    // A promotion reverts and picks what its commits revert and pick.
    for promotion in requests.iter_mut().filter(|request| request.is_promotion) {
        promotion.reverts.clear();
        promotion.picks.clear();
    }

    let mut shas = Vec::new();
    let deployed: BTreeSet<&str> = told.deployed.iter().map(|deployed| deployed.sha.as_str()).collect();
    for sha in deployed {
        let (stands, word) = graph.stand(sha);
        has_gap |= word == "chain_gap";
        if stands.is_empty() {
            shas.push(ShaPlace { sha: sha.to_owned(), word, ..ShaPlace::default() });
            continue;
        }
        shas.extend(carried(sha, stands, word, &carriers));
    }
    requests.sort_by_key(|request| request.iid);
    (Places { requests, shas }, has_gap)
}

/// The landing SHA: the merge commit, else the squash commit, else the head. Without the first two, a webhook does not say whether the merge
/// request was squashed. The head counts if a push brought it to the branch or the API listed the merge request.
fn landed(merged: &Merged, pushed: &HashSet<(&str, &str)>) -> RequestPlace {
    let is_pushed = || pushed.contains(&(merged.branch.as_str(), merged.head.as_str()));
    let sha = [&merged.merge_commit, &merged.squash_commit].into_iter().find(|sha| !sha.is_empty());
    let sha = match sha {
        Some(sha) => sha.clone(),
        None if merged.is_listed || is_pushed() => merged.head.clone(),
        None => String::new(),
    };
    RequestPlace {
        iid: merged.iid,
        branch: merged.branch.clone(),
        place: merged.second * 1000,
        sha,
        tenants: merged.tenants.clone(),
        ..RequestPlace::default()
    }
}

/// Orders the merges of one second by their pushes.
fn rank(requests: &mut [RequestPlace], told: &Told) {
    let mut seconds: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        seconds.entry((&request.branch, request.place)).or_default().push(index);
    }
    seconds.retain(|_, indices| indices.len() > 1);
    if seconds.is_empty() {
        return;
    }
    // Only pushes to the target branch: the same commit may have been pushed to the branch of a merge request, from another SHA.
    let mut moves: Vec<&super::Move> = told.moves.iter().collect();
    // The first push of a commit counts.
    moves.sort_unstable_by(|one, other| (other.second, &other.before).cmp(&(one.second, &one.before)));
    let pushed: HashMap<(&str, &str), &str> = moves
        .into_iter()
        .map(|step| ((step.branch.as_str(), step.after.as_str()), step.before.as_str()))
        .collect();
    let parents: HashMap<&str, &str> =
        told.parents.iter().map(|(sha, parent)| (sha.as_str(), parent.as_str())).collect();
    let mut ranks = Vec::new();
    for ((branch, _), indices) in seconds {
        let of: HashMap<&str, usize> =
            indices.iter().filter_map(|index| Some((requests.get(*index)?.sha.as_str(), *index))).collect();
        let behind = |sha: &str| pushed.get(&(branch, sha)).or_else(|| parents.get(sha)).copied();
        let depth = |index: usize| {
            let mut steps = 0;
            let mut sha = requests.get(index).map_or("", |request| request.sha.as_str());
            while let Some(before) =
                behind(sha).filter(|before| of.contains_key(before) && steps < indices.len())
            {
                sha = before;
                steps += 1;
            }
            steps as i64
        };
        let depths: Vec<i64> = indices.iter().map(|index| depth(*index)).collect();
        for (index, own) in indices.iter().zip(&depths) {
            let is_tie = depths.iter().filter(|depth| *depth == own).count() > 1;
            ranks.push((*index, *own, is_tie));
        }
    }
    for (index, rank, is_tie) in ranks {
        if let Some(request) = requests.get_mut(index) {
            request.place += rank;
            request.is_tie = is_tie;
        }
    }
}

impl<'t> Graph<'t> {
    fn new(told: &'t Told, requests: &[RequestPlace]) -> Graph<'t> {
        let mut stands: HashMap<&str, Vec<Stand>> = HashMap::new();
        for (merged, request) in told.merged.iter().zip(requests) {
            let stand = Stand { branch: request.branch.clone(), place: request.place, iid: request.iid };
            let head = if request.sha == merged.head { merged.head.as_str() } else { "" };
            let told: BTreeSet<&str> =
                [merged.merge_commit.as_str(), merged.squash_commit.as_str(), head].into_iter().collect();
            for sha in told.into_iter().filter(|sha| !sha.is_empty()) {
                stands.entry(sha).or_default().push(stand.clone());
            }
        }
        let mut before: HashMap<&str, Vec<(i64, &str)>> = HashMap::new();
        for step in told.moves.iter().filter(|step| !step.before.is_empty()) {
            before.entry(step.after.as_str()).or_default().push((step.second, &step.before));
        }
        for pushes in before.values_mut() {
            pushes.sort_unstable_by(|one, other| other.cmp(one));
        }
        let parent = told.parents.iter().map(|(sha, parent)| (sha.as_str(), parent.as_str())).collect();
        Graph { stands, before, parent }
    }

    /// The landing SHAs at or nearest before a commit, and how that was determined.
    fn stand(&self, sha: &str) -> (Vec<Stand>, &'static str) {
        if let Some(stands) = self.stands.get(sha) {
            return (stands.clone(), "sha");
        }
        if sha.len() <= SHORT {
            let mut fits =
                self.stands.iter().filter(|(landing, _)| !sha.is_empty() && landing.starts_with(sha));
            return match (fits.next(), fits.next()) {
                (Some((_, stands)), None) => (stands.clone(), "short_sha"),
                _ => (Vec::new(), "deployment_sha_unknown"),
            };
        }
        match self.walk(sha) {
            Some(stands) => (stands, "walk"),
            None => (Vec::new(), "chain_gap"),
        }
    }

    /// The nearest landing SHAs before a commit.
    fn walk(&self, sha: &str) -> Option<Vec<Stand>> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut pending = Vec::from_iter(self.behind(sha));
        while let Some(at) = pending.pop() {
            if let Some(stands) = self.stands.get(at) {
                // It is not the merge request's own commit.
                return Some(stands.iter().map(|stand| Stand { iid: 0, ..stand.clone() }).collect());
            }
            if seen.len() == MAX_STEPS {
                return None;
            }
            if seen.insert(at) {
                pending.extend(self.behind(at));
            }
        }
        None
    }

    /// The direct predecessors of a commit, the most likely last. The first parent is preferred to a push, which may have been forced. Among pushes
    /// the first is preferred, which brought the commit to its original branch.
    fn behind(&self, sha: &str) -> impl Iterator<Item = &'t str> {
        let parent = self.parent.get(sha).copied();
        let pushes = match parent {
            Some(_) => None,
            None => self.before.get(sha),
        };
        pushes.into_iter().flatten().map(|(_, before)| *before).chain(parent)
    }
}

/// What carries commits from one branch to another: a merge request whose head is on another permanent branch, or the push that created a branch. A
/// branch is permanent if it is the default branch, if it was deployed to production or staging, if it was the source of several merge requests, or
/// if it was created from another branch and only changed by merge requests. The branch of a stacked merge request is none of these.
fn carriers<'t>(told: &'t Told, graph: &Graph<'t>) -> (HashMap<&'t str, Vec<Carrier>>, HashSet<u64>, bool) {
    let targets: HashSet<&str> = told.merged.iter().map(|merged| merged.branch.as_str()).collect();
    let mut has_gap = false;
    let mut promoting: Vec<(&Merged, i64)> = Vec::new();
    let is_candidate = |merged: &&Merged| {
        !merged.head.is_empty() && merged.source != merged.branch && targets.contains(merged.source.as_str())
    };
    for merged in told.merged.iter().filter(is_candidate) {
        let (stands, word) = graph.stand(&merged.head);
        has_gap |= word == "chain_gap";
        let on_source =
            stands.iter().filter(|stand| stand.branch == merged.source && stand.iid != merged.iid);
        promoting.extend(on_source.map(|stand| stand.place).max().map(|place| (merged, place)));
    }
    let mut sources: HashMap<&str, usize> = HashMap::new();
    for (merged, _) in &promoting {
        *sources.entry(merged.source.as_str()).or_default() += 1;
    }
    let is_deployed = |branch: &str| {
        told.deployed.iter().any(|deployed| {
            deployed.reference == branch && matches!(deployed.tier.as_str(), "production" | "staging")
        })
    };
    let pushes = Pushes::new(told);
    let mut lasts: HashMap<&str, bool> = HashMap::new();
    let mut carriers: HashMap<&str, Vec<Carrier>> = HashMap::new();
    let mut promotions = HashSet::new();
    for (merged, from_place) in promoting {
        let source = merged.source.as_str();
        let lasts = *lasts.entry(source).or_insert_with(|| {
            source == told.default_branch
                || sources.get(source).is_some_and(|number| *number > 1)
                || is_deployed(source)
                || pushes.is_cut(source, graph)
        });
        if !lasts {
            continue;
        }
        promotions.insert(merged.iid);
        let carrier =
            Carrier { place: merged.second * 1000, until: i64::MAX, from: source.to_owned(), from_place };
        carriers.entry(&merged.branch).or_default().push(carrier);
    }
    for (cut, place, until) in pushes.cuts() {
        let (stands, word) = graph.stand(&cut.after);
        has_gap |= word == "chain_gap";
        for stand in stands.into_iter().filter(|stand| stand.branch != cut.branch) {
            let carrier = Carrier { place, until, from: stand.branch, from_place: stand.place };
            carriers.entry(&cut.branch).or_default().push(carrier);
        }
    }
    (carriers, promotions, has_gap)
}

/// Pushes, by branch and by the SHAs before and after.
struct Pushes<'t> {
    of: HashMap<&'t str, Vec<&'t super::Move>>,
    branches: HashMap<&'t str, BTreeSet<&'t str>>,
}

impl<'t> Pushes<'t> {
    fn new(told: &'t Told) -> Pushes<'t> {
        let mut of: HashMap<&str, Vec<&super::Move>> = HashMap::new();
        let mut branches: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for step in &told.moves {
            of.entry(&step.branch).or_default().push(step);
            for sha in [&step.before, &step.after].into_iter().filter(|sha| !sha.is_empty()) {
                branches.entry(sha).or_default().insert(&step.branch);
            }
        }
        Pushes { of, branches }
    }

    /// The creations of a branch, each with the places between which it holds. After a branch is deleted and created again, it no longer contains
    /// what it had. The first creation holds from the beginning, whenever it was reported.
    fn cuts(&self) -> Vec<(&'t super::Move, i64, i64)> {
        let mut cuts = Vec::new();
        for moves in self.of.values() {
            let mut created: Vec<&super::Move> =
                moves.iter().copied().filter(|step| step.before.is_empty()).collect();
            created.sort_unstable_by_key(|step| step.second);
            let begins = created.iter().enumerate().map(|(number, cut)| match number {
                0 => 0,
                _ => cut.second * 1000,
            });
            let begins: Vec<i64> = begins.chain([i64::MAX]).collect();
            cuts.extend(created.into_iter().zip(begins.windows(2)).filter_map(
                |(cut, between)| match between {
                    [place, until] => Some((cut, *place, *until)),
                    _ => None,
                },
            ));
        }
        cuts
    }

    /// Whether a branch was created at a commit of another branch and only changed by merge requests. A topic branch starts with a commit of its
    /// own.
    fn is_cut(&self, branch: &str, graph: &Graph<'_>) -> bool {
        let stands = |sha: &str| graph.stands.get(sha).into_iter().flatten();
        let is_elsewhere = |sha: &str| {
            stands(sha).any(|stand| stand.branch != branch)
                || self.branches.get(sha).into_iter().flatten().any(|other| *other != branch)
        };
        let is_landing = |sha: &str| stands(sha).any(|stand| stand.branch == branch);
        let moves = || self.of.get(branch).into_iter().flatten();
        let (created, moved): (Vec<&super::Move>, Vec<&super::Move>) =
            moves().partition(|step| step.before.is_empty());
        !created.is_empty()
            && created.iter().all(|step| is_elsewhere(&step.after))
            && moved.iter().all(|step| is_landing(&step.after))
    }
}

/// All branches that contain a commit: its own, and those that it was promoted to or that were created from them.
fn carried(
    sha: &str,
    own: Vec<Stand>,
    word: &'static str,
    carriers: &HashMap<&str, Vec<Carrier>>,
) -> Vec<ShaPlace> {
    let mut furthest: BTreeMap<String, ShaPlace> = BTreeMap::new();
    let mut pending: Vec<ShaPlace> = own
        .into_iter()
        .map(|Stand { branch, place, iid }| ShaPlace { sha: sha.to_owned(), branch, place, iid, word })
        .collect();
    while let Some(stand) = pending.pop() {
        if furthest.get(&stand.branch).is_some_and(|known| known.place >= stand.place) {
            continue;
        }
        for carrier in carriers.get(stand.branch.as_str()).into_iter().flatten() {
            if carrier.place <= stand.place && stand.place < carrier.until {
                pending.push(ShaPlace {
                    sha: sha.to_owned(),
                    branch: carrier.from.clone(),
                    place: carrier.from_place,
                    iid: 0,
                    word: "promotion",
                });
            }
        }
        furthest.insert(stand.branch.clone(), stand);
    }
    furthest.into_values().collect()
}

/// Finds force pushes that removed merge requests from their branch: from a landing SHA to an earlier one, unless a later push restored it.
fn rewrite(requests: &mut [RequestPlace], told: &Told, graph: &Graph<'_>) {
    let on = |sha: &str, branch: &str| {
        let stands = graph.stands.get(sha).into_iter().flatten();
        stands.filter(|stand| stand.branch == branch).map(|stand| stand.place).max()
    };
    for step in &told.moves {
        let Some(left) = on(&step.before, &step.branch) else { continue };
        // Only landing SHAs, or commits known by parents: a chain of pushes would lead across the force push.
        let mut reached = on(&step.after, &step.branch);
        let mut at = step.after.as_str();
        for _ in 0..MAX_STEPS {
            let Some(parent) = graph.parent.get(at).filter(|_| reached.is_none()) else { break };
            at = parent;
            reached = on(at, &step.branch);
        }
        let Some(reached) = reached.filter(|reached| *reached < left) else { continue };
        let came_again = |other: &super::Move| {
            other.branch == step.branch && other.after == step.before && other.second > step.second
        };
        if told.moves.iter().any(came_again) {
            continue;
        }
        for request in requests.iter_mut().filter(|request| request.branch == step.branch) {
            if reached < request.place && request.place <= left {
                request.rewritten_at = request.rewritten_at.max(step.second);
            }
        }
    }
}
