//! The part of GraphQL that history needs: pipelines, merge requests, issues and jobs of projects (<https://docs.gitlab.com/api/graphql/reference/>).
//! In: a query. Out: the requested fields, or GitLab's errors. Enforces types, arguments and complexity; never resolves a field that the version does
//! not have.
//!
//! `words` and `parse` read a query, `schema` defines the fields, `check` validates against them, `complexity` computes the cost, `resolve` finds
//! values: `connection` makes pages, `pipelines`, `merge_requests`, `issues`, `notes` and `jobs` rows.

mod check;
mod complexity;
mod connection;
mod fault;
mod issues;
mod jobs;
mod merge_requests;
mod notes;
mod parse;
mod pipelines;
mod resolve;
mod schema;
mod words;

use serde_json::{Map, Value, json};

use super::token::Token;
use crate::gitlab::{Millis, World};
use crate::version::Version;
use fault::Fault;

/// Maximum length of a query in characters (<https://docs.gitlab.com/api/graphql/#limits>).
const MAX_QUERY: usize = 10_000;
/// Maximum complexity of a query by a user with a token.
const MAX_COMPLEXITY: u64 = 250;

/// Answers a posted query.
pub(super) fn answer(world: &World, token: &Token, version: Version, now: Millis, body: &[u8]) -> Value {
    match run(world, token, version, now, body) {
        Ok(found) => json!({"data": found}),
        Err(faults) => json!({"errors": faults.iter().map(Fault::write).collect::<Vec<Value>>()}),
    }
}

fn run(
    world: &World,
    token: &Token,
    version: Version,
    now: Millis,
    body: &[u8],
) -> Result<Value, Vec<Fault>> {
    let plain = |message: &str| vec![Fault::plain(message)];
    let posted: Value = serde_json::from_slice(body).map_err(|_| plain("Unexpected end of document"))?;
    let query = posted["query"].as_str().ok_or_else(|| plain("Unexpected end of document"))?;
    if query.len() > MAX_QUERY {
        return Err(plain("Query too large"));
    }
    let empty = Map::new();
    let variables = posted["variables"].as_object().unwrap_or(&empty);
    let mut operation = parse::parse(query).map_err(|fault| vec![fault])?;
    check::check(&mut operation, variables, version)?;
    let score = complexity::score(&operation.fields, version);
    if score > MAX_COMPLEXITY {
        let message =
            format!("Query has complexity of {score}, which exceeds max complexity of {MAX_COMPLEXITY}");
        return Err(plain(&message));
    }
    let resolver = resolve::Resolver { world, token, version, now };
    let mut found = Map::new();
    for field in &operation.fields {
        let value = match field.name.as_str() {
            "queryComplexity" => connection::only("QueryComplexity", &field.fields, |name| match name {
                "score" => json!(score),
                _ => json!(MAX_COMPLEXITY),
            }),
            _ => resolver.root(field).map_err(|fault| vec![fault])?,
        };
        found.insert(field.key().to_owned(), value);
    }
    Ok(Value::Object(found))
}
