//! Scheduling of rollups. In: which projects are pending, their sizes, how long they took. Out: groups to compute now. Pure: time is an argument.
//!
//! A project may use at most a tenth of the time: after a computation of one second it rests for nine. So a large project in a backfill is not
//! computed for every batch, while a small busy one nearly is. Small projects are computed in groups, with one statement per rollup; a large one is
//! computed alone, in parallel, so that it delays no other. Most of the cost of a small group is query planning, whatever its projects, so a lane
//! rests between groups as well: storing rows comes before computing rollups from them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

/// The rest of a lane after a group, as a multiple of the time it took: computing uses a fifth of the time.
const LANE_TIMES_COST: u32 = 4;
/// The longest rest of a lane, unless the group took longer: rollups should be at most ten seconds behind.
const LANE_RESTS_AT_MOST: Duration = Duration::from_secs(5);
/// The rest after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// A project with this many rows of facts is computed alone; also the limit for a group.
const LARGE: u64 = 20_000;
/// The most projects in a group.
const MAX_GROUP: usize = 200;
/// The fixed cost of a project, expressed in rows.
const FIXED: u64 = 100;

/// A project of a GitLab.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Project {
    /// The instance.
    pub(crate) instance: String,
    /// GitLab's id.
    pub(crate) project_id: u64,
}

/// Lanes compute in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Groups of small projects.
    Small,
    /// Large projects, one after the other.
    Large,
}

/// A pending project, with its marks when it was found.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    marks: u64,
}

/// The number of rows of facts of each project.
pub(super) type Sizes = HashMap<Project, u64>;

/// Which projects are pending, resting or being computed.
#[derive(Debug)]
pub(super) struct Pace {
    /// Minimum time between the starts of two computations of a project, as a multiple of its last cost.
    times_cost: u32,
    waiting: HashMap<Project, Waiting>,
    rests_until: HashMap<Project, Instant>,
    under_way: HashMap<Lane, Sizes>,
    lane_rests_until: HashMap<Lane, Instant>,
    /// The projects of a failed group: one of them may be the cause.
    alone: HashSet<Project>,
}

impl Pace {
    /// Nothing is pending yet.
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

    /// Sets the pending projects, with their marks. A project that is no longer pending was computed by another processor.
    pub(super) fn waits(&mut self, now_waiting: Vec<(Project, u64)>, now: Instant) {
        let mut before = std::mem::take(&mut self.waiting);
        for (project, marks) in now_waiting {
            let since = before.remove(&project).map_or(now, |waiting| waiting.since);
            self.waiting.insert(project, Waiting { since, marks });
        }
    }

    /// The number of pending projects.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long the oldest pending project has been waiting.
    pub(super) fn oldest(&self, now: Instant) -> Duration {
        self.waiting.values().map(|waiting| now - waiting.since).max().unwrap_or_default()
    }

    /// Whether a group can start.
    fn is_free(&self, lane: Lane, now: Instant) -> bool {
        !self.under_way.contains_key(&lane)
            && self.lane_rests_until.get(&lane).is_none_or(|until| *until <= now)
    }

    /// The projects that can be computed now, with their marks, the longest waiting first: neither resting nor being computed. Empty if no lane is
    /// free.
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

    /// The groups to compute now, one per free lane. A group belongs to one GitLab.
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

    /// Records the start of a group.
    pub(super) fn begun(&mut self, lane: Lane, group: &[(Project, u64)], sizes: &Sizes) {
        let size = |project: &Project| sizes.get(project).copied().unwrap_or(0) + FIXED;
        self.under_way
            .insert(lane, group.iter().map(|(project, _)| (project.clone(), size(project))).collect());
    }

    /// Records the end of a group; returns how long each of its projects had been pending.
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

    /// Records the failure of a group. Its projects rest, and are then computed one by one.
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
