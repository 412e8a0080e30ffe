//! `gitpulse backfill` against servers that are no GitLab, or want to be more: each fault is one line that says what to do, costs its own list and no
//! other, and shows in the exit code; the token goes to nobody else.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::delivery::client;
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::free_address;
use crate::scripted::{Answer, Scripted, answer};

const TOKEN: &str = "glpat-of-hostile-tests";
/// The lists that are read here, the same whatever further lists there are.
const LISTS: [&str; 4] = ["merge_requests", "pipelines", "deployments", "issues"];

/// A fault of one list of a project of its own: the list, what it answers, and what is said of it.
struct Case {
    list: &'static str,
    answer: Box<dyn Fn(&str) -> Answer + Send + Sync>,
    said: String,
}

fn case(list: &'static str, answer: impl Fn(&str) -> Answer + Send + Sync + 'static, said: &str) -> Case {
    Case { list, answer: Box::new(answer), said: said.to_owned() }
}

/// So many objects that were updated a second apart, from so many days ago on.
fn objects(count: u64, days_ago: i64) -> String {
    let first = now() - TimeDelta::days(days_ago);
    let object = |number: u64| {
        let updated_at = (first + TimeDelta::seconds(number.try_into().unwrap())).to_rfc3339();
        json!({ "id": number, "iid": number, "project_id": 1, "updated_at": updated_at, "created_at": updated_at })
    };
    Value::from_iter((1..=count).map(object)).to_string()
}

#[expect(clippy::disallowed_methods, reason = "the server's clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A page that names another one.
fn page(body: &str, next: &str) -> Answer {
    answer(200, &[("Link", &format!("<{next}>; rel=\"next\""))], body)
}

/// Projects of the group `hostile`, by their ids from 1.
fn projects(count: usize) -> String {
    let project = |id| json!({ "id": id, "path_with_namespace": format!("hostile/case-{id}") });
    Value::from_iter((1..=count).map(project)).to_string()
}

/// A deployment that reads from a server, with little patience.
fn deployment(name: &str, url: &str) -> Deployment {
    Deployment::new(name)
        .with("GITLAB_URL", url)
        .with("GITLAB_TOKEN", TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000")
        .with("GITPULSE_GITLAB_ATTEMPTS", "2")
        .with("GITPULSE_GITLAB_ANSWER_SECONDS", "1")
}

fn backfill(deployment: &Deployment, scope: &[&str]) -> Output {
    let lists = LISTS.join(",");
    let output = deployment.command(&[&["backfill", "--only", &lists], scope].concat()).output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(said).contains(TOKEN), "{}", String::from_utf8_lossy(said));
    }
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What servers can do to a list, each to one of its own.
fn cases(canary: &Scripted) -> Vec<Case> {
    let port = canary.port();
    let elsewhere = format!("http://localhost:{port}/api/v4/projects/1/issues?page=2");
    let redirect = format!("{}/api/v4/projects/2/issues?private_token={TOKEN}", canary.url());
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"100000\r\n".to_vec(), vec![b' '; 0x10_0000], b"\r\n".to_vec()].concat();
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    let repeats_token = format!(r#"{{"message":"what is {TOKEN}?"}}"#);
    vec![
        case("issues", move |_| page(&objects(1, 3), &elsewhere), "the next page is said to be on localhost"),
        case(
            "merge_requests",
            move |_| answer(302, &[("Location", &redirect)], ""),
            "answers 302, a redirect to http://127.0.0.1",
        ),
        case(
            "pipelines",
            move |_| Answer::Endless(chunked.into(), chunk.clone()),
            "an answer is larger than 64 MiB",
        ),
        case(
            "issues",
            |_| page(&objects(100, 3), "/?page=2"),
            "a page has objects from before the time that it was asked for",
        ),
        case(
            "deployments",
            |_| page(r#"[{"id":1,"updated_at":"yesterday"}]"#, "/?page=2"),
            "no updated_at that can be read",
        ),
        case("merge_requests", |_| answer(500, &[], "{}"), "answers 500"),
        case("issues", |_| answer(200, &[], r#"[{"id":1},{"id":"#), "an answer is not valid JSON"),
        case("pipelines", |_| answer(200, &[], r#"[{"iid":1}]"#), "has no id or no updated_at"),
        case("deployments", |_| answer(200, &[], r#"{"id":1}"#), "an answer is not a list"),
        case("issues", move |_| Answer::Bytes(html.into()), "is not GitLab's API, but text/html"),
        case("issues", |_| Answer::Stall, "is too slow: the beginning of an answer took more than 1s"),
        case("merge_requests", move |_| answer(400, &[], &repeats_token), "what is ***?"),
        case("pipelines", |_| Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), "does not answer"),
        case("issues", |_| answer(401, &[], r#"{"message":"401 Unauthorized"}"#), "does not know the token"),
        case(
            "deployments",
            |_| answer(403, &[], r#"{"message":"403 Forbidden"}"#),
            "GitLab refuses the token: 403 Forbidden",
        ),
        case(
            "pipelines",
            |_| answer(404, &[], r#"{"message":"404 Not Found"}"#),
            "GitLab does not show it to the token (404)",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_list_is_lost_alone_and_said_and_is_read_once_it_is_mended() {
    let canary = Scripted::start(|_, _| answer(200, &[], "[]")).await;
    let cases = Arc::new(cases(&canary));
    let is_mended = Arc::new(AtomicBool::new(false));
    let (script, mended) = (cases.clone(), is_mended.clone());
    let server = Scripted::start(move |place, _| {
        let path = place.split('?').next().unwrap();
        let parts: Vec<&str> = path.trim_start_matches("/api/v4/").split('/').collect();
        match parts.as_slice() {
            ["groups", "hostile", "projects"] => answer(200, &[], &projects(script.len())),
            ["projects", id, list] => {
                let case = id.parse::<usize>().ok().and_then(|id| script.get(id - 1));
                match case.filter(|case| case.list == *list && !mended.load(Ordering::SeqCst)) {
                    Some(case) => (case.answer)(place),
                    None => answer(200, &[], &objects(2, 3)),
                }
            }
            _ => answer(404, &[], r#"{"error":"404 Not Found"}"#),
        }
    })
    .await;
    let deployment = deployment("hostile", &server.url());
    let output = backfill(&deployment, &["--group", "hostile"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    let (skipped, failed) = (2, cases.len() - 2);
    let complete = cases.len() * LISTS.len() - skipped - failed;
    assert!(
        said.contains(&format!(
            "{complete} lists complete, {skipped} skipped, {failed} failed, 0 interrupted"
        )),
        "{said}"
    );
    for (index, Case { list, said: expected, .. }) in cases.iter().enumerate() {
        let outcome = if index < failed { "failed" } else { "skipped" };
        let start = format!("{list} of hostile/case-{}: {outcome}: ", index + 1);
        let line = said.lines().find(|line| line.starts_with(&start));
        assert!(line.is_some_and(|line| line.contains(expected)), "{start}{expected}: {said}");
    }
    assert!(canary.asked().is_empty(), "{:?}", canary.asked());
    let remembered = "SELECT countIf(outcome = 'complete') FROM backfill_checkpoints FINAL";
    assert_eq!(deployment.value::<u64>(remembered).await, complete as u64);

    is_mended.store(true, Ordering::SeqCst);
    let output = backfill(&deployment, &["--group", "hostile"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(
        said.contains(&format!("{} lists complete, 0 skipped, 0 failed", cases.len() * LISTS.len())),
        "{said}"
    );
    assert!(canary.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_waiting_is_said_and_not_waited_for() {
    let server = Scripted::start(|place, _| match place.split('?').next().unwrap() {
        "/api/v4/projects/1" => answer(200, &[], r#"{"id":1,"path_with_namespace":"a/b"}"#),
        "/api/v4/projects/1/issues" => answer(429, &[("Retry-After", "86400")], "{}"),
        _ => answer(200, &[], &objects(2, 3)),
    })
    .await;
    let began = std::time::Instant::now();
    let output = backfill(&deployment("retry_after", &server.url()), &["--project", "1"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("3 lists complete, 0 skipped, 1 failed"), "{said}");
    let line =
        "issues of a/b: failed: GitLab takes no requests for another 1440 minutes; run it again after that";
    assert!(said.contains(line), "{said}");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_beginning_is_one_line_that_says_what_to_do() {
    let server = Scripted::start(|place, bearer| {
        let fine = "Access denied: This operation requires a fine-grained personal access token with the following project permissions: [read_project]";
        match (place.split('?').next().unwrap(), bearer) {
            (_, "wrong") => answer(401, &[], r#"{"message":"401 Unauthorized"}"#),
            (_, "narrow") => answer(403, &[], r#"{"error":"insufficient_scope","scope":"api read_api"}"#),
            (_, "legacy") => answer(403, &[], &json!({ "error_description": fine }).to_string()),
            ("/api/v4/groups/html/projects", _) => {
                Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>".to_vec())
            }
            _ => answer(404, &[], r#"{"message":"404 Group Not Found"}"#),
        }
    })
    .await;
    let usual = deployment("cannot_begin", &server.url());
    let check = |setting: (&str, &str), group: &str, expected: &[&str]| {
        let deployment = usual.clone().with(setting.0, setting.1);
        let output = backfill(&deployment, &["--group", group]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{setting:?}: {said}");
        assert!(output.stdout.is_empty(), "{}", stdout(&output));
        let line = said.lines().find(|line| line.contains("ERROR")).unwrap_or_else(|| panic!("{said}"));
        for part in expected {
            assert!(line.contains(part), "{setting:?}: {part:?} is not in {line}");
        }
        assert_eq!(said.lines().filter(|line| line.contains("ERROR")).count(), 1, "{said}");
    };
    let remedy = "set GITLAB_TOKEN (docs/TOKENS.md)";
    check(
        ("GITLAB_TOKEN", "wrong"),
        "shop",
        &["group shop cannot be read", "does not know the token", remedy],
    );
    check(
        ("GITLAB_TOKEN", "narrow"),
        "shop",
        &["lacks scope api read_api", "make a token with scope read_api"],
    );
    check(("GITLAB_TOKEN", "legacy"), "shop", &["project permissions: [read_project]", remedy]);
    check(("GITLAB_TOKEN", ""), "shop", &["GITLAB_TOKEN is not set"]);
    check(("GITLAB_URL", "gitlab"), "shop", &["GITLAB_URL is no address of a GitLab"]);
    let nobody = format!("http://{}", free_address());
    check(("GITLAB_URL", &nobody), "shop", &["does not answer", "correct GITLAB_URL"]);
    check(
        ("GITLAB_TOKEN", TOKEN),
        "shop",
        &["404 Group Not Found", "correct the name, or let the token's user see it"],
    );
    check(("GITLAB_TOKEN", TOKEN), "html", &["is not GitLab's API, but text/html", "correct GITLAB_URL"]);
    let output = usual.command(&["backfill"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no scope: {}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_before_the_projects_are_found_ends_it_and_its_metrics_are_served_until_then() {
    let server = Scripted::start(|_, _| Answer::Stall).await;
    let metrics = free_address().to_string();
    let deployment = deployment("stopped", &server.url())
        .with("GITPULSE_GITLAB_ANSWER_SECONDS", "300")
        .with("GITPULSE_METRICS_LISTEN", &metrics);
    let mut role = Role::unheard(deployment.command(&["backfill", "--group", "shop"]), "");
    eventually("it asks", async || {
        let count = server.asked().len();
        if count > 0 { Ok(()) } else { Err("it asked nothing".to_owned()) }
    })
    .await;
    let metrics =
        client().get(format!("http://{metrics}/metrics")).send().await.unwrap().text().await.unwrap();
    for name in [
        "gitlab_requests_total",
        "gitlab_unaudited_total",
        "backfill_objects_total",
        "publisher_records_total",
    ] {
        assert!(metrics.contains(&format!("\ngitpulse_{name}")), "{name}: {metrics}");
    }
    role.signal(Signal::TERM);
    let mut code = None;
    eventually("it ends", async || {
        code = role.ended().and_then(|status| status.code());
        code.map(drop).ok_or_else(|| "it runs".to_owned())
    })
    .await;
    assert_eq!(code, Some(1));
}
