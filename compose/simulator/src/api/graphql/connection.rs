//! Pages of a connection. In: rows in their order, each with its key. Out: nodes, edges, `pageInfo` and a count. A cursor is the key of a row, and
//! opaque to clients, as GitLab's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::parse::Field;
use crate::gitlab::{Millis, Person};

/// Rows of a page: the maximum and the default.
const MAX_ROWS: u64 = 100;

/// The key that identifies and orders rows: a time, if they are ordered by one, and an id.
pub(super) type Key = (Millis, u64);

/// The requested page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) rows: usize,
    pub(super) after: Option<Key>,
}

impl Window {
    /// Reads the arguments of a connection. Only forward paging is supported.
    pub(super) fn of(field: &Field) -> Result<Window, Fault> {
        let is_given = |name: &str| field.arguments.contains_key(name);
        if is_given("last") || is_given("before") {
            return Err(Fault::plain("This simulator pages forwards: ask with first and after"));
        }
        let first = field.arguments.get("first").and_then(Value::as_u64).unwrap_or(MAX_ROWS);
        let after = match field.text("after") {
            None => None,
            Some(cursor) => Some(key(cursor).ok_or_else(|| Fault::plain("Please provide a valid cursor"))?),
        };
        Ok(Window { rows: first.min(MAX_ROWS) as usize, after })
    }

    /// Whether a row is behind the cursor.
    pub(super) fn is_behind(&self, key: Key, is_ascending: bool) -> bool {
        match self.after {
            None => true,
            Some(after) if is_ascending => key > after,
            Some(after) => key < after,
        }
    }
}

/// A page.
pub(super) struct Rows<R> {
    pub(super) rows: Vec<(Key, R)>,
    pub(super) is_more: bool,
    pub(super) count: u64,
}

impl<R> Rows<R> {
    /// A page of a complete list: rows with their keys, in ascending order.
    pub(super) fn cut(all: Vec<(Key, R)>, window: Window) -> Rows<R> {
        let count = all.len() as u64;
        let mut rows: Vec<(Key, R)> =
            all.into_iter().filter(|(key, _)| window.is_behind(*key, true)).take(window.rows + 1).collect();
        let is_more = rows.len() > window.rows;
        rows.truncate(window.rows);
        Rows { rows, is_more, count }
    }

    /// Writes the requested parts of a connection. `write` gives the fields of a row, each with its type.
    pub(super) fn write(
        &self,
        of: &str,
        field: &Field,
        write: impl Fn(&R, &[Field]) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "nodes" => Value::Array(
                    self.rows.iter().map(|(_, row)| write(row, &below.fields)).collect::<Result<_, _>>()?,
                ),
                "edges" => {
                    let edge = |(key, row): &(Key, R)| -> Result<Value, Fault> {
                        let mut edge = Map::new();
                        for field in &below.fields {
                            let value = match field.name.as_str() {
                                "node" => write(row, &field.fields)?,
                                "cursor" => json!(cursor(*key)),
                                _ => json!(format!("{of}Edge")),
                            };
                            edge.insert(field.key().to_owned(), value);
                        }
                        Ok(Value::Object(edge))
                    };
                    Value::Array(self.rows.iter().map(edge).collect::<Result<_, _>>()?)
                }
                "pageInfo" => only("PageInfo", &below.fields, |name| match name {
                    "hasNextPage" => json!(self.is_more),
                    "hasPreviousPage" => json!(field.arguments.contains_key("after")),
                    "endCursor" => json!(self.rows.last().map(|(key, _)| cursor(*key))),
                    _ => json!(self.rows.first().map(|(key, _)| cursor(*key))),
                }),
                "count" => {
                    let limit = below.arguments.get("limit").and_then(Value::as_u64);
                    // Jobs are only counted up to a limit: of more, GitLab returns the limit plus one.
                    let limit = if of == "CiJob" { Some(limit.unwrap_or(1_000).min(1_000)) } else { limit };
                    json!(limit.map_or(self.count, |limit| self.count.min(limit + 1)))
                }
                _ => json!(format!("{of}Connection")),
            };
            found.insert(below.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }
}

/// An object with the requested fields.
pub(super) fn only(of: &str, fields: &[Field], value: impl Fn(&str) -> Value) -> Value {
    let pairs = fields.iter().map(|field| {
        let value = if field.name == "__typename" { json!(of) } else { value(&field.name) };
        (field.key().to_owned(), value)
    });
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// A connection of people.
pub(super) fn people(url: &str, of: &str, field: &Field, people: &[Person]) -> Result<Value, Fault> {
    let rows = people.iter().map(|one| ((0, one.id()), *one)).collect();
    Rows::cut(rows, Window::of(field)?).write(of, field, |one, fields| Ok(person(url, of, *one, fields)))
}

/// A person.
pub(super) fn person(url: &str, of: &str, one: Person, fields: &[Field]) -> Value {
    only(of, fields, |name| match name {
        "id" => json!(format!("gid://gitlab/User/{}", one.id())),
        "username" => json!(one.username()),
        "name" => json!(one.name()),
        "state" => json!("active"),
        "webUrl" => json!(format!("{url}/{}", one.username())),
        _ => json!(one.is_bot()),
    })
}

fn cursor((at, id): Key) -> String {
    let key = if at == 0 {
        json!({"id": id.to_string()})
    } else {
        json!({"updated_at": at.to_string(), "id": id.to_string()})
    };
    URL_SAFE_NO_PAD.encode(key.to_string())
}

fn key(cursor: &str) -> Option<Key> {
    let key: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let at = match key.get("updated_at") {
        Some(at) => at.as_str()?.parse().ok()?,
        None => 0,
    };
    Some((at, key["id"].as_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_row() {
        for row in [(0, 7), (1_762_128_000_204, 1 << 40)] {
            assert_eq!(key(&cursor(row)), Some(row));
        }
        for wrong in ["", "7", "eyJpZCI6IngifQ", "https://elsewhere.example.com"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
