//! Reads answers that are not a success. In: a status and a body. Out: the error. Never keeps more of the body than a line.
//!
//! GitLab puts its reason into `message`, or, as OAuth does, into `error` and `error_description`
//! (<https://docs.gitlab.com/api/rest/authentication/>).

use serde::Deserialize;
use serde_json::Value;

use crate::error::{FetchError, quote};
use crate::tokens::Tokens;

/// The beginning of GitLab's message that a permission of a fine-grained token is missing
/// (<https://docs.gitlab.com/auth/tokens/fine_grained_access_tokens/>).
const FINE_GRAINED: &str = "fine-grained personal access token";

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    message: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    error_description: Value,
    #[serde(default)]
    scope: Value,
    /// The form of GraphQL.
    #[serde(default)]
    errors: Value,
}

/// The error of an answer with this status. `token` is the name of the token that was sent; `tokens` must not appear in the error.
pub(crate) fn read(base: &str, token: &str, status: u16, body: &str, tokens: &Tokens) -> FetchError {
    let said: Said = serde_json::from_str(body).unwrap_or_default();
    let texts = [&said.error_description, &said.message, &said.error, &said.errors[0]["message"]];
    let texts: Vec<String> = texts.iter().filter_map(|text| Some(tokens.blank(text.as_str()?))).collect();
    let message = texts.first().map_or_else(|| format!("status {status}"), |text| quote(text));
    let (base, token) = (base.to_owned(), token.to_owned());
    if let Some(needed) = texts.iter().find_map(|text| fine_grained(text)) {
        return FetchError::FineGrained { token, needed };
    }
    match status {
        401 => FetchError::Unauthorized { base, token, message },
        403 if said.error.as_str() == Some("insufficient_scope") => {
            let needed = said
                .scope
                .as_str()
                .map_or_else(|| "read_api".to_owned(), |scope| quote(&tokens.blank(scope)));
            FetchError::Scope { token, needed }
        }
        403 => FetchError::Forbidden { token, message },
        404 => FetchError::Absent { token, message },
        429 => FetchError::Limited,
        500..=599 => FetchError::Server { base, status, retry_after: None },
        _ => FetchError::Refused { status, message },
    }
}

/// The permissions that GitLab names, if it is that message.
pub(crate) fn fine_grained(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(FINE_GRAINED)?;
    let rest = rest.trim_start().trim_start_matches("with ").trim_start_matches("the following ");
    let rest = rest.trim().trim_end_matches('.');
    Some(if rest.is_empty() { "permissions (docs/TOKENS.md)".to_owned() } else { quote(rest) })
}

#[cfg(test)]
mod tests;
