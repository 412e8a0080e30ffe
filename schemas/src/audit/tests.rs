use super::*;

fn audited() -> Audited {
    Audited {
        instance: "https://gitlab.example.com".to_owned(),
        tenant: "default".to_owned(),
        at: DateTime::from_timestamp_millis(1_795_305_600_120).unwrap(),
        call: ApiCall {
            role: "backfill".to_owned(),
            run: "01a20384-6c78-7000-8000-000000000001".parse().unwrap(),
            number: 7,
            method: "GET".to_owned(),
            path: "/api/v4/projects/42/issues".to_owned(),
            status: Some(200),
            outcome: "ok".to_owned(),
            duration_ms: 31,
            bytes: 2048,
            token: "the token".to_owned(),
            budget_left: 593,
        },
    }
}

fn text(audited: &Audited) -> String {
    String::from_utf8(audited.to_record(&TopicPrefix::default()).unwrap().value).unwrap()
}

#[test]
fn a_call_is_an_event_whose_form_is_the_contract() {
    let record = audited().to_record(&TopicPrefix::default()).unwrap();
    assert_eq!(record.topic, "gitpulse.audit");
    let run = "01a20384-6c78-7000-8000-000000000001";
    assert_eq!(String::from_utf8(record.key).unwrap(), format!("https://gitlab.example.com/backfill/{run}"));
    let expected = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"https://gitlab.example.com","type":"gitpulse.api_call","subject":"backfill/{run}","time":"2026-11-22T00:00:00.120Z","datacontenttype":"application/json","tenant":"default","data":{{"role":"backfill","run":"{run}","number":7,"method":"GET","path":"/api/v4/projects/42/issues","status":200,"outcome":"ok","duration_ms":31,"bytes":2048,"token":"the token","budget_left":593}}}}"#,
        id = audited().call.id(),
    );
    assert_eq!(String::from_utf8(record.value).unwrap(), expected);
}

#[test]
fn every_call_reads_back() {
    let unanswered = ApiCall { status: None, outcome: "stalled".to_owned(), ..audited().call };
    for audited in [audited(), Audited { call: unanswered, ..audited() }] {
        assert_eq!(Audited::parse(text(&audited).as_bytes()).unwrap(), audited);
    }
}

#[test]
fn a_call_has_one_id_and_no_other_call_has_it() {
    let call = audited().call;
    assert_eq!(call.id(), audited().call.id());
    assert_ne!(call.id(), ApiCall { number: 8, ..call.clone() }.id());
    assert_ne!(call.id(), ApiCall { run: Uuid::nil(), ..call.clone() }.id());
}

#[test]
fn what_is_no_call_is_told_apart() {
    let (json, parse) = (text(&audited()), |text: &str| Audited::parse(text.as_bytes()).unwrap_err());
    assert!(matches!(parse("hello"), AuditError::Json(_)));
    assert!(matches!(parse(&json.replace(r#""number":7"#, r#""number":-7"#)), AuditError::Json(_)));
    assert!(matches!(parse(&json.replace(r#""1.0""#, r#""0.3""#)), AuditError::Version));
    assert!(matches!(parse(&json.replace("gitpulse.api_call", "gitlab.push")), AuditError::Type));
}

#[test]
fn a_newer_build_may_say_more() {
    let more =
        text(&audited()).replace(r#""bytes""#, r#""new":{},"bytes""#).replace("backfill", "a_new_role");
    assert_eq!(Audited::parse(more.as_bytes()).unwrap().call.role, "a_new_role");
}
