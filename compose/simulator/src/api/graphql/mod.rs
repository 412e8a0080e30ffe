//! The part of GraphQL that history is read with: a project's pipelines and merge requests (<https://docs.gitlab.com/api/graphql/reference/>). In: a
//! query. Out: what it asks for, or GitLab's errors. Enforces types and complexity; never resolves a field that the version does not have.

mod complexity;
mod object;
mod parse;
mod resolve;
mod types;

use serde_json::{Map, Value, json};

use super::token::Token;
use super::version::Version;
use crate::gitlab::{Millis, World};

/// Characters of a query (<https://docs.gitlab.com/api/graphql/#limits>).
const MAX_QUERY: usize = 10_000;
/// Complexity of a query by somebody with a token.
const MAX_COMPLEXITY: u64 = 250;

/// Answers a posted query.
pub(super) fn answer(world: &World, token: &Token, version: Version, now: Millis, body: &[u8]) -> Value {
    match run(world, token, version, now, body) {
        Ok(found) => json!({"data": found}),
        Err(message) => json!({"errors": [{"message": message}]}),
    }
}

fn run(world: &World, token: &Token, version: Version, now: Millis, body: &[u8]) -> Result<Value, String> {
    let posted: Value = serde_json::from_slice(body).map_err(|_| "Unexpected end of document".to_owned())?;
    let query = posted["query"].as_str().ok_or("Unexpected end of document")?;
    if query.len() > MAX_QUERY {
        return Err("Query too large".to_owned());
    }
    let empty = Map::new();
    let variables = posted["variables"].as_object().unwrap_or(&empty);
    let fields = parse::parse(query, variables)?;
    for field in &fields {
        types::check("Query", field, version)?;
    }
    let score = complexity::score(&fields);
    if score > MAX_COMPLEXITY {
        return Err(format!(
            "Query has complexity of {score}, which exceeds max complexity of {MAX_COMPLEXITY}"
        ));
    }
    let resolver = resolve::Resolver { world, token, version, now };
    let mut found = Map::new();
    for field in &fields {
        let value = match field.name.as_str() {
            "queryComplexity" => resolve::only(&field.fields, |name| match name {
                "score" => json!(score),
                "limit" => json!(MAX_COMPLEXITY),
                _ => Value::Null,
            }),
            _ => resolver.root(field)?,
        };
        found.insert(field.key().to_owned(), value);
    }
    Ok(Value::Object(found))
}
