//! A correct GitLab with few rows: the group `hostile` and its projects, each list with two objects. In: a request. Out: the list and the project,
//! and the answer.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::scripted::{Answer, Question, answer};

/// The list of a request and the number of its project; `None` if it is not for a list of a project.
pub(super) fn asked(question: &Question) -> Option<(usize, &'static str)> {
    let (path, query) = question.place.split_once('?').unwrap_or((&question.place, ""));
    let parts: Vec<&str> = path.trim_start_matches("/api/v4/").split('/').collect();
    let list = match parts.as_slice() {
        ["", "api", "graphql"] => return asked_by_graphql(question),
        ["projects", _, "pipelines"] if query.contains("source=parent_pipeline") => "child_pipelines",
        ["projects", _, "pipelines"] => "pipelines",
        ["projects", _, "merge_requests"] => "merge_requests",
        ["projects", _, "deployments"] => "deployments",
        ["projects", _, "issues"] => "issues",
        ["projects", _, "jobs"] => "jobs",
        ["projects", _, "events"] if query.contains("target_type=note") => "notes",
        ["projects", _, "events"] if query.contains("action=pushed") => "pushes",
        ["projects", _, "events"] if query.contains("target_type=issue") => "issue_events",
        ["projects", _, "events"] => "merge_request_events",
        ["projects", _, "environments"] => "environments",
        ["projects", _, "milestones"] => "milestones",
        ["projects", _, "releases"] => "releases",
        ["projects", _, "repository", "commits"] => "commits",
        ["projects", _, "repository", "branches"] => "branches",
        ["projects", _, "repository", "tags"] => "tags",
        ["projects", _, "members", "all"] => "members",
        ["projects", _, "merge_requests", _, "commits"] => "merge_request_commits",
        ["projects", _, "deployments", _, "merge_requests"] => "deployment_merge_requests",
        _ => return None,
    };
    Some((parts[1].parse().ok()?, list))
}

/// GraphQL finds a project by its path, which `moved` may have followed.
fn asked_by_graphql(question: &Question) -> Option<(usize, &'static str)> {
    let body: Value = serde_json::from_str(&question.body).unwrap();
    let query = body["query"].as_str().unwrap();
    let list = match query {
        _ if !query.contains("list: ") => return None,
        _ if query.contains("mergeRequests(") => "merge_request_details",
        _ if query.contains("parent_pipeline") => "child_pipelines",
        _ => "pipelines",
    };
    let path = body["variables"]["path"].as_str().unwrap().strip_prefix("hostile/case-").unwrap();
    Some((path.split('-').next().unwrap().parse().unwrap(), list))
}

/// The cursor in a GraphQL request.
pub(super) fn behind(question: &Question) -> Option<String> {
    let body: Value = serde_json::from_str(&question.body).unwrap();
    body["variables"]["after"].as_str().map(str::to_owned)
}

/// The answer to any request, for a group of this many projects. GraphQL's cursors look like addresses of `elsewhere`.
pub(super) fn usual(question: &Question, count: usize, elsewhere: &str) -> Answer {
    let path = question.place.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_start_matches("/api/v4/").split('/').collect();
    let body = match (parts.as_slice(), asked(question)) {
        (["", "api", "graphql"], None) => json!({ "data": { "project": null } }),
        (["", "api", "graphql"], Some((_, list))) => {
            let nodes = json!([node(list, 2), null, node(list, 1)]);
            match behind(question) {
                None => connection(nodes, Some(elsewhere)),
                Some(_) => connection(json!([]), None),
            }
        }
        (["groups", "hostile"], _) => json!({ "id": 1, "full_path": "hostile" }),
        (["groups", "hostile", "projects"], _) => Value::from_iter((1..=count).map(project)),
        (["groups", ..], _) => json!([]),
        (["projects", id], _) => project(id.parse().unwrap()),
        (_, Some((_, "notes"))) => {
            let note = json!({ "id": 7, "body": "Fine.", "noteable_type": "Issue" });
            json!([{ "id": 2, "note": null, "created_at": "2026-01-05T08:00:00Z" }, { "id": 1, "note": note }])
        }
        (_, Some((_, "deployment_merge_requests"))) => json!([{ "id": 1, "iid": 1, "project_id": 1 }]),
        (_, Some((_, "merge_request_commits" | "commits"))) => json!([{ "id": "ab" }]),
        (_, Some(_)) => objects(2, 3),
        (_, None) => return answer(404, &[], r#"{"error":"404 Not Found"}"#),
    };
    answer(200, &[], &body.to_string())
}

/// A project, by its number.
pub(super) fn project(id: usize) -> Value {
    json!({ "id": id, "path_with_namespace": format!("hostile/case-{id}"), "default_branch": "main" })
}

/// This many objects, each updated a second before the one with the next higher id, the first this many days ago; in ascending order.
pub(super) fn objects(count: u64, days_ago: i64) -> Value {
    let first = now() - TimeDelta::days(days_ago);
    let object = |number: u64| {
        let updated_at = (first + TimeDelta::seconds(number.try_into().unwrap())).to_rfc3339();
        json!({
            "id": number, "iid": number, "project_id": 1, "sha": "ab", "status": "success",
            "updated_at": updated_at, "created_at": updated_at,
        })
    };
    Value::from_iter((1..=count).map(object))
}

/// A row of GraphQL.
pub(super) fn node(list: &str, id: u64) -> Value {
    let kind = if list == "merge_request_details" { "MergeRequest" } else { "Ci::Pipeline" };
    let id = id.to_string();
    json!({ "id": format!("gid://gitlab/{kind}/{id}"), "iid": id, "updatedAt": "2026-01-05T08:00:00Z" })
}

/// An answer of GraphQL with these rows, and where the next are.
pub(super) fn connection(nodes: Value, cursor: Option<&str>) -> Value {
    let page = json!({ "endCursor": cursor, "hasNextPage": cursor.is_some() });
    json!({ "data": { "project": { "list": { "nodes": nodes, "pageInfo": page } } } })
}

#[expect(clippy::disallowed_methods, reason = "the server's clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
