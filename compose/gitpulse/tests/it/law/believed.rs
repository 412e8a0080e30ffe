//! Values in a body that are wrong or outdated: the test of a hook, times that GitLab keeps from before a retry, a null without meaning.

use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body, changed, example};

/// One column of the row whose `key` has the value.
fn shown(tables: &Tables, view: &str, key: (&str, Value), column: &str) -> Value {
    let rows: Vec<&Value> = tables.rows(view).iter().filter(|row| row[key.0] == key.1).collect();
    assert_eq!(rows.len(), 1, "{view} {key:?}: {rows:#?}");
    rows[0][column].clone()
}

/// Rules 4 and 9. GitLab's test of a hook reports the newest deployment as if it had reached its status just now
/// (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/concerns/integrations/project_test_data.rb>): a status is reached once.
///
/// Guards against: the latest exact time kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_a_hook_moves_no_deployment() {
    let deployed = |at: &str| changed("deployment/success.webhook", &[("/status_changed_at", json!(at))]);
    let real = deployed("2026-08-20 09:00:00 +0000");
    let tested = deployed("2026-11-20T15:30:00.000+00:00");
    for told in [vec![real.clone(), tested.clone()], vec![real, tested, example("deployment/success.api")]] {
        let tables = apply(&told).await;
        let expected = "2026-08-20 09:00:00.000";
        assert_eq!(tables.one("deployments")["finished_at"], expected);
        let success = ("status", json!("success"));
        assert_eq!(shown(&tables, "deployment_events", success, "occurred_at"), expected);
    }
}

/// Rules 4 and 9. For what happens once, the earliest exact time is valid, and for that second the most precise form; a derived time that is earlier
/// does not displace an exact one.
///
/// Guards against: the latest exact time kept; derived and exact compared as one.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_happens_once_the_earliest_exact_time_holds() {
    let merged = |at: Value, updated_at: &str| {
        let places =
            [("/object_attributes/merged_at", at), ("/object_attributes/updated_at", json!(updated_at))];
        changed("merge_request/merge.webhook", &places)
    };
    let told = [
        merged(json!("2026-11-03T13:22:10.871Z"), "2026-11-03T13:22:11.000Z"),
        merged(json!("2026-11-03 13:22:10 UTC"), "2026-11-03T13:22:12.000Z"),
        merged(json!("2026-11-09T08:00:00.000Z"), "2026-11-09T08:00:00.000Z"),
        merged(Value::Null, "2026-11-01T08:00:00.000Z"),
    ];
    let tables = apply(&told).await;
    assert_eq!(tables.one("merge_requests")["merged_at"], "2026-11-03 13:22:10.871");
    let action = ("action", json!("merged"));
    assert_eq!(shown(&tables, "merge_request_events", action, "occurred_at"), "2026-11-03 13:22:10.871");
}

/// GitLab clears neither `finished_at` nor `duration` when a pipeline runs again (<https://gitlab.com/gitlab-org/gitlab/-/issues/580721>), or waits
/// for somebody to play a job; nor does its API.
///
/// Guards against: `finished_at` of `manual` as the body says it; `duration` as the body says it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_goes_on_is_not_finished() {
    let failed = example("pipeline/failed.webhook");
    let [finished_at, duration] = ["finished_at", "duration"]
        .map(|field| body("pipeline/failed.webhook")["object_attributes"][field].clone());
    assert!(finished_at.is_string() && duration.is_number());
    for status in ["running", "manual", "pending", "waiting_for_callback"] {
        let places = [
            ("/object_attributes/finished_at", finished_at.clone()),
            ("/object_attributes/duration", duration.clone()),
            ("/object_attributes/status", json!(status)),
        ];
        let again = changed("pipeline/retried.webhook", &places);
        let tables = apply(&[failed.clone(), again]).await;
        let row = tables.one("pipelines");
        let columns = [&row["status"], &row["finished_at"], &row["duration_seconds"]];
        assert_eq!(columns, [&json!(status), &Value::Null, &Value::Null]);
    }
    let mut detail = body("pipeline/detail.api");
    detail["status"] = json!("running");
    let listed = Record::object(schemas::EventKind::Pipeline, "project/42/pipeline/31001", &detail);
    let tables = apply(&[listed]).await;
    let row = tables.one("pipelines");
    assert_eq!([&row["finished_at"], &row["duration_seconds"]], [&Value::Null, &Value::Null]);
}

/// Rule 9. GitLab builds a body when it sends it: for a running pipeline, a body reports it as running as of each job that has started since.
///
/// Guards against: every observation of a status shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_goes_on_is_reached_once() {
    let at = |status: &str, started: &str| {
        let places = [
            ("/object_attributes/status", json!(status)),
            ("/object_attributes/finished_at", Value::Null),
            ("/builds/0/started_at", json!(started)),
            ("/builds/0/finished_at", Value::Null),
        ];
        let mut body = body("pipeline/running.webhook");
        for build in body["builds"].as_array_mut().unwrap() {
            build["started_at"] = Value::Null;
            build["finished_at"] = Value::Null;
        }
        for (place, value) in places {
            *body.pointer_mut(place).unwrap() = value;
        }
        Record::webhook(&body)
    };
    let reached = async |told: &[Record]| -> Vec<(String, String)> {
        let tables = apply(told).await;
        let rows = tables.rows("pipeline_events").iter();
        let mut rows: Vec<(String, String)> = rows
            .map(|row| {
                (
                    row["as_of"].as_str().unwrap()[11..19].to_owned(),
                    row["status"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        rows.sort();
        rows
    };
    let [first, second] =
        ["2026-11-03 10:00:04 UTC", "2026-11-03 10:00:09 UTC"].map(|time| at("running", time));
    let expected = [("10:00:04".to_owned(), "running".to_owned())];
    assert_eq!(reached(&[first.clone(), second.clone()]).await, expected);
    // What lies between makes two of them; also in the second of the later one.
    for time in ["2026-11-03 10:00:06 UTC", "2026-11-03 10:00:09 UTC"] {
        let told = [first.clone(), at("pending", time), second.clone()];
        assert_eq!(reached(&told).await.len(), 3, "{time}");
    }
}

/// If only pipeline events report jobs, nothing shows how a retried job ended: a pipeline lists only the newest job of each name.
///
/// Guards against: the status of the last report; every older job of a name `retried`, also one that is known to have failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_retried_does_not_run_any_more() {
    let job = |id: u64, status: &str, created_at: &str, finished_at: Value| {
        json!({"id": id, "name": "unit", "stage": "test", "status": status, "created_at": created_at,
            "started_at": created_at, "finished_at": finished_at})
    };
    let pipeline = |status: &str, job: Value| {
        let attributes =
            json!({"id": 31, "status": status, "created_at": "2026-11-03 08:00:00 UTC", "finished_at": null});
        let body = json!({"object_kind": "pipeline", "project": {"id": 42}, "object_attributes": attributes, "builds": [job]});
        Record::webhook(&body)
    };
    let running = pipeline("running", job(501, "running", "2026-11-03 08:00:00 UTC", Value::Null));
    let retried = pipeline("running", job(502, "running", "2026-11-03 08:03:00 UTC", Value::Null));
    let ended = json!("2026-11-03 08:05:00 UTC");
    let over = pipeline("success", job(502, "success", "2026-11-03 08:03:00 UTC", ended));
    let status = async |told: &[Record]| -> Vec<(Value, Value)> {
        let tables = apply(told).await;
        let mut rows: Vec<(Value, Value)> =
            tables.rows("jobs").iter().map(|row| (row["id"].clone(), row["status"].clone())).collect();
        rows.sort_by_key(|(id, _)| id.as_u64());
        rows
    };
    assert_eq!(status(std::slice::from_ref(&running)).await, [(json!(501), json!("running"))]);
    let both = |first: &str, second: &str| [(json!(501), json!(first)), (json!(502), json!(second))];
    assert_eq!(status(&[running.clone(), retried.clone()]).await, both("retried", "running"));
    assert_eq!(status(&[running.clone(), over.clone()]).await, both("retried", "success"));
    // A report of its end is used, and a job of that name in another pipeline is another job.
    let failed = json!({"id": 501, "name": "unit", "status": "failed", "created_at": "2026-11-03T08:00:00.100Z",
        "started_at": "2026-11-03T08:00:00.200Z", "finished_at": "2026-11-03T08:02:00.000Z", "pipeline": {"id": 31}});
    let failed = Record::object(schemas::EventKind::Job, "project/42/job/501", &failed);
    assert_eq!(status(&[running.clone(), over.clone(), failed]).await, both("failed", "success"));
    let mut other = body("job/running.webhook");
    other["build_id"] = json!(400);
    other["build_name"] = json!("unit");
    let rows = status(&[running, over, Record::webhook(&other)]).await;
    assert_eq!(rows[0], (json!(400), json!("running")));
    // A job's own event counts the retries of its name.
    let mut again = other.clone();
    again["build_id"] = json!(401);
    again["retries_count"] = json!(1);
    let rows = status(&[Record::webhook(&other), Record::webhook(&again)]).await;
    assert_eq!(rows, [(json!(400), json!("retried")), (json!(401), json!("running"))]);
}

/// GitLab also counts queued time for a job that never started (<https://gitlab.com/gitlab-org/gitlab/-/issues/362480>).
///
/// Guards against: `queued_duration` as the body says it.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_started_did_not_wait() {
    let canceled = |queued: f64| {
        let places = [
            ("/build_status", json!("canceled")),
            ("/build_started_at", Value::Null),
            ("/build_started_at_iso", Value::Null),
            ("/build_duration", Value::Null),
            ("/build_queued_duration", json!(queued)),
        ];
        changed("job/never_started.webhook", &places)
    };
    let tables = apply(&[canceled(119.5), canceled(2430.0)]).await;
    assert_eq!(tables.one("jobs")["queued_seconds"], Value::Null);
    // Nor did a started job wait for longer than it existed.
    let mut job = body("job/success.api");
    job["created_at"] = json!("2026-11-03T09:15:02.000Z");
    job["started_at"] = json!("2026-11-03T09:15:09.500Z");
    for (queued, expected) in [(7.1, json!(7.1)), (8.4, json!(8.4)), (2430.0, Value::Null)] {
        job["queued_duration"] = json!(queued);
        let id = job["id"].as_u64().unwrap();
        let told = Record::object(schemas::EventKind::Job, &format!("project/42/job/{id}"), &job);
        assert_eq!(apply(&[told]).await.one("jobs")["queued_seconds"], expected, "{queued}");
    }
}

/// A webhook names the user who set a merge request to merge, and its null says nothing: who merged is the actor of the merge, or the user that the
/// API names.
///
/// Guards against: null clears; `merge_user_id` alone.
#[tokio::test(flavor = "multi_thread")]
async fn null_does_not_say_that_nobody_merged() {
    let nobody = [("/object_attributes/merge_user_id", Value::Null), ("/user/id", json!(9))];
    let merged = changed("merge_request/merge.webhook", &nobody);
    assert_eq!(apply(std::slice::from_ref(&merged)).await.one("merge_requests")["merge_user_id"], 9);

    let later = [
        ("/object_attributes/merge_user_id", Value::Null),
        ("/object_attributes/action", json!("update")),
        ("/object_attributes/updated_at", json!("2026-11-04T10:00:00.000Z")),
    ];
    let updated = changed("merge_request/merge.webhook", &later);
    let mut listed = body("merge_request/merged.api");
    listed["merge_user"]["id"] = json!(4711);
    listed["merged_by"]["id"] = json!(4711);
    let listed = Record::object(schemas::EventKind::MergeRequest, "project/42/merge_request/7", &listed);
    let tables = apply(&[listed, updated.clone()]).await;
    assert_eq!(tables.one("merge_requests")["merge_user_id"], 4711);
    // For imported merge requests, the API does not know who merged either.
    let mut imported = body("merge_request/merged.api");
    for field in ["merge_user", "merged_by"] {
        imported[field] = Value::Null;
    }
    imported["updated_at"] = json!("2026-11-05T10:00:00.000Z");
    let imported = Record::object(schemas::EventKind::MergeRequest, "project/42/merge_request/7", &imported);
    assert_eq!(apply(&[merged, updated, imported]).await.one("merge_requests")["merge_user_id"], 9);
}

/// A merged merge request is not closed, even if its reopening was never delivered.
///
/// Guards against: a merge says nothing of `closed_at`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_merged_is_not_closed() {
    let same = [
        ("/object_attributes/iid", json!(7)),
        ("/object_attributes/updated_at", json!("2026-11-02T10:00:00.000Z")),
    ];
    let closed = changed("merge_request/close.webhook", &same);
    let tables = apply(&[closed.clone(), example("merge_request/merge.webhook")]).await;
    let row = tables.one("merge_requests");
    assert_eq!([&row["state"], &row["closed_at"]], [&json!("merged"), &Value::Null]);
    let tables = apply(&[closed, example("merge_request/merged.api")]).await;
    assert_eq!(tables.one("merge_requests")["closed_at"], Value::Null);
}

/// The user of a body is not the author: in the test of a hook, the user is whoever clicked, for an opening by somebody else.
///
/// Guards against: the user's name beside the author's id.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_an_opening_is_its_authors() {
    let opened = |user: Value| changed("merge_request/open.webhook", &[("/user", user)]);
    let tested = opened(json!({"id": 1, "username": "root", "name": "Root"}));
    let opening = ("action", json!("opened"));
    let tables = apply(std::slice::from_ref(&tested)).await;
    let row = |tables: &Tables| {
        ["actor_id", "actor_username"]
            .map(|column| shown(tables, "merge_request_events", opening.clone(), column))
    };
    let author_id = body("merge_request/open.webhook")["object_attributes"]["author_id"].clone();
    assert_eq!(row(&tables), [author_id.clone(), Value::Null]);
    let tables = apply(&[tested, example("merge_request/open.webhook")]).await;
    assert_eq!(row(&tables), [author_id, json!("ada")]);
}
