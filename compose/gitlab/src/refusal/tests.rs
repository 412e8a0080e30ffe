use runtime::Secret;

use super::*;

const BASE: &str = "https://gitlab.example.com";

fn said(status: u16, body: &str) -> FetchError {
    let tokens = Tokens::new(vec![Secret::new("glpat-s3cret")]).unwrap();
    read(BASE, "the token", status, body, &tokens)
}

#[track_caller]
fn check(status: u16, body: &str, expected: &str, remedy: &str) {
    let error = said(status, body);
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.needs_attention().unwrap_or_default(), remedy);
}

#[test]
fn a_wrong_token_is_named_with_the_reason() {
    let remedy = "make a token with scope read_api and set GITLAB_TOKEN (docs/TOKENS.md)";
    check(
        401,
        r#"{"message":"401 Unauthorized"}"#,
        "https://gitlab.example.com does not know the token: 401 Unauthorized",
        remedy,
    );
    check(
        401,
        r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
        "https://gitlab.example.com does not know the token: Token is expired. You can either do re-authorization or token refresh.",
        remedy,
    );
    check(
        401,
        r#"{"errors":[{"message":"Invalid token"}]}"#,
        "https://gitlab.example.com does not know the token: Invalid token",
        remedy,
    );
}

#[test]
fn a_missing_scope_names_those_that_suffice() {
    check(
        403,
        r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
        "the token lacks scope api read_api",
        "make a token with scope read_api",
    );
}

#[test]
fn missing_permissions_of_a_fine_grained_token_are_named() {
    let body = r#"{"error":"insufficient_granular_scope","error_description":"Access denied: This operation requires a fine-grained personal access token with the following project permissions: [read_pipeline, read_job]."}"#;
    check(
        403,
        body,
        "the token lacks fine-grained project permissions: [read_pipeline, read_job]",
        "make a fine-grained personal access token with project permissions: [read_pipeline, read_job] and set GITLAB_TOKEN (docs/TOKENS.md)",
    );
    let legacy =
        r#"{"message":"Access denied: This operation requires a fine-grained personal access token."}"#;
    assert!(matches!(said(401, legacy), FetchError::FineGrained { .. }));
}

#[test]
fn a_feature_that_is_off_and_what_is_not_shown_need_nobody() {
    check(
        403,
        r#"{"message":"403 Forbidden"}"#,
        "GitLab refuses the token: 403 Forbidden (the feature is switched off, or the role does not suffice)",
        "",
    );
    check(
        404,
        r#"{"message":"404 Group Not Found"}"#,
        "GitLab does not show it to the token (404): 404 Group Not Found",
        "",
    );
    assert!(said(403, "").is_forbidden() && said(404, "").is_absent());
    assert!(!said(403, "").is_transient() && !said(404, "").is_transient());
}

#[test]
fn other_statuses_are_told_apart_by_whether_they_pass() {
    assert!(said(502, "<html>").is_transient() && said(429, "Retry later").is_transient());
    for status in [400, 405, 409, 412, 422, 204] {
        assert!(matches!(said(status, "{}"), FetchError::Refused { .. }), "{status}");
        assert!(!said(status, "{}").is_transient());
    }
    check(
        405,
        r#"{"error":"Keyset pagination is not yet available for this type of request"}"#,
        "GitLab refuses the request (405): Keyset pagination is not yet available for this type of request",
        "",
    );
}

#[test]
fn a_server_cannot_write_into_a_log_what_it_likes() {
    let text = said(400, &format!(r#"{{"message":"{}\u001b[2J\n{}"}}"#, "x", "y".repeat(5_000))).to_string();
    assert!(text.len() < 400 && !text.contains(['\u{1b}', '\n']), "{text}");
    let text = said(400, r#"{"message":"you sent glpat-s3cret"}"#).to_string();
    assert_eq!(text, "GitLab refuses the request (400): you sent ***");
    let text = said(400, r#"{"message":"you sent \u0067lpat-s3cret"}"#).to_string();
    assert!(!text.contains("s3cret"), "{text}");
    for body in ["", "no JSON", "[]", "7", r#"{"message":{"title":["is too long"]}}"#, r#"{"errors":7}"#] {
        assert_eq!(said(400, body).to_string(), "GitLab refuses the request (400): status 400", "{body}");
    }
}
