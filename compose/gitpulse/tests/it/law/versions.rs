//! Which of two bodies is newer: the deciding cases, one by one. The random histories of `entities` contain them all.

use serde_json::{Value, json};

use super::apply::{apply, assert_same, receipt_derived};
use super::records::{Record, body, example};

/// A body about merge request 7.
fn merge_request(fields: Value) -> Record {
    let mut attributes = json!({"id": 90001, "iid": 7, "target_project_id": 42});
    for (name, value) in fields.as_object().unwrap() {
        attributes[name] = value.clone();
    }
    Record::webhook(&json!({"object_kind": "merge_request", "object_attributes": attributes}))
}

/// What a column of merge request 7 shows, whatever the order.
async fn shown(column: &str, records: &[Record]) -> Value {
    apply(records).await.one("merge_requests")[column].clone()
}

/// Rules 3 and 4. Before GitLab 19, webhooks have whole seconds: later bodies of that second must not lose to ones with milliseconds.
///
/// Seen to fail: milliseconds before rank; no rank.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_in_whole_seconds_does_not_lose_to_milliseconds_of_an_earlier_state() {
    let locked = merge_request(json!({"updated_at": "2026-11-03T13:22:10.903Z", "state": "locked"}));
    let merged = merge_request(json!({"updated_at": "2026-11-03 13:22:10 UTC", "state": "merged"}));
    assert_eq!(shown("state", &[locked, merged]).await, "merged");
}

/// Rule 3. For the same second and state, the later millisecond is newer.
///
/// Seen to fail: versions without milliseconds.
#[tokio::test(flavor = "multi_thread")]
async fn of_one_second_and_state_the_later_millisecond_is_newer() {
    let titled = |milliseconds: &str, title: &str| {
        let updated_at = format!("2026-11-03T13:22:10.{milliseconds}Z");
        merge_request(json!({"updated_at": updated_at, "state": "opened", "title": title}))
    };
    let bodies = [titled("100", "zebra"), titled("900", "aardvark")];
    assert_eq!(shown("title", &bodies).await, "aardvark");
}

/// Rule 3. Any other tie is decided by value, the same in every order.
///
/// Seen to fail: `title` merged by `anyLast`.
#[tokio::test(flavor = "multi_thread")]
async fn a_tie_is_decided_by_value() {
    let titled = |title: Value| {
        merge_request(json!({"updated_at": "2026-11-03T13:22:10.100Z", "state": "opened", "title": title}))
    };
    let bodies = [titled(json!("aardvark")), titled(json!("zebra")), titled(Value::Null)];
    assert_eq!(shown("title", &bodies).await, "zebra");
}

/// Rule 4. A time that never changes takes its most precise form, whichever body has it.
///
/// Seen to fail: `created_at` with the version of its body.
#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_time_takes_its_most_precise_form() {
    let precise = merge_request(
        json!({"updated_at": "2026-11-02T08:12:31.204Z", "created_at": "2026-11-02T08:12:31.204Z", "merged_at": null}),
    );
    let merged = "2026-11-03T13:22:10.871Z";
    let newer = merge_request(
        json!({"updated_at": "2026-11-03T13:22:10.903Z", "state": "merged", "merged_at": merged}),
    );
    let newest = merge_request(json!({
        "updated_at": "2026-11-04 09:00:00 UTC", "created_at": "2026-11-02 08:12:31 UTC",
        "merged_at": "2026-11-03 13:22:10 UTC", "state": "merged",
    }));
    let tables = apply(&[precise, newer, newest]).await;
    let row = tables.one("merge_requests");
    assert_eq!(row["created_at"], "2026-11-02 08:12:31.204");
    assert_eq!(row["merged_at"], "2026-11-03 13:22:10.871");
    assert_eq!(row["updated_at"], "2026-11-04 09:00:00.000");
}

/// Rule 3. A body from the year 2250 is the newest until a day after its receipt, not for two centuries; its times that never change are ignored,
/// because nothing could correct them. No column can hold the year 2999: it counts as no time.
///
/// Seen to fail: no clamp; immutable times believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_from_the_far_future_freezes_nothing() {
    for year in ["2250", "2999"] {
        let far = format!("{year}-01-01T00:00:00Z");
        let wrong = merge_request(json!({
            "updated_at": far, "created_at": far, "merged_at": far, "prepared_at": far, "state": "opened", "title": "frozen",
        }));
        let right = merge_request(
            json!({"updated_at": "2026-11-24T12:00:01Z", "created_at": "2026-11-02T08:12:31.204Z", "state": "opened", "title": "right"}),
        );
        let tables = apply(&[wrong, right.at("2026-11-24T12:00:02Z")]).await;
        let row = tables.one("merge_requests");
        assert_eq!(row["title"], "right", "{year}");
        assert_eq!(row["created_at"], "2026-11-02 08:12:31.204", "{year}");
        assert_eq!([&row["merged_at"], &row["prepared_at"]], [&Value::Null, &Value::Null], "{year}");
    }
}

/// Rule 3. A clock that is wrong by minutes, GitLab's or GitPulse's, changes nothing: a body is as new as its own time.
///
/// Seen to fail: version by receipt; the clamp without its day.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_five_minutes_off_changes_nothing() {
    const LIFE: [(&str, &str); 7] = [
        ("merge_request/open.webhook", "2026-11-02T08:12:31Z"),
        ("merge_request/reviewer_assigned.webhook", "2026-11-02T08:15:03Z"),
        ("issue/label_removed.webhook", "2026-11-03T13:21:59Z"),
        ("issue/closed.webhook", "2026-11-03T13:22:12Z"),
        ("pipeline/running.webhook", "2026-11-03T09:15:09Z"),
        ("pipeline/success.webhook", "2026-11-03T09:21:40Z"),
        ("merge_request/merge.webhook", "2026-11-03T13:22:11Z"),
    ];
    let life = |off: [i64; 7]| -> Vec<Record> {
        LIFE.iter()
            .zip(off)
            .map(|((name, received_at), off)| example(name).at(received_at).later(off))
            .collect()
    };
    let receipt = receipt_derived().await;
    let on_time = apply(&life([0; 7])).await.of_things(&receipt);
    for off in [[-300; 7], [300; 7], [300, -300, 300, -300, 300, -300, 300]] {
        let off_time = apply(&life(off)).await.of_things(&receipt);
        assert_same(&on_time, &off_time, &format!("{off:?} s"));
    }
}

/// Rule 5. A list is one value, sorted: another order from another hook is not a change.
///
/// Seen to fail: lists unsorted.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_another_order_is_the_same_list() {
    let labelled = |titles: [&str; 2]| {
        let labels = titles.map(|title| json!({"title": title}));
        merge_request(
            json!({"updated_at": "2026-11-03T13:22:10.100Z", "labels": labels, "assignee_ids": [9, 8]}),
        )
    };
    let tables = apply(&[labelled(["b", "a"]), labelled(["a", "b"])]).await;
    let row = tables.one("merge_requests");
    assert_eq!((&row["labels"], &row["assignee_ids"]), (&json!(["a", "b"]), &json!([8, 9])));
}

/// Rule 5. The jobs in a pipeline's event are facts about jobs, each as new as the event, united with their own events by id.
///
/// Seen to fail: jobs of `builds[]` as of their own times; a pipeline as of its own times, without those of its jobs.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipelines_jobs_are_facts_about_jobs() {
    let tables = apply(&[example("pipeline/failed.webhook"), example("pipeline/retried.webhook")]).await;
    let mut jobs: Vec<(u64, &str)> = Vec::new();
    for row in tables.rows("jobs") {
        jobs.push((row["id"].as_u64().unwrap(), row["status"].as_str().unwrap()));
    }
    let expected = [
        (15000310031, "success"),
        (15000310032, "failed"),
        (15000310033, "failed"),
        // Skipped after the failure, and reset by the retry, without a time of its own.
        (15000310034, "created"),
        (15000310039, "running"),
    ];
    assert_eq!(jobs, expected);
    let mut finished = body("pipeline/retried.webhook");
    finished["builds"] = json!([]);
    let tables = apply(&[example("pipeline/failed.webhook"), Record::webhook(&finished)]).await;
    assert_eq!(tables.rows("jobs").len(), 4, "a pipeline's event without jobs removes none");
}
