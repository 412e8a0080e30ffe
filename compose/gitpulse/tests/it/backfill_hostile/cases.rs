//! Faulty answers to lists, one list each. In: where the client is to be led. Out: answers, and the expected messages.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::TOKEN;
use super::usual::{behind, connection, node, objects};
use crate::scripted::{Answer, Question, Scripted, answer};

/// A fault of one list: its answers, how the list ends, and the expected message.
pub(super) struct Case {
    pub(super) list: &'static str,
    /// Whether it also answers requests for the project itself.
    pub(super) is_of_project: bool,
    pub(super) answer: Box<dyn Fn(&Question) -> Answer + Send + Sync>,
    pub(super) outcome: &'static str,
    pub(super) said: String,
}

fn failed(
    list: &'static str,
    said: &str,
    answer: impl Fn(&Question) -> Answer + Send + Sync + 'static,
) -> Case {
    Case { list, is_of_project: false, answer: Box::new(answer), outcome: "failed", said: said.to_owned() }
}

fn skipped(
    list: &'static str,
    said: &str,
    answer: impl Fn(&Question) -> Answer + Send + Sync + 'static,
) -> Case {
    Case { outcome: "skipped", ..failed(list, said, answer) }
}

/// Always the same.
fn always(status: u16, body: &str) -> impl Fn(&Question) -> Answer + Send + Sync + use<> {
    let body = body.to_owned();
    move |_| answer(status, &[], &body)
}

fn ok(body: &Value) -> Answer {
    answer(200, &[], &body.to_string())
}

/// A page that names another one.
fn page(body: &Value, next: &str) -> Answer {
    answer(200, &[("Link", &format!("<{next}>; rel=\"next\""))], &body.to_string())
}

/// 0, 1, 2 and so on: something new in each answer.
fn counter() -> impl Fn() -> u64 {
    let count = AtomicU64::new(0);
    move || count.fetch_add(1, Ordering::Relaxed)
}

fn html() -> Answer {
    let html =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
    Answer::Bytes(html.into())
}

/// All cases. The canary is where they want the client to go.
pub(super) fn cases(canary: &Scripted) -> Vec<Case> {
    [of_rest(canary), of_pages(), of_graphql(canary), of_graphql_pages()].into_iter().flatten().collect()
}

fn of_rest(canary: &Scripted) -> Vec<Case> {
    let redirect = format!("{}/api/v4/projects/2/issues?private_token={TOKEN}", canary.url());
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"100000\r\n".to_vec(), vec![b' '; 0x10_0000], b"\r\n".to_vec()].concat();
    let (forbidden, absent) = (r#"{"message":"403 Forbidden"}"#, r#"{"message":"404 Not Found"}"#);
    vec![
        failed("merge_requests", "answers 302, a redirect to http://127.0.0.1", move |_| {
            answer(302, &[("Location", &redirect)], "")
        }),
        failed("deployments", "an answer is larger than 64 MiB", move |_| {
            Answer::Endless(chunked.into(), chunk.clone())
        }),
        failed("merge_requests", "answers 500; run it again later", always(500, "{}")),
        failed("issues", "an answer is not valid JSON", always(200, r#"[{"id":1},{"id":"#)),
        failed("issues", "an object of projects/", always(200, r#"[{"iid":1}]"#)),
        failed("issues", "an object of projects/", always(200, "[1,2]")),
        failed("jobs", "lacks what it is walked by", always(200, r#"[{"name":"build"}]"#)),
        failed("commits", "lacks what it is walked by", always(200, r#"[{"title":"A"}]"#)),
        failed("deployments", "an answer is not a list", always(200, r#"{"id":1}"#)),
        failed("environments", "an answer is not a list", always(200, r#"{"message":"soon"}"#)),
        failed("deployment_merge_requests", "an answer is not a list", always(200, "null")),
        failed("deployment_merge_requests", "lacks what it is walked by", always(200, r#"[{"id":1}]"#)),
        failed("merge_request_commits", "answers 500; run it again later", always(500, "{}")),
        failed("issues", "is not GitLab's API, but text/html", |_| html()),
        failed("issues", "is too slow: the beginning of an answer took more than 1s", |_| Answer::Stall),
        failed(
            "merge_requests",
            "what is ***?",
            always(400, &format!(r#"{{"message":"what is {TOKEN}?"}}"#)),
        ),
        failed("branches", "does not answer", |_| Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
        failed("issues", "does not know the token", always(401, r#"{"message":"401 Unauthorized"}"#)),
        skipped("deployments", "GitLab refuses the token: 403 Forbidden", always(403, forbidden)),
        skipped("jobs", "GitLab refuses the token: 403 Forbidden", always(403, forbidden)),
        skipped("merge_request_commits", "GitLab refuses the token", always(403, forbidden)),
        skipped("notes", "GitLab does not show it to the token (404)", always(404, absent)),
        skipped("members", "GitLab does not show it to the token (404)", always(404, absent)),
    ]
    .into_iter()
    .chain(of_links(canary))
    .collect()
}

/// Links that lead elsewhere.
fn of_links(canary: &Scripted) -> Vec<Case> {
    let lists = ["issues", "jobs", "members", "branches", "merge_request_commits"];
    let case = |list: &'static str| {
        let elsewhere = format!("http://localhost:{}/api/v4/projects/1/{list}?page=2", canary.port());
        failed(list, "the next page is said to be on localhost", move |_| page(&objects(1, 3), &elsewhere))
    };
    lists.into_iter().map(case).collect()
}

/// Pages that do not lead on.
fn of_pages() -> Vec<Case> {
    let (of_jobs, of_members, of_commits, of_events) = (counter(), counter(), counter(), counter());
    vec![
        failed("issues", "from before the time that it was asked for; look at what stands between", |_| {
            page(&objects(100, 3), "/?page=2")
        }),
        failed("deployments", "no updated_at that can be read", |_| {
            page(&json!([{ "id": 1, "updated_at": "yesterday" }]), "/?page=2")
        }),
        failed("tags", "a page names one before it as the next", |_| page(&objects(1, 3), "/?page=2")),
        failed("jobs", "a page repeats those before it, and names another one", move |_| {
            let number = of_jobs();
            page(&json!([{ "id": 7, "number": number }]), &format!("/?cursor={number}"))
        }),
        failed("pushes", "a page repeats those before it, and names another one", move |_| {
            let number = of_events();
            let next = format!("/?action=pushed&page={number}");
            page(&json!([{ "id": 7 + number % 3, "number": number }]), &next)
        }),
        failed("members", "a page repeats one before it", move |_| {
            let number = of_members();
            page(&json!([{ "id": number % 3 }]), &format!("/?page={number}"))
        }),
        // The newest merge request alone.
        failed("merge_request_commits", "one thing has more than 500 pages", move |question| {
            if !question.place.contains("/merge_requests/2/") {
                return answer(200, &[], r#"[{"id":"ab"}]"#);
            }
            let number = of_commits();
            page(&json!([{ "id": number.to_string() }]), &format!("/?page={number}"))
        }),
    ]
}

/// GraphQL with faulty answers.
fn of_graphql(canary: &Scripted) -> Vec<Case> {
    let redirect = format!("{}/api/graphql", canary.url());
    let error = |message: &str| json!({ "errors": [{ "message": message }] }).to_string();
    let moved = counter();
    vec![
        failed("pipelines", "is not GitLab's API, but text/html; correct GITLAB_URL", |_| html()),
        failed("pipelines", "answers 302, a redirect to http://127.0.0.1", move |_| {
            answer(302, &[("Location", &redirect)], "")
        }),
        failed(
            "merge_request_details",
            "GitLab refuses the GraphQL query: Internal server error",
            always(200, &error("Internal server error")),
        ),
        failed(
            "child_pipelines",
            "GitLab refuses the GraphQL query: Query has complexity",
            always(200, &error("Query has complexity of 300, which exceeds max complexity of 250")),
        ),
        failed("pipelines", "GitLab refuses the GraphQL query: what is ***?", {
            always(200, &error(&format!("what is {TOKEN}?")))
        }),
        failed(
            "pipelines",
            "an answer is not an answer of GraphQL with data",
            always(200, r#"{"data":null}"#),
        ),
        failed("pipelines", "an answer is not an answer of GraphQL", always(200, "[]")),
        failed("pipelines", "an answer is not valid JSON", always(200, r#"{"data":{"project":"#)),
        failed(
            "child_pipelines",
            "has not the shape that was asked for",
            always(200, r#"{"data":{"project":{"list":{"nodes":3}}}}"#),
        ),
        failed("pipelines", "a row of GraphQL lacks its id; look at", |_| {
            ok(&connection(json!([{ "iid": "7" }]), None))
        }),
        failed("merge_request_details", "a row of GraphQL lacks its iid; look at", |_| {
            ok(&connection(json!([{ "id": "gid://gitlab/MergeRequest/7" }]), None))
        }),
        failed("merge_request_details", "does not know the token", always(401, "{}")),
        skipped("merge_request_details", "GitLab refuses the token", always(403, "{}")),
        skipped("pipelines", "GitLab does not show it to the token (404)", always(404, "{}")),
        skipped("pipelines", "does not show it", always(200, r#"{"data":{"project":{"list":null}}}"#)),
        skipped("pipelines", "GraphQL shows no project of this path", |_| {
            ok(&json!({ "data": { "project": null } }))
        }),
        Case {
            is_of_project: true,
            ..skipped("pipelines", "GraphQL shows no project of this path", move |question| {
                match question.place.contains("graphql") {
                    true => ok(&json!({ "data": { "project": null } })),
                    false => {
                        let id: u64 =
                            question.place.trim_end_matches('?').rsplit('/').next().unwrap().parse().unwrap();
                        let path = format!("hostile/case-{id}-{}", moved());
                        ok(&json!({ "id": id, "path_with_namespace": path }))
                    }
                }
            })
        },
    ]
}

/// Pages of GraphQL that do not lead on.
fn of_graphql_pages() -> Vec<Case> {
    let (of_same, of_three, of_notes) = (counter(), counter(), counter());
    vec![
        failed("pipelines", "a page names one before it as the next; look at", |_| {
            ok(&connection(json!([node("pipelines", 7)]), Some("b")))
        }),
        failed("child_pipelines", "a page names one before it as the next", |question| {
            let next = match behind(question).as_deref() {
                None | Some("c") => "a",
                Some("a") => "b",
                Some(_) => "c",
            };
            ok(&connection(json!([]), Some(next)))
        }),
        failed("pipelines", "a page repeats one before it", move |_| {
            ok(&connection(json!([node("pipelines", 7)]), Some(&of_same().to_string())))
        }),
        failed("child_pipelines", "a page repeats one before it", move |_| {
            let number = of_three();
            ok(&connection(json!([node("pipelines", number % 3)]), Some(&number.to_string())))
        }),
        failed("merge_request_details", "a page repeats one before it", move |_| {
            let number = of_notes();
            ok(&connection(json!([node("merge_request_details", number % 2)]), Some(&number.to_string())))
        }),
        failed("pipelines", "GraphQL says that there is another page, and not where; look at", |_| {
            let page = json!({ "endCursor": null, "hasNextPage": true });
            ok(&json!({ "data": { "project": { "list": { "nodes": [], "pageInfo": page } } } }))
        }),
    ]
}
