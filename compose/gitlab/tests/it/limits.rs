//! 429 and 5xx: temporary failures are retried, within limits.

use std::time::{Duration, Instant};

use gitlab::{FetchError, Limit};

use crate::server::{Server, answer, json};

#[tokio::test]
async fn what_passes_is_asked_again() {
    let server = Server::start(|_, count| match count {
        0 => answer(502, &[("Content-Type", "text/html")], "<html>"),
        _ => json("[]"),
    })
    .await;
    server.client().list(Limit::General, "projects", &[]).await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_gitlab_under_maintenance_is_asked_when_it_says() {
    let server = Server::start(|_, count| match count {
        0 => answer(503, &[("Retry-After", "1")], "GitLab is under maintenance"),
        _ => json("[]"),
    })
    .await;
    let asked = Instant::now();
    server.client().list(Limit::General, "projects", &[]).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn what_does_not_pass_is_asked_as_often_as_patience_says() {
    let server = Server::start(|_, _| answer(503, &[], "")).await;
    let error = server.client().list(Limit::General, "projects", &[]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} answers 503", server.url()));
    assert!(error.is_transient());
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_short_pause_that_gitlab_asks_for_is_kept() {
    let server = Server::start(|_, count| match count {
        0 => answer(429, &[("Retry-After", "1")], "Retry later"),
        _ => json("[]"),
    })
    .await;
    let asked = Instant::now();
    server.client().list(Limit::General, "projects", &[]).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_pause_of_a_day_is_an_error_that_says_so_and_nothing_is_asked_meanwhile() {
    let server = Server::start(|_, _| answer(429, &[("Retry-After", "86400")], "Retry later")).await;
    let client = server.client();
    for _ in 0..3 {
        let error = client.list(Limit::General, "projects", &[]).await.unwrap_err();
        assert!(matches!(error, FetchError::LimitedFor { wait } if wait > Duration::from_secs(86_000)));
        assert!(error.to_string().starts_with("GitLab takes no requests for another 14"), "{error}");
        assert!(!error.is_transient() && error.needs_attention().is_some());
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_token_of_which_nothing_is_left_for_an_hour_is_not_used_but_the_other_is() {
    let server = Server::start(|request, _| {
        let rest = |remaining| {
            let headers = [
                ("Content-Type", "application/json"),
                ("RateLimit-Limit", "120"),
                ("RateLimit-Remaining", remaining),
                ("RateLimit-Reset", "1000003600"),
                ("Date", "Sun, 09 Sep 2001 01:46:40 GMT"),
            ];
            answer(200, &headers, "[]")
        };
        match request.header("authorization") {
            Some("Bearer glpat-poor") => rest("0"),
            _ => rest("7000"),
        }
    })
    .await;
    let client = crate::server::client(&server.url(), "glpat-poor,glpat-rich", gitlab::Audit::none());
    for _ in 0..6 {
        client.list(Limit::General, "projects", &[]).await.unwrap();
    }
    let asked = server.asked();
    let poor = asked.iter().filter(|request| request.header("authorization") == Some("Bearer glpat-poor"));
    assert_eq!((poor.count(), asked.len()), (1, 6));
}
