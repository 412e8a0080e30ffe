//! Blanks the secrets that GitLab puts into bodies. In: a JSON body, verified. Out: the same bytes, with the values at a
//! fixed list of paths replaced. Runs before anything is written anywhere; never touches a body that holds none.
//!
//! The paths of webhooks: `object_attributes.variables[].value` of a pipeline (GitLab sends the values of manual and trigger
//! variables in clear), and `key` of `key_create` and `key_destroy`. Those of objects of the API: what registers runners, imports a
//! repository, accepts an invitation, or is a token, all of which GitLab shows to maintainers. A value whose shape is not the known one is
//! blanked whole.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::EventKind;
use crate::head::Head;

/// What stands where a secret was.
pub const REDACTED: &str = r#""[REDACTED]""#;

/// How much redaction may add to a body, in bytes.
const MAX_GROWTH: usize = 256 * 1024;

const PIPELINE_VARIABLES: &[Step] =
    &[Step::Key("object_attributes"), Step::Key("variables"), Step::Each, Step::Key("value")];
const PUBLIC_KEY: &[Step] = &[Step::Key("key")];

/// The paths of the objects that the API has of a kind.
fn object_paths(kind: EventKind) -> &'static [&'static [Step]] {
    const RUNNERS: Step = Step::Key("runners_token");
    const IMPORT: Step = Step::Key("import_url");
    const OWN: Step = Step::Key("projects");
    const SHARED: Step = Step::Key("shared_projects");
    match kind {
        EventKind::Project => &[&[RUNNERS], &[IMPORT]],
        // A group alone lists its projects whole.
        EventKind::Group => &[
            &[RUNNERS],
            &[OWN, Step::Each, RUNNERS],
            &[OWN, Step::Each, IMPORT],
            &[SHARED, Step::Each, RUNNERS],
            &[SHARED, Step::Each, IMPORT],
        ],
        EventKind::Member => &[&[Step::Key("invite_token")]],
        EventKind::AccessToken => &[&[Step::Key("token")]],
        EventKind::Pipeline => &[&[Step::Key("variables"), Step::Each, Step::Key("value")]],
        _ => &[],
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Key(&'static str),
    Each,
}

/// The body of a webhook without its secrets; borrowed when there are none. `head` is what the body's head says, or `None` where it has
/// no readable head: then all paths are blanked, whichever kind the body may be.
pub fn redact_webhook<'a>(json: &'a str, head: Option<&Head<'_>>) -> Cow<'a, str> {
    let paths: &[&[Step]] = match head {
        None => &[PIPELINE_VARIABLES, PUBLIC_KEY],
        Some(head) if head.kind() == EventKind::Pipeline => &[PIPELINE_VARIABLES],
        Some(head) if head.name().starts_with("key_") => &[PUBLIC_KEY],
        Some(_) => &[],
    };
    blank(json, paths)
}

/// An object of the API without its secrets; borrowed when there are none.
pub fn redact_object(json: &str, kind: EventKind) -> Cow<'_, str> {
    blank(json, object_paths(kind))
}

fn blank<'a>(json: &'a str, paths: &[&[Step]]) -> Cow<'a, str> {
    let mut secrets = Vec::new();
    for path in paths {
        let mut found = Vec::new();
        locate(json, json, path, &mut found);
        let list = path.iter().position(|step| matches!(step, Step::Each));
        if let Some(list) = list.filter(|_| found.len() * REDACTED.len() > MAX_GROWTH) {
            // More than any GitLab sends: the list goes as a whole, or the body could outgrow every limit.
            found.clear();
            locate(json, json, &path[..list], &mut found);
        }
        secrets.append(&mut found);
    }
    if secrets.is_empty() {
        return Cow::Borrowed(json);
    }
    // Two paths can find one value, or one what the other is part of: the larger goes.
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

/// Adds to `found` where in `body` the values at `path` below `value` stand. `value` is a slice of `body`.
fn locate(body: &str, value: &str, path: &[Step], found: &mut Vec<Range<usize>>) {
    let opening = value.trim_ascii_start().as_bytes().first();
    match (path, opening) {
        (_, Some(b'n') | None) => (), // null hides nothing
        ([Step::Key(key), rest @ ..], Some(b'{')) => {
            match members(value, key) {
                // Every occurrence: of a key given twice, readers differ on which one counts.
                Ok(members) => members.iter().for_each(|member| locate(body, member.get(), rest, found)),
                // A key with half a surrogate pair: JSON, but no text. Nothing in there can be told apart.
                Err(_) => found.push(position(body, value)),
            }
        }
        ([Step::Each, rest @ ..], Some(b'[')) => each(body, value, rest, found),
        // The root itself is never blanked: a body that is no object has none of these paths.
        _ if value.len() == body.len() => (),
        _ => found.push(position(body, value)),
    }
}

/// Where `value`, a slice of `body`, stands in it.
fn position(body: &str, value: &str) -> Range<usize> {
    let start = value.as_ptr() as usize - body.as_ptr() as usize;
    start..start + value.len()
}

/// Adds what stands at `path` below each element of the list `json`, one element at a time.
fn each(body: &str, json: &str, path: &[Step], found: &mut Vec<Range<usize>>) {
    struct Each<'a, 'p, 'f> {
        body: &'a str,
        path: &'p [Step],
        found: &'f mut Vec<Range<usize>>,
    }

    impl<'de> Visitor<'de> for Each<'de, '_, '_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element::<&'de RawValue>()? {
                // Enough is known once the list is too long; the rest is only read over.
                if self.found.len() * REDACTED.len() <= MAX_GROWTH {
                    locate(self.body, element.get(), self.path, self.found);
                }
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    // `json` is a value of a body that was found well-formed.
    let _ = deserializer.deserialize_seq(Each { body, path, found });
}

/// The values of all members of the object `json` that are called `key`.
fn members<'a>(json: &'a str, key: &str) -> Result<Vec<&'a RawValue>, serde_json::Error> {
    struct Members<'k, 'a> {
        key: &'k str,
        values: Vec<&'a RawValue>,
    }

    impl<'de> Visitor<'de> for Members<'_, 'de> {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                if name == self.key {
                    self.values.push(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(self.values)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members { key, values: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let head = Head::read(json).ok();
        assert_eq!(redact_webhook(json, head.as_ref()), expected);
    }

    #[test]
    fn pipeline_variables_lose_their_values_and_nothing_else_moves() {
        check(
            r#"{"object_kind": "pipeline", "object_attributes": {"variables": [ {"key":"A", "value": "s3cret" },{"value":"\"}","key":"B"}], "id": 1}}  "#,
            r#"{"object_kind": "pipeline", "object_attributes": {"variables": [ {"key":"A", "value": "[REDACTED]" },{"value":"[REDACTED]","key":"B"}], "id": 1}}  "#,
        );
    }

    #[test]
    fn unknown_shapes_of_variables_are_blanked_whole() {
        check(
            r#"{"object_kind":"pipeline","object_attributes":{"variables":{"A":"s3cret"}}}"#,
            r#"{"object_kind":"pipeline","object_attributes":{"variables":"[REDACTED]"}}"#,
        );
        check(
            r#"{"object_kind":"pipeline","object_attributes":{"variables":["A=s3cret",{"value":{"x":"s3cret"}}]}}"#,
            r#"{"object_kind":"pipeline","object_attributes":{"variables":["[REDACTED]",{"value":"[REDACTED]"}]}}"#,
        );
    }

    #[test]
    fn keys_given_twice_are_blanked_twice() {
        check(
            r#"{"object_kind":"pipeline","object_attributes":{"variables":[{"value":"a"}]},"object_attributes":{"variables":[{"value":"b","value":"c"}]}}"#,
            r#"{"object_kind":"pipeline","object_attributes":{"variables":[{"value":"[REDACTED]"}]},"object_attributes":{"variables":[{"value":"[REDACTED]","value":"[REDACTED]"}]}}"#,
        );
        check(
            r#"{"\u006bey":"ssh-rsa","event_name":"key_create"}"#,
            r#"{"\u006bey":"[REDACTED]","event_name":"key_create"}"#,
        );
    }

    #[test]
    fn a_list_without_end_goes_as_a_whole() {
        let list = |element: &str| format!("[{}{element}]", format!("{element},").repeat(100_000));
        let body = |variables: &str| {
            format!(r#"{{"object_kind":"pipeline","object_attributes":{{"variables":{variables}}}}}"#)
        };
        check(&body(&list("1")), &body(REDACTED));
        check(&body(&list(r#"{"value":1}"#)), &body(REDACTED));
    }

    #[test]
    fn two_long_lists_are_both_blanked_to_their_ends() {
        let projects =
            r#"{"runners_token":"hunter2","import_url":"https://ada:hunter3@example.com"},"#.repeat(11_000);
        let json = format!(r#"{{"projects":[{}]}}"#, projects.trim_end_matches(','));
        let redacted = redact_object(&json, EventKind::Group);
        assert!(!redacted.contains("hunter2") && !redacted.contains("hunter3"));
    }

    #[test]
    fn keys_that_are_no_text_hide_nothing() {
        check(
            r#"{"object_attributes":{"\ud800":1,"variables":[{"value":"s3cret"}]}}"#,
            r#"{"object_attributes":"[REDACTED]"}"#,
        );
    }

    #[test]
    fn a_body_that_no_path_can_be_found_in_goes_once() {
        // Every path finds the whole of it.
        check(r#"{"\ud800":1,"key":"s3cret"}"#, REDACTED);
        assert_eq!(redact_object(r#"{"\ud800":1,"runners_token":"s3cret"}"#, EventKind::Group), REDACTED);
    }

    #[test]
    fn objects_of_the_api_lose_their_secrets() {
        let blanked = |json: &str, kind| redact_object(json, kind).into_owned();
        assert_eq!(
            blanked(r#"{"id":42,"runners_token":"s3cret","import_url":null}"#, EventKind::Project),
            r#"{"id":42,"runners_token":"[REDACTED]","import_url":null}"#
        );
        assert_eq!(
            blanked(r#"{"import_url":"https://ada:s3cret@git.example.com/a.git"}"#, EventKind::Project),
            r#"{"import_url":"[REDACTED]"}"#
        );
        assert_eq!(
            blanked(r#"{"projects":[{"runners_token":"a"},{"id":1}],"runners_token":"b"}"#, EventKind::Group),
            r#"{"projects":[{"runners_token":"[REDACTED]"},{"id":1}],"runners_token":"[REDACTED]"}"#
        );
        assert_eq!(blanked(r#"{"token":"s3cret"}"#, EventKind::AccessToken), r#"{"token":"[REDACTED]"}"#);
        assert!(matches!(redact_object(r#"{"token":"a word"}"#, EventKind::Issue), Cow::Borrowed(_)));
    }

    #[test]
    fn bodies_without_secrets_are_borrowed() {
        let json = r#"{"object_kind":"push","key":"not a secret","object_attributes":{"variables":[{"value":"v"}]}}"#;
        assert!(matches!(redact_webhook(json, Head::read(json).ok().as_ref()), Cow::Borrowed(_)));
        let json = r#"{"object_kind":"pipeline","object_attributes":{"variables":null}}"#;
        assert!(matches!(redact_webhook(json, Head::read(json).ok().as_ref()), Cow::Borrowed(_)));
        assert!(matches!(redact_webhook("[1]", None), Cow::Borrowed(_)));
    }
}
