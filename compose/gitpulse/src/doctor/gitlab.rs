//! GitLab. In: its address and a token. Out: whether it answers, who the token is and what it may do. Never sends the token anywhere but to the
//! configured host.

use runtime::Secret;
use serde::Deserialize;

use super::finding::{Finding, TIMEOUT};

/// A scope that is enough to read everything GitPulse reads.
const SCOPES: [&str; 2] = ["read_api", "api"];

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    scopes: Vec<String>,
    expires_at: Option<String>,
}

/// Asks GitLab who the token is, and what it may do.
pub(super) async fn check(url: Option<&str>, token: Option<&Secret>) -> Vec<Finding> {
    let url = url.filter(|url| !url.is_empty());
    let token = token.filter(|token| !token.expose().is_empty());
    let (url, token) = match (url, token) {
        (Some(url), Some(token)) => (url, token),
        (url, _) => {
            let missing = if url.is_some() { "GITLAB_TOKEN is" } else { "GITLAB_URL is" };
            return vec![Finding::Note(format!(
                "GitLab: not asked, {missing} not set; receiving webhooks does not need it"
            ))];
        }
    };
    // No redirects: the token goes to the configured host and to no other.
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::Bad(
                format!("GitLab: no HTTP client: {error}"),
                "check the TLS roots of this machine".to_owned(),
            )];
        }
    };
    let base = url.trim_end_matches('/');
    let get = |path: &str| client.get(format!("{base}/api/v4/{path}")).bearer_auth(token.expose()).send();
    let answer = match get("user").await {
        Ok(answer) => answer,
        Err(error) => {
            let error = anyhow::Error::from(error);
            return vec![Finding::Bad(
                format!("GitLab: {base} does not answer: {error:#}"),
                "correct GITLAB_URL, or the network's way to it".to_owned(),
            )];
        }
    };
    match answer.status().as_u16() {
        200 => (),
        401 => {
            return vec![Finding::Bad(
                format!("GitLab: {base} does not know the token"),
                "make a token with scope read_api and set GITLAB_TOKEN (docs/TOKENS.md)".to_owned(),
            )];
        }
        403 => {
            return vec![Finding::Bad(
                format!("GitLab: {base} refuses the token"),
                "the token needs scope read_api, and its user must not be blocked".to_owned(),
            )];
        }
        status => {
            return vec![Finding::Bad(
                format!("GitLab: {base}/api/v4/user answers {status}"),
                "GITLAB_URL must be the address of GitLab itself, without a path of a project and without a redirect".to_owned(),
            )];
        }
    }
    let Ok(user) = answer.json::<User>().await else {
        return vec![Finding::Bad(
            format!("GitLab: {base}/api/v4/user is not GitLab's"),
            "correct GITLAB_URL".to_owned(),
        )];
    };
    let mut findings = vec![Finding::Good(format!("GitLab: {base} knows the token as {}", user.username))];
    let described = match get("personal_access_tokens/self").await {
        Ok(answer) if answer.status().is_success() => answer.json::<Token>().await.ok(),
        Ok(_) | Err(_) => None,
    };
    if base.starts_with("http://") {
        findings.push(Finding::Note("GitLab: over http:// the token travels in clear".to_owned()));
    }
    findings.push(match described {
        Some(token) if token.scopes.iter().any(|scope| SCOPES.contains(&scope.as_str())) => {
            Finding::Good(format!(
                "GitLab: the token may read the API; it expires {}",
                token.expires_at.map_or("never".to_owned(), |date| format!("on {date}"))
            ))
        }
        Some(token) => Finding::Bad(
            format!("GitLab: the token has scopes {}, but not read_api", token.scopes.join(", ")),
            "make a token with scope read_api".to_owned(),
        ),
        None => Finding::Note("GitLab: this kind of token does not tell its scopes".to_owned()),
    });
    findings
}
