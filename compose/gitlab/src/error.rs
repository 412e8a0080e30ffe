//! Why a call of GitLab's API failed. In: what happened. Out: one line of text, how the caller should react, and the remedy. Never holds a token, nor
//! an unbounded text of a server.

use std::time::Duration;

use schemas::json::JsonError;

/// What is wrong with a query of GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphQlFault {
    /// This version of GitLab does not know a field, an argument or a type.
    Unknown,
    /// The query is more complex than the token may send, or took too long: ask for less at once.
    TooComplex,
    /// Anything else.
    Other,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection, or it was closed before an answer.
    #[error("{base} does not answer")]
    Unreachable {
        /// The configured address.
        base: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection was closed within an answer.
    #[error("the answer of {base} broke off")]
    Broken {
        /// The configured address.
        base: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing arrived for too long, or the whole answer took too long.
    #[error("{base} is too slow: {what} took more than {limit:?}")]
    Stalled {
        /// The configured address.
        base: String,
        /// What took too long.
        what: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// 401.
    #[error("{base} does not know {token}: {message}")]
    Unauthorized {
        /// The configured address.
        base: String,
        /// Which token.
        token: String,
        /// GitLab's message, for example that the token has expired.
        message: String,
    },
    /// 403, because the token lacks a suitable scope.
    #[error("{token} lacks scope {needed}")]
    Scope {
        /// Which token.
        token: String,
        /// The scopes, one of which is needed.
        needed: String,
    },
    /// 403, because a permission of a fine-grained token is missing, or because only such a token is accepted.
    #[error("{token} lacks fine-grained {needed}")]
    FineGrained {
        /// Which token.
        token: String,
        /// The permission that GitLab names, such as `project permissions: [read_job]`.
        needed: String,
    },
    /// 403: the feature is off, the role is too low, or the user is blocked.
    #[error("GitLab refuses {token}: {message} (the feature is switched off, or the role does not suffice)")]
    Forbidden {
        /// Which token.
        token: String,
        /// GitLab's message.
        message: String,
    },
    /// 404, with which GitLab also answers for what the token may not see.
    #[error("GitLab does not show it to {token} (404): {message}")]
    Absent {
        /// Which token.
        token: String,
        /// GitLab's message.
        message: String,
    },
    /// A redirect. None is followed, because it would take the token elsewhere.
    #[error("{base} answers {status}, a redirect to {target}")]
    Redirected {
        /// The configured address.
        base: String,
        /// The status.
        status: u16,
        /// Where it pointed, without query and credentials.
        target: String,
    },
    /// 429 at each attempt.
    #[error("GitLab takes no more requests for now (429)")]
    Limited,
    /// GitLab asks for a longer pause than a call waits.
    #[error("GitLab takes no requests for another {} minutes", .wait.as_secs().div_ceil(60))]
    LimitedFor {
        /// How long.
        wait: Duration,
    },
    /// 5xx at each attempt.
    #[error("{base} answers {status}")]
    Server {
        /// The configured address.
        base: String,
        /// The status.
        status: u16,
        /// The pause that it asks for, as 503 does during maintenance.
        retry_after: Option<Duration>,
    },
    /// Another status.
    #[error("GitLab refuses the request ({status}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// GitLab's message.
        message: String,
    },
    /// A success that is not JSON, for example a login page.
    #[error("the answer of {base} is not GitLab's API, but {content_type}")]
    NotGitLab {
        /// The configured address.
        base: String,
        /// What it is instead.
        content_type: String,
    },
    /// The body is larger than any page should be. Asking for fewer rows at once may help.
    #[error("an answer is larger than {} MiB", .limit / (1024 * 1024))]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Not JSON, although the header says so.
    #[error("an answer is not valid JSON")]
    Malformed(#[source] JsonError),
    /// JSON of an unexpected shape.
    #[error("an answer is not {expected}")]
    Shape {
        /// What was expected.
        expected: &'static str,
    },
    /// A page whose link to the next one names another host.
    #[error("the next page is said to be on {host}, which is not the host of {base}")]
    ForeignLink {
        /// The other host.
        host: String,
        /// The configured address.
        base: String,
    },
    /// Pages that repeat, or lead back to earlier ones.
    #[error("pages of GitLab do not come to an end: {what}")]
    Endless {
        /// How it was noticed.
        what: &'static str,
    },
    /// The path is not below `/api/v4`: an error of the caller.
    #[error("the path is not one of GitLab's API")]
    Path,
    /// GraphQL answered with errors.
    #[error("GitLab refuses the GraphQL query: {message}")]
    GraphQl {
        /// What kind of error.
        fault: GraphQlFault,
        /// GitLab's message.
        message: String,
    },
}

impl FetchError {
    /// Whether the same call may succeed a little later. It was tried several times already.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            FetchError::Unreachable { .. }
                | FetchError::Broken { .. }
                | FetchError::Stalled { .. }
                | FetchError::Limited
                | FetchError::Server { .. }
                // A gateway's maintenance page has status 200, and is temporary.
                | FetchError::NotGitLab { .. }
        )
    }

    /// Whether GitLab answers that it does not exist, as it also does for what the token may not see.
    pub fn is_absent(&self) -> bool {
        matches!(self, FetchError::Absent { .. })
    }

    /// Whether GitLab answers that the token may not have it: the feature is off, or a role, a scope or a permission is missing.
    pub fn is_forbidden(&self) -> bool {
        matches!(
            self,
            FetchError::Forbidden { .. } | FetchError::FineGrained { .. } | FetchError::Scope { .. }
        )
    }

    /// Whether GraphQL does not know a field that was asked for, so that REST has to be used.
    pub fn is_unknown_field(&self) -> bool {
        matches!(self, FetchError::GraphQl { fault: GraphQlFault::Unknown, .. })
    }

    /// Whether GitLab lacked time or memory for the request, or the answer was too large: asking for less at once may help.
    pub fn is_too_much(&self) -> bool {
        matches!(
            self,
            FetchError::Stalled { .. }
                | FetchError::TooLarge { .. }
                | FetchError::Server { status: 502..=504, .. }
        )
    }

    /// Whether the query asked GraphQL for too much at once.
    pub fn is_too_complex(&self) -> bool {
        matches!(self, FetchError::GraphQl { fault: GraphQlFault::TooComplex, .. })
    }

    /// What a person has to do about it; `None` if waiting or skipping it is all there is to do.
    pub fn needs_attention(&self) -> Option<String> {
        let remedy = match self {
            FetchError::Unreachable { .. } => "correct GITLAB_URL, or the network's way to it",
            FetchError::Unauthorized { .. } => {
                "make a token with scope read_api and set GITLAB_TOKEN (docs/TOKENS.md)"
            }
            FetchError::Scope { .. } => "make a token with scope read_api",
            FetchError::FineGrained { needed, .. } => {
                return Some(format!(
                    "make a fine-grained personal access token with {needed} and set GITLAB_TOKEN (docs/TOKENS.md)"
                ));
            }
            FetchError::Redirected { .. } => {
                "GITLAB_URL must be the address of GitLab itself, without a path of a project and without a redirect"
            }
            FetchError::LimitedFor { .. } => "run it again after that; it continues where it stopped",
            FetchError::NotGitLab { .. } => {
                "correct GITLAB_URL; if a login page or a proxy stands before GitLab, let /api pass"
            }
            FetchError::ForeignLink { .. } => "set GITLAB_URL to GitLab's own address (external_url)",
            FetchError::TooLarge { .. }
            | FetchError::Malformed(_)
            | FetchError::Shape { .. }
            | FetchError::Endless { .. } => {
                "look at what stands between here and GitLab: such answers are not GitLab's"
            }
            FetchError::Broken { .. }
            | FetchError::Stalled { .. }
            | FetchError::Forbidden { .. }
            | FetchError::Absent { .. }
            | FetchError::Limited
            | FetchError::Server { .. }
            | FetchError::Refused { .. }
            | FetchError::Path
            | FetchError::GraphQl { .. } => return None,
        };
        Some(remedy.to_owned())
    }
}

/// Limit for a server's text in an error, in characters.
const MAX_QUOTE: usize = 300;

/// A server's text in a form that is safe in a line: limited in length, and without characters that would move a terminal's cursor.
pub(crate) fn quote(text: &str) -> String {
    let shown = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let mut quote: String = shown.take(MAX_QUOTE).collect();
    if text.chars().nth(MAX_QUOTE).is_some() {
        quote.push('…');
    }
    quote.trim().to_owned()
}
