//! The example payloads. In: `schemas/fixtures/<kind>/<case>.webhook.json`. Out: bodies as GitLab posts them, without white space.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use schemas::EventKind;
use schemas::head::Head;

/// The body of one delivery.
#[derive(Debug, Clone)]
pub struct Example {
    /// What it is about, as ingest will see it.
    pub kind: EventKind,
    /// The file's name, as `job/failed`.
    pub name: String,
    /// The body.
    pub body: Bytes,
}

/// All example payloads, in the order of their names.
pub fn examples() -> anyhow::Result<Vec<Example>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/fixtures");
    let mut files = Vec::new();
    for kind in folders(&folder)? {
        files.extend(folders(&kind)?);
    }
    files.sort();
    let mut examples = Vec::new();
    for file in files {
        let name = file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".webhook.json") else {
            continue;
        };
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let body = compact(&text);
        let head = Head::read(&body).with_context(|| format!("{} has no head", file.display()))?;
        examples.push(Example { kind: head.kind(), name: name.to_owned(), body: Bytes::from(body) });
    }
    anyhow::ensure!(!examples.is_empty(), "no example payloads in {}", folder.display());
    Ok(examples)
}

/// The examples of one kind.
pub fn of_kind(examples: &[Example], kind: EventKind) -> Vec<Example> {
    examples.iter().filter(|example| example.kind == kind).cloned().collect()
}

fn folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().with_context(|| format!("{} cannot be read", folder.display()))
}

/// JSON without the white space between its tokens, the order of its fields kept.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|character| {
            let keep = in_string || !character.is_ascii_whitespace();
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = in_string,
                '"' => in_string = !in_string,
                _ => (),
            }
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_changes_white_space_alone() {
        assert_eq!(
            compact("{ \"a b\": [1,\n 2], \"c\\\" d\": \" \\\\\" }"),
            "{\"a b\":[1,2],\"c\\\" d\":\" \\\\\"}"
        );
    }

    #[test]
    fn every_example_is_read() {
        let examples = examples().unwrap();
        assert!(examples.len() > 40, "{}", examples.len());
        assert!(!of_kind(&examples, EventKind::Job).is_empty());
    }
}
