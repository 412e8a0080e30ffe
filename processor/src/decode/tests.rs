use super::*;
use chrono::DateTime;
use schemas::TopicPrefix;
use schemas::envelope::{Parts, delivery_event_id};

fn record(kind: EventKind, payload: Payload) -> Vec<u8> {
    record_of(Origin::Webhook, kind, payload)
}

fn record_of(origin: Origin, kind: EventKind, payload: Payload) -> Vec<u8> {
    let envelope = Envelope::stored(Parts {
        id: delivery_event_id("https://gitlab.example.com", "1"),
        source: "https://gitlab.example.com".to_owned(),
        kind,
        subject: "project/42/push/refs/heads/main".to_owned(),
        time: DateTime::from_timestamp(1_795_305_600, 0).unwrap(),
        origin,
        tenant: "default".to_owned(),
        delivery_id: Some("1".to_owned()),
        traceparent: None,
        payload,
    });
    envelope.to_record(&TopicPrefix::default()).unwrap().value
}

fn json(kind: EventKind, json: &str) -> Result<Event, DecodeError> {
    decode(&record(kind, Payload::Json(json.to_owned())))
}

#[track_caller]
fn check(result: Result<Event, DecodeError>, expected: &str) {
    match result {
        Ok(event) => panic!("{expected} expected, but decoded: {event:?}"),
        Err(error) => assert_eq!(error.reason(), expected),
    }
}

#[test]
fn what_cannot_be_decoded_says_why() {
    check(decode(b"hello"), "envelope");
    check(decode(b""), "envelope");
    check(decode(&record(EventKind::Other, Payload::Binary(b"\xff\xfe".to_vec()))), "not_json");
    check(json(EventKind::Other, "[1,2]"), "not_an_object");
    check(json(EventKind::Other, r#"{"object_kind":"push","object_kind":"note"}"#), "head");
    let deep = format!(r#"{{"object_kind":"push","a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    check(json(EventKind::Push, &deep), "too_deep");
}

#[test]
fn an_event_that_its_table_cannot_take_is_still_an_event() {
    let event =
        json(EventKind::Push, r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main"}"#).unwrap();
    assert_eq!(event.project_id, 42);
    assert_eq!(event.body.unwrap_err().reason(), "missing_field");
    let event =
        json(EventKind::MergeRequest, r#"{"object_kind":"merge_request","object_attributes":7}"#).unwrap();
    assert_eq!(event.body.unwrap_err().reason(), "missing_field");
    let twice = r#"{"object_kind":"pipeline","object_attributes":{"id":1},"builds":[{"id":1,"id":2}]}"#;
    assert_eq!(json(EventKind::Pipeline, twice).unwrap().body.unwrap_err().reason(), "payload");
}

#[test]
fn what_shares_a_topic_with_deployments_is_no_deployment() {
    let object = |json: &str| {
        let record = record_of(Origin::Api, EventKind::Deployment, Payload::Json(json.to_owned()));
        decode(&record).unwrap().body.unwrap()
    };
    let environment = r#"{"id":9,"name":"production","slug":"production","tier":"production"}"#;
    assert!(matches!(object(environment), EventBody::Environment(_)));
    let brought = r#"{"deployment_id":5,"merge_requests":[]}"#;
    assert!(matches!(object(brought), EventBody::DeploymentMergeRequests(_)));
    assert!(matches!(object(r#"{"id":5,"status":"success"}"#), EventBody::Deployment(_)));
}

#[test]
fn kinds_without_tables_of_their_own_are_events() {
    let event = json(
        EventKind::Other,
        r#"{"object_kind":"flow","project_id":"42","object_attributes":{"action":"create"}}"#,
    );
    let event = event.unwrap();
    assert!(matches!(event.body, Ok(EventBody::Untyped)));
    assert_eq!((event.project_id, event.name.as_str(), event.action.as_str()), (42, "flow", "create"));
}

#[test]
fn what_is_unknown_comes_with_the_event() {
    let unknown = |event: Result<Event, DecodeError>| -> Vec<String> {
        event
            .unwrap()
            .unknown
            .iter()
            .map(|unknown| format!("{} {}", unknown.what.as_str(), unknown.path))
            .collect()
    };
    let issue = r#"{"object_kind":"issue","mood":1,"object_attributes":{"severity":"dreadful"}}"#;
    assert_eq!(unknown(json(EventKind::Issue, issue)), ["field mood", "value object_attributes.severity"]);
    assert_eq!(
        unknown(json(EventKind::Other, r#"{"object_kind":"duo_workflow","event":1}"#)),
        ["kind duo_workflow"]
    );
    assert_eq!(unknown(json(EventKind::Other, r#"{"text":"a template"}"#)), ["kind ?"]);
    assert!(unknown(json(EventKind::Issue, r#"{"object_kind":"issue"}"#)).is_empty());
}
