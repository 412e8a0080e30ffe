//! What the API's history alone tells: lists that are one value, and cases in which a list says less than a webhook, or other than it seems.

use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::apply;
use super::records::{Record, body, example};

/// Rule 5. A list is one value, as of its reading: a force push takes away what was there, and the head says which list it is.
///
/// Seen to fail: lists united; the commits newest first.
#[tokio::test(flavor = "multi_thread")]
async fn commits_of_a_merge_request_are_those_of_the_last_reading() {
    let read = example("merge_request/commits_7.api").at("2026-11-03T11:00:00Z");
    let tables = apply(std::slice::from_ref(&read)).await;
    let mut rows: Vec<Value> = tables.rows("merge_request_commits").to_vec();
    rows.sort_by_key(|row| row["position"].as_u64());
    let oldest = json!({
        "sha": "c2028db94545c47c0cd9e98d8ae255285599cf03", "position": 1, "merge_request_iid": 7, "project_id": 42,
        "title": "Retry card payments after a gateway timeout", "authored_at": "2026-11-02 08:05:44.000",
        "committed_at": "2026-11-02 08:05:44.000", "author_name": "Ada Okafor", "author_email": "ada@example.com",
        "parents": ["6b80c932d2c86b2e3d88863d385352c78cb3932c"], "head_sha": "2b5fa04bd87127547be1aac5fa2794a556821bef",
    });
    for (column, value) in oldest.as_object().unwrap() {
        assert_eq!(&rows[0][column], value, "{column}");
    }
    assert_eq!(rows.len(), 2);

    let mut forced = body("merge_request/commits_7.api");
    forced["head_sha"] = json!("cafe");
    forced["commits"] = json!([{"id": "cafe", "title": "All in one", "author_email": "[REDACTED]"}]);
    let forced = Record::object(EventKind::MergeRequest, "project/42/merge_request/7", &forced);
    let tables = apply(&[read, forced.at("2026-11-03T11:00:01Z")]).await;
    let row = tables.one("merge_request_commits");
    assert_eq!((&row["sha"], &row["head_sha"]), (&json!("cafe"), &json!("cafe")));
    assert_eq!((&row["author_email"], &row["parents"]), (&Value::Null, &json!([])));
}

/// Rule 5. The merge requests of a deployment are one value too. One that names no project is of the deployment's.
///
/// Seen to fail: lists united.
#[tokio::test(flavor = "multi_thread")]
async fn merge_requests_of_a_deployment_are_those_of_the_last_reading() {
    let listed = |merge_requests: Value| {
        let body = json!({"deployment_id": 5, "merge_requests": merge_requests});
        Record::object(EventKind::Deployment, "project/42/deployment/5", &body)
    };
    let first = listed(json!([{"id": 90001, "iid": 7, "project_id": 42}]));
    let more = json!([{"iid": 8}, {"id": 90001, "iid": 7, "project_id": 42}, {"id": 4, "iid": 7, "project_id": 43}, {"iid": 8}]);
    let tables = apply(&[first.clone(), listed(more).later(60)]).await;
    let mut found: Vec<(u64, u64, Value)> = tables
        .rows("deployment_merge_requests")
        .iter()
        .map(|row| {
            let number = |column: &str| row[column].as_u64().unwrap();
            (number("merge_request_project_id"), number("merge_request_iid"), row["merge_request_id"].clone())
        })
        .collect();
    found.sort_by_key(|(project, iid, _)| (*project, *iid));
    assert_eq!(found, [(42, 7, json!(90001)), (42, 8, Value::Null), (43, 7, json!(4))]);
    let tables = apply(&[first, listed(json!([])).later(60)]).await;
    assert!(tables.rows("deployment_merge_requests").is_empty(), "an empty list is a value");
}
