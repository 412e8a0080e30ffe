//! Errors of queries. In: where and what. Out: an error in the format of GitLab's library (<https://graphql-ruby.org/errors/overview.html>): errors
//! found before the query runs have a code. Never a part of the answer: errors come alone here.

use serde_json::{Map, Value, json};

use super::words::Spot;

/// An error of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::api) struct Fault {
    pub(super) message: String,
    at: Option<Spot>,
    path: Vec<String>,
    extensions: Map<String, Value>,
}

impl Fault {
    /// An error without a code: complexity, a cursor, or something while the query runs.
    pub(super) fn plain(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), at: None, path: Vec::new(), extensions: Map::new() }
    }

    /// The text is not a query.
    pub(super) fn syntax(message: &str, at: Spot) -> Fault {
        let message = format!("{message} at [{}, {}]", at.line, at.column);
        Fault { at: Some(at), ..Fault::plain(message) }
    }

    /// An error with a code.
    pub(super) fn coded(
        code: &str,
        message: impl Into<String>,
        (at, path): (Spot, &[String]),
        more: &[(&str, &str)],
    ) -> Fault {
        let mut extensions = Map::new();
        extensions.insert("code".to_owned(), json!(code));
        extensions.extend(more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        Fault { message: message.into(), at: Some(at), path: path.to_vec(), extensions }
    }

    /// The type of a variable does not accept its value: no code, but the given value.
    pub(super) fn of_variable(name: &str, of: &str, value: &Value, at: Spot, problem: &str) -> Fault {
        let mut extensions = Map::new();
        extensions.insert("value".to_owned(), value.clone());
        extensions.insert("problems".to_owned(), json!([{"path": [], "explanation": problem}]));
        let message = format!("Variable ${name} of type {of} was provided invalid value");
        Fault { message, at: Some(at), path: Vec::new(), extensions }
    }

    /// In the format of an answer.
    pub(in crate::api) fn write(&self) -> Value {
        let mut written = json!({"message": self.message});
        if let Some(at) = self.at {
            written["locations"] = json!([{"line": at.line, "column": at.column}]);
        }
        if !self.path.is_empty() {
            written["path"] = json!(self.path);
        }
        if !self.extensions.is_empty() {
            written["extensions"] = Value::Object(self.extensions.clone());
        }
        written
    }
}
