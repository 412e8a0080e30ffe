//! The types of columns as defined by the migrations. In: the name of a table. Out: its columns with types. Never includes columns that somebody
//! else added.

use std::collections::BTreeMap;

use super::MIGRATIONS;

/// The columns of a table as defined by the migrations, with types without white space, since ClickHouse adds its own when it writes a type.
///
/// Empty if no migration creates the table.
pub fn columns(table: &str) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    for statement in MIGRATIONS.iter().flat_map(|migration| migration.sql.split(";\n")) {
        let statement = without_comments(statement);
        let Some((verb, rest)) = statement.split_once("${database}.") else { continue };
        let name_end = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(name_end);
        if name != table {
            continue;
        }
        let rest = rest.trim_start().strip_prefix("${on_cluster}").unwrap_or(rest);
        if verb.contains("CREATE TABLE") {
            columns.extend(within_parentheses(rest).into_iter().filter_map(column));
        } else if verb.contains("ALTER TABLE") {
            columns.extend(parts(rest).into_iter().filter_map(|change| {
                let change = change.trim();
                let change = change.strip_prefix("ADD COLUMN").or(change.strip_prefix("MODIFY COLUMN"))?;
                column(change.trim().trim_start_matches("IF NOT EXISTS"))
            }));
        }
    }
    columns
}

/// A column type without white space, as in [`columns`].
pub fn condensed(column_type: &str) -> String {
    column_type.split_whitespace().collect()
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn without_comments(statement: &str) -> String {
    let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The definitions in the first pair of parentheses.
fn within_parentheses(text: &str) -> Vec<&str> {
    let Some(start) = text.find('(') else { return Vec::new() };
    let text = &text[start + 1..];
    let end = ends(text).find(|(_, letter)| *letter == ')').map_or(text.len(), |(at, _)| at);
    parts(&text[..end])
}

/// The parts between commas, ignoring commas in parentheses and strings.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in ends(text).filter(|(_, letter)| *letter == ',') {
        parts.push(&text[start..at]);
        start = at + 1;
    }
    parts.push(&text[start..]);
    parts
}

/// A name and a type; `None` for an index. The type ends at the first white space outside of it.
fn column(definition: &str) -> Option<(String, String)> {
    let (name, rest) = definition.trim().split_once(char::is_whitespace)?;
    if ["INDEX", "PROJECTION", "CONSTRAINT"].contains(&name) {
        return None;
    }
    let rest = rest.trim_start();
    let end = ends(rest).find(|(_, letter)| letter.is_whitespace()).map_or(rest.len(), |(at, _)| at);
    Some((name.to_owned(), condensed(&rest[..end])))
}

/// The characters outside of parentheses and strings, each with its position, and any unmatched closing parenthesis.
fn ends(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut is_quoted) = (0_u32, false);
    text.char_indices().filter(move |(_, letter)| {
        match letter {
            '\'' => is_quoted = !is_quoted,
            _ if is_quoted => (),
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ => return depth == 0,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &str, column: &str, expected: Option<&str>) {
        assert_eq!(columns(table).get(column).map(String::as_str), expected, "{table}.{column}");
    }

    #[test]
    fn a_column_has_the_type_of_its_migration() {
        check("event_facts", "instance", Some("LowCardinality(String)"));
        check("event_facts", "inserted_at", Some("DateTime64(3,'UTC')"));
        check("event_facts", "payload", Some("String"));
        check(
            "merge_request_facts",
            "labels",
            Some("SimpleAggregateFunction(max,Tuple(Int64,UInt8,UInt16,Array(String)))"),
        );
    }

    #[test]
    fn columns_of_later_migrations_are_there() {
        let added = "SimpleAggregateFunction(max,Tuple(Int64,UInt8,UInt16,Nullable(UInt64)))";
        check("merge_request_facts", "additions", Some(added));
        check("merge_request_facts", "commit_count", Some(added));
        check("push_facts", "ref_count", Some("SimpleAggregateFunction(max,Nullable(UInt64))"));
    }

    #[test]
    fn indexes_and_unknown_tables_have_no_columns() {
        check("event_facts", "INDEX", None);
        check("event_facts", "received_at_range", None);
        assert!(columns("no_such_table").is_empty());
    }
}
