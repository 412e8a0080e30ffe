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
    // Every path blanks the whole body.
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
fn a_snippet_that_is_quoted_cannot_be_opened_by_it() {
    let snippet = |secrets: [&str; 3]| {
        let [token, encrypted, vector] = secrets;
        format!(
            r#""snippet":{{"id":53,"secret":true,"secret_token":{token},"encrypted_secret_token":{encrypted},"encrypted_secret_token_iv":{vector}}}"#
        )
    };
    let open = snippet([r#""s3cret""#, r#""Zm9v\n""#, r#""YmFy""#]);
    let blank = snippet([REDACTED; 3]);
    for kind in ["note", "emoji"] {
        check(
            &format!(r#"{{"object_kind":"{kind}","object_attributes":{{"id":1}},{open}}}"#),
            &format!(r#"{{"object_kind":"{kind}","object_attributes":{{"id":1}},{blank}}}"#),
        );
    }
    // A body with an unreadable head may be a note.
    check(
        &format!(r#"{{"object_kind":"note","object_kind":"note",{open}}}"#),
        &format!(r#"{{"object_kind":"note","object_kind":"note",{blank}}}"#),
    );
    let public = format!(r#"{{"object_kind":"note",{}}}"#, snippet(["null"; 3]));
    assert!(matches!(redact_webhook(&public, Head::read(&public).ok().as_ref()), Cow::Borrowed(_)));
}

#[test]
fn what_administrators_are_shown_is_blanked() {
    let blanked = |json: &str, kind| redact_object(json, kind).into_owned();
    assert_eq!(
        blanked(r#"{"forked_from_project":{"id":7,"runners_token":"s3cret"}}"#, EventKind::Project),
        r#"{"forked_from_project":{"id":7,"runners_token":"[REDACTED]"}}"#
    );
    assert_eq!(
        blanked(
            r#"{"shared_projects":[{"import_url":"https://ada:s3cret@git.example.com"}]}"#,
            EventKind::Group
        ),
        r#"{"shared_projects":[{"import_url":"[REDACTED]"}]}"#
    );
    assert_eq!(
        blanked(r#"{"id":7,"private_token":"s3cret","email":"ada@example.com"}"#, EventKind::User),
        r#"{"id":7,"private_token":"[REDACTED]","email":"ada@example.com"}"#
    );
    assert_eq!(
        blanked(r#"{"id":1,"invite_email":"eve@example.com","invite_token":"s3cret"}"#, EventKind::Member),
        r#"{"id":1,"invite_email":"eve@example.com","invite_token":"[REDACTED]"}"#
    );
    assert_eq!(
        blanked(r#"{"variables":[{"key":"A","value":"s3cret"}]}"#, EventKind::Pipeline),
        r#"{"variables":[{"key":"A","value":"[REDACTED]"}]}"#
    );
}

#[test]
fn a_secret_that_a_scanner_found_is_not_found_here() {
    let found = |text: &str| {
        format!(
            r#"{{"report_type":"secret_detection","raw_source_code_extract":{text},"finding":{{"id":3,"raw_metadata":{text}}}}}"#
        )
    };
    assert_eq!(redact_object(&found(r#""glpat-s3cret""#), EventKind::Vulnerability), found(REDACTED));
}

#[test]
fn more_secrets_than_a_body_may_grow_by_take_the_body_with_them() {
    let list = format!("[{}]", vec![r#"{"key":1}"#; 100_000].join(","));
    assert_eq!(redact_webhook(&list, None), REDACTED);
    let again = format!("{{{}}}", vec![r#""key":1"#; 100_000].join(","));
    assert_eq!(redact_webhook(&again, None), REDACTED);
}

#[test]
fn bodies_without_secrets_are_borrowed() {
    let json =
        r#"{"object_kind":"push","key":"not a secret","object_attributes":{"variables":[{"value":"v"}]}}"#;
    assert!(matches!(redact_webhook(json, Head::read(json).ok().as_ref()), Cow::Borrowed(_)));
    let json = r#"{"object_kind":"pipeline","object_attributes":{"variables":null}}"#;
    assert!(matches!(redact_webhook(json, Head::read(json).ok().as_ref()), Cow::Borrowed(_)));
    for json in ["[1]", "[1,true,null,[2]]", r#"["some","text"]"#, r#""text""#] {
        assert!(matches!(redact_webhook(json, None), Cow::Borrowed(_)), "{json}");
    }
}
