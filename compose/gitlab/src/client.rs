//! The client. In: paths of GitLab's API. Out: pages and objects as GitLab wrote them, or an error that says what to do. Never sends a token anywhere
//! but to the configured scheme, host and port, and never writes to GitLab.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::redirect::Policy;
use serde_json::value::RawValue;

use crate::audit::Audit;
use crate::base::Base;
use crate::budget::Budget;
use crate::config::{ApiConfig, ConfigError};
use crate::error::FetchError;
use crate::fetch::Asked;
use crate::limit::Limit;
use crate::metrics::Metrics;
use crate::offset::Offset;
use crate::pace::Pace;
use crate::page::{Next, Page, Walk};
use crate::patience::Patience;
use crate::record::clock;
use crate::tokens::Tokens;
use crate::{graphql, headers, parse};

/// Timeout for opening a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A client of one GitLab's API. Cheap to clone; all clones share budget and connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) patience: Patience,
}

pub(crate) struct Shared {
    pub(crate) base: Base,
    pub(crate) tokens: Tokens,
    pub(crate) http: reqwest::Client,
    pub(crate) pace: Pace,
    pub(crate) offset: Offset,
    pub(crate) audit: Audit,
}

impl Client {
    /// A client; makes no request yet.
    ///
    /// # Errors
    /// Address or tokens are missing, or cannot be used.
    pub fn new(config: &ApiConfig, audit: Audit) -> Result<Client, ConfigError> {
        let base = Base::parse(config.instance.url().ok_or(ConfigError::NoUrl)?)?;
        Client::with_tokens(config, base, Tokens::new(config.tokens()?)?, audit)
    }

    /// One client per token, which keeps the name that it has among all of them.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn of_each_token(config: &ApiConfig, audit: &Audit) -> Result<Vec<Client>, ConfigError> {
        let base = Base::parse(config.instance.url().ok_or(ConfigError::NoUrl)?)?;
        let tokens = Tokens::new(config.tokens()?)?.alone();
        let client = |tokens| Client::with_tokens(config, base.clone(), tokens, audit.clone());
        tokens.map(client).collect()
    }

    fn with_tokens(
        config: &ApiConfig,
        base: Base,
        tokens: Tokens,
        audit: Audit,
    ) -> Result<Client, ConfigError> {
        // This fails only if a provider is installed already, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .user_agent(concat!("gitpulse/", env!("CARGO_PKG_VERSION")));
        // For https a proxy of the environment sees nothing, but for http it would see the token.
        let http = if base.is_plain() { http.no_proxy() } else { http };
        let http = http.build().map_err(ConfigError::Client)?;
        let budget = Budget::new(base.site(), tokens.len(), config.requests_per_minute);
        let shared = Shared { base, tokens, http, pace: Pace::new(budget), offset: Offset::default(), audit };
        Ok(Client { shared: Arc::new(shared), metrics: None, patience: Patience::new(config) })
    }

    /// The same client, with metrics.
    pub fn with_metrics(mut self, metrics: Metrics) -> Client {
        self.metrics = Some(metrics);
        self
    }

    /// The same client, with this patience.
    pub fn with_patience(mut self, patience: Patience) -> Client {
        self.patience = patience;
        self
    }

    /// Sets how many programs use the same tokens, including this one. GitLab counts them together, so this one uses only its part of every rate from
    /// now on.
    pub fn divide_among(&self, programs: u32) {
        self.shared.pace.budget().divide(programs);
    }

    /// A name for the set of tokens that is the same in every program that uses them, and does not reveal any of them.
    pub fn tokens_name(&self) -> String {
        self.shared.tokens.digest()
    }

    /// The time by GitLab's clock, from the `Date` of its answers; the time of this machine before the first answer, and where the two differ by no
    /// more than a minute.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.offset.at(clock())
    }

    /// The address of GitLab in the form that ids contain: without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.shared.base.as_str()
    }

    /// The name of its token, as `the token` or `token 2`; with several tokens, the name of the first.
    pub fn token_name(&self) -> &str {
        &self.shared.tokens.get(0).name
    }

    /// Requests that all tokens together may make now, by their budget and by GitLab's headers.
    pub fn budget_left(&self) -> u32 {
        self.shared.pace.budget().left(self.shared.pace.now())
    }

    /// Whether the token can be read on the way: the address begins with `http://`.
    pub fn is_plain(&self) -> bool {
        self.shared.base.is_plain()
    }

    /// The first page of `GET /api/v4/{path}`, a list. Names in the path are encoded by [`crate::segment`].
    ///
    /// Waits for the budget. Temporary failures (5xx, network, 429) are retried, within [`Patience`].
    ///
    /// # Errors
    /// GitLab, or a server in front of it, did not give a page.
    pub async fn list(&self, limit: Limit, path: &str, query: &[(&str, String)]) -> Result<Page, FetchError> {
        let query = encode(&self.shared.base, path, query)?;
        let walk = Walk::new(&query);
        self.page(Next { limit, path: path.to_owned(), query, walk }).await
    }

    /// The page that a page's link names: only the query of the link is used.
    ///
    /// # Errors
    /// Those of [`Client::list`], and pages that lead round in a circle.
    pub async fn next(&self, next: &Next) -> Result<Page, FetchError> {
        self.page(next.clone()).await
    }

    async fn page(&self, here: Next) -> Result<Page, FetchError> {
        let asked = Asked::new(self.shared.base.rest(&here.path, &here.query)?, here.limit, &here.path);
        self.fetch(&asked, |answer| {
            let items = parse::list(&answer.body)?;
            let next = match headers::next_link(&answer.headers) {
                None => None,
                Some(link) => {
                    let query = self.shared.base.next_query(link)?;
                    let walk = here.walk.step(&here.query, items.iter().map(AsRef::as_ref), &query)?;
                    Some(Next { limit: here.limit, path: here.path.clone(), query, walk })
                }
            };
            Ok(Page { items, next, total: headers::total(&answer.headers), read_at: answer.asked_at })
        })
        .await
    }

    /// `GET /api/v4/{path}`, one object.
    ///
    /// # Errors
    /// Those of [`Client::list`].
    pub async fn object(
        &self,
        limit: Limit,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Box<RawValue>, FetchError> {
        let query = encode(&self.shared.base, path, query)?;
        let asked = Asked::new(self.shared.base.rest(path, &query)?, limit, path);
        self.fetch(&asked, |answer| parse::object(&answer.body)).await
    }

    /// `POST /api/graphql`: `data` of the answer. It must be a query, not a mutation, because it may be sent twice.
    ///
    /// # Errors
    /// Those of [`Client::list`], and errors of GraphQL itself.
    pub async fn graphql(
        &self,
        query: &str,
        variables: serde_json::Value,
    ) -> Result<Box<RawValue>, FetchError> {
        let mut asked = Asked::new(self.shared.base.graphql()?, Limit::General, "graphql");
        asked.body = Some(graphql::question(query, &variables));
        self.fetch(&asked, |answer| graphql::data(&answer.token, &answer.body, &self.shared.tokens)).await
    }
}

/// The encoded query; a `+` in a time stays a `+`.
fn encode(base: &Base, path: &str, query: &[(&str, String)]) -> Result<String, FetchError> {
    let mut url = base.rest(path, "")?;
    url.query_pairs_mut().extend_pairs(query);
    Ok(url.query().unwrap_or_default().to_owned())
}
