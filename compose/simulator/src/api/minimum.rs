//! The minimum number of requests for a whole history. In: a world at a time, and the projects to read. Out: requests by resource, in two tiers:
//! lists, and one request per thing. Computed from the numbers of things and the size of pages, never from a client's requests.
//!
//! What it assumes, resource by resource, is in [`ENDPOINTS`]. Besides:
//! - A list is read once as a whole: in pages of a hundred rows, at least one. Time windows, and requests for what changed meanwhile, come on top.
//! - Merge requests are read with both REST and GraphQL: only REST has the squashed commit and who closed it; only GraphQL has the number of lines
//!   and commits, and all notes of a hundred merge requests at once, including GitLab's own. That page costs less than half of the complexity that is
//!   allowed.
//! - Notes on issues come from the project's events, which contain every comment of a person; GitLab's own notes on issues would cost one request per
//!   issue, and are not counted. The same events contain comments on merge requests once more.
//! - Closings, reopenings and approvals come from the project's events too, not from the events of states of each thing.
//! - Each GraphQL request has one connection. Several at once, under aliases, would take fewer requests; but the client does not know the number of
//!   rows before the first page.
//! - Where a feature is off, one request says so.

use std::collections::BTreeMap;

use crate::gitlab::{Group, Millis, Project, World, branches, environments};

/// Rows of a page, in REST and GraphQL alike.
const PAGE: u64 = 100;

/// The source of each resource. `:id` is a project's or a group's.
pub const ENDPOINTS: [(&str, &str); 25] = [
    ("group", "GET /groups/:id"),
    ("descendant_groups", "GET /groups/:id/descendant_groups"),
    ("group_projects", "GET /groups/:id/projects?include_subgroups=true&with_shared=false"),
    ("group_members", "GET /groups/:id/members/all"),
    ("group_milestones", "GET /groups/:id/milestones"),
    ("project", "GET /projects/:id"),
    ("project_members", "GET /projects/:id/members/all"),
    ("merge_requests", "GET /projects/:id/merge_requests?state=all"),
    (
        "merge_requests_with_notes",
        "POST /api/graphql: project.mergeRequests with approvedBy, diffStatsSummary and notes(first: 100)",
    ),
    ("merge_request_events", "GET /projects/:id/events?target_type=merge_request"),
    ("issues", "GET /projects/:id/issues"),
    ("issue_events", "GET /projects/:id/events?target_type=issue"),
    ("note_events", "GET /projects/:id/events?target_type=note"),
    ("push_events", "GET /projects/:id/events?action=pushed"),
    ("commits", "GET /projects/:id/repository/commits?with_stats=true"),
    ("branches", "GET /projects/:id/repository/branches"),
    ("tags", "GET /projects/:id/repository/tags"),
    ("releases", "GET /projects/:id/releases"),
    ("milestones", "GET /projects/:id/milestones"),
    ("pipelines", "POST /api/graphql: project.pipelines"),
    ("child_pipelines", "POST /api/graphql: project.pipelines(source: \"parent_pipeline\")"),
    ("jobs", "GET /projects/:id/jobs?pagination=keyset"),
    ("environments", "GET /projects/:id/environments"),
    ("deployments", "GET /projects/:id/deployments"),
    (
        "merge_request_commits, deployment_merge_requests, trigger_jobs",
        "a request for each thing: /merge_requests/:iid/commits, /deployments/:id/merge_requests, /pipelines/:id/trigger_jobs",
    ),
];

/// The minimum number of requests, by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minimum {
    /// Requests for lists, including GraphQL.
    pub lists: BTreeMap<&'static str, u64>,
    /// One request per thing.
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

/// The minimum for `factory` with its subgroups and projects, without the shared project.
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
    lists.insert("group_milestones", below as u64 + 1);
    for index in 0..config.projects {
        add_project(world, &world.project(index), now, &mut minimum);
    }
    minimum
}

/// The minimum for one project whose id is known.
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
    list("merge_requests", pages(sizes.merge_requests));
    list("merge_requests_with_notes", pages(sizes.merge_requests));
    list("merge_request_events", pages(sizes.merge_request_events));
    list("push_events", pages(sizes.push_events));
    list("issues", pages(sizes.issues));
    list("issue_events", pages(sizes.issue_events));
    list("note_events", pages(sizes.note_events));
    list("commits", pages(sizes.commits));
    list("branches", pages(branches(world, project.index, now).len() as u64));
    list("tags", pages(sizes.tags));
    list("releases", pages(sizes.releases));
    list("milestones", pages(u64::from(world.config().sprint_at(now)) + 1));
    let has_pipelines = project.has_pipelines();
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
    single("deployment_merge_requests", sizes.deployments);
    // Two trigger jobs of each pipeline that has them come in one answer.
    single("trigger_jobs", sizes.triggers.div_ceil(2));
}

fn pages(rows: u64) -> u64 {
    rows.div_ceil(PAGE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::WorldConfig;

    #[test]
    fn every_resource_says_what_it_is_read_from() {
        let world = World::new(WorldConfig::new(7, 4, 14));
        let now = world.config().ends_at();
        let mut minimum = minimum_requests(&world, now);
        minimum.lists.extend(minimum_requests_of(&world, &world.project(0), now).lists);
        let is_named = |resource: &str| {
            ENDPOINTS.iter().any(|(names, _)| names.split(", ").any(|name| name == resource))
        };
        for resource in minimum.lists.keys().chain(minimum.single.keys()) {
            assert!(is_named(resource), "{resource}");
        }
        let named: Vec<&str> = ENDPOINTS.iter().flat_map(|(names, _)| names.split(", ")).collect();
        assert_eq!(named.len(), minimum.lists.len() + minimum.single.len());
    }
}
