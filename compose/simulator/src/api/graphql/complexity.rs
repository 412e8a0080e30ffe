//! How much a query asks for. In: fields. Out: a score, as GitLab's `BaseField` and `BaseResolver` compute it: what a connection asks of each row,
//! and one, and one more where it is sorted, once for the field and a hundredth more for each row of a page. Not measured against a GitLab.

use super::parse::Field;

/// Rows of a connection that does not say how many.
const DEFAULT_ROWS: u64 = 100;

/// The score of a query.
pub(super) fn score(fields: &[Field]) -> u64 {
    fields.iter().map(of).sum()
}

fn of(field: &Field) -> u64 {
    let children = score(&field.fields);
    match field.name.as_str() {
        "pipelines" | "mergeRequests" | "notes" => {
            let rows = field.arguments.get("first").and_then(serde_json::Value::as_u64);
            let rows = rows.unwrap_or(DEFAULT_ROWS).min(DEFAULT_ROWS);
            let sorted = u64::from(field.arguments.contains_key("sort"));
            (children + 1 + sorted) * (100 + rows) / 100
        }
        // Neither costs anything itself.
        "nodes" | "pageInfo" | "queryComplexity" => children,
        _ => children + 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::parse::parse;
    use super::*;

    fn check(query: &str, expected: u64) {
        assert_eq!(score(&parse(query, &Map::new()).unwrap()), expected, "{query}");
    }

    #[test]
    fn pages_cost_what_their_rows_ask_for() {
        check("{ queryComplexity { score limit } }", 2);
        check("{ project(fullPath: \"a\") { id } }", 2);
        check("{ project(fullPath: \"a\") { pipelines(first: 100) { nodes { id sha } } } }", 7);
        check(
            "{ project(fullPath: \"a\") { mergeRequests(first: 50, sort: UPDATED_ASC) { nodes { id } } } }",
            5,
        );
    }
}
