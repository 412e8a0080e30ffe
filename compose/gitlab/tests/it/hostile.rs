//! Servers that are not GitLab, or misbehave. Whatever they answer is a clear error in time, and the token is sent to no other host.

use std::time::{Duration, Instant};

use gitlab::{Client, FetchError, Limit, Page, Patience};
use serde_json::json as value;

use crate::server::{Answer, Request, Server, TOKEN, answer, json, page};

/// Lists projects from a server with these answers.
async fn list(
    answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
) -> Result<Page, FetchError> {
    let server = Server::start(answer).await;
    server.client().list(Limit::General, "projects", &[]).await
}

/// Walks all pages.
async fn walk(client: &Client) -> Result<usize, FetchError> {
    let mut page = client.list(Limit::General, "projects", &[("per_page", "100".to_owned())]).await?;
    let mut rows = page.items.len();
    while let Some(next) = page.next {
        page = client.next(&next).await?;
        rows += page.items.len();
    }
    Ok(rows)
}

#[track_caller]
fn check(error: &FetchError, expected: &str) {
    let line = error.to_string();
    assert!(line.contains(expected) && !line.contains('\n') && !line.contains(TOKEN), "{line}");
    assert!(error.needs_attention().is_none_or(|remedy| !remedy.contains(TOKEN)));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let canary = Server::canary().await;
        let target = format!("{}/api/v4/projects?private_token={TOKEN}", canary.url());
        let server = Server::start(move |_, _| answer(status, &[("Location", &target)], "")).await;
        let client = server.client();
        let error = client.list(Limit::General, "projects", &[]).await.unwrap_err();
        check(&error, &format!("answers {status}, a redirect to {}", canary.url()));
        let error = client.graphql("{ a }", value!({})).await.unwrap_err();
        check(&error, &format!("answers {status}"));
        assert!(canary.asked().is_empty());
        assert_eq!(server.asked().len(), 2, "to the same host neither, and not again");
    }
    let error = list(|_, _| answer(302, &[("Location", "/users/sign_in?token=x")], "")).await.unwrap_err();
    check(&error, "/users/sign_in");
    assert!(!error.to_string().contains("token=x"));
    check(&list(|_, _| answer(304, &[], "")).await.unwrap_err(), "a redirect to nowhere");
}

#[tokio::test]
async fn a_link_to_another_host_ends_the_walk() {
    let canary = Server::canary().await;
    let port = canary.address.port();
    for host in [
        format!("http://localhost:{port}"),
        format!("//localhost:{port}"),
        "http://127.0.0.1.evil.example".into(),
    ] {
        let link = format!("{host}/api/v4/projects?page=2");
        let error = list(move |_, _| page(r#"[{"id":1}]"#, &link)).await.unwrap_err();
        check(&error, "the next page is said to be on");
        assert!(error.needs_attention().unwrap().contains("external_url"));
    }
    assert!(canary.asked().is_empty());
}

#[tokio::test]
async fn of_a_link_to_another_port_only_the_query_is_used() {
    let canary = Server::canary().await;
    let link = format!("{}/steal?page=2", canary.url());
    let server = Server::start(move |_, count| match count {
        0 => page(r#"[{"id":1}]"#, &link),
        _ => json(r#"[{"id":2}]"#),
    })
    .await;
    assert_eq!(walk(&server.client()).await.unwrap(), 2);
    assert_eq!(server.lines()[1], "GET /api/v4/projects?page=2");
    assert!(canary.asked().is_empty());
}

#[tokio::test]
async fn a_cursor_that_is_an_address_is_no_address() {
    let canary = Server::canary().await;
    let cursor = format!("{}/steal", canary.url());
    let body = value!({ "data": { "project": { "pageInfo": { "endCursor": cursor } } } }).to_string();
    let server = Server::start(move |_, _| json(&body)).await;
    let client = server.client();
    client.graphql("{ a }", value!({})).await.unwrap();
    client.graphql("{ a }", value!({ "after": cursor })).await.unwrap();
    assert_eq!(server.lines(), ["POST /api/graphql", "POST /api/graphql"]);
    assert!(canary.asked().is_empty());
}

#[tokio::test]
async fn pages_that_go_round_come_to_an_end() {
    let mine =
        |request: &Request| request.line.rsplit_once("page=").map_or(0, |(_, page)| page.parse().unwrap());
    let itself = |_: &Request, _: usize| page(r#"[{"id":1}]"#, "/?page=2");
    check(&walk(&Server::start(itself).await.client()).await.unwrap_err(), "do not come to an end");
    let in_threes = move |request: &Request, count: usize| {
        let current: usize = mine(request);
        page(&format!(r#"[{{"id":{count}}}]"#), &format!("/?page={}", current % 3 + 1))
    };
    check(&walk(&Server::start(in_threes).await.client()).await.unwrap_err(), "do not come to an end");
    let repeats =
        |_: &Request, count: usize| page(r#"[{"id":1},{"id":2}]"#, &format!("/?page={}", count + 2));
    let server = Server::start(repeats).await;
    check(&walk(&server.client()).await.unwrap_err(), "a page repeats one before it");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_body_without_end_is_cut() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"100000\r\n".to_vec(), vec![b' '; 0x10_0000], b"\r\n".to_vec()].concat();
    let endless = move |_: &Request, _: usize| Answer::Endless(head.clone(), chunk.clone(), Duration::ZERO);
    check(&list(endless).await.unwrap_err(), "an answer is larger than 64 MiB");
    let lie = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n[";
    check(
        &list(move |_, _| Answer::Stall(lie.to_vec())).await.unwrap_err(),
        "an answer is larger than 64 MiB",
    );
    let error_head = b"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = b"1000\r\n".iter().chain(&[b'x'; 0x1000]).chain(b"\r\n").copied().collect::<Vec<u8>>();
    let endless =
        move |_: &Request, _: usize| Answer::Endless(error_head.clone(), chunk.clone(), Duration::ZERO);
    check(&list(endless).await.unwrap_err(), "refuses the request (400)");
}

#[tokio::test]
async fn a_socket_that_stalls_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[{\"id\":";
    for (bytes, what) in [("", "the beginning of an answer"), (head, "the next part of an answer")] {
        let server = Server::start(move |_, _| Answer::Stall(bytes.as_bytes().to_vec())).await;
        let short = Duration::from_millis(200);
        let patience = Patience { attempts: 1, answer: short, idle: short, whole: short * 20 };
        let client = server.client().with_patience(patience);
        let began = Instant::now();
        let error = client.list(Limit::General, "projects", &[]).await.unwrap_err();
        check(&error, what);
        assert!(error.is_transient() && began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let drip = move |_: &Request, _: usize| {
        Answer::Endless(head.clone(), b"1\r\n \r\n".to_vec(), Duration::from_millis(5))
    };
    let server = Server::start(drip).await;
    let second = Duration::from_secs(1);
    let patience = Patience { attempts: 1, answer: second, idle: second, whole: second };
    let client = server.client().with_patience(patience);
    check(
        &client.list(Limit::General, "projects", &[]).await.unwrap_err(),
        "a whole answer took more than 1s",
    );
}

#[tokio::test]
async fn what_is_not_gitlabs_is_named() {
    let html = |_: &Request, _: usize| answer(200, &[("Content-Type", "text/html; charset=utf-8")], "<html>");
    let error = list(html).await.unwrap_err();
    check(&error, "is not GitLab's API, but text/html");
    assert!(error.needs_attention().unwrap().contains("login page"));
    // A maintenance page is temporary.
    let once = |_: &Request, number: usize| match number {
        0 => answer(200, &[("Content-Type", "text/html")], "<html>"),
        _ => json("[]"),
    };
    assert!(list(once).await.unwrap().items.is_empty());
    check(&list(|_, _| answer(200, &[], "[]")).await.unwrap_err(), "but of no type");
    check(&list(|_, _| answer(204, &[], "")).await.unwrap_err(), "but of no type");
    check(&list(|_, _| json(r#"[{"id":1},{"id":"#)).await.unwrap_err(), "an answer is not valid JSON");
    check(&list(|_, _| json("")).await.unwrap_err(), "an answer is not valid JSON");
    check(&list(|_, _| json(r#"{"id":1}"#)).await.unwrap_err(), "an answer is not a list");
    let bytes = |_: &Request, _: usize| Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec());
    check(&list(bytes).await.unwrap_err(), "does not answer");
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[";
    check(&list(move |_, _| Answer::Bytes(cut.into())).await.unwrap_err(), "broke off");
}

#[tokio::test]
async fn one_page_that_is_no_json_loses_that_walk_alone() {
    let server = Server::start(|request, _| match request.line.as_str() {
        "GET /api/v4/projects?per_page=100" => page(r#"[{"id":1}]"#, "/?page=2"),
        "GET /api/v4/projects?page=2" => json("[{"),
        _ => json("[]"),
    })
    .await;
    let client = server.client();
    check(&walk(&client).await.unwrap_err(), "not valid JSON");
    client.list(Limit::General, "groups", &[]).await.unwrap();
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_asked() {
    let server = Server::canary().await;
    let client = server.client();
    for path in ["../../admin", "projects/../../../x", "projects/1?private_token=x", "/projects", ""] {
        check(&client.list(Limit::General, path, &[]).await.unwrap_err(), "not one of GitLab's API");
    }
    assert!(server.asked().is_empty());
}
