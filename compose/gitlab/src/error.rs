//! Why a call of GitLab's API failed. In: what happened. Out: one line of text, what a caller asks of it, and the remedy. Never a token, and nothing that
//! a server said without bounds.

use std::time::Duration;

use schemas::json::JsonError;

/// What is wrong with a query of GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphQlFault {
    /// This version of GitLab does not know a field, an argument or a type.
    Unknown,
    /// The query is more complex than the token may ask, or took too long: ask for less at once.
    TooComplex,
    /// Anything else.
    Other,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection, or it ended before an answer.
    #[error("{base} does not answer")]
    Unreachable {
        /// The configured address.
        base: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection ended within an answer.
    #[error("the answer of {base} broke off")]
    Broken {
        /// The configured address.
        base: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came for too long, or all of it took too long.
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
        /// What GitLab said, as that the token is expired.
        message: String,
    },
    /// 403, because the token has no suitable scope.
    #[error("{token} lacks scope {needed}")]
    Scope {
        /// Which token.
        token: String,
        /// The scopes of which one is needed.
        needed: String,
    },
    /// 403, because a permission of a fine-grained token is missing, or because nothing but such a token is accepted.
    #[error("{token} lacks fine-grained {needed}")]
    FineGrained {
        /// Which token.
        token: String,
        /// What GitLab names, as `project permissions: [read_job]`.
        needed: String,
    },
    /// 403: a feature is off, the role does not suffice, or the user is blocked.
    #[error("GitLab refuses {token}: {message} (the feature is switched off, or the role does not suffice)")]
    Forbidden {
        /// Which token.
        token: String,
        /// What GitLab said.
        message: String,
    },
    /// 404. GitLab says it as well of what the token may not see.
    #[error("GitLab does not show it to {token} (404): {message}")]
    Absent {
        /// Which token.
        token: String,
        /// What GitLab said.
        message: String,
    },
    /// A redirect, which is never followed: it would take the token elsewhere.
    #[error("{base} answers {status}, a redirect to {target}")]
    Redirected {
        /// The configured address.
        base: String,
        /// The status.
        status: u16,
        /// Where it pointed, without query and credentials.
        target: String,
    },
    /// 429, again and again.
    #[error("GitLab takes no more requests for now (429)")]
    Limited,
    /// GitLab wants a longer pause than a call waits.
    #[error("GitLab takes no requests for another {} minutes", .wait.as_secs().div_ceil(60))]
    LimitedFor {
        /// How long.
        wait: Duration,
    },
    /// 5xx, again and again.
    #[error("{base} answers {status}")]
    Server {
        /// The configured address.
        base: String,
        /// The status.
        status: u16,
        /// How long it asks to wait, as 503 does during maintenance.
        retry_after: Option<Duration>,
    },
    /// Another status.
    #[error("GitLab refuses the request ({status}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// What GitLab said.
        message: String,
    },
    /// A success that is no JSON: a login page, say.
    #[error("the answer of {base} is not GitLab's API, but {content_type}")]
    NotGitLab {
        /// The configured address.
        base: String,
        /// What it is instead.
        content_type: String,
    },
    /// The body is larger than pages are. Fewer rows at once may help.
    #[error("an answer is larger than {} MiB", .limit / (1024 * 1024))]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// No JSON, although it says so.
    #[error("an answer is not valid JSON")]
    Malformed(#[source] JsonError),
    /// JSON of another shape.
    #[error("an answer is not {expected}")]
    Shape {
        /// What was expected.
        expected: &'static str,
    },
    /// A page that names another host as that of the next one.
    #[error("the next page is said to be on {host}, which is not the host of {base}")]
    ForeignLink {
        /// The other host.
        host: String,
        /// The configured address.
        base: String,
    },
    /// Pages that lead back to where they came from, or repeat.
    #[error("pages of GitLab do not come to an end: {what}")]
    Endless {
        /// How it was noticed.
        what: &'static str,
    },
    /// The path is none below `/api/v4`. An error of the caller.
    #[error("the path is not one of GitLab's API")]
    Path,
    /// GraphQL answered with errors.
    #[error("GitLab refuses the GraphQL query: {message}")]
    GraphQl {
        /// What kind of error.
        fault: GraphQlFault,
        /// What GitLab said.
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
                // A gateway's maintenance page has a status of 200, and passes.
                | FetchError::NotGitLab { .. }
        )
    }

    /// Whether GitLab says that it is not there, which it says as well of what the token may not see.
    pub fn is_absent(&self) -> bool {
        matches!(self, FetchError::Absent { .. })
    }

    /// Whether GitLab says that the token may not have it: a feature that is off, a role, a scope, a permission.
    pub fn is_forbidden(&self) -> bool {
        matches!(
            self,
            FetchError::Forbidden { .. } | FetchError::FineGrained { .. } | FetchError::Scope { .. }
        )
    }

    /// Whether GraphQL does not know what was asked for, so that REST must be asked.
    pub fn is_unknown_field(&self) -> bool {
        matches!(self, FetchError::GraphQl { fault: GraphQlFault::Unknown, .. })
    }

    /// Whether GitLab had not the time or the memory for what was asked, or the answer was too large: less at once may do.
    pub fn is_too_much(&self) -> bool {
        matches!(
            self,
            FetchError::Stalled { .. }
                | FetchError::TooLarge { .. }
                | FetchError::Server { status: 502..=504, .. }
        )
    }

    /// Whether GraphQL was asked for too much at once.
    pub fn is_too_complex(&self) -> bool {
        matches!(self, FetchError::GraphQl { fault: GraphQlFault::TooComplex, .. })
    }

    /// What somebody has to do about it; `None` where waiting or leaving it out is all there is to do.
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

/// The longest text of a server that stands in an error, in characters.
const MAX_QUOTE: usize = 300;

/// What a server said, as it may stand in a line: bounded, and without what would move a terminal's cursor.
pub(crate) fn quote(text: &str) -> String {
    let shown = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let mut quote: String = shown.take(MAX_QUOTE).collect();
    if text.chars().nth(MAX_QUOTE).is_some() {
        quote.push('…');
    }
    quote.trim().to_owned()
}
