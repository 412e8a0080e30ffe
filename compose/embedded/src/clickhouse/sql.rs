//! Internal statements: settings and databases of requests, queries to end. In: names, values, a connection. Out: SQL, and the engine's answers.
//! Never a client's text unquoted.

use super::ffi::Connection;
use super::interface::{EngineError, Statement};

/// Runs an internal statement without a result.
pub(super) fn execute(connection: &mut Connection, sql: &str) -> Result<(), EngineError> {
    connection.run(Statement { sql: sql.as_bytes(), format: "Null", parameters: &[] }).map(drop)
}

/// Runs an internal query; returns its result with tabs between columns.
pub(super) fn ask(connection: &mut Connection, sql: &str) -> Result<String, EngineError> {
    let answer = connection.run(Statement { sql: sql.as_bytes(), format: "TSVRaw", parameters: &[] })?;
    Ok(String::from_utf8_lossy(&answer.bytes).into_owned())
}

/// A string literal.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The name of a table, column or database.
pub(super) fn quote_identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
