//! When a project is computed. In: which projects wait, how large they are, how long they took. Out: groups to be computed now. Pure: time comes in.
//!
//! A project is computed at most a tenth of the time: after it took a second, nine are left to others. So a large one under backfill is not computed for
//! every batch, and a small one that is busy nearly is. Small ones go in groups, one statement a rollup; a large one goes alone, beside
//! them, so that it holds up none. Most of what a small group costs is planning, whichever projects are in it, so that what computes groups
//! rests as well: rows come before what is computed from them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

/// How many times what a group took lies between its end and the next: what computes is left a fifth of the time.
const LANE_TIMES_COST: u32 = 4;
/// How long that is at most, unless the group took longer: rollups are to be ten seconds behind at most.
const LANE_RESTS_AT_MOST: Duration = Duration::from_secs(5);
/// How long what failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Rows of facts from which on a project goes alone, and that a group has at most.
const LARGE: u64 = 20_000;
/// Projects that go together.
const MAX_GROUP: usize = 200;
/// What a project costs besides its rows, in rows.
const FIXED: u64 = 100;

/// A project of a GitLab.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Project {
    /// The GitLab.
    pub(crate) instance: String,
    /// Its id there.
    pub(crate) project_id: u64,
}

/// What is computed side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Groups of small projects.
    Small,
    /// One large project after the other.
    Large,
}

/// A project and its marks when it was found.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    marks: u64,
}

/// How many rows of facts projects have.
pub(super) type Sizes = HashMap<Project, u64>;

/// What waits, what rests, and what is under way.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many times its last cost lies between two beginnings of a project.
    times_cost: u32,
    waiting: HashMap<Project, Waiting>,
    rests_until: HashMap<Project, Instant>,
    under_way: HashMap<Lane, Sizes>,
    lane_rests_until: HashMap<Lane, Instant>,
    /// Those of a group that failed: one of them may be the cause.
    alone: HashSet<Project>,
}

impl Pace {
    /// Nothing waits yet.
    pub(super) fn new(times_cost: u32) -> Pace {
        Pace {
            times_cost,
            waiting: HashMap::new(),
            rests_until: HashMap::new(),
            under_way: HashMap::new(),
            lane_rests_until: HashMap::new(),
            alone: HashSet::new(),
        }
    }

    /// Notes what waits now, with its marks. What waited before and does not any more, somebody else has computed.
    pub(super) fn waits(&mut self, now_waiting: Vec<(Project, u64)>, now: Instant) {
        let mut before = std::mem::take(&mut self.waiting);
        for (project, marks) in now_waiting {
            let since = before.remove(&project).map_or(now, |waiting| waiting.since);
            self.waiting.insert(project, Waiting { since, marks });
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long the first of them has been waiting.
    pub(super) fn oldest(&self, now: Instant) -> Duration {
        self.waiting.values().map(|waiting| now - waiting.since).max().unwrap_or_default()
    }

    /// Whether a group can be begun.
    fn is_free(&self, lane: Lane, now: Instant) -> bool {
        !self.under_way.contains_key(&lane)
            && self.lane_rests_until.get(&lane).is_none_or(|until| *until <= now)
    }

    /// Those that can be computed now, if a lane is free: they neither rest nor are under way. With their marks, the longest waiting first.
    pub(super) fn due(&self, now: Instant) -> Vec<(Project, u64)> {
        if !self.is_free(Lane::Small, now) && !self.is_free(Lane::Large, now) {
            return Vec::new();
        }
        let is_due = |project: &Project| {
            !self.under_way.values().any(|group| group.contains_key(project))
                && self.rests_until.get(project).is_none_or(|until| *until <= now)
        };
        let mut due: Vec<_> = self.waiting.iter().filter(|(project, _)| is_due(project)).collect();
        due.sort_by(|one, other| (one.1.since, one.0).cmp(&(other.1.since, other.0)));
        due.into_iter().map(|(project, waiting)| (project.clone(), waiting.marks)).collect()
    }

    /// What is to be computed now: a group in each lane that is free. A group is of one GitLab.
    pub(super) fn groups(
        &self,
        due: &[(Project, u64)],
        sizes: &Sizes,
        now: Instant,
    ) -> Vec<(Lane, Vec<(Project, u64)>)> {
        let size = |project: &Project| sizes.get(project).copied().unwrap_or(0) + FIXED;
        let (large, small): (Vec<_>, Vec<_>) = due.iter().partition(|(project, _)| size(project) > LARGE);
        let mut group: Vec<(Project, u64)> = Vec::new();
        let mut rows = 0;
        for (project, marks) in small {
            let fits = match group.first() {
                None => true,
                Some((first, _)) => {
                    first.instance == project.instance
                        && rows + size(project) <= LARGE
                        && !self.alone.contains(first)
                        && !self.alone.contains(project)
                }
            };
            if fits && group.len() < MAX_GROUP {
                rows += size(project);
                group.push((project.clone(), *marks));
            }
        }
        let large = large.into_iter().take(1).cloned().collect();
        [(Lane::Small, group), (Lane::Large, large)]
            .into_iter()
            .filter(|(lane, group): &(Lane, Vec<_>)| !group.is_empty() && self.is_free(*lane, now))
            .collect()
    }

    /// Notes that a group is under way.
    pub(super) fn begun(&mut self, lane: Lane, group: &[(Project, u64)], sizes: &Sizes) {
        let size = |project: &Project| sizes.get(project).copied().unwrap_or(0) + FIXED;
        self.under_way
            .insert(lane, group.iter().map(|(project, _)| (project.clone(), size(project))).collect());
    }

    /// Notes that a group was computed, and how long each of it had been waiting for that.
    pub(super) fn computed(
        &mut self,
        lane: Lane,
        group: &[(Project, u64)],
        began: Instant,
        now: Instant,
    ) -> Vec<Duration> {
        let sizes = self.under_way.remove(&lane).unwrap_or_default();
        let all: u64 = sizes.values().sum();
        let took = now - began;
        let rest = (took * self.times_cost.min(LANE_TIMES_COST)).min(LANE_RESTS_AT_MOST.max(took));
        self.lane_rests_until.insert(lane, now + rest);
        self.rests_until.retain(|_, until| *until > now);
        let mut waited = Vec::new();
        for (project, _) in group {
            let share = sizes.get(project).copied().unwrap_or(all) as f64 / all.max(1) as f64;
            let cost = (now - began).mul_f64(share);
            self.rests_until.insert(project.clone(), began + cost * self.times_cost);
            self.alone.remove(project);
            waited.extend(self.waiting.remove(project).map(|waiting| now - waiting.since));
        }
        waited
    }

    /// Notes that a group could not be computed. Its projects rest, and are tried one by one.
    pub(super) fn failed(&mut self, lane: Lane, group: &[(Project, u64)], now: Instant) {
        self.under_way.remove(&lane);
        for (project, _) in group {
            self.rests_until.insert(project.clone(), now + AFTER_FAILURE);
            self.alone.insert(project.clone());
        }
    }
}

#[cfg(test)]
mod tests;
