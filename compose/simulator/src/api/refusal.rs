//! Refusals. In: a reason. Out: GitLab's answer. Never reveals more of something hidden than that it is not found.

use serde_json::json;

use super::answer::Answer;
use super::limit::TooMany;
use super::page::MAX_OFFSET;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthorized,
    /// In GraphQL's format.
    InvalidToken,
    InsufficientScope,
    FineGrained(String),
    Forbidden,
    NotFound(&'static str),
    BadRequest(&'static str),
    /// A parameter has an invalid value.
    Invalid(&'static str),
    KeysetNotAvailable,
    OffsetTooLarge(&'static str),
    InvalidPageToken,
    TooMany(TooMany),
    /// The project has another path now: its path by id.
    Moved(String),
}

impl Refusal {
    /// In GitLab's format.
    pub(super) fn answer(self) -> Answer {
        let message = |text: &str| json!({"message": text});
        let (status, body) = match self {
            Refusal::Unauthorized => (401, message("401 Unauthorized")),
            Refusal::InvalidToken => (401, json!({"errors": [{"message": "Invalid token"}]})),
            Refusal::InsufficientScope => (
                403,
                json!({
                    "error": "insufficient_scope",
                    "error_description": "The request requires higher privileges than provided by the access token.",
                    "scope": "api read_api",
                }),
            ),
            Refusal::FineGrained(missing) => (
                403,
                json!({
                    "error": "insufficient_granular_scope",
                    "error_description": format!(
                        "Access denied: This operation requires a fine-grained personal access token with the following project permissions: [{missing}]."
                    ),
                }),
            ),
            Refusal::Forbidden => (403, message("403 Forbidden")),
            Refusal::NotFound(text) => (404, message(text)),
            Refusal::BadRequest(text) => (400, message(text)),
            Refusal::Invalid(name) => (400, json!({"error": format!("{name} does not have a valid value")})),
            Refusal::KeysetNotAvailable => {
                (405, json!({"error": "Keyset pagination is not yet available for this type of request"}))
            }
            Refusal::OffsetTooLarge(of) => (
                405,
                json!({
                    "error": format!(
                        "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return objects of type {of}. Remaining records can be retrieved using keyset pagination."
                    ),
                }),
            ),
            Refusal::InvalidPageToken => (422, message("Invalid page token")),
            Refusal::TooMany(TooMany { retry_after }) => {
                let headers =
                    vec![("Retry-After", retry_after.to_string()), ("Content-Type", "text/plain".to_owned())];
                return Answer { status: 429, headers, body: b"Retry later\n".to_vec() };
            }
            Refusal::Moved(location) => {
                let mut answer = Answer::json(301, &message("301 Moved Permanently"));
                answer.headers.push(("Location", location));
                return answer;
            }
        };
        Answer::json(status, &body)
    }
}
