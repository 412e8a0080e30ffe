//! Routes requests. In: a path. Out: an endpoint, with the ids in the path. Never looks at the world.

use std::borrow::Cow;

/// An endpoint, as requests are counted and limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// `/version` and `/metadata`.
    Version,
    /// `/user`.
    User,
    /// `/users`.
    Users,
    /// `/personal_access_tokens/self`.
    TokenSelf,
    /// `/projects`.
    Projects,
    /// `/projects/:id`.
    Project,
    /// `/groups`.
    Groups,
    /// `/groups/:id`.
    Group,
    /// `/groups/:id/projects`.
    GroupProjects,
    /// `/groups/:id/descendant_groups` and `/groups/:id/subgroups`.
    DescendantGroups,
    /// `/projects/:id/members/all`.
    ProjectMembers,
    /// `/groups/:id/members/all`.
    GroupMembers,
    /// `/projects/:id/merge_requests`.
    MergeRequests,
    /// `/groups/:id/merge_requests`.
    GroupMergeRequests,
    /// `/projects/:id/merge_requests/:iid`.
    MergeRequest,
    /// `.../approvals`.
    Approvals,
    /// `.../notes`.
    MergeRequestNotes,
    /// `.../resource_state_events`.
    MergeRequestStateEvents,
    /// `.../commits`.
    MergeRequestCommits,
    /// `/projects/:id/issues`.
    Issues,
    /// `/groups/:id/issues`.
    GroupIssues,
    /// `/projects/:id/issues/:iid`.
    Issue,
    /// `.../notes`.
    IssueNotes,
    /// `.../resource_state_events`.
    IssueStateEvents,
    /// `/projects/:id/repository/commits`.
    Commits,
    /// `/projects/:id/repository/branches`.
    Branches,
    /// `/projects/:id/repository/tags`.
    Tags,
    /// `/projects/:id/releases`.
    Releases,
    /// `/projects/:id/pipelines`.
    Pipelines,
    /// `/projects/:id/pipelines/:id`.
    Pipeline,
    /// `.../jobs`.
    PipelineJobs,
    /// `.../trigger_jobs`.
    TriggerJobs,
    /// `.../bridges`.
    Bridges,
    /// `/projects/:id/jobs`.
    Jobs,
    /// `/projects/:id/environments`.
    Environments,
    /// `/projects/:id/deployments`.
    Deployments,
    /// `/projects/:id/deployments/:id`.
    Deployment,
    /// `.../merge_requests`.
    DeploymentMergeRequests,
    /// `/projects/:id/milestones`.
    Milestones,
    /// `/groups/:id/milestones`.
    GroupMilestones,
    /// `/projects/:id/events`.
    Events,
    /// `/projects/:id/hooks`.
    Hooks,
    /// `/projects/:id/hooks/:id`.
    Hook,
    /// `.../events`.
    HookEvents,
    /// `/api/graphql`.
    GraphQl,
}

/// A known path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// The project or group: an id or a path. Empty if the endpoint has none.
    pub(super) owner: String,
    /// The id or number within it.
    pub(super) part: Option<u64>,
}

/// Finds the endpoint of a path; `None` if it is not supported here.
pub(super) fn route(path: &str) -> Option<Route> {
    if path == "/api/graphql" {
        return Some(Route { endpoint: Endpoint::GraphQl, owner: String::new(), part: None });
    }
    let segments: Vec<&str> = path.strip_prefix("/api/v4/")?.split('/').collect();
    let (endpoint, owner, part) = match segments.as_slice() {
        ["version" | "metadata"] => (Endpoint::Version, "", None),
        ["user"] => (Endpoint::User, "", None),
        ["users"] => (Endpoint::Users, "", None),
        ["personal_access_tokens", "self"] => (Endpoint::TokenSelf, "", None),
        ["projects"] => (Endpoint::Projects, "", None),
        ["groups"] => (Endpoint::Groups, "", None),
        ["groups", id] => (Endpoint::Group, *id, None),
        ["groups", id, rest @ ..] => (group(rest)?, *id, None),
        ["projects", id] => (Endpoint::Project, *id, None),
        ["projects", id, rest @ ..] => {
            let (endpoint, part) = project(rest)?;
            (endpoint, *id, part)
        }
        _ => return None,
    };
    Some(Route { endpoint, owner: decode(owner).into_owned(), part })
}

fn group(rest: &[&str]) -> Option<Endpoint> {
    Some(match rest {
        ["projects"] => Endpoint::GroupProjects,
        ["descendant_groups" | "subgroups"] => Endpoint::DescendantGroups,
        ["members", "all"] | ["members"] => Endpoint::GroupMembers,
        ["merge_requests"] => Endpoint::GroupMergeRequests,
        ["issues"] => Endpoint::GroupIssues,
        ["milestones"] => Endpoint::GroupMilestones,
        _ => return None,
    })
}

fn project(rest: &[&str]) -> Option<(Endpoint, Option<u64>)> {
    let list = |endpoint| Some((endpoint, None));
    let one = |endpoint, part: &str| Some((endpoint, Some(part.parse().ok()?)));
    match rest {
        ["members", "all"] | ["members"] => list(Endpoint::ProjectMembers),
        ["merge_requests"] => list(Endpoint::MergeRequests),
        ["merge_requests", iid] => one(Endpoint::MergeRequest, iid),
        ["merge_requests", iid, "approvals"] => one(Endpoint::Approvals, iid),
        ["merge_requests", iid, "notes"] => one(Endpoint::MergeRequestNotes, iid),
        ["merge_requests", iid, "resource_state_events"] => one(Endpoint::MergeRequestStateEvents, iid),
        ["merge_requests", iid, "commits"] => one(Endpoint::MergeRequestCommits, iid),
        ["issues"] => list(Endpoint::Issues),
        ["issues", iid] => one(Endpoint::Issue, iid),
        ["issues", iid, "notes"] => one(Endpoint::IssueNotes, iid),
        ["issues", iid, "resource_state_events"] => one(Endpoint::IssueStateEvents, iid),
        ["repository", "commits"] => list(Endpoint::Commits),
        ["repository", "branches"] => list(Endpoint::Branches),
        ["repository", "tags"] => list(Endpoint::Tags),
        ["releases"] => list(Endpoint::Releases),
        ["pipelines"] => list(Endpoint::Pipelines),
        ["pipelines", id] => one(Endpoint::Pipeline, id),
        ["pipelines", id, "jobs"] => one(Endpoint::PipelineJobs, id),
        ["pipelines", id, "trigger_jobs"] => one(Endpoint::TriggerJobs, id),
        ["pipelines", id, "bridges"] => one(Endpoint::Bridges, id),
        ["jobs"] => list(Endpoint::Jobs),
        ["environments"] => list(Endpoint::Environments),
        ["deployments"] => list(Endpoint::Deployments),
        ["deployments", id] => one(Endpoint::Deployment, id),
        ["deployments", id, "merge_requests"] => one(Endpoint::DeploymentMergeRequests, id),
        ["milestones"] => list(Endpoint::Milestones),
        ["events"] => list(Endpoint::Events),
        ["hooks"] => list(Endpoint::Hooks),
        ["hooks", id] => one(Endpoint::Hook, id),
        ["hooks", id, "events"] => one(Endpoint::HookEvents, id),
        _ => None,
    }
}

/// A path within a path, as `factory%2Fservice-1`.
fn decode(segment: &str) -> Cow<'_, str> {
    // A plus is literal here.
    let escaped = segment.replace('+', "%2B");
    let text = form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned());
    Cow::Owned(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(Endpoint, &str, Option<u64>)>) {
        let found = route(path);
        let found = found.as_ref().map(|route| (route.endpoint, route.owner.as_str(), route.part));
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths_lead_to_endpoints() {
        check("/api/v4/version", Some((Endpoint::Version, "", None)));
        check("/api/v4/projects/101/jobs", Some((Endpoint::Jobs, "101", None)));
        check("/api/v4/projects/factory%2Fservice-1", Some((Endpoint::Project, "factory/service-1", None)));
        check(
            "/api/v4/projects/101/merge_requests/7/notes",
            Some((Endpoint::MergeRequestNotes, "101", Some(7))),
        );
        check("/api/v4/projects/101/hooks/5101/events", Some((Endpoint::HookEvents, "101", Some(5101))));
        check("/api/v4/groups/1/descendant_groups", Some((Endpoint::DescendantGroups, "1", None)));
        check("/api/graphql", Some((Endpoint::GraphQl, "", None)));
        check("/api/v4/projects/101/merge_requests/seven", None);
        check("/api/v4/snippets", None);
        check("/explore", None);
    }
}
