//! Statements that mean something else in the engine as a library than in a server. In: SQL. Out: SQL that does what the client means, or the change
//! to its session. Never: rewrites within quotes or comments.

use super::fault::{Fault, Refusal};
use super::tokens::{Kind, Token, Tokens};

/// The `query_id` that clients see: the engine has ids of its own, and stores the client's as this mark.
const MARK: &str = "if(Settings['log_comment'] = '', query_id, Settings['log_comment'])";

/// `KILL QUERY`, rewritten to find statements by the ids that clients gave them; `None` for anything else.
///
/// `query_id = 'x'` also matches the engine's own id, which `system.processes` shows; any other use of `query_id` is the client's id.
#[must_use]
pub(super) fn kill(sql: &[u8]) -> Option<Vec<u8>> {
    let tokens: Vec<Token> = Tokens::new(sql).collect();
    if !matches!(&tokens[..], [kill, query, ..] if kill.is(sql, "KILL") && query.is(sql, "QUERY")) {
        return None;
    }
    let mut rewritten = Vec::with_capacity(sql.len() + MARK.len());
    let mut copied = 0;
    for (at, token) in tokens.iter().enumerate() {
        if !is_query_id(sql, token) {
            continue;
        }
        rewritten.extend_from_slice(&sql[copied..token.start]);
        copied = token.end;
        match (tokens.get(at + 1), tokens.get(at + 2)) {
            (Some(equals), Some(id)) if equals.kind == Kind::Punctuation(b'=') && is_string(sql, id) => {
                rewritten.extend_from_slice(b"has([query_id, Settings['log_comment']], ");
                rewritten.extend_from_slice(&sql[id.start..id.end]);
                rewritten.push(b')');
                copied = id.end;
            }
            _ => rewritten.extend_from_slice(MARK.as_bytes()),
        }
    }
    rewritten.extend_from_slice(&sql[copied..]);
    Some(rewritten)
}

fn is_query_id(sql: &[u8], token: &Token) -> bool {
    match token.kind {
        Kind::Word => token.text(sql) == "query_id",
        Kind::Quoted => matches!(token.text(sql).as_str(), "`query_id`" | "\"query_id\""),
        Kind::Punctuation(_) => false,
    }
}

fn is_string(sql: &[u8], token: &Token) -> bool {
    token.kind == Kind::Quoted && sql.get(token.start) == Some(&b'\'')
}

/// The part of a `SET` that concerns `readonly`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetReadonly {
    /// The new level: 0, 1 or 2.
    pub(super) level: u8,
    /// The same statement without it, if it sets anything else.
    pub(super) rest: Option<Vec<u8>>,
}

/// Parses a `SET` that names `readonly`. In a session the HTTP interface enforces it itself: the engine would refuse the settings of later requests.
///
/// # Errors
/// The value is not a level.
pub(super) fn set_readonly(sql: &[u8]) -> Result<Option<SetReadonly>, Fault> {
    let mut tokens = Tokens::new(sql);
    if !tokens.next().is_some_and(|first| first.is(sql, "SET")) {
        return Ok(None);
    }
    let tokens: Vec<Token> = tokens.filter(|token| token.kind != Kind::Punctuation(b';')).collect();
    let mut level = None;
    let mut rest = Vec::new();
    for assignment in tokens.split(|token| token.depth == 0 && token.kind == Kind::Punctuation(b',')) {
        let (Some(name), Some(last)) = (assignment.first(), assignment.last()) else { continue };
        if name.is(sql, "readonly") {
            // A setting without a value is switched on.
            let value = assignment.get(2).map_or_else(|| "1".to_owned(), |value| value.text(sql));
            level = Some(match value.trim_matches('\'').to_ascii_lowercase().as_str() {
                "0" | "false" | "default" => 0,
                "1" | "true" => 1,
                "2" => 2,
                _ => {
                    let reason =
                        format_args!("{value} is no value of the setting readonly, but 0, 1 and 2 are");
                    return Err(Fault::refuse(Refusal::BadArguments, reason));
                }
            });
        } else {
            rest.push(&sql[name.start..last.end]);
        }
    }
    let rest = (!rest.is_empty()).then(|| [&b"SET "[..], &rest.join(&b", "[..])].concat());
    Ok(level.map(|level| SetReadonly { level, rest }))
}

#[cfg(test)]
mod tests;
