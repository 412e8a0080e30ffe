//! GraphQL. In: a query, or the body of an answer. Out: a body to send, `data`, or the kind of error. Never returns partial data of an answer with
//! errors: missing data could not be distinguished from data that does not exist.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{FetchError, GraphQlFault, quote};
use crate::tokens::Tokens;
use crate::{parse, refusal};

#[derive(Serialize)]
struct Question<'q> {
    query: &'q str,
    variables: &'q Value,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Option<Vec<Fault>>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
    /// An unexpected shape here must not hide the message.
    #[serde(default)]
    extensions: Value,
}

/// The body of a query.
pub(crate) fn question(query: &str, variables: &Value) -> Vec<u8> {
    // Serializing strings and JSON values cannot fail.
    serde_json::to_vec(&Question { query, variables }).unwrap_or_default()
}

/// `data` of an answer.
pub(crate) fn data(token: &str, body: &[u8], tokens: &Tokens) -> Result<Box<RawValue>, FetchError> {
    let answer: Answer = parse::json(body, "an answer of GraphQL")?;
    if let Some(first) = answer.errors.iter().flatten().next() {
        return Err(read(token, &tokens.blank(&first.message), first.extensions["code"].as_str()));
    }
    answer.data.ok_or(FetchError::Shape { expected: "an answer of GraphQL with data" })
}

fn read(token: &str, message: &str, code: Option<&str>) -> FetchError {
    if let Some(needed) = refusal::fine_grained(message) {
        return FetchError::FineGrained { token: token.to_owned(), needed };
    }
    FetchError::GraphQl { fault: kind(code, message), message: quote(message) }
}

/// The library that GitLab uses has codes for what it finds when it validates a query (<https://graphql-ruby.org/errors/overview.html>); complexity
/// and timeouts have texts only (<https://docs.gitlab.com/api/graphql/#limits>).
fn kind(code: Option<&str>, message: &str) -> GraphQlFault {
    let codes = ["undefinedField", "argumentNotAccepted", "undefinedType", "undefinedDirective"];
    let unknown = ["doesn't exist on type", "doesn't accept argument", "isn't a defined input type"];
    let complex = ["exceeds max complexity", "which exceeds max depth", "imeout", "timed out"];
    if code.is_some_and(|code| codes.contains(&code)) || unknown.iter().any(|text| message.contains(text)) {
        return GraphQlFault::Unknown;
    }
    if complex.iter().any(|text| message.contains(text)) {
        return GraphQlFault::TooComplex;
    }
    GraphQlFault::Other
}

#[cfg(test)]
mod tests;
