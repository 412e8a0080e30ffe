//! Parses what HTTP needs to know of a statement before the engine sees it. In: SQL, possibly followed by rows to insert. Out: where the rows begin
//! and their format, the requested output format, and clauses that only a client could execute. Never: judges whether the SQL is valid; that is for
//! the engine's parser.

use super::fault::{Fault, Refusal};
use super::tokens::{Kind, Token, Tokens};

/// A statement, as far as HTTP is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    /// `INSERT ... VALUES` or `INSERT ... FORMAT X`, with rows behind it.
    Insert {
        /// Length of the SQL before VALUES or FORMAT.
        head: usize,
        /// Format of the rows.
        format: String,
        /// Where the rows begin.
        rows: usize,
    },
    /// Any other statement, which runs unchanged.
    Other {
        /// The format its FORMAT clause names.
        format: Option<String>,
        /// For a query: the end of its own clauses, where INTO OUTFILE belongs.
        output: Option<usize>,
    },
}

impl Statement {
    /// Parses a statement. `sql` may be cut off within the rows of an insert, never within the statement itself.
    ///
    /// # Errors
    /// Clauses that only a client can execute, an insert without rows, `input()`.
    pub(super) fn read(sql: &[u8]) -> Result<Self, Fault> {
        let mut tokens = Tokens::new(sql);
        match tokens.next() {
            Some(first) if first.is(sql, "INSERT") => insert(sql, tokens),
            Some(first) => other(sql, first, tokens),
            None => Err(Fault::refuse(Refusal::Syntax, "Empty query")),
        }
    }
}

/// Whether `sql` already contains everything that [`Statement::read`] needs, however it continues.
#[must_use]
pub(super) fn is_complete_insert(sql: &[u8]) -> bool {
    matches!(Statement::read(sql), Ok(Statement::Insert { rows, .. }) if rows < sql.len()
        || sql.last().is_some_and(|byte| *byte == b'\n'))
}

fn insert(sql: &[u8], mut tokens: Tokens<'_>) -> Result<Statement, Fault> {
    let mut token = tokens.next();
    for optional in ["INTO", "TABLE"] {
        if token.is_some_and(|token| token.is(sql, optional)) {
            token = tokens.next();
        }
    }
    if token.is_some_and(|token| token.is(sql, "FUNCTION")) {
        token = tokens.next();
    }
    // The table's name may be any word, even FORMAT, so it is skipped.
    token = tokens.next().filter(|_| token.is_some());
    while token.is_some_and(|token| token.kind == Kind::Punctuation(b'.')) {
        tokens.next();
        token = tokens.next();
    }
    let mut opened = false;
    while let Some(found) = token {
        let next = tokens.next();
        if found.kind == Kind::Word && (found.depth == 0 || opened) {
            if found.is(sql, "SELECT") || found.is(sql, "WITH") {
                return insert_select(sql, next, tokens);
            }
            if found.depth == 0 && found.is(sql, "VALUES") {
                return Ok(Statement::Insert {
                    head: found.start,
                    format: "Values".to_owned(),
                    rows: found.end,
                });
            }
            if found.depth == 0 && found.is(sql, "FORMAT") {
                return match next {
                    Some(name) if name.kind == Kind::Word => rows_after(sql, found.start, name),
                    _ => Err(Fault::refuse(Refusal::Syntax, "Syntax error: FORMAT without a name")),
                };
            }
            if found.depth == 0 && found.is(sql, "FROM") && next.is_some_and(|next| next.is(sql, "INFILE")) {
                let reason = "FROM INFILE is read by clients; send the rows in the request body instead";
                return Err(Fault::refuse(Refusal::FromInfile, reason));
            }
        }
        opened = found.kind == Kind::Punctuation(b'(') && found.depth == 0;
        token = next;
    }
    Err(Fault::refuse(Refusal::Syntax, "Syntax error: INSERT without VALUES, FORMAT or SELECT"))
}

/// An `INSERT ... SELECT` runs unchanged, unless it needs rows from the body: the engine as a library would silently insert nothing.
fn insert_select(sql: &[u8], mut token: Option<Token>, mut tokens: Tokens<'_>) -> Result<Statement, Fault> {
    while let Some(found) = token {
        let next = tokens.next();
        if found.is(sql, "input") && next.is_some_and(|next| next.kind == Kind::Punctuation(b'(')) {
            let reason = "INSERT ... SELECT ... FROM input() is not supported by the embedded ClickHouse; \
                          insert into a table and select from it";
            return Err(Fault::refuse(Refusal::NotSupported, reason));
        }
        token = next;
    }
    Ok(Statement::Other { format: None, output: None })
}

/// Rows begin after the format's name, blanks, and at most one line end.
fn rows_after(sql: &[u8], head: usize, name: Token) -> Result<Statement, Fault> {
    let mut rows = name.end;
    if sql.get(rows) == Some(&b';') {
        let reason = "You have excessive ';' symbol before data for INSERT";
        return Err(Fault::refuse(Refusal::Syntax, reason));
    }
    while matches!(sql.get(rows), Some(b' ' | b'\t' | 0x0c)) {
        rows += 1;
    }
    if sql.get(rows) == Some(&b'\r') {
        rows += 1;
    }
    if sql.get(rows) == Some(&b'\n') {
        rows += 1;
    }
    Ok(Statement::Insert { head, format: name.text(sql), rows })
}

fn other(sql: &[u8], first: Token, tokens: Tokens<'_>) -> Result<Statement, Fault> {
    let outer: Vec<Token> = std::iter::once(first).chain(tokens).filter(|token| token.depth == 0).collect();
    let is_query = ["SELECT", "WITH", "FROM"].iter().any(|word| first.is(sql, word))
        || first.kind == Kind::Punctuation(b'(');
    let last = outer.iter().rfind(|token| token.kind != Kind::Punctuation(b';'));
    let mut output = last.filter(|_| is_query).map(|token| token.end);
    let mut format = None;
    for (at, token) in outer.iter().enumerate() {
        let Some(next) = outer.get(at + 1) else { break };
        if token.is(sql, "INTO") && next.is(sql, "OUTFILE") {
            let reason = "INTO OUTFILE is not allowed; the rows are in the response body";
            return Err(Fault::refuse(Refusal::IntoOutfile, reason));
        }
        let ends = outer
            .get(at + 2)
            .is_none_or(|after| after.kind == Kind::Punctuation(b';') || after.is(sql, "SETTINGS"));
        let is_name = next.kind == Kind::Word && !next.is(sql, "ASC") && !next.is(sql, "DESC");
        if token.is(sql, "FORMAT") && is_name && ends {
            format = Some(next.text(sql));
            output = output.map(|_| token.start);
        }
    }
    Ok(Statement::Other { format, output })
}

#[cfg(test)]
mod tests;
