use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use testing::skipped;

use super::*;
use crate::head::Head;

/// The files below a folder with this ending, with their text.
fn files(folder: &FilePath, ending: &str) -> Vec<(String, String)> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Some(name) = path.strip_prefix(folder).unwrap().to_str().unwrap().strip_suffix(ending) {
            found.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn folder(path: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The unknown parts of a text, as `field object_attributes.title`.
fn unknown_in(kind: EventKind, origin: Origin, json: &str) -> Vec<String> {
    let unknown = drift(kind, origin, json).unwrap();
    unknown.iter().map(|unknown| format!("{} {}", unknown.what.as_str(), unknown.path)).collect()
}

#[track_caller]
fn check(kind: EventKind, json: &str, expected: &[&str]) {
    assert_eq!(unknown_in(kind, Origin::Webhook, json), expected);
}

#[test]
fn nothing_in_the_examples_is_unknown() {
    let mut surprises = Vec::new();
    for (name, json) in files(&folder("fixtures"), ".webhook.json") {
        let kind = Head::read(&json).unwrap().kind();
        let unknown = unknown_in(kind, Origin::Webhook, &json);
        surprises.extend(unknown.into_iter().map(|unknown| format!("webhook {name}: {unknown}")));
    }
    for (name, json) in files(&folder("fixtures"), ".api.json") {
        let kind = name.split('/').next().unwrap().parse().unwrap();
        let unknown = unknown_in(kind, Origin::Api, &json);
        surprises.extend(unknown.into_iter().map(|unknown| format!("api {name}: {unknown}")));
    }
    assert!(
        surprises.is_empty(),
        "extend the lists in schemas/known, or the example is wrong:\n{}",
        surprises.join("\n")
    );
}

/// The captured payloads that may be stored beside the project. Most are from the tests of other projects. Some of their keys are misspelt or were
/// added by hand; `tests/expected.txt` lists these.
#[test]
fn captured_payloads_hold_nothing_unknown_but_what_is_expected() {
    let captured = folder("../../shared/fixtures");
    if !captured.is_dir() {
        return skipped("there are no payloads of other projects beside this one");
    }
    let mut found = BTreeMap::new();
    for (name, json) in files(&captured.join("webhooks"), ".json") {
        let kind = Head::read(&json).unwrap().kind();
        let unknown = unknown_in(kind, Origin::Webhook, &json);
        found.extend(unknown.into_iter().map(|unknown| (format!("webhook {kind} {unknown}"), name.clone())));
    }
    for (name, json) in files(&captured.join("api"), ".json") {
        let Some((_, kind)) = OBJECTS.iter().find(|(part, _)| name.contains(part)) else { continue };
        let objects = match serde_json::from_str(&json).unwrap() {
            Value::Array(objects) => objects,
            object => vec![object],
        };
        for object in objects {
            let unknown = unknown_in(*kind, Origin::Api, &object.to_string());
            found.extend(unknown.into_iter().map(|unknown| (format!("api {kind} {unknown}"), name.clone())));
        }
    }
    let expected: BTreeSet<&str> = include_str!("tests/expected.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let surprises: Vec<_> =
        found.iter().filter(|(unknown, _)| !expected.contains(unknown.as_str())).collect();
    assert!(surprises.is_empty(), "unknown, and in which file: {surprises:#?}");
    let gone: Vec<&str> = expected.into_iter().filter(|unknown| !found.contains_key(*unknown)).collect();
    assert!(gone.is_empty(), "expected, but in no file: {gone:#?}");
}

/// The kind of the captured API objects, by the first matching prefix of the file name. Objects that GitPulse does not read are left out.
const OBJECTS: &[(&str, EventKind)] = &[
    ("merge_request_1_discussions", EventKind::Note),
    ("merge_request_1_comments", EventKind::Note),
    ("merge_request_1_", EventKind::MergeRequest),
    ("discussions", EventKind::Note),
    ("_notes", EventKind::Note),
    ("award_emojis", EventKind::Emoji),
    ("resource_label_events", EventKind::Issue),
    ("issue_resource_state_events", EventKind::Issue),
    ("mr_resource_state_event", EventKind::MergeRequest),
    ("issues-statistics", EventKind::Other),
    ("issue", EventKind::Issue),
    ("epics", EventKind::Issue),
    ("models__approvals", EventKind::MergeRequest),
    ("devlake__merge_requests", EventKind::MergeRequest),
    ("get_merge_requests", EventKind::MergeRequest),
    ("narkoz-gitlab__merge_request_changes", EventKind::MergeRequest),
    ("scm__merges", EventKind::MergeRequest),
    ("pipelines_1053344116_jobs", EventKind::Job),
    ("runner_jobs", EventKind::Job),
    ("bridge", EventKind::Job),
    ("job", EventKind::Job),
    ("pipeline_schedules", EventKind::Other),
    ("pipeline_test_report", EventKind::Other),
    ("pipeline_variables", EventKind::Other),
    ("pipeline", EventKind::Pipeline),
    ("deployment", EventKind::Deployment),
    ("environment", EventKind::Deployment),
    ("project-events", EventKind::Push),
    ("get_branch", EventKind::Push),
    ("get_commit", EventKind::Push),
    ("release", EventKind::Release),
    ("milestone", EventKind::Milestone),
    ("gitlab__tag", EventKind::TagPush),
    ("scm__tag", EventKind::TagPush),
    ("group_projects", EventKind::Project),
    ("group_member", EventKind::Member),
    ("member_perm", EventKind::Member),
    ("contributors", EventKind::Member),
    ("models__project", EventKind::Project),
    ("repo", EventKind::Project),
    ("narkoz-gitlab__group_subgroups", EventKind::Group),
    ("narkoz-gitlab__groups", EventKind::Group),
    ("participants", EventKind::User),
    ("user", EventKind::User),
];

#[test]
fn a_new_field_is_found_with_its_path() {
    check(EventKind::Issue, r#"{"object_kind":"issue","mood":1}"#, &["field mood"]);
    check(
        EventKind::Issue,
        r#"{"object_attributes":{"id":1,"mood":null}}"#,
        &["field object_attributes.mood"],
    );
    check(
        EventKind::Pipeline,
        r#"{"builds":[{"id":1,"runner":{"id":2,"cores":4}}]}"#,
        &["field builds[].runner.cores"],
    );
    check(EventKind::Pipeline, r#"{"source_pipeline":[{"id":1}]}"#, &["field source_pipeline[]"]);
    check(
        EventKind::Pipeline,
        r#"{"object_attributes":{"ref":{"name":"main"}}}"#,
        &["field object_attributes.ref.name"],
    );
}

#[test]
fn a_new_value_of_a_listed_field_is_found_with_its_path() {
    check(
        EventKind::MergeRequest,
        r#"{"object_attributes":{"state":"paused","title":"paused"}}"#,
        &["value object_attributes.state"],
    );
    check(
        EventKind::MergeRequest,
        r#"{"object_attributes":{"state_id":5}}"#,
        &["value object_attributes.state_id"],
    );
    check(
        EventKind::Pipeline,
        r#"{"builds":[{"status":"success"},{"status":"stuck"}]}"#,
        &["value builds[].status"],
    );
}

#[test]
fn a_field_without_a_value_is_known() {
    check(
        EventKind::MergeRequest,
        r#"{"object_attributes":{"state":null,"state_id":""},"project":null}"#,
        &[],
    );
    check(EventKind::Issue, r#"{"object_attributes":{"assignee_ids":[],"labels":[],"status":{}}}"#, &[]);
}

#[test]
fn a_new_kind_is_found_by_its_name() {
    let found = |name: &str| unknown_kind(name).path;
    assert_eq!(found("duo_workflow"), "duo_workflow");
    assert_eq!(found(""), "?");
    assert_eq!(found("Ada's template"), "?");
    assert_eq!(found("glpat_12345678"), "?");
    assert_eq!(unknown_kind("duo_workflow").what, What::Kind);
}

#[test]
fn an_unknown_object_counts_once_and_not_what_it_holds() {
    check(
        EventKind::Issue,
        r#"{"mood":{"a":{"b":[1,{"c":2}]},"d":3},"user":{"id":1,"x":[[]]}}"#,
        &["field mood", "field user.x"],
    );
}

#[test]
fn a_path_counts_once_however_often_it_is_there() {
    let builds = vec![r#"{"id":1,"mood":1,"status":"stuck"}"#; 1000].join(",");
    check(
        EventKind::Pipeline,
        &format!(r#"{{"builds":[{builds}],"builds":[{builds}]}}"#),
        &["field builds[].mood", "value builds[].status"],
    );
}

#[test]
fn what_is_free_holds_nothing_unknown() {
    check(
        EventKind::MergeRequest,
        r#"{"changes":{"mood":{"previous":"a","current":[{"x":1}]}},"object_attributes":{"merge_params":{"y":2}}}"#,
        &[],
    );
    check(EventKind::Push, r#"{"push_options":{"ci":{"skip":true}}}"#, &[]);
    check(EventKind::Other, r#"{"template":"shop-chat-v3","fields":[{"label":"Project"}]}"#, &[]);
}

#[test]
fn each_face_has_its_own_list() {
    let object = r#"{"iid":1,"labels":["a"],"state":"opened"}"#;
    assert_eq!(unknown_in(EventKind::Issue, Origin::Api, object), Vec::<String>::new());
    let webhook = ["field iid", "field state"];
    assert_eq!(unknown_in(EventKind::Issue, Origin::Webhook, object), webhook);
    assert_eq!(unknown_in(EventKind::Issue, Origin::HookLog, object), webhook);
}

#[test]
fn keys_that_do_not_look_like_names_are_not_repeated() {
    for key in [
        "glpat-s3cretT0ken",
        "AKIAIOSFODNN7EXAMPLE",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "ada@example.com",
        "a.b",
        "a b",
        "",
        "caf\u{e9}",
        r"key\u0061",
        r#"quote\""#,
        &"a".repeat(65),
    ] {
        check(EventKind::Issue, &format!(r#"{{"{key}":1}}"#), &["field ?"]);
        check(EventKind::Issue, &format!(r#"{{"user":{{"{key}":{{}}}}}}"#), &["field user.?"]);
    }
    check(EventKind::Issue, r#"{"A":1,"B":2,"C":{"D":1}}"#, &["field ?"]);
}

#[test]
fn values_are_not_repeated() {
    let findings = drift(
        EventKind::Issue,
        Origin::Webhook,
        r#"{"object_attributes":{"state":"s3cret"},"note":"s3cret"}"#,
    );
    assert!(!format!("{findings:?}").contains("s3cret"));
}

#[test]
fn payloads_nested_too_deeply_are_refused_wherever_they_are_deep() {
    for start in [r#"{"changes":"#, r#"{"mood":"#, r#"{"object_attributes":{"labels":"#, ""] {
        let outside = start.matches('{').count();
        let nested = |depth: usize| {
            let inside = depth - outside;
            format!("{start}{}{}{}", "[".repeat(inside), "]".repeat(inside), "}".repeat(outside))
        };
        assert!(drift(EventKind::Issue, Origin::Webhook, &nested(MAX_DEPTH)).is_ok());
        assert_eq!(drift(EventKind::Issue, Origin::Webhook, &nested(MAX_DEPTH + 1)), Err(TooDeep));
        assert_eq!(drift(EventKind::Issue, Origin::Webhook, &nested(100_000)), Err(TooDeep));
        assert_eq!(
            drift(EventKind::Issue, Origin::Webhook, &format!("{start}{}", r#"{"a":"#.repeat(100_000))),
            Err(TooDeep)
        );
    }
}

#[test]
fn brackets_in_texts_are_not_depth() {
    let brackets = "[{".repeat(1000);
    let json = format!(
        r#"{{"object_attributes":{{"title":"{brackets}\"{brackets}\\"}},"{brackets}":"{brackets}"}}"#
    );
    check(EventKind::Issue, &json, &["field ?"]);
}

#[test]
fn white_space_between_tokens_changes_nothing() {
    check(
        EventKind::Pipeline,
        "\n{ \"builds\" : [ { \"id\" : 1 , \"mood\" :\t-1.5e3 , \"status\" : \"stuck\" } , { \"name\" : \"x\" } ] ,\r\n \"mood\" : true } ",
        &["field builds[].mood", "value builds[].status", "field mood"],
    );
}

#[test]
fn findings_are_bounded() {
    let fields: Vec<String> = (b'a'..=b'z')
        .flat_map(|a| (b'a'..=b'z').map(move |b| format!(r#""new_{}{}":1"#, a as char, b as char)))
        .collect();
    let findings = drift(EventKind::Issue, Origin::Webhook, &format!("{{{}}}", fields.join(","))).unwrap();
    assert_eq!(findings.len(), MAX_FINDINGS);
}

/// Any JSON, with the names of known fields among its keys so that the scan goes deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["opened", "success", "[{\"\\"]).prop_map(Value::from),
    ];
    let known = prop::sample::select(vec![
        "object_attributes",
        "builds",
        "runner",
        "tags",
        "labels",
        "state",
        "status",
        "user",
    ]);
    let key = prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..8).prop_map(Value::from_iter),
        ]
    })
}

/// How deep a value is nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn any_json_has_few_findings_with_clean_paths(json in any_json(), kind in prop::sample::select(EventKind::ALL.to_vec()), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        for origin in [Origin::Webhook, Origin::Api] {
            let findings = drift(kind, origin, &text).unwrap();
            prop_assert!(findings.len() <= MAX_FINDINGS);
            for finding in findings {
                prop_assert!(finding.path.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '?' | '[' | ']')), "{finding:?}");
            }
        }
    }

    #[test]
    fn any_json_is_read_to_its_end(json in any_json(), kind in prop::sample::select(EventKind::ALL.to_vec())) {
        let text = json.to_string();
        let mut scan = Scan { json: &text, at: 0, depth: 0, findings: Vec::new() };
        scan.value(known::root(kind, Origin::Webhook), &Path::Root).unwrap();
        prop_assert_eq!(scan.at, text.len());
        prop_assert_eq!(scan.depth, 0);
    }

    #[test]
    fn any_text_at_all_is_read_to_some_end(text: String, cut in any_json(), at: prop::sample::Index) {
        let _ = drift(EventKind::Pipeline, Origin::Webhook, &text);
        let cut = cut.to_string();
        let at = (0..=at.index(cut.len() + 1)).rev().find(|at| cut.is_char_boundary(*at)).unwrap();
        let _ = drift(EventKind::Pipeline, Origin::Webhook, &cut[..at]);
        let _ = drift(EventKind::Pipeline, Origin::Webhook, &cut[at..]);
    }

    #[test]
    fn depth_is_counted_in_any_json(json in any_json(), kind in prop::sample::select(EventKind::ALL.to_vec())) {
        // Wrapped in as many lists as allowed, and in one more.
        let fit = MAX_DEPTH - depth(&json);
        let wrapped = |lists: usize| format!("{}{json}{}", "[".repeat(lists), "]".repeat(lists));
        prop_assert!(drift(kind, Origin::Webhook, &wrapped(fit)).is_ok());
        prop_assert_eq!(drift(kind, Origin::Webhook, &wrapped(fit + 1)), Err(TooDeep));
    }
}
