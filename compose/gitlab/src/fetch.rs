//! One call, repeated as long as that may help. In: a URL of the configured GitLab. Out: the parsed answer, or why there is none. Never follows a
//! redirect, never sends a token without a permit, and never retries without end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use crate::budget::{Called, LONGEST_PAUSE, Permit};
use crate::client::Client;
use crate::error::{FetchError, quote};
use crate::limit::Limit;
use crate::metrics::Outcome;
use crate::patience::pause;
use crate::record::{Record, clock};
use crate::{body, headers, refusal};

/// A request.
pub(crate) struct Asked {
    pub(crate) url: Url,
    /// The body; without it the method is GET.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) called: Called,
}

impl Asked {
    pub(crate) fn new(url: Url, limit: Limit, path: &str) -> Asked {
        Asked { url, body: None, called: Called::new(limit, path) }
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) asked_at: DateTime<Utc>,
    /// The name of the token.
    pub(crate) token: String,
}

impl Client {
    /// Makes the call until `read` accepts an answer, or no further attempt helps.
    pub(crate) async fn fetch<T>(
        &self,
        asked: &Asked,
        read: impl Fn(Answer) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let mut attempts = 0;
        loop {
            let waited = Instant::now();
            let permit = self.shared.pace.permit(&asked.called).await;
            let permit = permit.map_err(|wait| FetchError::LimitedFor { wait })?;
            if let Some(metrics) = &self.metrics {
                metrics.budget_wait_seconds.observe(waited.elapsed().as_secs_f64());
            }
            let error = match self.attempt(asked, &permit, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempts += 1;
            if !error.is_transient() || attempts >= self.patience.attempts {
                return Err(error);
            }
            // After a 429 the budget makes all calls wait.
            let own = pause(attempts, rand::random());
            let pause = match error {
                FetchError::Limited => Duration::ZERO,
                FetchError::Server { retry_after: Some(asked), .. } => own.max(asked.min(LONGEST_PAUSE)),
                _ => own,
            };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                path = asked.url.path(),
                pause_ms = pause.as_millis() as u64,
                "a call of GitLab's API failed and is repeated"
            );
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt<T>(
        &self,
        asked: &Asked,
        permit: &Permit,
        read: impl Fn(Answer) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let mut record = Record::new(self, asked, permit);
        let whole = self.patience.whole;
        let answer = match tokio::time::timeout(whole, self.exchange(asked, permit, &mut record)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.stalled("a whole answer", whole)),
        };
        let read = answer.and_then(read);
        record.outcome = read.as_ref().map_or_else(FetchError::outcome, |_| Outcome::Ok);
        read
    }

    /// One request, and its answer if it is a success that declares to be JSON.
    async fn exchange(
        &self,
        asked: &Asked,
        permit: &Permit,
        record: &mut Record<'_>,
    ) -> Result<Answer, FetchError> {
        let base = self.base_url().to_owned();
        let token = self.shared.tokens.get(permit.token);
        let sent = tokio::time::timeout(self.patience.answer, self.request(asked, permit).send()).await;
        let response = sent
            .map_err(|_| self.stalled("the beginning of an answer", self.patience.answer))?
            .map_err(|error| FetchError::Unreachable { base: base.clone(), source: error.without_url() })?;
        let status = response.status();
        record.status = Some(status.as_u16());
        let answered_at = clock();
        self.compare_clocks(response.headers(), answered_at);
        let wait = self.shared.pace.answered(permit, status, response.headers(), answered_at, rand::random());
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(wait.map_or(FetchError::Limited, |wait| FetchError::LimitedFor { wait }));
        }
        if status.is_redirection() {
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let target = self.shared.base.redirect_target(location);
            let target = quote(&self.shared.tokens.blank(&target));
            return Err(FetchError::Redirected { base, status: status.as_u16(), target });
        }
        if !status.is_success() {
            let asked = headers::retry_after(response.headers(), record.at);
            let said = body::read_error(response, self.patience.idle).await;
            let error = refusal::read(&base, &token.name, status.as_u16(), &said, &self.shared.tokens);
            return Err(match error {
                FetchError::Server { base, status, .. } => {
                    FetchError::Server { base, status, retry_after: asked }
                }
                other => other,
            });
        }
        if !headers::is_json(response.headers()) {
            let content_type = quote(&self.shared.tokens.blank(headers::content_type(response.headers())));
            return Err(FetchError::NotGitLab { base, content_type });
        }
        let headers = response.headers().clone();
        let body = body::read(response, &base, self.patience.idle).await?;
        record.bytes = body.len() as u64;
        Ok(Answer { headers, body, asked_at: record.at, token: token.name.clone() })
    }

    fn compare_clocks(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        let ahead = headers::dated(headers).and_then(|date| self.shared.offset.answered(date, now));
        if let Some(ahead) = ahead {
            tracing::warn!(
                seconds = ahead.num_seconds().abs(),
                "the clock of this machine is {} that of GitLab; GitLab's is used for what is asked of it: correct the clock that is wrong",
                if ahead < TimeDelta::zero() { "ahead of" } else { "behind" }
            );
        }
    }

    fn request(&self, asked: &Asked, permit: &Permit) -> reqwest::RequestBuilder {
        let request = match &asked.body {
            None => self.shared.http.get(asked.url.clone()),
            Some(body) => self
                .shared
                .http
                .post(asked.url.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
        };
        let authorization = self.shared.tokens.get(permit.token).authorization.clone();
        request.header(AUTHORIZATION, authorization).header(ACCEPT, "application/json")
    }

    fn stalled(&self, what: &'static str, limit: Duration) -> FetchError {
        FetchError::Stalled { base: self.base_url().to_owned(), what, limit }
    }
}
