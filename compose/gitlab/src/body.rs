//! Reads the body of an answer. In: an answer. Out: its bytes. Never reads more than a limit, and never waits longer than allowed for the next bytes.

use std::time::Duration;

use reqwest::Response;

use crate::error::FetchError;

/// Limit of a body. A usual page has some hundred KiB. A hundred descriptions of the greatest length that GitLab accepts, 1 MiB each, exceed it: then
/// the caller asks for fewer rows at once.
pub(crate) const MAX_BODY: usize = 64 * 1024 * 1024;
/// Limit of an error's body, of which only the beginning is useful.
const MAX_ERROR: usize = 16 * 1024;
/// Bytes reserved for a body without a declared length.
const USUAL: usize = 64 * 1024;

/// Reads a complete body.
pub(crate) async fn read(mut response: Response, base: &str, idle: Duration) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::TooLarge { limit: MAX_BODY };
    let told = response.content_length().map(usize::try_from);
    if told.is_some_and(|told| told.map_or(true, |told| told > MAX_BODY)) {
        return Err(too_large());
    }
    // The declared length is only a hint: a server may declare more than it sends.
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

/// Reads the text of an error, as far as it arrives.
pub(crate) async fn read_error(mut response: Response, idle: Duration) -> String {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR
        && let Ok(Ok(Some(chunk))) = tokio::time::timeout(idle, response.chunk()).await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR - body.len())]);
    }
    String::from_utf8_lossy(&body).into_owned()
}
