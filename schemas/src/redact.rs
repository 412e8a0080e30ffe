//! Blanks the secrets that GitLab puts into bodies. In: a verified JSON body. Out: the same bytes, with the values at a fixed list of paths
//! replaced. Runs before anything is written anywhere; never changes a body without secrets.
//!
//! The paths of webhooks: `object_attributes.variables[].value` of a pipeline (GitLab sends the values of manual and trigger variables in clear
//! text), `push_options.ci.variable` of a push, `key` of `key_create` and `key_destroy`, and the token of a secret snippet: notes and emoji on a
//! snippet include all its columns.
//!
//! The paths of API objects: registration tokens of runners, import URLs of repositories, tokens of invitations, other tokens (GitLab shows all of
//! these to maintainers, owners and administrators), and what a scanner found, which for a leaked secret is the secret. A value of an unknown shape
//! is blanked completely.
//!
//! Hooks (`token`, `url_variables`), CI variables (`value`), runners and triggers (`token`) are not among our resources and are never published.

mod unreadable;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::EventKind;
use crate::head::Head;

pub use unreadable::redact_unreadable;

/// The replacement for a secret.
pub const REDACTED: &str = r#""[REDACTED]""#;

/// How much redaction may add to a body, in bytes.
const MAX_GROWTH: usize = 256 * 1024;

const PIPELINE_VARIABLES: &[Step] =
    &[Step::Key("object_attributes"), Step::Key("variables"), Step::Each, Step::Key("value")];
/// `git push -o ci.variable="KEY=value"`: GitLab sends the whole text as a key.
const PUSH_VARIABLES: &[Step] = &[Step::Key("push_options"), Step::Key("ci"), Step::Key("variable")];
const PUBLIC_KEY: &[Step] = &[Step::Key("key")];
/// A snippet inside a note or an emoji is a row of GitLab's table `snippets` with all columns (`hook_attrs` of its model). The token of a secret
/// snippet lets anybody read it.
const SNIPPET: &[Step] = &[
    Step::Key("snippet"),
    Step::Keys(&["secret_token", "encrypted_secret_token", "encrypted_secret_token_iv"]),
];

/// In a project or a group: the registration token of runners (`API::Entities::Project`, `GroupDetail`: shown to whoever may administer it), and
/// the URL that the project was imported from, including its password.
const PLACE: Step = Step::Keys(&["runners_token", "import_url"]);
/// What a scanner found; for a leaked secret, the secret (<https://docs.gitlab.com/api/vulnerability_findings/>).
const FOUND: Step = Step::Keys(&["raw_source_code_extract", "raw_metadata"]);

/// The paths for API objects of a kind.
fn object_paths(kind: EventKind) -> &'static [&'static [Step]] {
    match kind {
        EventKind::Project => &[&[PLACE], &[Step::Key("forked_from_project"), PLACE]],
        // Only a group lists its projects with all fields.
        EventKind::Group => &[&[PLACE], &[Step::Keys(&["projects", "shared_projects"]), Step::Each, PLACE]],
        EventKind::Member => &[&[Step::Key("invite_token")]],
        // Before GitLab 10, administrators and the users themselves received the user's token.
        EventKind::User => &[&[Step::Keys(&["private_token", "authentication_token"])]],
        EventKind::AccessToken => &[&[Step::Key("token")]],
        EventKind::Pipeline => &[&[Step::Key("variables"), Step::Each, Step::Key("value")]],
        EventKind::Vulnerability => &[&[FOUND], &[Step::Key("finding"), FOUND]],
        _ => &[],
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The member with this name.
    Key(&'static str),
    /// The members with these names.
    Keys(&'static [&'static str]),
    /// Every element.
    Each,
}

impl Step {
    /// The names of members; empty for elements.
    fn names(&self) -> &[&'static str] {
        match self {
            Step::Key(name) => std::slice::from_ref(name),
            Step::Keys(names) => names,
            Step::Each => &[],
        }
    }
}

/// The body of a webhook without its secrets; borrowed if there are none. `head` is the body's head, or `None` if it is unreadable: then all paths
/// are blanked, for the kind is unknown.
pub fn redact_webhook<'a>(json: &'a str, head: Option<&Head<'_>>) -> Cow<'a, str> {
    let paths: &[&[Step]] = match head {
        None => &[PIPELINE_VARIABLES, PUSH_VARIABLES, PUBLIC_KEY, SNIPPET],
        Some(head) => match head.kind() {
            EventKind::Pipeline => &[PIPELINE_VARIABLES],
            EventKind::Push | EventKind::TagPush => &[PUSH_VARIABLES],
            EventKind::Note | EventKind::Emoji => &[SNIPPET],
            _ if head.name().get(..4).is_some_and(|name| name.eq_ignore_ascii_case("key_")) => &[PUBLIC_KEY],
            // An unknown kind: it may be any kind under a name in another spelling.
            EventKind::Other => &[PIPELINE_VARIABLES, PUSH_VARIABLES, PUBLIC_KEY, SNIPPET],
            _ => &[],
        },
    };
    blank(json, paths)
}

/// An API object without its secrets; borrowed if there are none.
pub fn redact_object(json: &str, kind: EventKind) -> Cow<'_, str> {
    blank(json, object_paths(kind))
}

fn blank<'a>(json: &'a str, paths: &[&[Step]]) -> Cow<'a, str> {
    let mut secrets = Vec::new();
    for path in paths {
        let mut found = Vec::new();
        locate_in_body(json, json, path, &mut found);
        let is_too_many = |found: &[Range<usize>]| found.len() * REDACTED.len() > MAX_GROWTH;
        // More than GitLab ever sends. The list is blanked as a whole, or the body could exceed its limit.
        if let Some(list) =
            path.iter().position(|step| matches!(step, Step::Each)).filter(|_| is_too_many(&found))
        {
            found.clear();
            locate_in_body(json, json, &path[..list], &mut found);
        }
        if is_too_many(&found) {
            found.clear();
            found.push(0..json.len());
        }
        secrets.append(&mut found);
    }
    if secrets.is_empty() {
        return Cow::Borrowed(json);
    }
    // Two paths may find the same value, or a value and a part of it: the larger one is blanked.
    secrets.sort_by_key(|range| (range.start, Reverse(range.end)));
    let mut redacted = String::with_capacity(json.len());
    let mut copied = 0;
    for Range { start, end } in secrets {
        if start < copied {
            continue;
        }
        redacted.push_str(&json[copied..start]);
        redacted.push_str(REDACTED);
        copied = end;
    }
    redacted.push_str(&json[copied..]);
    Cow::Owned(redacted)
}

/// Looks for the values at a path: [`locate_in_body`] or [`locate`].
type Locate = fn(&str, &str, &[Step], &mut Vec<Range<usize>>);

/// Adds to `found` the positions in `body` of the values at `path`. `value` is the whole body, or an element of lists in it that may be a body
/// itself.
fn locate_in_body(body: &str, value: &str, path: &[Step], found: &mut Vec<Range<usize>>) {
    match value.trim_ascii_start().as_bytes().first() {
        Some(b'{') => locate(body, value, path, found),
        // Bodies in a list: each element may be one.
        Some(b'[') => each(body, value, path, found, locate_in_body),
        // A string that contains a whole body has braces, or escapes them.
        Some(b'"') if value.contains(['{', '\\']) => found.push(position(body, value)),
        _ => (),
    }
}

/// Adds to `found` the positions in `body` of the values at `path` below `value`, a slice of `body`.
fn locate(body: &str, value: &str, path: &[Step], found: &mut Vec<Range<usize>>) {
    let opening = value.trim_ascii_start().as_bytes().first();
    match (path, opening) {
        (_, Some(b'n') | None) => (), // null hides nothing
        ([step @ (Step::Key(_) | Step::Keys(_)), rest @ ..], Some(b'{')) => {
            match members(value, step.names()) {
                // Every occurrence: if a key is given twice, readers differ on which one counts.
                Ok(members) => members.iter().for_each(|member| locate(body, member.get(), rest, found)),
                // A key with half a surrogate pair: valid JSON, but not text. Its members cannot be told apart.
                Err(_) => found.push(position(body, value)),
            }
        }
        ([Step::Each, rest @ ..], Some(b'[')) => each(body, value, rest, found, locate),
        _ => found.push(position(body, value)),
    }
}

/// The position of `value`, a slice of `body`, in it.
fn position(body: &str, value: &str) -> Range<usize> {
    let start = value.as_ptr() as usize - body.as_ptr() as usize;
    start..start + value.len()
}

/// Adds what `locate` finds at `path` in the elements of the list `json`, one element at a time.
fn each(body: &str, json: &str, path: &[Step], found: &mut Vec<Range<usize>>, locate: Locate) {
    struct Each<'a, 'p, 'f> {
        body: &'a str,
        path: &'p [Step],
        found: &'f mut Vec<Range<usize>>,
        locate: Locate,
    }

    impl<'de> Visitor<'de> for Each<'de, '_, '_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element::<&'de RawValue>()? {
                // Once the list is too long nothing more is needed; the rest is only skipped.
                if self.found.len() * REDACTED.len() <= MAX_GROWTH {
                    (self.locate)(self.body, element.get(), self.path, self.found);
                }
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    // `json` is a value of a well-formed body.
    let _ = deserializer.deserialize_seq(Each { body, path, found, locate });
}

/// The values of all members of the object `json` with one of these names.
fn members<'a>(json: &'a str, names: &[&str]) -> Result<Vec<&'a RawValue>, serde_json::Error> {
    struct Members<'n, 'a> {
        names: &'n [&'n str],
        values: Vec<&'a RawValue>,
    }

    impl<'de> Visitor<'de> for Members<'_, 'de> {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                if self.names.contains(&name.as_ref()) {
                    self.values.push(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(self.values)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members { names, values: Vec::new() })
}

#[cfg(test)]
mod tests;
