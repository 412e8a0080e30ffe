//! What GitLab sends and GitPulse does not know. In: a payload's kind, origin and JSON text. Out: the fields and enumerated values missing from the
//! lists in `schemas/known`, so that a new GitLab version shows up early. Never reports more than the place: values may be secrets, and so may the
//! keys of a custom template, so a key is only repeated if it looks like a field name.

use std::fmt;

use crate::{EventKind, Origin};

mod known;

use known::Place;

/// How deep a payload may be nested. GitLab's are below ten; ClickHouse's JSON functions give up near a thousand.
pub const MAX_DEPTH: usize = 128;

/// The maximum number of findings for one payload. A custom template may consist of nothing else.
pub const MAX_FINDINGS: usize = 32;

/// The longest field name that is repeated, in bytes. GitLab's longest are below 60.
const MAX_NAME: usize = 64;

/// The most digits in a name that is repeated. A name has few digits, a token or a digest many.
const MAX_DIGITS: usize = 4;

/// Something in a payload that GitPulse does not know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unknown {
    /// The type of the finding.
    pub what: What,
    /// The place, as `builds[].runner.tags`: made of `[a-z0-9_.]`, `[]`, and `?` for anything that does not look like a field name.
    pub path: String,
}

/// The type of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A field, including everything in it.
    Field,
    /// A value of a field with a list of known values.
    Value,
    /// A kind of event.
    Kind,
}

impl What {
    /// The name in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Field => "field",
            What::Value => "value",
            What::Kind => "kind",
        }
    }
}

/// The payload is nested more than [`MAX_DEPTH`] levels deep.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload is nested more than {MAX_DEPTH} deep")]
pub struct TooDeep;

/// Scans a JSON text once and returns everything unknown, each path once. For text that is not JSON the result is arbitrary, but the only error is
/// [`TooDeep`]: validation is done elsewhere.
pub fn drift(kind: EventKind, origin: Origin, json: &str) -> Result<Vec<Unknown>, TooDeep> {
    let mut scan = Scan { json, at: 0, depth: 0, findings: Vec::new() };
    scan.value(known::root(kind, origin), &Path::Root)?;
    Ok(scan.findings.into_iter().map(|(_, _, unknown)| unknown).collect())
}

/// A kind of event without a topic of its own, by GitLab's name.
pub fn unknown_kind(name: &str) -> Unknown {
    let path = if is_name(name) { name } else { "?" };
    Unknown { what: What::Kind, path: path.to_owned() }
}

/// Whether a text looks like a name of a field or a kind.
fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (1..=MAX_NAME).contains(&text.len()) && plain && digits <= MAX_DIGITS
}

/// The position of the scan, from the value up to the root. It is only formatted if something is unknown.
enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(shown(name)),
            Path::Field(parent, name) => write!(f, "{parent}.{}", shown(name)),
            Path::Element(parent) => write!(f, "{parent}[]"),
        }
    }
}

fn shown(name: &str) -> &str {
    if is_name(name) { name } else { "?" }
}

/// One pass over the text. Its recursion is no deeper than the known lists; unknown or free values are skipped in a loop.
struct Scan<'j> {
    json: &'j str,
    at: usize,
    depth: usize,
    /// Each with its place and key, to detect repetitions without formatting a path.
    findings: Vec<(&'static Place, &'j str, Unknown)>,
}

impl<'j> Scan<'j> {
    /// Reads the next value.
    fn value(&mut self, place: &'static Place, path: &Path<'_>) -> Result<(), TooDeep> {
        if place.free {
            return self.pass_over();
        }
        match self.next_token() {
            b'{' => self.object(place, path),
            b'[' => self.list(place, path),
            b'"' => {
                let value = self.text();
                self.check(place, value, path);
                Ok(())
            }
            _ => {
                let value = self.scalar();
                self.check(place, value, path);
                Ok(())
            }
        }
    }

    fn object(&mut self, place: &'static Place, path: &Path<'_>) -> Result<(), TooDeep> {
        self.enter()?;
        loop {
            match self.next_token() {
                b'"' => (),
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => return self.leave(),
            }
            let name = self.text();
            if self.next_token() == b':' {
                self.at += 1;
            }
            match place.fields.get(name) {
                Some(field) => self.value(field, &Path::Field(path, name))?,
                None => {
                    self.find(What::Field, place, shown(name), &Path::Field(path, name));
                    self.pass_over()?;
                }
            }
        }
    }

    fn list(&mut self, place: &'static Place, path: &Path<'_>) -> Result<(), TooDeep> {
        self.enter()?;
        loop {
            match self.next_token() {
                b']' | b'}' | b':' | END => return self.leave(),
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => (),
            }
            match &place.element {
                Some(element) => self.value(element, &Path::Element(path))?,
                None => {
                    self.find(What::Field, place, "[]", &Path::Element(path));
                    self.pass_over()?;
                }
            }
        }
    }

    /// Skips the next value and only checks its depth.
    fn pass_over(&mut self) -> Result<(), TooDeep> {
        let outside = self.depth;
        loop {
            match self.next_token() {
                b'{' | b'[' => self.enter()?,
                b'}' | b']' => self.leave()?,
                b'"' => _ = self.text(),
                b',' | b':' => self.at += 1,
                END => return Ok(()),
                _ => _ = self.scalar(),
            }
            if self.depth <= outside {
                return Ok(());
            }
        }
    }

    fn enter(&mut self) -> Result<(), TooDeep> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(TooDeep) } else { Ok(()) }
    }

    fn leave(&mut self) -> Result<(), TooDeep> {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// The first byte after white space.
    fn next_token(&mut self) -> u8 {
        let bytes = self.json.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return *byte,
            }
        }
        END
    }

    /// The text of the next string, with escapes unchanged.
    fn text(&mut self) -> &'j str {
        let start = self.at + 1;
        let rest = self.json.as_bytes().get(start..).unwrap_or_default();
        let mut length = 0;
        while let Some(found) = rest[length..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            length += found;
            match rest[length] {
                b'"' => {
                    self.at = start + length + 1;
                    return self.json.get(start..start + length).unwrap_or_default();
                }
                // An escaped character does not close the string.
                _ => length = (length + 2).min(rest.len()),
            }
        }
        self.at = self.json.len();
        ""
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> &'j str {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.');
        // At least one byte, so that the scan always advances.
        let length = rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len()).max(1);
        let start = self.at;
        self.at += length;
        self.json.get(start..self.at).unwrap_or_default()
    }

    /// Checks a value against the known ones. `null` and an empty text count as no value.
    fn check(&mut self, place: &'static Place, value: &'j str, path: &Path<'_>) {
        if let Some(values) = &place.values
            && !values.contains(&value)
            && !matches!(value, "null" | "")
        {
            self.find(What::Value, place, "", path);
        }
    }

    fn find(&mut self, what: What, place: &'static Place, key: &'j str, path: &Path<'_>) {
        let seen = |(at, name, _): &(&Place, &str, Unknown)| std::ptr::eq(*at, place) && *name == key;
        if self.findings.len() < MAX_FINDINGS && !self.findings.iter().any(seen) {
            self.findings.push((place, key, Unknown { what, path: path.to_string() }));
        }
    }
}

/// What [`Scan::next_token`] returns at the end of the text.
const END: u8 = 0;

#[cfg(test)]
mod tests;
