//! Checks GitLab. In: its address and tokens. Out: whether it answers, who each token belongs to and what it may do. Never sends a token anywhere but
//! to the configured host: the client guarantees that.

use gitlab::{ApiConfig, Audit, Client, ConfigError, FetchError, Limit, Patience};
use runtime::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::finding::{Finding, TIMEOUT};

/// Each of these scopes is enough to read everything that GitPulse reads.
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

/// Asks GitLab who each token belongs to, and what it may do.
pub(super) async fn check(config: &ApiConfig, audit: &Audit) -> Vec<Finding> {
    let tokens = config.gitlab_token.as_ref().map(Secret::expose).unwrap_or_default();
    let has_token = tokens.split(',').any(|token| !token.trim().is_empty());
    if config.instance.url().is_none() || !has_token {
        let missing = if config.instance.url().is_some() { "GITLAB_TOKEN is" } else { "GITLAB_URL is" };
        return vec![Finding::Note(format!(
            "GitLab: not asked, {missing} not set; receiving webhooks does not need it"
        ))];
    }
    // One client per token: a single client would use them alternately.
    let clients = match Client::of_each_token(config, audit) {
        Ok(clients) => clients,
        Err(error) => return vec![refused_settings(error)],
    };
    let is_plain = clients.iter().any(Client::is_plain);
    let mut findings = Vec::new();
    for client in clients {
        findings.extend(check_token(client).await);
    }
    if is_plain {
        findings.push(Finding::Note("GitLab: over http:// the token is sent in clear text".to_owned()));
    }
    findings
}

fn refused_settings(error: ConfigError) -> Finding {
    let remedy = match error {
        ConfigError::Client(_) => "check the TLS roots of this machine",
        ConfigError::NoToken | ConfigError::TooManyTokens | ConfigError::TokenCharacters => {
            "correct GITLAB_TOKEN (docs/TOKENS.md)"
        }
        ConfigError::NoUrl | ConfigError::Url | ConfigError::UrlCredentials | ConfigError::UrlRest => {
            "correct GITLAB_URL"
        }
    };
    Finding::Bad(format!("GitLab: {:#}", anyhow::Error::from(error)), remedy.to_owned())
}

async fn check_token(client: Client) -> Vec<Finding> {
    let patience = Patience { attempts: 1, answer: TIMEOUT, idle: TIMEOUT, whole: TIMEOUT };
    let client = client.with_patience(patience);
    let (base, name) = (client.base_url(), client.token_name());
    let user = match client.object(Limit::General, "user", &[]).await {
        Ok(user) => user,
        Err(error) => return vec![refused(base, name, error)],
    };
    let Ok(user) = serde_json::from_str::<User>(user.get()) else {
        return vec![Finding::Bad(
            format!("GitLab: {base}/api/v4/user is not GitLab's"),
            "correct GITLAB_URL".to_owned(),
        )];
    };
    let mut findings = vec![Finding::Good(format!("GitLab: {base} knows {name} as {}", user.username))];
    let described = client.object(Limit::General, "personal_access_tokens/self", &[]).await;
    findings.push(described_as(name, described.ok()));
    findings
}

/// Why GitLab does not say who the token belongs to.
fn refused(base: &str, name: &str, error: FetchError) -> Finding {
    let remedy = error.needs_attention();
    let (text, otherwise) = match &error {
        FetchError::Unauthorized { message, .. } => {
            (format!("{base} does not know {name}: {message}"), "make another token (docs/TOKENS.md)")
        }
        FetchError::Forbidden { message, .. } => (
            format!("{base} refuses {name}: {message}"),
            "the token needs scope read_api, and its user must not be blocked",
        ),
        FetchError::Redirected { status, target, .. } => (
            format!("{base}/api/v4/user answers {status}, a redirect to {target}"),
            "GITLAB_URL must be the address of GitLab itself",
        ),
        FetchError::Absent { .. } => (
            format!("{base}/api/v4/user answers 404"),
            "GITLAB_URL must be the address of GitLab itself, without a path of a project",
        ),
        _ => (format!("{:#}", anyhow::Error::from(error)), "correct GITLAB_URL, or the network's way to it"),
    };
    Finding::Bad(format!("GitLab: {text}"), remedy.unwrap_or_else(|| otherwise.to_owned()))
}

fn described_as(name: &str, described: Option<Box<RawValue>>) -> Finding {
    let token = described.and_then(|token| serde_json::from_str::<Token>(token.get()).ok());
    match token {
        Some(token) if token.scopes.iter().any(|scope| SCOPES.contains(&scope.as_str())) => {
            Finding::Good(format!(
                "GitLab: {name} may read the API; it expires {}",
                token.expires_at.map_or("never".to_owned(), |date| format!("on {date}"))
            ))
        }
        Some(token) => Finding::Bad(
            format!("GitLab: {name} has scopes {}, but not read_api", token.scopes.join(", ")),
            "make a token with scope read_api".to_owned(),
        ),
        None => Finding::Note("GitLab: this kind of token does not tell its scopes".to_owned()),
    }
}
