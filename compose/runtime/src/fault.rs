//! Errors as text. In: an error. Out: one line with all its causes, for answers, headers and records. Logs take errors as they are.

/// Limit of the text in bytes; a cause may quote what it did not understand.
const MAX_BYTES: usize = 1024;

/// An error and its causes in one line, cut where it is too long.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.len() > MAX_BYTES {
        text.truncate(text.floor_char_boundary(MAX_BYTES));
        text.push_str(" ...");
    }
    text
}
