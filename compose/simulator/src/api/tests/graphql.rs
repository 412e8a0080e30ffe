//! Queries of GraphQL.

use super::*;

fn ask(api: &Api, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables}).to_string().into_bytes();
    let request = Request { method: "POST".to_owned(), body, ..Request::get("/api/graphql", TOKEN) };
    api.answer(&request, 0).value()
}

fn query(api: &Api, query: &str) -> Value {
    ask(api, query, json!({}))
}

#[test]
fn pipelines_come_with_their_times_page_by_page() {
    let (world, api) = api(|_| ());
    let path = world.project(0).path(world.config());
    let text = r"query Pipelines($path: ID!, $after: String, $from: Time) {
        queryComplexity { score limit }
        project(fullPath: $path) { id pipelines(first: 100, after: $after, updatedAfter: $from) {
            nodes { id iid sha status source createdAt startedAt finishedAt duration user { ...Who } mergeRequest { iid } }
            pageInfo { hasNextPage endCursor } } } }
        fragment Who on UserCore { id username }";
    let (mut found, mut after, mut requests) = (BTreeSet::new(), Value::Null, 0);
    loop {
        let from = crate::gitlab::text::time(world.config().began_at);
        let answer = ask(&api, text, json!({"path": path, "after": after, "from": from}));
        requests += 1;
        let pipelines = &answer["data"]["project"]["pipelines"];
        for node in pipelines["nodes"].as_array().unwrap_or_else(|| panic!("{answer}")) {
            assert!(found.insert(node["id"].as_str().unwrap().to_owned()));
            assert!(node["user"]["username"].is_string());
        }
        assert!(answer["data"]["queryComplexity"]["score"].as_u64().unwrap() < 250);
        if pipelines["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = pipelines["pageInfo"]["endCursor"].clone();
    }
    let now = world.config().ends_at();
    let sizes = world.sizes_at(0, now);
    assert_eq!(found.len() as u64, sizes.pipelines - sizes.children);
    assert_eq!(requests, minimum_requests_of(&world, &world.project(0), now).lists["pipelines"]);
}

#[test]
fn a_hundred_merge_requests_come_with_their_notes_within_the_complexity() {
    let (world, api) = api(|_| ());
    let path = world.project(0).path(world.config());
    let answer = query(
        &api,
        &format!(
            r#"{{ queryComplexity {{ score }} project(fullPath: "{path}") {{ mergeRequests(first: 100, sort: UPDATED_ASC) {{
            nodes {{ iid state title draft createdAt updatedAt mergedAt closedAt sourceBranch targetBranch sourceProjectId
            diffHeadSha mergeCommitSha commitCount author {{ id username }} mergeUser {{ id }} milestone {{ id }}
            approvedBy {{ nodes {{ id username }} }} reviewers {{ nodes {{ id }} }} assignees {{ nodes {{ id }} }} labels {{ nodes {{ title }} }}
            diffStatsSummary {{ additions deletions fileCount }}
            notes(first: 100) {{ nodes {{ id body system internal createdAt updatedAt resolvable resolved resolvedAt
                author {{ id username bot }} resolvedBy {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }}
            pageInfo {{ hasNextPage endCursor }} }} }} }}"#
        ),
    );
    let nodes = answer["data"]["project"]["mergeRequests"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len() as u64, world.sizes_at(0, world.config().ends_at()).merge_requests, "{answer}");
    let score = answer["data"]["queryComplexity"]["score"].as_u64().unwrap();
    assert!((200..250).contains(&score), "{score}");
    let of = |list: &'static str| nodes.iter().flat_map(move |node| node[list]["nodes"].as_array().unwrap());
    assert!(of("notes").any(|note| note["system"] == true) && of("approvedBy").count() > 0);
    // A note on a line is of another class.
    assert!(of("notes").any(|note| note["id"].as_str().unwrap().starts_with("gid://gitlab/DiffNote/")));
    assert!(of("notes").any(|note| note["resolved"] == true && note["resolvedBy"]["id"].is_string()));
    let times: Vec<&str> = nodes.iter().map(|node| node["updatedAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
}

#[test]
fn several_projects_and_windows_are_asked_for_at_once_and_counted() {
    let (world, api) = api(|_| ());
    let (config, now) = (world.config(), world.config().ends_at());
    let half = crate::gitlab::text::time(config.began_at + 14 * 86_400_000);
    let paths: Vec<String> = (0..2).map(|index| world.project(index).path(config)).collect();
    let answer = query(
        &api,
        &format!(
            r#"{{ a: project(fullPath: "{}") {{ mergeRequests {{ count }} issues {{ count }} pipelines {{ count }} jobs {{ count }}
                early: pipelines(first: 1, updatedBefore: "{half}") {{ count nodes {{ iid }} }}
                late: pipelines(first: 1, updatedAfter: "{half}") {{ count nodes {{ iid }} }}
                merged: mergeRequests(first: 1, state: merged) {{ count }} }}
            b: project(fullPath: "{}") {{ mergeRequests {{ count }} jobs {{ count(limit: 10) }} }}
            group(fullPath: "factory") {{ projects(includeSubgroups: true) {{ count nodes {{ id fullPath archived lastActivityAt }} }} }} }}"#,
            paths[0], paths[1]
        ),
    );
    let (a, sizes) = (&answer["data"]["a"], world.sizes_at(0, now));
    assert_eq!(a["mergeRequests"]["count"], sizes.merge_requests, "{answer}");
    assert_eq!(a["issues"]["count"], sizes.issues);
    assert_eq!(a["pipelines"]["count"], sizes.pipelines - sizes.children);
    // Jobs are not counted further than a thousand.
    assert_eq!(a["jobs"]["count"], sizes.jobs.min(1_001));
    let both = a["early"]["count"].as_u64().unwrap() + a["late"]["count"].as_u64().unwrap();
    assert_eq!(both, sizes.pipelines - sizes.children);
    assert_ne!(a["early"]["nodes"], a["late"]["nodes"]);
    assert!(a["merged"]["count"].as_u64().unwrap() < sizes.merge_requests);
    let b = &answer["data"]["b"];
    assert_eq!(b["mergeRequests"]["count"], world.sizes_at(1, now).merge_requests);
    assert_eq!(b["jobs"]["count"], 11);
    let projects = &answer["data"]["group"]["projects"];
    assert_eq!(projects["count"], config.projects);
    assert!(projects["nodes"].as_array().unwrap().iter().any(|node| node["archived"] == true));
}

#[test]
fn child_pipelines_are_found_from_both_sides() {
    let (world, api) = api(|_| ());
    let path = world.project(0).path(world.config());
    let answer = query(
        &api,
        &format!(
            r#"{{ project(fullPath: "{path}") {{ pipelines(source: "parent_pipeline") {{ count nodes {{ id child upstream {{ id }} }} }}
                all: pipelines {{ nodes {{ id downstream {{ nodes {{ id }} }} }} }} }} }}"#
        ),
    );
    let project = &answer["data"]["project"];
    let children = project["pipelines"]["nodes"].as_array().unwrap();
    assert_eq!(children.len() as u64, world.sizes_at(0, world.config().ends_at()).children, "{answer}");
    assert!(children.iter().all(|child| child["child"] == true && child["upstream"]["id"].is_string()));
    let parents = project["all"]["nodes"].as_array().unwrap();
    let below = |parent: &Value| parent["downstream"]["nodes"].as_array().unwrap().len();
    assert!(
        parents.iter().any(|parent| below(parent) == 2) && parents.iter().any(|parent| below(parent) == 0)
    );
}

#[test]
fn issues_come_with_notes_that_no_list_of_events_tells() {
    let (world, api) = api(|_| ());
    let path = world.project(0).path(world.config());
    let answer = query(
        &api,
        &format!(
            r#"{{ project(fullPath: "{path}") {{ issues(first: 50, sort: UPDATED_ASC) {{ nodes {{ iid state closedAt type confidential moved
                movedTo {{ id iid }} author {{ username }} labels {{ nodes {{ title }} }}
                notes(first: 100, filter: ONLY_ACTIVITY) {{ nodes {{ body system }} }} }} pageInfo {{ hasNextPage }} }} }} }}"#
        ),
    );
    let nodes = answer["data"]["project"]["issues"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len() as u64, world.sizes_at(0, world.config().ends_at()).issues, "{answer}");
    let moved = nodes.iter().find(|node| node["moved"] == true).unwrap();
    assert!(moved["movedTo"]["id"].as_str().unwrap().starts_with("gid://gitlab/Issue/"));
    let notes = nodes.iter().flat_map(|node| node["notes"]["nodes"].as_array().unwrap());
    assert!(notes.clone().all(|note| note["system"] == true) && notes.count() > 0);
}

#[test]
fn what_gitlab_does_not_have_and_what_is_too_much_is_refused() {
    let (world, old) = api(|options| options.version = Version::V16);
    let path = world.project(0).path(world.config());
    let error = |text: &str| query(&old, text)["errors"][0].clone();
    let nodes = |fields: &str| {
        format!(r#"{{ project(fullPath: "{path}") {{ pipelines {{ nodes {{ {fields} }} }} }} }}"#)
    };
    let refused = error(&nodes("mergeRequest { iid }"));
    assert_eq!(refused["message"], "Field 'mergeRequest' doesn't exist on type 'Pipeline'");
    assert_eq!(refused["extensions"]["code"], "undefinedField");
    assert_eq!(refused["path"], json!(["query", "project", "pipelines", "nodes", "mergeRequest"]));
    let many: String =
        (0..50).map(|number| format!("a{number}: sha b{number}: id c{number}: iid ")).collect();
    assert_eq!(
        error(&nodes(&many))["message"],
        "Query has complexity of 307, which exceeds max complexity of 250"
    );
    let cursor =
        error(&format!(r#"{{ project(fullPath: "{path}") {{ pipelines(after: "7") {{ count }} }} }}"#));
    assert_eq!(cursor["message"], "Please provide a valid cursor");
}

#[test]
fn what_may_not_be_seen_is_null_and_a_fine_grained_token_is_told_what_it_lacks() {
    let (world, api) = api(|options| {
        options.tokens.push(Token { role: Role::Guest, ..Token::reader("guest") });
        options.tokens.push(Token { permissions: Some(vec![Permission::Pipeline]), ..Token::reader("fine") });
    });
    let path = |index: u32| world.project(index).path(world.config());
    let text = |path: &str, list: &str| {
        format!(r#"{{ project(fullPath: "{path}") {{ {list} {{ count nodes {{ id }} }} }} }}"#)
    };
    let ask = |token: &str, text: &str| {
        let body = json!({"query": text}).to_string().into_bytes();
        let request = Request { method: "POST".to_owned(), body, ..Request::get("/api/graphql", token) };
        api.answer(&request, 0).value()
    };
    assert_eq!(ask("guest", &text(&path(0), "pipelines"))["data"]["project"], json!({"pipelines": null}));
    let without = special(&world, Special::WithoutPipelines).path(world.config());
    assert_eq!(ask(TOKEN, &text(&without, "pipelines"))["data"]["project"], json!({"pipelines": null}));
    assert_eq!(ask(TOKEN, &text("factory/nothing", "pipelines"))["data"], json!({"project": null}));
    assert!(ask("fine", &text(&path(0), "pipelines"))["data"]["project"]["pipelines"]["count"].is_u64());
    let refused = ask("fine", &text(&path(0), "mergeRequests"))["errors"][0]["message"].clone();
    assert!(refused.as_str().unwrap().contains("[Merge Request: Read]"), "{refused}");
    assert_eq!(ask("nobody", &text(&path(0), "pipelines"))["errors"], json!([{"message": "Invalid token"}]));
}
