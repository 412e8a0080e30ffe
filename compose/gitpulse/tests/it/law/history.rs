//! What the API's history alone tells: lists that are one value, and cases in which a list says less than a webhook, or other than it seems.

use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::{Tables, apply};
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

/// What happened in a view: action, time and user name, in the order of time.
fn happened(tables: &Tables, view: &str) -> Vec<[String; 3]> {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
    let rows = tables.rows(view).iter();
    let mut told: Vec<_> =
        rows.map(|row| ["occurred_at", "action", "actor_username"].map(|column| text(row, column))).collect();
    told.sort();
    told
}

fn told<const N: usize>(rows: [[&str; 3]; N]) -> Vec<[String; 3]> {
    rows.map(|row| row.map(str::to_owned)).to_vec()
}

/// An event of project 42 about merge request 8.
fn project_event(id: u64, action: &str, username: &str, created_at: &str) -> Record {
    let body = json!({
        "id": id, "project_id": 42, "action_name": action, "target_type": "MergeRequest", "target_id": 90002, "target_iid": 8,
        "author": {"id": username.len(), "username": username}, "created_at": created_at,
    });
    Record::object(EventKind::MergeRequest, "project/42/merge_request/8", &body)
}

/// Rules 9 and 11. What events of a project tell, webhooks and state events tell too: it happened once. By themselves they tell all of it.
///
/// Seen to fail: events dated exactly; `opened` of an event a chain of its own.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_project_tell_a_merge_request_s_life_once() {
    let of = |names: &[&str]| -> Vec<Record> {
        names.iter().map(|name| example(&format!("merge_request/{name}"))).collect()
    };
    let alone = of(&["event_opened.api", "event_approved.api", "event_merged.api"]);
    let expected = [
        ["2026-11-02 08:12:32.118", "opened", "ada"],
        ["2026-11-03 13:05:29.407", "approved", "grace"],
        ["2026-11-03 13:22:10.988", "merged", "grace"],
    ];
    assert_eq!(happened(&apply(&alone).await, "merge_request_events"), told(expected));
    let others = of(&["open.webhook", "approved.webhook", "merge.webhook", "merged.api", "approvals_7.api"]);
    let expected = [
        ["2026-11-02 08:12:31.204", "opened", "ada"],
        ["2026-11-03 13:05:27.860", "approved", "grace"],
        ["2026-11-03 13:22:10.871", "merged", "grace"],
    ];
    let tables = apply(&[alone, others].concat()).await;
    assert_eq!(happened(&tables, "merge_request_events"), told(expected));
}

/// Rule 11. GitLab has one word for opening and reopening; what was closed before was opened again. Approvals that a worker wrote down twice are one.
///
/// Seen to fail: `opened` always the opening; a closing of the same second not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_reopening_is_called_opened_and_known_by_the_closing_before_it() {
    let opened = project_event(1, "opened", "mika", "2026-11-02T16:02:45.100Z");
    let closed = project_event(2, "closed", "mika", "2026-11-03T08:30:19.871Z");
    let reopened = project_event(3, "opened", "grace", "2026-11-03T10:05:51.374Z");
    let approved = project_event(4, "approved", "ada", "2026-11-03T11:00:00.001Z");
    let doubled = project_event(5, "approved", "ada", "2026-11-03T11:00:03.900Z");
    let expected = [
        ["2026-11-02 16:02:45.100", "opened", "mika"],
        ["2026-11-03 08:30:19.871", "closed", "mika"],
        ["2026-11-03 10:05:51.374", "reopened", "grace"],
        ["2026-11-03 11:00:00.001", "approved", "ada"],
    ];
    let tables = apply(&[opened, closed.clone(), reopened.clone(), approved, doubled]).await;
    assert_eq!(happened(&tables, "merge_request_events"), told(expected));

    // Webhooks and state events tell of the same; the opening is known from them alone.
    let posted =
        ["open_second.webhook", "close.webhook", "reopen.webhook", "state_reopened_8.api", "closed.api"];
    let posted = posted.map(|name| example(&format!("merge_request/{name}")));
    let tables = apply(&[posted.to_vec(), vec![closed, reopened]].concat()).await;
    let actions: Vec<String> =
        happened(&tables, "merge_request_events").into_iter().map(|[_, action, _]| action).collect();
    assert_eq!(actions, ["opened", "closed", "reopened"]);

    // A robot closes what it has opened before the worker has written down the opening.
    let created = "2026-11-02T16:02:44.380Z";
    let listed = json!({"id": 90002, "iid": 8, "state": "closed", "created_at": created, "updated_at": "2026-11-02T16:02:45.000Z"});
    let listed = Record::object(EventKind::MergeRequest, "project/42/merge_request/8", &listed);
    let closed = project_event(6, "closed", "mika", "2026-11-02T16:02:45.000Z");
    let late = project_event(7, "opened", "mika", "2026-11-02T16:02:46.000Z");
    let actions: Vec<String> = happened(&apply(&[listed, closed, late]).await, "merge_request_events")
        .into_iter()
        .map(|[_, action, _]| action)
        .collect();
    assert_eq!(actions, ["opened", "closed"]);
}

/// Rules 9 and 11, for issues.
///
/// Seen to fail: `opened` always the opening.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_project_tell_an_issue_s_life_once() {
    let of = |names: &[&str]| -> Vec<Record> {
        names.iter().map(|name| example(&format!("issue/{name}"))).collect()
    };
    let alone = of(&["event_opened.api", "event_closed.api", "event_reopened.api"]);
    let expected = [
        ["2026-10-30 14:22:09.012", "opened", "grace"],
        ["2026-11-03 13:22:12.101", "closed", "grace"],
        ["2026-11-04 08:40:05.455", "reopened", "noor"],
    ];
    assert_eq!(happened(&apply(&alone).await, "issue_events"), told(expected));
    let others = of(&[
        "opened.webhook",
        "closed.webhook",
        "reopened.webhook",
        "state_closed_70001.api",
        "state_reopened_70001.api",
    ]);
    let expected = [
        ["2026-10-30 14:22:08.540", "opened", "grace"],
        ["2026-11-03 13:22:12.004", "closed", "grace"],
        ["2026-11-04 08:40:05.402", "reopened", "noor"],
    ];
    assert_eq!(happened(&apply(&[alone, others].concat()).await, "issue_events"), told(expected));
}
