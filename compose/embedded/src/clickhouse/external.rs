//! External data: temporary tables for one query, which a client sends as files of a form. In: a file, and its columns and format from the request.
//! Out: a temporary table with its rows. Never: outlives the request, even in a session.

use super::fault::{Fault, Refusal};
use super::interface::Statement;
use super::session::Lease;
use super::sql::{execute, quote_identifier};
use super::tokens::{Kind, Tokens};

/// A table that comes with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct External {
    /// Its name.
    pub(super) name: String,
    /// Its columns, in the syntax of CREATE TABLE.
    pub(super) structure: String,
    /// The format of its rows.
    pub(super) format: String,
    /// Its rows.
    pub(super) rows: Vec<u8>,
}

impl External {
    /// A file with its parameters `NAME_format`, `NAME_structure` and `NAME_types`, which are removed from `settings`.
    ///
    /// # Errors
    /// No parameter names its columns.
    pub(super) fn new(
        name: String,
        rows: Vec<u8>,
        settings: &mut Vec<(String, String)>,
    ) -> Result<Self, Fault> {
        let mut take = |what: &str| {
            let wanted = format!("{name}_{what}");
            let at = settings.iter().position(|(name, _)| *name == wanted)?;
            Some(settings.remove(at).1)
        };
        let format = take("format").unwrap_or_else(|| "TabSeparated".to_owned());
        let structure = match (take("structure"), take("types")) {
            (Some(structure), _) => structure,
            (None, Some(types)) => numbered(&types),
            (None, None) => {
                let reason = format_args!(
                    "external table {name}: neither {name}_structure nor {name}_types says what columns it has"
                );
                return Err(Fault::refuse(Refusal::BadArguments, reason));
            }
        };
        Ok(Self { name, structure, format, rows })
    }

    /// Creates the table on the request's connection; releasing the lease drops it.
    ///
    /// # Errors
    /// The engine's error: columns or rows that it cannot accept.
    pub(super) fn create(&self, lease: &mut Lease<'_>) -> Result<(), Fault> {
        let name = quote_identifier(&self.name);
        let create = format!("CREATE TEMPORARY TABLE {name} ({}) ENGINE = Memory", self.structure);
        if lease.connection().classify(create.as_bytes()).statements != 1 {
            let reason =
                format_args!("external table {}: '{}' is no list of columns", self.name, self.structure);
            return Err(Fault::refuse(Refusal::BadArguments, reason));
        }
        execute(lease.connection(), &create)?;
        lease.undo(format!("DROP TEMPORARY TABLE IF EXISTS {name}"));
        let insert = format!("INSERT INTO {name} ");
        let statement = Statement { sql: insert.as_bytes(), format: &self.format, parameters: &[] };
        let mut stream = lease.connection().insert(statement)?;
        let appended = if self.rows.is_empty() { Ok(()) } else { stream.append(&self.rows) };
        let finished = stream.finish().map(drop);
        // The stream's own text is empty while the refusal is still on its way; the end of the insert has it.
        finished.and(appended).map_err(Fault::from)
    }
}

/// Columns `_1`, `_2` and so on, for a list of types.
fn numbered(types: &str) -> String {
    let sql = types.as_bytes();
    let commas = Tokens::new(sql).filter(|token| token.depth == 0 && token.kind == Kind::Punctuation(b','));
    let mut structure = String::new();
    let mut begin = 0;
    for (at, end) in commas.map(|comma| comma.start).chain([types.len()]).enumerate() {
        let kind = types.get(begin..end).unwrap_or_default().trim();
        let comma = if at == 0 { "" } else { ", " };
        structure.push_str(&format!("{comma}_{} {kind}", at + 1));
        begin = end + 1;
    }
    structure
}

#[cfg(test)]
mod tests;
