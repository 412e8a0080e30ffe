use schemas::TopicPrefix;
use serde_json::json;

use super::*;

fn record(status: Option<u16>) -> Vec<u8> {
    let call = ApiCall {
        role: "backfill".to_owned(),
        run: "01a20384-6c78-7000-8000-000000000001".parse().unwrap(),
        number: 7,
        method: "GET".to_owned(),
        path: "/api/v4/projects/42/issues".to_owned(),
        status,
        outcome: "ok".to_owned(),
        duration_ms: 31,
        bytes: 2048,
        token: "token 2".to_owned(),
        budget_left: 593,
    };
    let (instance, tenant) = ("https://gitlab.example.com".to_owned(), "default".to_owned());
    let at = "2026-11-22T00:00:00.120Z".parse().unwrap();
    Audited { instance, tenant, at, call }.to_record(&TopicPrefix::default()).unwrap().value
}

#[test]
fn a_call_is_one_row_of_its_log_and_of_no_other_table() {
    let rows = rows(&record(Some(200))).unwrap();
    assert_eq!((rows.len(), rows.audit_log.len()), (1, 1));
    let expected = json!({
        "instance": "https://gitlab.example.com", "run_id": "01a20384-6c78-7000-8000-000000000001", "number": 7, "role": "backfill",
        "tenant": "default", "called_at": 1_795_305_600_120_i64, "method": "GET", "path": "/api/v4/projects/42/issues", "status": 200,
        "outcome": "ok", "duration_ms": 31, "bytes": 2048, "token": "token 2", "budget_left": 593,
    });
    assert_eq!(serde_json::to_value(&rows.audit_log[0]).unwrap(), expected);
}

#[test]
fn a_call_without_an_answer_has_no_status() {
    assert_eq!(rows(&record(None)).unwrap().audit_log[0].status, None);
}

#[test]
fn what_is_no_call_is_named_for_its_dead_letter() {
    let error = rows(br#"{"object_kind":"push"}"#).unwrap_err();
    assert_eq!(error.reason(), "audit");
    assert!(DecodeError::REASONS.contains(&error.reason()));
}
