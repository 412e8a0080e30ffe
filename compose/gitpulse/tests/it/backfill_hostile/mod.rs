//! `gitpulse backfill` against servers that are not GitLab, or misbehave: each fault is one line with the remedy, ends only its own list, and shows
//! in the exit code; the token is sent to no other host.

mod cases;
mod places;
mod usual;

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ::backfill::list::List;
use rustix::process::Signal;
use serde_json::json;

use cases::{Case, cases};
use usual::{asked, usual};

use crate::delivery::client;
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::free_address;
use crate::scripted::{Answer, Question, Scripted, answer};

const TOKEN: &str = "glpat-of-hostile-tests";
/// After this many faults the server stops: a client that walks for ever fails its test instead of blocking it.
const FAULTS: u64 = 3_000;

/// A deployment that reads from a server, with little patience.
fn deployment(name: &str, url: &str) -> Deployment {
    Deployment::new(name)
        .with("GITLAB_URL", url)
        .with("GITLAB_TOKEN", TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000")
        .with("GITPULSE_GITLAB_ATTEMPTS", "2")
        .with("GITPULSE_GITLAB_ANSWER_SECONDS", "1")
}

fn backfill(deployment: &Deployment, arguments: &[&str]) -> Output {
    let output = deployment.command(&[&["backfill"][..], arguments].concat()).output().unwrap();
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

/// The number of lists by result: complete, skipped, failed, interrupted, unchanged.
fn counts(said: &str) -> [usize; 5] {
    let (_, counts) = said.lines().next().unwrap().split_once("; ").unwrap();
    let counts = counts.split(", ").map(|part| part.split(' ').next().unwrap().parse().unwrap());
    counts.collect::<Vec<usize>>().try_into().unwrap()
}

/// The projects of cases, from 1: each case has one whose list, and what that leads to, has no other fault.
fn places(cases: &[Case]) -> Vec<usize> {
    let family = |list: &'static str| match list {
        "merge_request_commits" => "merge_requests",
        "deployment_merge_requests" => "deployments",
        list => list,
    };
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    let place = |case: &Case| {
        let place = next.entry(family(case.list)).or_default();
        *place += 1;
        *place
    };
    cases.iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_list_is_lost_alone_and_said_and_is_read_once_it_is_mended() {
    let canary = Scripted::start(|_| answer(200, &[], "[]")).await;
    let cases = Arc::new(cases(&canary));
    let places = places(&cases);
    let count = *places.iter().max().unwrap();
    let (is_mended, faults) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
    let (script, of, mended) = (cases.clone(), places.clone(), is_mended.clone());
    let elsewhere = format!("http://localhost:{}/api/graphql", canary.port());
    let server = Scripted::start(move |question| {
        let asked = asked(question);
        let is_of = |(case, place): &(&Case, &usize)| {
            asked == Some((**place, case.list))
                || case.is_of_project
                    && question.place.trim_end_matches('?') == format!("/api/v4/projects/{place}")
        };
        let case = script.iter().zip(&of).find(is_of);
        let is_hostile =
            |_: &_| !mended.load(Ordering::SeqCst) && faults.fetch_add(1, Ordering::SeqCst) < FAULTS;
        match case.filter(is_hostile) {
            Some((case, _)) => (case.answer)(question),
            None => usual(question, count, &elsewhere),
        }
    })
    .await;
    let deployment = deployment("hostile", &server.url());
    let output = backfill(&deployment, &["--group", "hostile"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    for (Case { list, outcome, said: expected, .. }, place) in cases.iter().zip(&places) {
        let start = format!("{list} of hostile/case-{place}: {outcome}: ");
        let line = said.lines().find(|line| line.starts_with(&start));
        assert!(line.is_some_and(|line| line.contains(expected)), "{start}{expected}: {said}");
    }
    let skipped = cases.iter().filter(|case| case.outcome == "skipped").count();
    let lists = 2 + count * (List::ALL.len() - 2);
    let expected = [lists - cases.len(), skipped, cases.len() - skipped, 0, 0];
    assert_eq!(counts(&said), expected, "{said}");
    assert_eq!(said.lines().count(), 1 + cases.len(), "{said}");
    assert!(canary.asked().is_empty(), "{:?}", canary.asked());
    let remembered = "SELECT countIf(outcome = 'complete') FROM backfill_checkpoints FINAL";
    assert_eq!(deployment.value::<u64>(remembered).await, (lists - cases.len()) as u64);
    // Things after an unreadable one are read.
    let endless = cases.iter().position(|case| case.said.contains("500 pages")).unwrap();
    let is_done = format!(
        "SELECT toString(groupArray((id, is_done))) FROM (SELECT id, is_done FROM backfill_pending FINAL WHERE project_id = {} \
         AND list = 'merge_request_commits' ORDER BY id)",
        places[endless]
    );
    assert_eq!(deployment.value::<String>(&is_done).await, "[(1,true),(2,false)]");

    is_mended.store(true, Ordering::SeqCst);
    let output = backfill(&deployment, &["--group", "hostile"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    let [complete, skipped, failed, interrupted, unchanged] = counts(&said);
    assert_eq!([complete + unchanged, skipped, failed, interrupted], [lists, 0, 0, 0], "{said}");
    assert!(canary.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_without_graphql_is_read_by_rest() {
    let server = Scripted::start(|question| match question.place.as_str() {
        "/api/graphql" => answer(404, &[], r#"{"message":"404 Not Found"}"#),
        _ => usual(question, 1, ""),
    })
    .await;
    let deployment = deployment("without_graphql", &server.url());
    let output = backfill(
        &deployment,
        &["--project", "1", "--only", "merge_requests,merge_request_details,pipelines"],
    );
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(counts(&stdout(&output)), [3, 0, 0, 0, 0], "{}", stdout(&output));
    let asked = server.asked();
    let is_asked = |start: &str| asked.iter().filter(|head| head.starts_with(start)).count();
    assert_eq!(is_asked("POST /api/graphql "), 1, "{asked:?}");
    assert!(is_asked("GET /api/v4/projects/1/pipelines?") > 0, "{asked:?}");
    // What GraphQL lacks has to be requested one by one.
    let pending = "SELECT toString(groupUniqArray((list, id))) FROM backfill_pending FINAL WHERE list IN \
                   ('pipeline_details', 'merge_request_notes') ";
    let pending: String = deployment.value(pending).await;
    for part in ["('pipeline_details',1)", "('merge_request_notes',2)"] {
        assert!(pending.contains(part), "{pending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_waiting_is_said_and_not_waited_for() {
    let server = Scripted::start(|question| match asked(question) {
        Some((1, "issues")) => answer(429, &[("Retry-After", "86400")], "{}"),
        _ => usual(question, 1, "b"),
    })
    .await;
    let began = std::time::Instant::now();
    let output = backfill(&deployment("retry_after", &server.url()), &["--project", "1"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(counts(&said), [List::ALL.len() - 3, 0, 1, 0, 0], "{said}");
    let line = "issues of hostile/case-1: failed: GitLab takes no requests for another 1440 minutes; run it again after that";
    assert!(said.contains(line), "{said}");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_beginning_is_one_line_that_says_what_to_do() {
    let server = Scripted::start(|Question { place, bearer, .. }| {
        let fine = "Access denied: This operation requires a fine-grained personal access token with the following project permissions: [read_project]";
        match (place.split('?').next().unwrap(), bearer.as_str()) {
            (_, "wrong") => answer(401, &[], r#"{"message":"401 Unauthorized"}"#),
            (_, "narrow") => answer(403, &[], r#"{"error":"insufficient_scope","scope":"api read_api"}"#),
            (_, "legacy") => answer(403, &[], &json!({ "error_description": fine }).to_string()),
            ("/api/v4/groups/html", _) => {
                Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>".to_vec())
            }
            ("/api/v4/groups/hidden", _) => answer(403, &[], r#"{"message":"403 Forbidden"}"#),
            ("/api/v4/groups/listed", _) => answer(200, &[], "[]"),
            ("/api/v4/groups/nameless", _) => answer(200, &[], r#"{"id":1}"#),
            ("/api/v4/groups/headless", _) => answer(200, &[], r#"{"id":1,"full_path":"headless"}"#),
            ("/api/v4/groups/headless/descendant_groups", _) => answer(200, &[], "[]"),
            ("/api/v4/groups/headless/projects", _) => answer(200, &[], r#"[{"id":1}]"#),
            _ => answer(404, &[], r#"{"message":"404 Group Not Found"}"#),
        }
    })
    .await;
    let installation = deployment("cannot_begin", &server.url());
    let check = |setting: (&str, &str), group: &str, expected: &[&str]| {
        let deployment = installation.clone().with(setting.0, setting.1);
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
    check(("GITLAB_TOKEN", TOKEN), "hidden", &["GitLab refuses the token", "let the token's user see it"]);
    check(("GITLAB_TOKEN", TOKEN), "listed", &["group listed cannot be read: an answer is not an object"]);
    let remedy = "look at what stands between here and GitLab";
    check(("GITLAB_TOKEN", TOKEN), "nameless", &["an object without an id or a path", remedy]);
    check(("GITLAB_TOKEN", TOKEN), "headless", &["group headless holds an object without an id", remedy]);
    let output = installation.command(&["backfill"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no scope: {}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_before_the_projects_are_found_ends_it_and_its_metrics_are_served_until_then() {
    let server = Scripted::start(|_| Answer::Stall).await;
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
