//! What GitLab is known to send: the lists in `schemas/known`. In: their text, compiled in. Out: a tree of [`Place`]s for each kind and origin.
//! `schemas/known/README.md` describes the format. Never fails: an invalid line is skipped, and a test finds it.

use std::sync::LazyLock;

use crate::kind::{PerKind, kinds};
use crate::{EventKind, Origin};

/// How deep shapes may be nested; more can only be a cycle.
const MAX_NESTING: usize = 8;

/// A place in a payload, and what it may contain.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Whether anything is allowed.
    pub(super) free: bool,
    /// The fields of an object.
    pub(super) fields: Fields,
    /// The elements of a list.
    pub(super) element: Option<Box<Place>>,
    /// The allowed values, if they are known.
    pub(super) values: Option<Vec<&'static str>>,
}

/// The fields of an object, by the length of their names. Few names share a length, so few are compared.
#[derive(Debug, Default)]
pub(super) struct Fields {
    by_length: Vec<Vec<(&'static str, Place)>>,
}

impl Fields {
    /// The field with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Place> {
        let found = self.by_length.get(name.len())?.iter().find(|(known, _)| *known == name);
        found.map(|(_, place)| place)
    }

    /// The field with this name, created if needed.
    fn entry(&mut self, name: &'static str) -> &mut Place {
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        let fields = &mut self.by_length[name.len()];
        let at = fields.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            fields.push((name, Place::default()));
            fields.len() - 1
        });
        &mut fields[at].1
    }
}

/// What payloads of a kind and origin may contain.
pub(super) fn root(kind: EventKind, origin: Origin) -> &'static Place {
    match origin {
        Origin::Webhook | Origin::HookLog => &WEBHOOKS[kind],
        Origin::Api => &OBJECTS[kind],
    }
}

static WEBHOOKS: LazyLock<PerKind<Place>> = LazyLock::new(|| PerKind::new(|kind| tree(webhook(kind))));
static OBJECTS: LazyLock<PerKind<Place>> = LazyLock::new(|| PerKind::new(|kind| tree(api(kind))));

/// The tree of a list. An empty list allows anything below the root.
fn tree(list: &'static str) -> Place {
    let mut root = Place { free: list.is_empty(), ..Place::default() };
    add(&mut root, list, MAX_NESTING);
    root
}

/// Adds the lines of a list below a place.
fn add(root: &mut Place, list: &'static str, nesting: usize) {
    for line in lines(list) {
        match line {
            Line::Field(path) => _ = descend(root, path),
            Line::Free(path) => descend(root, path).free = true,
            Line::Values(path, values) => {
                descend(root, path).values.get_or_insert_default().extend(values.split(" | ").map(str::trim));
            }
            Line::Shape(path, name) if nesting > 0 => add(descend(root, path), shape(name), nesting - 1),
            Line::Shape(_, _) | Line::Unreadable(_) => (),
        }
    }
}

/// A line of a list.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// `path`
    Field(&'static str),
    /// `path.*`
    Free(&'static str),
    /// `path = value | value`
    Values(&'static str, &'static str),
    /// `path: shape`, or `: shape` at the root
    Shape(&'static str, &'static str),
    /// An invalid line.
    Unreadable(&'static str),
}

/// The lines of a list, without comments and blank lines.
fn lines(list: &'static str) -> impl Iterator<Item = Line> {
    let said = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    said.filter(|line| !line.is_empty()).map(|line| {
        let read = if let Some((path, values)) = line.split_once(" = ") {
            Line::Values(path, values)
        } else if let Some((path, name)) = line.split_once(": ") {
            Line::Shape(path, name)
        } else if let Some(path) = line.strip_suffix(".*") {
            Line::Free(path)
        } else {
            Line::Field(line)
        };
        let (Line::Values(path, _) | Line::Shape(path, _) | Line::Free(path) | Line::Field(path)) = read
        else {
            return read;
        };
        let steps = path.split('.').all(|step| {
            let name = step.trim_end_matches("[]");
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let at_root = path.is_empty() && matches!(read, Line::Shape(_, _));
        if steps || at_root { read } else { Line::Unreadable(line) }
    })
}

/// The place at a path, created if needed.
fn descend<'p>(root: &'p mut Place, path: &'static str) -> &'p mut Place {
    let mut place = root;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        place = place.fields.entry(name);
        for _ in 0..(step.len() - name.len()) / 2 {
            place = place.element.get_or_insert_default();
        }
    }
    place
}

/// The lists of each kind, from the files with its name.
macro_rules! lists {
    (
        $($(#[$doc:meta])* $kind:ident $name:literal $header:literal [$($given:literal),*];)*
        _
        $(#[$other_doc:meta])* $other:ident $other_name:literal $other_header:literal;
    ) => {
        /// The list of a kind for webhooks. The other kinds have none: all that is known of them is that they are unknown.
        fn webhook(kind: EventKind) -> &'static str {
            match kind {
                $(EventKind::$kind => include_str!(concat!("../../known/webhook/", $name, ".txt")),)*
                EventKind::$other => "",
            }
        }

        /// The list of a kind for API objects.
        fn api(kind: EventKind) -> &'static str {
            match kind {
                $(EventKind::$kind => include_str!(concat!("../../known/api/", $name, ".txt")),)*
                EventKind::$other => "",
            }
        }
    };
}
kinds!(lists);

/// The list of a shape that other lists use; empty for an unknown shape.
fn shape(name: &str) -> &'static str {
    match name {
        "api_branch" => include_str!("../../known/shapes/api_branch.txt"),
        "api_commit" => include_str!("../../known/shapes/api_commit.txt"),
        "api_deployment" => include_str!("../../known/shapes/api_deployment.txt"),
        "api_environment" => include_str!("../../known/shapes/api_environment.txt"),
        "api_event" => include_str!("../../known/shapes/api_event.txt"),
        "api_job" => include_str!("../../known/shapes/api_job.txt"),
        "api_label" => include_str!("../../known/shapes/api_label.txt"),
        "api_merge_request" => include_str!("../../known/shapes/api_merge_request.txt"),
        "api_milestone" => include_str!("../../known/shapes/api_milestone.txt"),
        "api_namespace" => include_str!("../../known/shapes/api_namespace.txt"),
        "api_note" => include_str!("../../known/shapes/api_note.txt"),
        "api_pipeline" => include_str!("../../known/shapes/api_pipeline.txt"),
        "api_pipeline_alone" => include_str!("../../known/shapes/api_pipeline_alone.txt"),
        "api_runner" => include_str!("../../known/shapes/api_runner.txt"),
        "api_state_event" => include_str!("../../known/shapes/api_state_event.txt"),
        "api_time_stats" => include_str!("../../known/shapes/api_time_stats.txt"),
        "api_user" => include_str!("../../known/shapes/api_user.txt"),
        "approval_rule" => include_str!("../../known/shapes/approval_rule.txt"),
        "build" => include_str!("../../known/shapes/build.txt"),
        "commit" => include_str!("../../known/shapes/commit.txt"),
        "design" => include_str!("../../known/shapes/design.txt"),
        "environment" => include_str!("../../known/shapes/environment.txt"),
        "group" => include_str!("../../known/shapes/group.txt"),
        "issue" => include_str!("../../known/shapes/issue.txt"),
        "label" => include_str!("../../known/shapes/label.txt"),
        "merge_request" => include_str!("../../known/shapes/merge_request.txt"),
        "note" => include_str!("../../known/shapes/note.txt"),
        "position" => include_str!("../../known/shapes/position.txt"),
        "presence" => include_str!("../../known/shapes/presence.txt"),
        "project" => include_str!("../../known/shapes/project.txt"),
        "repository" => include_str!("../../known/shapes/repository.txt"),
        "runner" => include_str!("../../known/shapes/runner.txt"),
        "snippet" => include_str!("../../known/shapes/snippet.txt"),
        "source_pipeline" => include_str!("../../known/shapes/source_pipeline.txt"),
        "user" => include_str!("../../known/shapes/user.txt"),
        _ => "",
    }
}
#[cfg(test)]
mod tests;
