//! The fewest requests that a whole history takes. In: a world at a time, and the projects that are read. Out: requests by resource, in two tiers:
//! lists, and what costs a request for each thing. Counted from the numbers of things and the size of pages, never from what a client asked.

use std::collections::BTreeMap;

use crate::gitlab::{Group, Millis, Project, Special, World, branches, environments};

/// Rows of a page.
const PAGE: u64 = 100;
/// Merge requests that GraphQL gives at once with a hundred notes each, within its complexity.
const REQUESTS_WITH_NOTES: u64 = 25;

/// The fewest requests, by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minimum {
    /// What lists give, and GraphQL with them.
    pub lists: BTreeMap<&'static str, u64>,
    /// What costs a request for each thing.
    pub single: BTreeMap<&'static str, u64>,
}

impl Minimum {
    /// Requests of the first tier.
    pub fn of_lists(&self) -> u64 {
        self.lists.values().sum()
    }

    /// Requests of the second tier.
    pub fn of_single(&self) -> u64 {
        self.single.values().sum()
    }
}

/// The fewest requests for `factory` with its subgroups and projects, the foreign project left out.
pub fn minimum_requests(world: &World, now: Millis) -> Minimum {
    let mut minimum = Minimum::default();
    let config = world.config();
    let below =
        (0..world.groups()).filter(|index| world.group(*index).is_within(config, Group::FACTORY)).count();
    let lists = &mut minimum.lists;
    lists.insert("group", 1);
    lists.insert("descendant_groups", pages(below as u64));
    lists.insert("group_projects", pages(u64::from(config.projects)));
    lists.insert("group_members", below as u64 + 1);
    for index in 0..config.projects {
        add_project(world, &world.project(index), now, &mut minimum);
    }
    minimum
}

/// The fewest requests for one project of which the id is known.
pub fn minimum_requests_of(world: &World, project: &Project, now: Millis) -> Minimum {
    let mut minimum = Minimum::default();
    minimum.lists.insert("project", 1);
    add_project(world, project, now, &mut minimum);
    minimum
}

fn add_project(world: &World, project: &Project, now: Millis, minimum: &mut Minimum) {
    let sizes = world.sizes_at(project.index, now);
    let mut list = |resource: &'static str, requests: u64| {
        *minimum.lists.entry(resource).or_default() += requests;
    };
    list("project_members", 1);
    list("merge_requests_with_notes", sizes.merge_requests.div_ceil(REQUESTS_WITH_NOTES).max(1));
    list("merge_request_events", pages(sizes.merge_request_events));
    list("push_events", pages(sizes.push_events));
    list("issues", pages(sizes.issues));
    list("commits", pages(sizes.commits));
    list("branches", pages(branches(world, project.index, now).len() as u64));
    list("tags", pages(sizes.tags));
    list("releases", pages(sizes.releases));
    list("milestones", pages(u64::from(world.config().sprint_at(now)) + 1));
    // Where a feature is off, one request says so.
    let has_pipelines = project.special != Special::WithoutPipelines;
    list("pipelines", if has_pipelines { pages(sizes.pipelines - sizes.children) } else { 1 });
    list("jobs", if has_pipelines { pages(sizes.jobs) } else { 1 });
    list("environments", pages(environments(world, project, now).len() as u64));
    list("deployments", pages(sizes.deployments));
    if has_pipelines {
        list("child_pipelines", pages(sizes.children));
    }
    let mut single = |resource: &'static str, requests: u64| {
        *minimum.single.entry(resource).or_default() += requests;
    };
    single("merge_request_commits", sizes.merge_requests);
    single("issue_notes", sizes.issues);
    single("deployment_merge_requests", sizes.deployments);
    // Two trigger jobs of each pipeline that has them come in one answer.
    single("trigger_jobs", sizes.triggers.div_ceil(2));
}

fn pages(rows: u64) -> u64 {
    rows.div_ceil(PAGE).max(1)
}
