use super::*;

#[track_caller]
fn check(json: &str, expected: (EventKind, u64, &str)) {
    let head = Head::read(json).unwrap();
    let kind = head.kind();
    assert_eq!((kind, head.project_id(), head.subject(kind, "fallback").as_str()), expected);
}

#[test]
fn kind_project_and_entity_are_read_from_the_body() {
    check(
        r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main"}"#,
        (EventKind::Push, 42, "project/42/push/refs/heads/main"),
    );
    check(
        r#"{"object_kind":"merge_request","project":{"id":1},"object_attributes":{"id":99,"iid":7,"target_project_id":14}}"#,
        (EventKind::MergeRequest, 14, "project/14/merge_request/7"),
    );
    check(
        r#"{"object_kind":"work_item","project":null,"object_attributes":{"id":5,"iid":1,"project_id":null}}"#,
        (EventKind::Issue, 0, "project/0/issue/5"),
    );
    check(
        r#"{"object_kind":"build","build_id":15000000000,"project_id":"42"}"#,
        (EventKind::Job, 42, "project/42/job/15000000000"),
    );
    check(
        r#"{"event_name":"user_add_to_group","group_id":78,"user_id":64}"#,
        (EventKind::Member, 0, "group/78/member/64"),
    );
    check(r#"{"event_name":"subgroup_create","group_id":78}"#, (EventKind::Group, 0, "group/78"));
    check(r#"{"event_name":"user_create","user_id":41}"#, (EventKind::User, 0, "user/41"));
    check(r#"{"hello":"world"}"#, (EventKind::Other, 0, "project/0/other/fallback"));
    check(
        r#"{"object_kind":"access_token","group":{"group_id":35},"object_attributes":{"id":25}}"#,
        (EventKind::AccessToken, 0, "group/35/access_token/25"),
    );
    check(
        r#"{"object_kind":"vulnerability","object_attributes":{"project_id":42,"url":"https://gitlab.example.com/a/b/-/security/vulnerabilities/31"}}"#,
        (EventKind::Vulnerability, 42, "project/42/vulnerability/31"),
    );
}

#[test]
fn project_actor_and_group_are_told_where_they_have_an_id_and_a_name() {
    let told = |json: &str| {
        let head = Head::read(json).unwrap();
        let project = head.project().and_then(|project| project.project_id.get());
        let user = head.user().and_then(|user| Some((user.user_id.get()?, user.username.text().to_owned())));
        (project, user, head.group().and_then(|group| group.group_id.get()))
    };
    let ada = |id| Some((id, "ada".to_owned()));
    assert_eq!(
        told(r#"{"project":{"id":"42","name":"Checkout"},"user":{"id":7,"username":"ada"}}"#),
        (Some(42), ada(7), None)
    );
    // Before GitLab 13 the id of the project is only at the top level.
    let push = r#"{"project_id":15,"project":{"name":"Checkout"},"user_id":7,"user_username":"ada"}"#;
    assert_eq!(told(push), (Some(15), ada(7), None));
    let api = r#"{"user":{"can_merge":false},"author":{"id":7,"username":"ada"}}"#;
    assert_eq!(told(api), (None, ada(7), None));
    assert_eq!(told(r#"{"group":{"group_id":5,"group_name":"Shop"}}"#), (None, None, Some(5)));
    assert_eq!(told(r#"{"project":{"id":42},"user":{"username":"ada"},"user_id":7}"#), (None, None, None));
    assert_eq!(told(r#"{"project":null,"user":"ada","group":[]}"#), (None, None, None));
}

#[test]
fn what_quotes_something_confidential_is_confidential() {
    let confidential = |json: &str| {
        let head = Head::read(json).unwrap();
        head.is_confidential(head.kind())
    };
    assert!(confidential(r#"{"event_type":"confidential_note"}"#));
    assert!(confidential(r#"{"object_kind":"emoji","work_item":{"confidential":true}}"#));
    assert!(confidential(r#"{"object_kind":"emoji","note":{"internal":true}}"#));
    assert!(confidential(r#"{"object_kind":"emoji","epic":{"confidential":true}}"#));
    assert!(confidential(r#"{"object_kind":"note","issue":{"confidential":true}}"#));
    assert!(!confidential(
        r#"{"object_kind":"note","event_type":"note","issue":{"confidential":false},"note":"text"}"#
    ));
}

#[test]
fn what_is_not_known_to_be_public_is_confidential() {
    let of = |kind: EventKind, json: &str| Head::read(json).unwrap().is_confidential(kind);
    for kind in
        [EventKind::Issue, EventKind::Note, EventKind::Emoji, EventKind::Vulnerability, EventKind::Other]
    {
        let (closed, open): (&[&str], &[&str]) = match kind {
            EventKind::Issue => (
                &[r#"{"object_attributes":{"id":1}}"#, r#"{"target_type":"Issue","target_title":"t"}"#],
                &[
                    r#"{"object_attributes":{"confidential":false}}"#,
                    r#"{"event_type":"issue"}"#,
                    r#"{"id":1,"confidential":false}"#,
                ],
            ),
            EventKind::Note => (
                &[
                    r#"{"id":1,"noteable_type":"Issue","internal":false}"#,
                    r#"{"event_type":"note","object_attributes":{"noteable_type":"DesignManagement::Design"}}"#,
                ],
                &[
                    r#"{"id":1,"noteable_type":"MergeRequest","internal":false}"#,
                    r#"{"event_type":"note","object_attributes":{"noteable_type":"Issue"}}"#,
                    r#"{"object_attributes":{"noteable_type":"Issue"},"issue":{"confidential":false}}"#,
                ],
            ),
            EventKind::Emoji => (
                &[
                    r#"{"object_attributes":{"awardable_type":"Issue"}}"#,
                    r#"{"object_attributes":{"awardable_type":"Note"}}"#,
                    r#"{"object_attributes":{"awardable_type":"Note"},"note":{"noteable_type":"DesignManagement::Design"}}"#,
                    r#"{"object_attributes":{"awardable_type":"Note"},"note":{"noteable_type":"Issue","internal":false}}"#,
                ],
                &[
                    r#"{"object_attributes":{"awardable_type":"MergeRequest"}}"#,
                    r#"{"object_attributes":{"awardable_type":"Issue"},"work_item":{"confidential":false}}"#,
                    r#"{"object_attributes":{"awardable_type":"Note"},"note":{"noteable_type":"Commit"}}"#,
                ],
            ),
            EventKind::Vulnerability => (
                &[r#"{"object_attributes":{"issues":[{"title":"t"}]}}"#],
                &[r#"{"object_attributes":{"issues":[]}}"#, r#"{"object_attributes":{}}"#],
            ),
            _ => (&[r#"{"text":"t"}"#], &[r#"{"object_kind":"gitpulse_test"}"#]),
        };
        closed.iter().for_each(|json| assert!(of(kind, json), "{kind}: {json}"));
        open.iter().for_each(|json| assert!(!of(kind, json), "{kind}: {json}"));
    }
}

#[test]
fn what_may_quote_something_confidential_and_does_not_say_so_is_confidential() {
    let confidential = |kind, json: &str| Head::read(json).unwrap().is_confidential(kind);
    let note = |noteable: &str| {
        format!(r#"{{"event_type":"note","object_attributes":{{"noteable_type":"{noteable}"}}}}"#)
    };
    for (noteable, expected) in [
        ("MergeRequest", false),
        ("Commit", false),
        ("Issue", false),
        ("", false),
        ("DesignManagement::Design", true),
        ("AlertManagement::Alert", true),
        ("SomethingNew", true),
    ] {
        assert_eq!(confidential(EventKind::Note, &note(noteable)), expected, "{noteable}");
    }
    assert!(confidential(EventKind::Emoji, r#"{"note":{"noteable_type":"DesignManagement::Design"}}"#));
    let vulnerability =
        |issues: &str| format!(r#"{{"object_attributes":{{"title":"t","issues":{issues}}}}}"#);
    assert!(confidential(
        EventKind::Vulnerability,
        &vulnerability(r#"[{"title":"a title","url":"https://gitlab.example.com/x/-/issues/1"}]"#)
    ));
    assert!(confidential(EventKind::Vulnerability, &vulnerability(r#""of another shape""#)));
    assert!(
        !confidential(EventKind::Vulnerability, &vulnerability("[]"))
            && !confidential(EventKind::Vulnerability, &vulnerability("null"))
    );
}

#[test]
fn shapes_without_a_head_are_refused() {
    assert!(matches!(Head::read("[1,2]"), Err(HeadError::NotAnObject)));
    assert!(matches!(Head::read(r#"["push",null]"#), Err(HeadError::NotAnObject)));
    assert!(matches!(Head::read("7"), Err(HeadError::NotAnObject)));
    assert!(matches!(Head::read(r#"{"object_kind":"push""#), Err(HeadError::Json(_))));
    assert!(matches!(Head::read(r#"{"object_kind":"push","object_kind":"note"}"#), Err(HeadError::Json(_))));
    assert!(matches!(Head::read(""), Err(HeadError::Json(_))));
}
