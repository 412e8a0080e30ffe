//! Reads the body of an answer. In: an answer. Out: its bytes. Never more than a bound, and never waits longer than allowed for the next of them.

use std::time::Duration;

use reqwest::Response;

use crate::error::FetchError;

/// A page of real things has some hundred KiB. A hundred descriptions of the greatest length that GitLab takes, 1 MiB each, would have more: who meets
/// that asks for fewer rows at once.
pub(crate) const MAX_BODY: usize = 64 * 1024 * 1024;
/// Of an answer that is an error only the beginning is of use.
const MAX_ERROR: usize = 16 * 1024;
/// What is reserved for a body that does not tell its length.
const USUAL: usize = 64 * 1024;

/// Reads a body whole.
pub(crate) async fn read(mut response: Response, base: &str, idle: Duration) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::TooLarge { limit: MAX_BODY };
    let told = response.content_length().map(usize::try_from);
    if told.is_some_and(|told| told.map_or(true, |told| told > MAX_BODY)) {
        return Err(too_large());
    }
    // A length that is told costs no memory yet: a server may tell more than it sends.
    let mut body = Vec::with_capacity(told.and_then(Result::ok).unwrap_or(USUAL).min(16 * USUAL));
    loop {
        let chunk = tokio::time::timeout(idle, response.chunk()).await.map_err(|_| FetchError::Stalled {
            base: base.to_owned(),
            what: "the next part of an answer",
            limit: idle,
        })?;
        let chunk = chunk
            .map_err(|error| FetchError::Broken { base: base.to_owned(), source: error.without_url() })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// Reads what an error says, as far as it comes.
pub(crate) async fn read_error(mut response: Response, idle: Duration) -> String {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR
        && let Ok(Ok(Some(chunk))) = tokio::time::timeout(idle, response.chunk()).await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR - body.len())]);
    }
    String::from_utf8_lossy(&body).into_owned()
}
