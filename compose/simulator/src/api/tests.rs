mod awkward;
mod graphql;
mod hook_log;
mod served;
mod walks;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::minimum::minimum_requests_of;
use super::*;
use crate::gitlab::{Happened, Millis, Project, Special, World, WorldConfig};

const TOKEN: &str = "glpat-simulated";

fn api_of(config: WorldConfig, change: impl FnOnce(&mut Options)) -> (Arc<World>, Api) {
    let world = Arc::new(World::new(config));
    let mut options = Options::new(&world, TOKEN);
    change(&mut options);
    (world.clone(), Api::new(world, options))
}

fn api(change: impl FnOnce(&mut Options)) -> (Arc<World>, Api) {
    api_of(WorldConfig::new(7, 9, 28), change)
}

fn get(api: &Api, address: &str) -> Answer {
    api.answer(&Request::get(address, TOKEN), 0)
}

/// All rows of a list, and how many requests they took. Follows `Link`.
fn walk(api: &Api, address: &str) -> (Vec<Value>, u64) {
    let (mut rows, mut requests, mut next) = (Vec::new(), 0, Some(address.to_owned()));
    while let Some(address) = next {
        let answer = get(api, &address);
        assert_eq!(answer.status, 200, "{address}: {}", answer.value());
        rows.extend(answer.value().as_array().unwrap().iter().cloned());
        requests += 1;
        assert!(requests < 1_000, "{address} does not end");
        next = answer.header("Link").and_then(|links| {
            let link = links.split(", ").find(|link| link.contains("rel=\"next\""))?;
            let address = link.split_once('>')?.0.trim_start_matches('<');
            Some(address.trim_start_matches("https://gitlab.example.com").to_owned())
        });
    }
    (rows, requests)
}

fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

fn special(world: &World, special: Special) -> Project {
    (0..world.projects())
        .map(|index| world.project(index))
        .find(|project| project.special == special)
        .unwrap()
}

#[test]
fn every_list_of_a_project_is_walked_in_the_fewest_requests() {
    let (world, api) = api(|_| ());
    let project = world.project(0);
    let sizes = world.sizes_at(0, world.config().ends_at());
    let minimum = minimum_requests_of(&world, &project, world.config().ends_at());
    for (resource, path, rows) in [
        ("merge_requests", "merge_requests?state=all&per_page=100", sizes.merge_requests),
        ("issues", "issues?per_page=100", sizes.issues),
        ("pipelines", "pipelines?per_page=100", sizes.pipelines - sizes.children),
        ("child_pipelines", "pipelines?per_page=100&source=parent_pipeline", sizes.children),
        ("jobs", "jobs?per_page=100&pagination=keyset&order_by=id&sort=desc", sizes.jobs),
        ("deployments", "deployments?per_page=100&order_by=updated_at&sort=asc", sizes.deployments),
        ("commits", "repository/commits?per_page=100&with_stats=true", sizes.commits),
        ("push_events", "events?action=pushed&per_page=100", sizes.push_events),
        ("merge_request_events", "events?target_type=merge_request&per_page=100", sizes.merge_request_events),
        ("issue_events", "events?target_type=issue&per_page=100", sizes.issue_events),
        ("note_events", "events?target_type=note&per_page=100", sizes.note_events),
        ("tags", "repository/tags?per_page=100&pagination=keyset", sizes.tags),
        ("releases", "releases?per_page=100", sizes.releases),
    ] {
        let (found, requests) = walk(&api, &format!("/api/v4/projects/{}/{path}", project.id));
        assert_eq!(found.len() as u64, rows, "{resource}");
        assert_eq!(requests, minimum.lists[resource], "{resource}");
        let distinct: BTreeSet<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), found.len(), "{resource}");
    }
}

#[test]
fn branches_are_paged_by_name_and_a_wrong_token_is_refused() {
    let (world, api) = api(|_| ());
    let id = world.project(0).id;
    let (rows, requests) =
        walk(&api, &format!("/api/v4/projects/{id}/repository/branches?pagination=keyset&per_page=5"));
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"main") && names.contains(&"release/1") && requests > 2);
    let wrong = format!("/api/v4/projects/{id}/repository/branches?pagination=keyset&page_token=nothing");
    assert_eq!(get(&api, &wrong).status, 422);
}

#[test]
fn a_project_is_listed_once_by_its_own_group_and_the_foreign_one_unless_refused() {
    let (world, api) = api(|_| ());
    let (all, _) = walk(&api, "/api/v4/groups/1/projects?include_subgroups=true&per_page=100");
    let (own, _) =
        walk(&api, "/api/v4/groups/1/projects?include_subgroups=true&with_shared=false&per_page=100");
    assert_eq!(own.len() as u32, world.config().projects);
    assert_eq!(all.len(), own.len() + 1);
    let (direct, _) = walk(&api, "/api/v4/groups/1/projects?with_shared=false");
    assert!(direct.len() < own.len());
    let (groups, _) = walk(&api, "/api/v4/groups/1/descendant_groups");
    assert!(groups.len() >= 2);
    let (keyset, _) = walk(&api, "/api/v4/projects?pagination=keyset&order_by=id&sort=asc&per_page=4");
    assert!(ids(&keyset).is_sorted() && keyset.len() as u32 == world.projects());
}

#[test]
fn lists_of_a_group_hide_what_is_archived_unless_asked() {
    let (world, api) = api(|_| ());
    let archived = special(&world, Special::Archived).id;
    let has = |address: &str| walk(&api, address).0.iter().any(|row| row["project_id"] == archived);
    assert!(!has("/api/v4/groups/1/merge_requests?state=all&per_page=100"));
    assert!(has("/api/v4/groups/1/merge_requests?state=all&per_page=100&non_archived=false"));
}

#[test]
fn what_is_switched_off_is_forbidden_and_what_is_not_there_not_found() {
    let (world, api) = api(|_| ());
    let without = special(&world, Special::WithoutPipelines).id;
    for list in ["pipelines", "jobs", "deployments", "environments"] {
        assert_eq!(get(&api, &format!("/api/v4/projects/{without}/{list}")).status, 403, "{list}");
    }
    let without = special(&world, Special::WithoutDeployments).id;
    assert_eq!(get(&api, &format!("/api/v4/projects/{without}/deployments")).status, 403);
    assert_eq!(get(&api, &format!("/api/v4/projects/{without}/pipelines")).status, 200);
    assert_eq!(get(&api, "/api/v4/projects/5/pipelines").status, 404);
    assert_eq!(get(&api, "/api/v4/snippets").status, 404);
}

#[test]
fn a_renamed_project_answers_its_old_path_with_a_redirect() {
    let (world, api) = api(|_| ());
    let renamed = special(&world, Special::Renamed);
    let answer = get(&api, &format!("/api/v4/projects/factory%2Fformer-{}", renamed.index));
    assert_eq!(
        (answer.status, answer.header("Location").unwrap().ends_with(&renamed.id.to_string())),
        (301, true)
    );
    let path = renamed.path(world.config()).replace('/', "%2F");
    assert_eq!(get(&api, &format!("/api/v4/projects/{path}")).value()["id"], renamed.id);
}

#[test]
fn roles_hide_rows_and_scopes_and_permissions_refuse() {
    let (world, api) = api(|options| {
        let token = |secret: &str| Token { secret: secret.to_owned(), ..Token::reader(secret) };
        options.tokens.push(Token { role: Role::Guest, ..token("guest") });
        options.tokens.push(Token { scopes: vec![Scope::ReadUser], ..token("user") });
        options
            .tokens
            .push(Token { permissions: Some(vec![Permission::Project, Permission::Job]), ..token("fine") });
    });
    let id = world.project(0).id;
    let ask = |address: &str, token: &str| api.answer(&Request::get(address, token), 0);
    let issues = format!("/api/v4/projects/{id}/issues?per_page=100");
    let count = |token: &str| ask(&issues, token).value().as_array().unwrap().len();
    assert!(count("guest") < count(TOKEN));
    assert!(ask(&issues, TOKEN).value().as_array().unwrap().iter().any(|row| row["confidential"] == true));
    assert_eq!(ask(&format!("/api/v4/projects/{id}/merge_requests"), "guest").status, 403);
    assert_eq!(ask("/api/v4/user", "user").status, 200);
    assert_eq!(ask("/api/v4/personal_access_tokens/self", "user").value()["scopes"], json!(["read_user"]));
    assert_eq!(ask(&issues, "user").value()["error"], "insufficient_scope");
    assert_eq!(ask(&issues, "nobody").status, 401);
    assert_eq!(ask(&format!("/api/v4/projects/{id}/jobs"), "fine").status, 200);
    let refused = ask(&issues, "fine");
    let text = refused.value()["error_description"].as_str().unwrap().to_owned();
    assert!(refused.status == 403 && text.contains("[Work Item: Read]"), "{text}");
}

#[test]
fn internal_notes_are_missing_from_pages_and_pages_are_shorter() {
    let (world, api) = api(|options| {
        options.tokens.push(Token { role: Role::Guest, ..Token::reader("guest") });
    });
    let sprint = world.sprint(0, 0);
    let internal = sprint.notes.iter().find(|note| note.internal).unwrap();
    let crate::gitlab::Noteable::Issue(number) = internal.on else {
        panic!("on an issue");
    };
    let iid = world.issue_iid(&sprint, number);
    let address = format!("/api/v4/projects/{}/issues/{iid}/notes", world.project(0).id);
    let all = api.answer(&Request::get(&address, TOKEN), 0);
    let some = api.answer(&Request::get(&address, "guest"), 0);
    let rows = |answer: &Answer| answer.value().as_array().unwrap().len();
    assert!(rows(&some) < rows(&all));
    assert_eq!(some.header("X-Total"), all.header("X-Total"));
}

#[test]
fn the_general_limit_is_told_and_those_of_endpoints_are_not() {
    let (world, api) = api(|options| {
        options.limits = Limits { per_minute: Some(300), ..Limits::saas() };
    });
    let members = format!("/api/v4/projects/{}/members/all", world.project(0).id);
    let first = get(&api, &members);
    assert_eq!(
        (first.header("RateLimit-Limit"), first.header("RateLimit-Remaining")),
        (Some("300"), Some("299"))
    );
    for _ in 1..200 {
        assert_eq!(get(&api, &members).status, 200);
    }
    let refused = get(&api, &members);
    assert_eq!((refused.status, refused.header("RateLimit-Remaining")), (429, Some("99")));
    assert_eq!(refused.header("Retry-After"), Some("60"));
    for _ in 201..300 {
        assert_eq!(get(&api, "/api/v4/version").status, 200);
    }
    assert_eq!(get(&api, "/api/v4/version").status, 429);
    assert_eq!(api.answer(&Request::get("/api/v4/version", TOKEN), 60_000).status, 200);
    assert_eq!(api.options().requests.answered(429), 2);
}

#[test]
fn versions_differ_as_gitlabs_do() {
    let (world, old) = api(|options| options.version = Version::V16);
    let (_, new) = api(|_| ());
    let id = world.project(0).id;
    let sprint = world.sprint(0, 0);
    let parent = sprint.pipelines.iter().find_map(|pipeline| pipeline.parent).unwrap();
    let pipeline = world.id_in(&sprint, parent);
    let triggers = format!("/api/v4/projects/{id}/pipelines/{pipeline}/trigger_jobs");
    assert_eq!((get(&old, &triggers).status, get(&new, &triggers).status), (404, 200));
    let bridges = get(&old, &format!("/api/v4/projects/{id}/pipelines/{pipeline}/bridges")).value();
    assert_eq!(bridges.as_array().unwrap().len(), 2);
    assert!(bridges[0]["downstream_pipeline"]["id"].is_u64());
    // An unsupported order silently falls back to offsets.
    let issues =
        format!("/api/v4/projects/{id}/issues?pagination=keyset&order_by=updated_at&sort=asc&per_page=5");
    let next = |api: &Api| get(api, &issues).header("Link").unwrap().to_owned();
    assert!(next(&new).contains("cursor=") && !next(&old).contains("cursor="));
    let (rows, _) = walk(&new, &issues);
    assert_eq!(rows.len() as u64, world.sizes_at(0, world.config().ends_at()).issues);
    let approvals =
        |api: &Api| get(api, &format!("/api/v4/projects/{id}/merge_requests/1/approvals")).value();
    assert!(approvals(&old)["approved_by"].is_array() && approvals(&new)["id"].is_u64());
}

#[test]
fn events_of_days_leave_both_days_out_and_a_push_of_many_refs_is_one_row() {
    let (world, api) = api(|_| ());
    let id = world.project(0).id;
    let sprint = world.sprint(0, 0);
    let many =
        sprint.activities.iter().find(|activity| matches!(activity.what, Happened::PushedMany(_))).unwrap();
    let day = |days: Millis| crate::gitlab::text::time(many.at + days * 86_400_000)[..10].to_owned();
    let list = |after: String, before: String| {
        walk(
            &api,
            &format!("/api/v4/projects/{id}/events?action=pushed&after={after}&before={before}&per_page=100"),
        )
        .0
    };
    let bulk = |rows: Vec<Value>| rows.into_iter().filter(|row| row["push_data"]["ref_count"] == 5).count();
    assert_eq!(bulk(list(day(-1), day(1))), 1);
    assert_eq!(bulk(list(day(0), day(1))), 0);
    assert_eq!(bulk(list(day(-1), day(0))), 0);
}

#[test]
fn commits_have_no_total_and_asking_for_all_refs_ignores_the_page() {
    let (world, api) = api(|_| ());
    let id = world.project(0).id;
    let list =
        |query: &str| get(&api, &format!("/api/v4/projects/{id}/repository/commits?per_page=10{query}"));
    assert_eq!(list("").header("X-Total"), None);
    assert_ne!(list("&page=2").value(), list("").value());
    assert_eq!(list("&all=true&page=2").value(), list("&all=true").value());
    assert!(list("&with_stats=true").value()[0]["stats"]["total"].is_u64());
    assert!(list("").value()[0].get("stats").is_none());
}

#[test]
fn since_hides_what_a_commit_with_an_old_clock_leads_to() {
    let (world, api) = api(|_| ());
    let since = world.config().began_at + 20 * 86_400_000;
    let path = format!("/api/v4/projects/{}/repository/commits?per_page=100", world.project(2).id);
    let (found, _) = walk(&api, &format!("{path}&since={}", crate::gitlab::text::time(since)));
    let sprint = world.sprint(2, 1);
    let there =
        sprint.commits.iter().filter(|commit| commit.on_main_at.is_some() && commit.committed_at >= since);
    let there = there.count();
    assert!(!found.is_empty() && found.len() < there, "{} of {there}", found.len());
    let (all, _) = walk(&api, &path);
    assert_eq!(all.len() as u64, world.sizes_at(2, world.config().ends_at()).commits);
}

#[test]
fn a_world_goes_on_under_the_walk() {
    let (world, api) = api(|_| ());
    let config = world.config();
    let clock = api.options().clock.clone();
    let address = format!("/api/v4/projects/{}/merge_requests?state=all&per_page=100", world.project(0).id);
    let states = || {
        let rows = walk(&api, &address).0;
        let of = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
        (rows.len(), of("opened"))
    };
    clock.set(config.began_at);
    assert_eq!(states(), (0, 0));
    clock.set(config.began_at + 5 * 86_400_000);
    let (early, open) = states();
    assert!(early > 0 && open > 0);
    clock.set(config.ends_at());
    let (late, _) = states();
    assert!(late > early);
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let (world, one) = api(|_| ());
    let (_, other) = api(|_| ());
    for list in [
        "merge_requests",
        "pipelines",
        "jobs",
        "issues",
        "deployments",
        "events",
        "repository/commits",
        "releases",
    ] {
        let address = format!("/api/v4/projects/{}/{list}?per_page=50", world.project(3).id);
        assert_eq!(get(&one, &address), get(&other, &address), "{list}");
    }
}

#[test]
fn faults_break_requests_and_a_second_try_finds_them_whole() {
    let (_, api) = api(|options| options.faults = Faults { seed: 3, errors: 100, stalls: 50, torn: 100 });
    let statuses: Vec<Answer> = (0..400).map(|_| get(&api, "/api/v4/groups")).collect();
    let is_broken = |answer: &Answer| answer.status != 200 || !answer.value().is_array();
    assert!(statuses.iter().any(|answer| answer.status == 500));
    assert!(statuses.iter().any(|answer| answer.status == 0));
    assert!(statuses.iter().any(|answer| answer.status == 200 && !answer.value().is_array()));
    assert!(statuses.windows(2).all(|pair| !is_broken(&pair[0]) || !is_broken(&pair[1])));
}
