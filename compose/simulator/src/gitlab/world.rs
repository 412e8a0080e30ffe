//! Finds things in a world. In: numbers and ids. Out: sprints, ids, numbers within a project. Caches the sprints that were used last, and for each
//! project how many things its sprints have; everything else is made again when it is needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dice::{Millis, Sha};
use super::grow::{base, grow};
use super::size::WorldConfig;
use super::sprint::{Commit, Push, Ref, Sizes, Sprint};
use super::tree::{Group, Project};

/// Number of cached sprints.
const HELD: usize = 48;
/// Limit of things of one kind per sprint of a project, as a power of two, so that ids of sprints never overlap.
const ROOM: u32 = 20;

/// The position of a thing in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the project.
    pub project: u32,
    /// Number of the sprint.
    pub sprint: u32,
    /// Number of the thing in its list.
    pub number: u32,
}

/// An invented GitLab.
#[derive(Debug)]
pub struct World {
    config: WorldConfig,
    held: Mutex<Held>,
    /// For each project, how many things there are before each sprint.
    before: Mutex<HashMap<u32, Vec<Sizes>>>,
}

#[derive(Debug, Default)]
struct Held {
    sprints: HashMap<(u32, u32), (Arc<Sprint>, u64)>,
    asked: u64,
    made: u64,
}

impl World {
    /// A world with an empty cache.
    pub fn new(config: WorldConfig) -> World {
        World { config, held: Mutex::default(), before: Mutex::default() }
    }

    /// Its configuration.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Number of projects, including the shared one.
    pub fn projects(&self) -> u32 {
        self.config.projects + 1
    }

    /// The project of a number.
    pub fn project(&self, index: u32) -> Project {
        Project::of(&self.config, index)
    }

    /// The project of an id.
    pub fn project_of_id(&self, id: u64) -> Option<Project> {
        Project::index_of(&self.config, id).map(|index| self.project(index))
    }

    /// How many groups there are.
    pub fn groups(&self) -> u32 {
        Group::count(&self.config)
    }

    /// The group of a number.
    pub fn group(&self, index: u32) -> Group {
        Group::of(&self.config, index)
    }

    /// The group of an id.
    pub fn group_of_id(&self, id: u64) -> Option<Group> {
        Group::index_of(&self.config, id).map(|index| self.group(index))
    }

    /// A complete sprint of a project, whatever the time is.
    pub fn sprint(&self, project: u32, sprint: u32) -> Arc<Sprint> {
        let key = (project, sprint);
        {
            let mut held = lock(&self.held);
            held.asked += 1;
            let asked = held.asked;
            if let Some((sprint, last)) = held.sprints.get_mut(&key) {
                *last = asked;
                return sprint.clone();
            }
        }
        let made = Arc::new(grow(&self.config, &self.project(project), sprint));
        let mut held = lock(&self.held);
        held.made += 1;
        if held.sprints.len() >= HELD {
            let oldest = held.sprints.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                held.sprints.remove(&oldest);
            }
        }
        let asked = held.asked;
        held.sprints.insert(key, (made.clone(), asked));
        made
    }

    /// Caches a hand-written sprint.
    #[cfg(test)]
    pub(in crate::gitlab) fn hold(&self, sprint: Sprint) {
        lock(&self.held).sprints.insert((sprint.project, sprint.number), (Arc::new(sprint), u64::MAX));
    }

    /// Number of cached sprints, and how often one was made.
    pub fn held(&self) -> (usize, u64) {
        let held = lock(&self.held);
        (held.sprints.len(), held.made)
    }

    /// How many things a project has before a sprint.
    pub fn before(&self, project: u32, sprint: u32) -> Sizes {
        loop {
            let next = {
                let before = lock(&self.before);
                match before.get(&project) {
                    Some(sizes) if sizes.len() > sprint as usize => return sizes[sprint as usize],
                    Some(sizes) => sizes.len() as u32,
                    None => 0,
                }
            };
            let sizes = match next {
                0 => Sizes::default(),
                next => {
                    let mut sum = self.before(project, next - 1);
                    sum += self.sprint(project, next - 1).sizes(Millis::MAX);
                    sum
                }
            };
            let mut before = lock(&self.before);
            let known = before.entry(project).or_default();
            // Another thread may have computed the same.
            if known.len() == next as usize {
                known.push(sizes);
            }
        }
    }

    /// How many things a sprint of a project has in all.
    pub fn sizes(&self, project: u32, sprint: u32) -> Sizes {
        self.sprint(project, sprint).sizes(Millis::MAX)
    }

    /// How many things a project has at `now`.
    pub fn sizes_at(&self, project: u32, now: Millis) -> Sizes {
        let sprint = self.config.sprint_at(now);
        let mut sizes = self.before(project, sprint);
        sizes += self.sprint(project, sprint).sizes(now);
        sizes
    }

    /// The id of a thing: ids of one kind grow with time.
    pub fn id(&self, place: Place) -> u64 {
        let block = u64::from(place.sprint) * u64::from(self.projects()) + u64::from(place.project);
        ((block << ROOM) | u64::from(place.number)) + 1
    }

    /// The id of a thing of a sprint.
    pub(crate) fn id_in(&self, sprint: &Sprint, number: u32) -> u64 {
        self.id(Place { project: sprint.project, sprint: sprint.number, number })
    }

    /// The position that an id stands for.
    pub fn place(&self, id: u64) -> Option<Place> {
        let id = id.checked_sub(1)?;
        let (block, number) = (id >> ROOM, id & ((1 << ROOM) - 1));
        let sprint = u32::try_from(block / u64::from(self.projects())).ok()?;
        let project = u32::try_from(block % u64::from(self.projects())).ok()?;
        (sprint < self.config.sprints()).then_some(Place { project, sprint, number: number as u32 })
    }

    /// Number within the project of a merge request of a sprint.
    pub fn merge_request_iid(&self, sprint: &Sprint, number: u32) -> u64 {
        self.before(sprint.project, sprint.number).made.merge_requests + u64::from(number) + 1
    }

    /// Number within the project of an issue of a sprint.
    pub fn issue_iid(&self, sprint: &Sprint, number: u32) -> u64 {
        self.before(sprint.project, sprint.number).made.issues + u64::from(number) + 1
    }

    /// Number within the project of a pipeline of a sprint.
    pub fn pipeline_iid(&self, sprint: &Sprint, number: u32) -> u64 {
        self.before(sprint.project, sprint.number).made.pipelines + u64::from(number) + 1
    }

    /// Number within the project of a deployment of a sprint.
    pub fn deployment_iid(&self, sprint: &Sprint, number: u32) -> u64 {
        self.before(sprint.project, sprint.number).made.deployments + u64::from(number) + 1
    }

    /// The position of the thing with this number within the project, among those that `count` counts.
    pub(crate) fn numbered(
        &self,
        project: u32,
        iid: u64,
        now: Millis,
        count: fn(&Sizes) -> u64,
    ) -> Option<Place> {
        let wanted = iid.checked_sub(1)?;
        let last = self.config.sprint_at(now);
        if wanted >= count(&self.sizes_at(project, now)) {
            return None;
        }
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if count(&self.before(project, middle)) <= wanted { low = middle } else { high = middle - 1 }
        }
        let number = u32::try_from(wanted - count(&self.before(project, low))).ok()?;
        Some(Place { project, sprint: low, number })
    }

    /// A commit of a project by its SHA, searched in a sprint and in the previous one, whose last commit it begins with.
    pub fn commit(&self, project: u32, sprint: u32, sha: Sha) -> Option<Commit> {
        for number in [Some(sprint), sprint.checked_sub(1)].into_iter().flatten() {
            let sprint = self.sprint(project, number);
            let place = sprint.places.get(&sha).and_then(|place| sprint.commits.get(*place as usize));
            if let Some(commit) = place {
                return Some(commit.clone());
            }
        }
        None
    }

    /// The head of `main` at `now`.
    pub fn main_head(&self, project: u32, now: Millis) -> Sha {
        let number = self.config.sprint_at(now);
        let sprint = self.sprint(project, number);
        let is_main = |push: &&Push| push.to == Ref::Main && push.at <= now;
        let newest = sprint.pushes.iter().rfind(is_main);
        newest.map_or_else(|| base(&self.config, project, number), |push| push.after)
    }

    /// The number of the issue that was moved to a sprint of a project from the previous project.
    pub(crate) fn arrival(&self, project: u32, sprint: u32) -> Option<u32> {
        let sprint = self.sprint(project, sprint);
        let place = sprint.issues.iter().position(|issue| issue.moved_from.is_some())?;
        u32::try_from(place).ok()
    }
}

/// A panic under the lock cannot leave the state half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
