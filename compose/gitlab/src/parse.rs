//! Parses bodies. In: bytes. Out: the objects in them, as GitLab wrote them, each copied once. Never reads inside an object.

use schemas::json::JsonError;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::FetchError;

/// Parses JSON. The error names what was expected.
pub(crate) fn json<'b, T: Deserialize<'b>>(body: &'b [u8], expected: &'static str) -> Result<T, FetchError> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => FetchError::Shape { expected },
        Category::Syntax | Category::Eof | Category::Io => FetchError::Malformed(JsonError::from(error)),
    })
}

/// The objects of a list.
pub(crate) fn list(body: &[u8]) -> Result<Vec<Box<RawValue>>, FetchError> {
    json(body, "a list")
}

/// One object.
pub(crate) fn object(body: &[u8]) -> Result<Box<RawValue>, FetchError> {
    let object: Box<RawValue> = json(body, "an object")?;
    match object.get().starts_with('{') {
        true => Ok(object),
        false => Err(FetchError::Shape { expected: "an object" }),
    }
}

#[cfg(test)]
mod tests;
