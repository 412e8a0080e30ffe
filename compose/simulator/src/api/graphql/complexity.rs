//! The complexity of a query. In: validated fields. Out: a score, computed like GitLab's `BaseField` and `BaseResolver`: a field costs one, or its
//! declared cost, plus what is below it; a field with a resolver also costs a hundredth of that for each row of a page. From the source of version
//! 18; not measured against a GitLab.

use serde_json::Value;

use super::parse::Field;
use super::schema::{self, Cost};
use crate::version::Version;

/// Rows of a page: the default and the maximum.
const MAX_ROWS: u64 = 100;

/// The score of a query.
pub(super) fn score(fields: &[Field], version: Version) -> u64 {
    below("Query", fields, version)
}

fn below(owner: &str, fields: &[Field], version: Version) -> u64 {
    fields.iter().map(|field| of(owner, field, version)).sum()
}

fn of(owner: &str, field: &Field, version: Version) -> u64 {
    let Some(known) = schema::known(owner, &field.name, version) else {
        return 0;
    };
    let below = below(known.of, &field.fields, version);
    let more = match known.cost {
        Cost::Own(cost) => return below + cost,
        Cost::Resolver { more } => more,
    };
    let is_given = |name: &str| field.arguments.contains_key(name);
    let names =
        ["ref", "sha"].iter().filter(|name| field.name == "pipelines" && is_given(name)).count() as u64;
    let own = below + 1 + more + 2 * names;
    let rows = ["first", "last"].iter().filter_map(|name| field.arguments.get(*name)?.as_u64()).min();
    let rows = rows.unwrap_or(MAX_ROWS).min(MAX_ROWS);
    let is_paged = known.of.ends_with("Connection") && field.arguments.get("iids").is_none_or(Value::is_null);
    if is_paged { own + own * rows / 100 } else { own }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::check::check as check_fields;
    use super::super::parse::parse;
    use super::*;

    fn check(query: &str, expected: u64) {
        let mut operation = parse(query).unwrap();
        check_fields(&mut operation, &Map::new(), Version::V19).unwrap();
        assert_eq!(score(&operation.fields, Version::V19), expected, "{query}");
    }

    #[test]
    fn pages_cost_what_their_rows_ask_for() {
        check("{ queryComplexity { score limit } }", 3);
        check(r#"{ project(fullPath: "a") { id } }"#, 2);
        // Two fields, their list, the connection, and one for what it always does: five, doubled by a hundred rows.
        check(r#"{ project(fullPath: "a") { pipelines(first: 100) { nodes { id sha } } } }"#, 11);
        check(
            r#"{ project(fullPath: "a") { pipelines(first: 100, ref: "main") { nodes { id sha } } } }"#,
            15,
        );
        check(r#"{ project(fullPath: "a") { mergeRequests(first: 50) { nodes { id } } } }"#, 7);
        check(r#"{ project(fullPath: "a") { mergeRequests(first: 50, iids: ["7"]) { nodes { id } } } }"#, 5);
    }

    #[test]
    fn some_fields_are_dear() {
        let nodes = |fields: &str| {
            format!(
                r#"{{ project(fullPath: "a") {{ mergeRequests(first: 1) {{ nodes {{ {fields} }} }} }} }}"#
            )
        };
        check(&nodes("id"), 5);
        check(&nodes("mergedAt"), 9);
        check(&nodes("diffHeadSha"), 6);
        check(&nodes("labels { nodes { title } }"), 11);
        check(&nodes("approvedBy { nodes { id } }"), 7);
        // A hundred notes of each.
        check(&nodes("notes(first: 100) { nodes { id body } }"), 12);
    }
}
