//! Things that belong to more than one sprint: environments, branches, issues that move. In: a world and a time. Out: places, names and ids. Never
//! the things themselves.

use super::deployment::{OVERSEAS, PRODUCTION, REVIEW, STAGING};
use super::dice::{HOUR, Millis, Sha};
use super::sprint::{Ref, Sprint};
use super::tree::{Group, Project, Special};
use super::world::{Place, World};

/// An environment of a project: staging and production are of the first sprint, each review environment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnvironmentPlace {
    pub(crate) sprint: u32,
    pub(crate) number: u32,
}

impl EnvironmentPlace {
    /// Of a deployment of a sprint.
    pub(crate) fn of(sprint: u32, number: u32) -> EnvironmentPlace {
        EnvironmentPlace { sprint: if number == REVIEW { sprint } else { 0 }, number }
    }
}

/// The environments of a project at a time, in the order of their ids.
pub(crate) fn environments(world: &World, project: &Project, now: Millis) -> Vec<EnvironmentPlace> {
    if !project.has_deployments() {
        return Vec::new();
    }
    let mut places: Vec<EnvironmentPlace> =
        [STAGING, PRODUCTION].map(|number| EnvironmentPlace { sprint: 0, number }).to_vec();
    if project.is_overseas() {
        places.push(EnvironmentPlace { sprint: 0, number: OVERSEAS });
    }
    for sprint in 0..=world.config().sprint_at(now) {
        let place = EnvironmentPlace { sprint, number: REVIEW };
        let made = world.sprint(project.index, sprint);
        if made
            .deployments
            .iter()
            .any(|deployment| deployment.environment == REVIEW && deployment.created_at <= now)
        {
            places.push(place);
        }
    }
    places.sort_by_key(|place| (place.sprint, place.number));
    places.retain(|place| environment_times(world, project, *place).0 <= now);
    places
}

/// When an environment was created, and when it was stopped: a review environment with its sprint.
pub(crate) fn environment_times(
    world: &World,
    project: &Project,
    place: EnvironmentPlace,
) -> (Millis, Option<Millis>) {
    let config = world.config();
    match place.number {
        REVIEW => {
            let made = world.sprint(project.index, place.sprint);
            let first = made.deployments.iter().find(|deployment| deployment.environment == REVIEW);
            let created_at =
                first.map_or(config.starts_at(place.sprint), |deployment| deployment.created_at - 200);
            (created_at, Some(config.starts_at(place.sprint + 1) - HOUR))
        }
        _ => (project.created_at(config), None),
    }
}

/// The id of an environment.
pub(crate) fn environment_id(world: &World, project: u32, place: EnvironmentPlace) -> u64 {
    world.id(Place { project, sprint: place.sprint, number: place.number })
}

/// A branch that exists.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) sha: Sha,
    pub(crate) sprint: u32,
}

/// The branches of a project at a time, in the order of their names.
pub(crate) fn branches(world: &World, project: u32, now: Millis) -> Vec<Head> {
    let last = world.config().sprint_at(now);
    let mut heads = vec![Head { name: "main".to_owned(), sha: world.main_head(project, now), sprint: last }];
    for number in 0..=last {
        let sprint = world.sprint(project, number);
        let mut there: Vec<(&Ref, Sha)> = Vec::new();
        let is_pushed = |head: &Head| {
            sprint.pushes.iter().any(|push| {
                push.at <= now && push.to == Ref::Production && head.name == push.to.name(&sprint)
            })
        };
        heads.retain(|head| !is_pushed(head));
        for push in
            sprint.pushes.iter().filter(|push| push.at <= now && !push.to.is_tag() && push.to != Ref::Main)
        {
            there.retain(|(name, _)| **name != push.to);
            if push.after != Sha::NOWHERE {
                there.push((&push.to, push.after));
            }
        }
        heads.extend(there.into_iter().map(|(to, sha)| Head { name: to.name(&sprint), sha, sprint: number }));
    }
    heads.sort_by(|one, other| one.name.cmp(&other.name));
    heads
}

/// The group that a project is shared with, besides its own.
pub(crate) fn shared_with(world: &World, project: &Project) -> Option<Group> {
    match project.special {
        Special::Foreign => Some(world.group(Group::FACTORY)),
        Special::Shared => Some(world.group(world.groups() - 1)),
        _ => None,
    }
}

/// The id of the issue in the next project that continues an issue of the sprint.
pub(crate) fn moved_to(world: &World, sprint: &Sprint) -> Option<u64> {
    let next = (sprint.project + 1) % world.config().projects.max(1);
    let number = world.arrival(next, sprint.number)?;
    Some(world.id(Place { project: next, sprint: sprint.number, number }))
}

/// The last activity of a project, as GitLab stores it (`Event::RESET_PROJECT_ACTIVITY_INTERVAL` of its source): an event moves it, unless one did
/// within the hour before. Pipelines, deployments and GitLab's own actions are not events. Nothing happens in the first hours of a sprint.
pub(crate) fn last_activity(world: &World, project: &Project, now: Millis) -> Millis {
    let config = world.config();
    for number in (0..=config.sprint_at(now)).rev() {
        let sprint = world.sprint(project.index, number);
        let mut last = None;
        for activity in sprint.activities.iter().filter(|activity| activity.at <= now) {
            if last.is_none_or(|last| activity.at - last >= HOUR) {
                last = Some(activity.at);
            }
        }
        if let Some(last) = last {
            return last;
        }
    }
    project.created_at(config)
}

/// A milestone of a group: a quarter of a year or so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarter {
    pub(crate) id: u64,
    pub(crate) iid: u32,
    pub(crate) starts_at: Millis,
    pub(crate) ends_at: Millis,
}

/// Sprints of a quarter.
const QUARTER: u32 = 6;

/// The milestones of a group at a time: `factory` has some.
pub(crate) fn quarters(world: &World, group: &Group, now: Millis) -> Vec<Quarter> {
    let config = world.config();
    if group.index != Group::FACTORY {
        return Vec::new();
    }
    let begun = config.sprint_at(now) / QUARTER;
    let quarters = (0..=begun).map(|number| {
        let sprint = number * QUARTER;
        Quarter {
            // The first of a sprint is the milestone of the project itself.
            id: world.id(Place { project: 0, sprint, number: 1 }),
            iid: number + 1,
            starts_at: config.starts_at(sprint),
            ends_at: config.starts_at(sprint + QUARTER),
        }
    });
    quarters.collect()
}
