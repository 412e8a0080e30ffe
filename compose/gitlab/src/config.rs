//! The address of GitLab, the tokens and the rate. In: flags and the environment, by way of clap. Out: typed settings, or what is wrong with them.
//! Never quotes a token.

use clap::Args;
use runtime::Secret;

use crate::patience::{ANSWER_SECONDS, ATTEMPTS};

/// The most tokens that are accepted.
const MAX_TOKENS: usize = 32;

/// The GitLab instance: where webhooks come from, and where the API is.
#[derive(Debug, Clone, Default, Args)]
pub struct InstanceConfig {
    /// GitLab instance of the default tenant and of the API, as `https://gitlab.example.com`
    #[arg(long, env = "GITLAB_URL", value_name = "URL")]
    pub gitlab_url: Option<String>,
}

impl InstanceConfig {
    /// The URL, unless it is empty.
    pub fn url(&self) -> Option<&str> {
        self.gitlab_url.as_deref().filter(|url| !url.trim().is_empty())
    }
}

/// Access to GitLab's API.
#[derive(Debug, Clone, Args)]
pub struct ApiConfig {
    /// The address of the API.
    #[command(flatten)]
    pub instance: InstanceConfig,

    /// Token for GitLab's API with scope read_api, or several of different users, separated by commas (a secret: environment or file only)
    #[arg(long, env = "GITLAB_TOKEN", hide_env_values = true, hide = true, value_name = "TOKEN")]
    pub gitlab_token: Option<Secret>,

    /// Requests per minute that each token makes at most
    #[arg(long = "gitlab-requests-per-minute", env = "GITPULSE_GITLAB_REQUESTS_PER_MINUTE", default_value_t = 600,
          value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub requests_per_minute: u32,

    /// Attempts per call if the failure may be temporary: no connection, a stall, 5xx, 429
    #[arg(long = "gitlab-attempts", env = "GITPULSE_GITLAB_ATTEMPTS", default_value_t = ATTEMPTS,
          value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub attempts: u32,

    /// Seconds to wait for an answer to begin; GitLab itself gives up a request after 60
    #[arg(long = "gitlab-answer-seconds", env = "GITPULSE_GITLAB_ANSWER_SECONDS", default_value_t = ANSWER_SECONDS,
          value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    pub answer_seconds: u64,
}

impl ApiConfig {
    /// Settings with the default budget of 600 requests a minute.
    pub fn new(gitlab_url: Option<String>, gitlab_token: Option<Secret>) -> ApiConfig {
        ApiConfig {
            instance: InstanceConfig { gitlab_url },
            gitlab_token,
            requests_per_minute: 600,
            attempts: ATTEMPTS,
            answer_seconds: ANSWER_SECONDS,
        }
    }

    /// Requests per minute that all tokens together may make; 0 if there is no token.
    pub fn permitted_per_minute(&self) -> u64 {
        let tokens = self.tokens().map_or(0, |tokens| tokens.len() as u64);
        tokens * u64::from(self.requests_per_minute)
    }

    /// The single tokens.
    ///
    /// # Errors
    /// There is none, there are too many, or one cannot be sent in a header.
    pub(crate) fn tokens(&self) -> Result<Vec<Secret>, ConfigError> {
        let listed = self.gitlab_token.as_ref().map(Secret::expose).unwrap_or_default();
        let tokens: Vec<&str> = listed.split(',').map(str::trim).filter(|token| !token.is_empty()).collect();
        if tokens.is_empty() {
            return Err(ConfigError::NoToken);
        }
        if tokens.len() > MAX_TOKENS {
            return Err(ConfigError::TooManyTokens);
        }
        if tokens.iter().any(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ConfigError::TokenCharacters);
        }
        Ok(tokens.into_iter().map(Secret::new).collect())
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The address is not set.
    #[error("GITLAB_URL is not set: it is the address of GitLab, as https://gitlab.example.com")]
    NoUrl,
    /// The address is not a usable URL.
    #[error("GITLAB_URL is no address of a GitLab: it must look like https://gitlab.example.com")]
    Url,
    /// Anyone who sees the address would see them.
    #[error("GITLAB_URL holds a user or a password; only GITLAB_TOKEN gives access")]
    UrlCredentials,
    /// A page was copied from a browser, or the API's own address.
    #[error("GITLAB_URL must end before /api, ? and #: it is the address of GitLab itself")]
    UrlRest,
    /// There is no token.
    #[error("GITLAB_TOKEN is not set: make a token with scope read_api (docs/TOKENS.md)")]
    NoToken,
    /// No installation needs so many.
    #[error("GITLAB_TOKEN lists more than {MAX_TOKENS} tokens")]
    TooManyTokens,
    /// It was copied with something else.
    #[error(
        "GITLAB_TOKEN holds a character that no token has: copy it again, without quotes and line breaks"
    )]
    TokenCharacters,
    /// For example, the machine has no TLS roots.
    #[error("no HTTP client can be made; check the TLS roots of this machine")]
    Client(#[source] reqwest::Error),
}
