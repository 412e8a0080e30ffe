//! `multipart/form-data` bodies, in which clients send a query together with its parameters. In: the content type and the whole body. Out: named
//! fields, and files, which are external tables of the query. Never: a form that was cut off.

use super::fault::{Fault, Refusal};

/// Largest form accepted: a query, its parameters and its external tables are held in memory.
pub(super) const MAX_FORM: usize = 64 << 20;

/// The content of a form, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Names and values.
    pub(super) fields: Vec<(String, String)>,
    /// Names and contents of files.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// The boundary, if the content type is a form.
#[must_use]
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, attributes) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    attributes.split(';').find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })
}

/// Parses a form.
///
/// # Errors
/// The body is not a valid form.
pub(super) fn read(body: &[u8], boundary: &str) -> Result<Form, Fault> {
    let bad =
        |reason: &str| Fault::refuse(Refusal::BadArguments, format_args!("multipart/form-data: {reason}"));
    let mark = format!("--{boundary}").into_bytes();
    let mut rest = find(body, &mark).map(|at| &body[at + mark.len()..]).ok_or_else(|| bad("no boundary"))?;
    let inner = format!("\r\n--{boundary}").into_bytes();
    let mut form = Form::default();
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| bad("broken boundary"))?;
        let end = find(rest, &inner).ok_or_else(|| bad("cut off"))?;
        let part = &rest[..end];
        let head = find(part, b"\r\n\r\n").ok_or_else(|| bad("a part without headers"))?;
        let headers = String::from_utf8_lossy(&part[..head]);
        let name = attribute(&headers, "name").ok_or_else(|| bad("a part without a name"))?;
        let content = &part[head + 4..];
        if attribute(&headers, "filename").is_some() {
            form.files.push((name, content.to_vec()));
        } else {
            form.fields.push((name, String::from_utf8_lossy(content).into_owned()));
        }
        rest = &rest[end + inner.len()..];
    }
    Ok(form)
}

/// An attribute of the part's `Content-Disposition`.
fn attribute(headers: &str, wanted: &str) -> Option<String> {
    let line = headers.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').skip(1).find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

#[cfg(test)]
mod tests;
