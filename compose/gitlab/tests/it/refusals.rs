//! GitLab's refusals: one line each, with the remedy.

use gitlab::{FetchError, Limit};

use crate::server::{Answer, Server, TOKEN, answer};

fn refused(status: u16, body: &str) -> Answer {
    answer(status, &[("Content-Type", "application/json")], body)
}

/// Checks the error for an answer with this status and body, that nothing is sent twice, and that no line holds the token.
async fn check(status: u16, body: &'static str, text: &str, remedy: Option<&str>) -> FetchError {
    let server = Server::start(move |_, _| refused(status, body)).await;
    let error = server.client().object(Limit::General, "projects/1", &[]).await.unwrap_err();
    let line = error.to_string();
    assert!(line.contains(text) && !line.contains('\n') && !line.contains(TOKEN), "{line}");
    let needed = error.needs_attention();
    match remedy {
        Some(remedy) => assert!(needed.as_ref().is_some_and(|needed| needed.contains(remedy)), "{needed:?}"),
        None => assert_eq!(needed, None),
    }
    assert_eq!(server.asked().len(), 1);
    error
}

#[tokio::test]
async fn a_wrong_token() {
    check(401, r#"{"message":"401 Unauthorized"}"#, "does not know the token", Some("read_api")).await;
}

#[tokio::test]
async fn a_missing_scope() {
    let body = r#"{"error":"insufficient_scope","scope":"api read_api"}"#;
    check(403, body, "the token lacks scope api read_api", Some("make a token with scope read_api")).await;
}

#[tokio::test]
async fn missing_fine_grained_permissions() {
    let body = r#"{"error":"insufficient_granular_scope","error_description":"Access denied: This operation requires a fine-grained personal access token with the following project permissions: [read_job]"}"#;
    let error = check(403, body, "permissions: [read_job]", Some("project permissions: [read_job]")).await;
    assert!(error.is_forbidden());
}

#[tokio::test]
async fn an_unknown_group_and_a_feature_that_is_off() {
    let error = check(404, r#"{"message":"404 Group Not Found"}"#, "404 Group Not Found", None).await;
    assert!(error.is_absent());
    let error = check(403, r#"{"message":"403 Forbidden"}"#, "403 Forbidden", None).await;
    assert!(error.is_forbidden());
}

#[tokio::test]
async fn a_server_that_repeats_the_token() {
    let body = r#"{"message":"who is glpat-t0ken-of-the-test?"}"#;
    check(400, body, "who is ***?", None).await;
}

#[tokio::test]
async fn with_several_tokens_the_one_that_is_wrong_is_named() {
    let server = Server::start(|_, _| refused(401, r#"{"message":"401 Unauthorized"}"#)).await;
    let client = crate::server::client(&server.url(), "glpat-a, glpat-b", gitlab::Audit::none());
    let mut lines = Vec::new();
    for _ in 0..2 {
        lines.push(client.object(Limit::General, "user", &[]).await.unwrap_err().to_string());
    }
    lines.sort();
    assert!(lines[0].contains("token 1:") && lines[1].contains("token 2:"), "{lines:?}");
    let sent: Vec<String> =
        server.asked().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert!(sent.contains(&"Bearer glpat-a".to_owned()) && sent.contains(&"Bearer glpat-b".to_owned()));
}

#[tokio::test]
async fn an_address_where_nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = crate::server::client(&format!("http://{free}"), TOKEN, gitlab::Audit::none());
    let error = client.object(Limit::General, "user", &[]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("http://{free} does not answer"));
    assert!(error.is_transient() && error.needs_attention().unwrap().contains("correct GITLAB_URL"));
}
