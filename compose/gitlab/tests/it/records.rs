//! Metrics and audit records of calls.

use gitlab::metrics::Outcome;
use gitlab::{ApiConfig, Audit, Client, Limit, Metrics};
use prometheus::Registry;
use runtime::Secret;
use serde_json::json as value;

use crate::server::{Answer, Server, TOKEN, answer, client, json};

/// The number of requests by outcome, as `name value`, without zeros.
fn outcomes(registry: &Registry) -> Vec<String> {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "gitpulse_gitlab_requests_total").unwrap();
    let counted = family.get_metric().iter().filter(|metric| metric.get_counter().get_value() > 0.0);
    counted
        .map(|metric| format!("{} {}", metric.get_label()[0].value(), metric.get_counter().get_value()))
        .collect()
}

#[tokio::test]
async fn every_request_is_counted_and_written_down_once() {
    let server = Server::start(|_, count| match count {
        0 => json(r#"{"id":1}"#),
        1 => answer(502, &[], ""),
        2 => answer(404, &[], ""),
        _ => answer(200, &[("Content-Type", "text/html")], "<html>"),
    })
    .await;
    let registry = Registry::new();
    let (audit, mut calls) = Audit::channel(10);
    let client = client(&server.url(), TOKEN, audit).with_metrics(Metrics::register(&registry).unwrap());
    let secret = [("private", "s3cret".to_owned())];
    client.object(Limit::Project, "projects/1", &secret).await.unwrap();
    client.object(Limit::Project, "projects/1", &secret).await.unwrap_err();
    client.graphql("{ s3cret }", value!({ "a": "s3cret" })).await.unwrap_err();
    assert_eq!(outcomes(&registry), ["absent 1", "ok 1", "server 1", "unreadable 2"]);

    let calls: Vec<_> = std::iter::from_fn(|| calls.try_recv().ok()).collect();
    let brief: Vec<_> =
        calls.iter().map(|call| (call.method, &*call.path, call.status, call.outcome)).collect();
    assert_eq!(
        brief,
        [
            ("GET", "/api/v4/projects/1", Some(200), Outcome::Ok),
            ("GET", "/api/v4/projects/1", Some(502), Outcome::Server),
            ("GET", "/api/v4/projects/1", Some(404), Outcome::Absent),
            // A page with status 200 can come from something in front of GitLab: it is asked once more.
            ("POST", "/api/graphql", Some(200), Outcome::Unreadable),
            ("POST", "/api/graphql", Some(200), Outcome::Unreadable),
        ]
    );
    assert!(calls.iter().map(|call| call.number).eq(1..=5));
    assert_eq!((calls[0].bytes, &*calls[0].token), (8, "the token"));
    assert!(calls[0].budget_left > 50_000 && calls[0].budget_left < 60_000);
    let written = serde_json::to_string(&calls).unwrap();
    assert!(!written.contains("s3cret") && !written.contains(TOKEN), "{written}");
    assert!(written.contains(r#""outcome":"ok","duration_ms":"#), "{written}");
}

#[tokio::test]
async fn an_audit_that_nobody_reads_delays_and_fails_nothing() {
    let server = Server::start(|_, _| json("[]")).await;
    let registry = Registry::new();
    let (audit, calls) = Audit::channel(1);
    let metrics = Metrics::register(&registry).unwrap();
    let client = client(&server.url(), TOKEN, audit.clone()).with_metrics(metrics);
    for _ in 0..3 {
        client.list(Limit::General, "projects", &[]).await.unwrap();
    }
    drop(calls);
    client.list(Limit::General, "projects", &[]).await.unwrap();
    let families = registry.gather();
    let lost = families.iter().find(|family| family.name() == "gitpulse_gitlab_unaudited_total").unwrap();
    assert_eq!(lost.get_metric()[0].get_counter().get_value(), 3.0);
    assert_eq!(audit.calls(), 4, "lost ones have numbers too");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_counted_and_written_down() {
    let server = Server::start(|_, _| Answer::Stall(Vec::new())).await;
    let registry = Registry::new();
    let (audit, mut calls) = Audit::channel(10);
    let client = client(&server.url(), TOKEN, audit).with_metrics(Metrics::register(&registry).unwrap());
    tokio::select! {
        answer = client.list(Limit::General, "projects", &[]) => panic!("{answer:?}"),
        () = server.until_asked(1) => (),
    }
    assert_eq!(outcomes(&registry), ["aborted 1"]);
    let call = calls.try_recv().unwrap();
    assert_eq!((call.status, call.outcome), (None, Outcome::Aborted));
}

#[tokio::test]
async fn clients_of_each_token_send_it_alone_and_name_it_as_among_all() {
    let server = Server::start(|_, _| json("{}")).await;
    let config = ApiConfig::new(Some(server.url()), Some(Secret::new("glpat-a, glpat-b")));
    let (audit, mut calls) = Audit::channel(10);
    let clients = Client::of_each_token(&config, &audit).unwrap();
    assert!(clients.iter().map(Client::token_name).eq(["token 1", "token 2"]));
    for client in clients.iter().rev() {
        client.object(Limit::General, "user", &[]).await.unwrap();
    }
    let asked = server.asked();
    let sent = asked.iter().map(|request| request.header("authorization").unwrap());
    assert!(sent.eq(["Bearer glpat-b", "Bearer glpat-a"]));
    let named: Vec<_> =
        std::iter::from_fn(|| calls.try_recv().ok()).map(|call| (call.number, call.token)).collect();
    assert_eq!(named, [(1, "token 2".to_owned()), (2, "token 1".to_owned())]);
}
