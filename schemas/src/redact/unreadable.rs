//! Blanks secrets in unreadable bodies: bytes that are almost JSON. In: bytes. Out: the same bytes, with every value replaced whose name says that
//! it may be a secret. Never keeps a value whose end it cannot find.
//!
//! A truncated body, or one with a wrong byte, is kept as a whole, and somebody may repair and replay it. It may still contain the values of a
//! pipeline's variables.

use std::borrow::Cow;

use super::REDACTED;

/// The members whose values are blanked at any depth: paths cannot be followed in malformed JSON.
const NAMES: [&str; 7] = [
    "variables",
    "variable",
    "key",
    "value",
    "secret_token",
    "encrypted_secret_token",
    "encrypted_secret_token_iv",
];

/// The length of the longest name, with every letter escaped.
const LONGEST: usize = 6 * 25;

/// The bytes without possible secrets; borrowed if there are none.
pub fn redact_unreadable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut redacted = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    // Searches for colons instead of quotes: one wrong byte would shift the quotes for the whole rest.
    while let Some(colon) = next(bytes, at, b':') {
        at = colon + 1;
        if !is_secret(&bytes[copied..colon]) {
            continue;
        }
        let value = skip_space(bytes, at);
        let end = end_of_value(bytes, value);
        redacted.extend_from_slice(&bytes[copied..value]);
        redacted.extend_from_slice(REDACTED.as_bytes());
        (copied, at) = (end, end);
    }
    if redacted.is_empty() {
        return Cow::Borrowed(bytes);
    }
    redacted.extend_from_slice(&bytes[copied..]);
    Cow::Owned(redacted)
}

fn next(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    let found = bytes.get(from..)?.iter().position(|byte| *byte == wanted)?;
    Some(from + found)
}

/// Whether the text ends in one of the names, quoted or with one quote missing.
fn is_secret(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\\');
    let length = before.iter().rev().take(LONGEST).take_while(|byte| is_name(byte)).count();
    let written = String::from_utf8_lossy(&before[before.len() - length..]);
    let name = serde_json::from_str(&format!("\"{written}\"")).unwrap_or_else(|_| written.into_owned());
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The position after the closing quote of the string that begins here; the end of the bytes if it is not closed.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len())
}

/// The position after the value that begins here, judging by brackets and quotes.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => (at, depth) = (at + 1, depth + 1),
            b']' | b'}' if depth == 0 => return at,
            b']' | b'}' => (at, depth) = (at + 1, depth - 1),
            b',' if depth == 0 => return at,
            _ => at += 1,
        }
        if depth == 0 && matches!(byte, b'"' | b']' | b'}') {
            return at.min(bytes.len());
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(String::from_utf8_lossy(&redact_unreadable(bytes)), expected);
    }

    #[test]
    fn values_go_wherever_the_body_broke() {
        check(
            br#"{"object_attributes":{"variables":[{"key":"A","value":"s3cret"}],"id":1}}x"#,
            r#"{"object_attributes":{"variables":"[REDACTED]","id":1}}x"#,
        );
        check(br#"{"variables" : [{"key":"A","value":"s3cr"#, r#"{"variables" : "[REDACTED]""#);
        check(
            b"{\"title\":\"\xff\",\"variables\":{\"A\":\"s3cret\"}}",
            "{\"title\":\"\u{fffd}\",\"variables\":\"[REDACTED]\"}",
        );
        check(br#"{"v\u0061riables":["s3cret"],}"#, r#"{"v\u0061riables":"[REDACTED]",}"#);
        check(br#""key":"ssh-rsa AAAA","id":1"#, r#""key":"[REDACTED]","id":1"#);
        check(br#""value":12,"id":1"#, r#""value":"[REDACTED]","id":1"#);
    }

    #[test]
    fn what_holds_no_such_name_stays() {
        for text in [
            r#"{"title":"the value of variables","id":1"#,
            "not JSON at all",
            "",
            "\"",
            ":",
            "\"value\"",
            "\"key\" and more",
        ] {
            assert!(matches!(redact_unreadable(text.as_bytes()), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn quotes_and_brackets_within_texts_end_nothing() {
        check(br#"{"value":"a\"]}s3cret","id":1"#, r#"{"value":"[REDACTED]","id":1"#);
        check(
            br#"{"variables":[{"value":"]}"},{"value":"s3cret"}],"id":1"#,
            r#"{"variables":"[REDACTED]","id":1"#,
        );
    }

    proptest::proptest! {
        #[test]
        fn one_wrong_byte_hides_no_value(at in 0..120_usize, byte: u8) {
            let mut body = br#"{"object_kind":"pipeline","object_attributes":{"id":1,"variables":[{"key":"A","value":"hunter2"}]},"project":{"id":42}}"#.to_vec();
            let at = at % body.len();
            body[at] = byte;
            let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
            // A damaged name or colon hides the value from the search; the other name still finds it.
            if !is_json {
                let redacted = redact_unreadable(&body);
                let redacted = String::from_utf8_lossy(&redacted);
                proptest::prop_assert!(!redacted.contains("hunter2"), "{redacted}");
            }
        }
    }
}
