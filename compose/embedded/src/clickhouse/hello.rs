//! The greeting of clients that negotiate a version of ClickHouse's protocol (`client_protocol_version`), as clickhouse-go does since 2.38. In: the
//! version they ask for, and their first query. Out: its answer in the framing of that version, with revision 0. Never: frames anything else; from
//! then on the client reads plain Native.
//!
//! A server frames Native for such a client: with a block's info before it, and a byte after each column's type. The engine as a library cannot do
//! that, and does not have to: the client reads the server's revision from this answer, and expects everything that follows in the framing of that
//! revision.

use super::tokens::{Kind, Tokens};

/// From this version on a block begins with its info.
const WITH_BLOCK_INFO: u64 = 1;
/// From this version on, a byte after a column's type says whether it has a custom serialization.
const WITH_CUSTOM_SERIALIZATION: u64 = 54454;
/// Field 1: no overflow; field 2: no bucket; the end.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0];

/// What the server reports about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server<'a> {
    /// Its display name.
    pub(super) name: &'a str,
    /// ClickHouse's version.
    pub(super) version: &'a str,
    /// Its time zone.
    pub(super) timezone: &'a str,
}

/// The answer in Native to a query that asks only for the server's name, version, revision and time zone, in any order; `None` for any other.
#[must_use]
pub(super) fn answer(sql: &[u8], protocol: u64, server: Server<'_>) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    let functions = functions(sql)?;
    if protocol >= WITH_BLOCK_INFO {
        block.extend_from_slice(&BLOCK_INFO);
    }
    block.extend_from_slice(&[u8::try_from(functions.len()).ok()?, 1]);
    for function in &functions {
        text(&mut block, &format!("{function}()"))?;
        let is_number = function == "revision";
        text(&mut block, if is_number { "UInt32" } else { "String" })?;
        if protocol >= WITH_CUSTOM_SERIALIZATION {
            block.push(0);
        }
        match function.as_str() {
            "displayName" => text(&mut block, server.name)?,
            "version" => text(&mut block, server.version)?,
            "timezone" => text(&mut block, server.timezone)?,
            // The revision that has no framing.
            _ => block.extend_from_slice(&0_u32.to_le_bytes()),
        }
    }
    Some(block)
}

/// The functions that `SELECT a(), b()` calls, if it asks for the revision and for nothing unknown.
fn functions(sql: &[u8]) -> Option<Vec<String>> {
    let mut tokens = Tokens::new(sql).filter(|token| token.kind != Kind::Punctuation(b';'));
    if !tokens.next()?.is(sql, "SELECT") {
        return None;
    }
    let mut functions = Vec::new();
    loop {
        let name = tokens.next()?.text(sql);
        let is_known = matches!(name.as_str(), "displayName" | "version" | "revision" | "timezone");
        let is_called =
            tokens.next()?.kind == Kind::Punctuation(b'(') && tokens.next()?.kind == Kind::Punctuation(b')');
        if !is_known || !is_called {
            return None;
        }
        functions.push(name);
        match tokens.next() {
            Some(comma) if comma.kind == Kind::Punctuation(b',') => {}
            Some(_) => return None,
            None => break,
        }
    }
    functions.iter().any(|name| name == "revision").then_some(functions)
}

/// A text in Native. Texts of this answer are short.
fn text(block: &mut Vec<u8>, text: &str) -> Option<()> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 0x80)?;
    block.push(length);
    block.extend_from_slice(text.as_bytes());
    Some(())
}

#[cfg(test)]
mod tests;
