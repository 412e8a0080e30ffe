//! What happened: its identity comes from its content, so that hooks, resends and the API report one occurrence together.

use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body, example};

/// Records as two hooks of two tenants deliver them, seconds apart.
fn twice(records: &[Record]) -> Vec<Record> {
    let other = records.iter().map(|record| record.clone().through("other", "labs").later(4));
    records.iter().map(|record| record.clone().through("one", "shop")).chain(other).collect()
}

fn posted(names: &[&str]) -> Vec<Record> {
    names.iter().map(|name| example(&format!("{name}.webhook"))).collect()
}

/// How often each action is in a view, sorted by name.
fn actions(tables: &Tables, view: &str, column: &str) -> Vec<String> {
    let mut actions = tables.texts(view, column);
    actions.sort();
    actions
}

/// Rules 9 and 11. A merge request's life, reported by two hooks and by the API: each event is there as often as it happened.
///
/// Seen to fail: events keyed by delivery; `opened` keyed by actor; `merged` keyed by second; `approval` and `approved` kept apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_life_told_by_two_hooks_and_the_api_happened_once() {
    let webhooks = posted(&[
        "merge_request/open",
        "merge_request/reviewer_assigned",
        "merge_request/new_commits",
        "merge_request/approved",
        "merge_request/merge",
    ]);
    // GitLab also reports the last required approval as `approval`.
    let mut approval = body("merge_request/approved.webhook");
    approval["object_attributes"]["action"] = json!("approval");
    let objects =
        ["merged", "approvals_7", "state_merged_7"].map(|name| example(&format!("merge_request/{name}.api")));
    let told = [twice(&webhooks), vec![Record::webhook(&approval)], objects.to_vec()].concat();
    let tables = apply(&told).await;
    let expected = ["approved", "merged", "opened", "review_requested", "updated", "updated"];
    assert_eq!(actions(&tables, "merge_request_events", "action"), expected);
    for row in tables.rows("merge_request_events") {
        let (by, at) = (&row["actor_username"], &row["occurred_at"]);
        match row["action"].as_str().unwrap() {
            "opened" => assert_eq!((by, at), (&json!("ada"), &json!("2026-11-02 08:12:31.204"))),
            "merged" => assert_eq!((by, at), (&json!("grace"), &json!("2026-11-03 13:22:10.871"))),
            "approved" => assert_eq!((by, &row["origins"]), (&json!("grace"), &json!(["api", "webhook"]))),
            _ => (),
        }
    }
}

/// Rule 11. An approval is one, whoever reports it; withdrawn and given again it is another, even within seconds. A reset is marked.
///
/// Seen to fail: nothing opposite looked for; `approval` and `approved` kept apart; `system_action` unread.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_given_again_is_another_one() {
    let at = |action: &str, second: u64, system: bool| {
        let mut body = body("merge_request/approval.webhook");
        let time = format!("2026-11-04T10:20:{second:02}.305Z");
        let attributes = &mut body["object_attributes"];
        attributes["action"] = json!(action);
        attributes["updated_at"] = json!(time);
        attributes["actioned_at"] = json!(time);
        if system {
            attributes["system"] = json!(true);
            attributes["system_action"] = json!("approvals_reset_on_push");
        }
        Record::webhook(&body)
    };
    let life = [
        at("approval", 10, false),
        at("unapproval", 12, false),
        at("approved", 14, false),
        at("unapproved", 30, true),
    ];
    let tables = apply(&twice(&life)).await;
    let happened = actions(&tables, "merge_request_events", "action");
    assert_eq!(happened, ["approved", "approved", "opened", "unapproved", "unapproved"]);
    let resets = tables.column("merge_request_events", "system_action");
    assert_eq!(resets.iter().filter(|reset| !reset.is_null()).count(), 1);
}

/// Rule 10. What has an id is identified by it, with its status if it has several.
///
/// Seen to fail: notes keyed by delivery; statuses of a deployment keyed by receipt.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_id_is_one() {
    let webhooks = posted(&[
        "note/on_merge_request",
        "note/on_issue",
        "job/failed",
        "deployment/blocked",
        "deployment/approved",
        "release/create",
        "milestone/create",
        "vulnerability/detected",
    ]);
    let objects = ["note/on_issue", "deployment/running"].map(|name| example(&format!("{name}.api")));
    let tables = apply(&[twice(&webhooks), objects.to_vec()].concat()).await;
    let expected = [
        ("notes", 2),
        ("jobs", 1),
        ("deployments", 1),
        ("releases", 1),
        ("milestones", 1),
        ("vulnerabilities", 1),
    ];
    for (view, count) in expected {
        assert_eq!(tables.rows(view).len(), count, "{view}");
    }
    assert_eq!(actions(&tables, "deployment_events", "status"), ["approved", "blocked", "running"]);
}

/// Rules 9 and 10. A pipeline reached a status once, whoever reports it; its jobs come from its events, the jobs' own events and the API.
///
/// Seen to fail: statuses keyed by receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_reaches_each_status_once() {
    let webhooks = posted(&["pipeline/created", "pipeline/running", "pipeline/success"]);
    let objects =
        ["pipeline/listed", "pipeline/detail", "job/success"].map(|name| example(&format!("{name}.api")));
    let tables = apply(&[twice(&webhooks), objects.to_vec()].concat()).await;
    let happened: Vec<&Value> =
        tables.rows("pipeline_events").iter().filter(|row| row["pipeline_id"] == 31001).collect();
    let happened: Vec<(&str, &str)> = happened
        .iter()
        .map(|row| (row["status"].as_str().unwrap(), row["as_of"].as_str().unwrap()))
        .collect();
    let expected = [
        ("created", "2026-11-03 09:15:02.000"),
        ("running", "2026-11-03 09:15:09.000"),
        ("success", "2026-11-03 09:21:40.000"),
    ];
    assert_eq!(happened, expected);
    assert_eq!(tables.rows("jobs").len(), 3);
}

/// Rule 13. What has no time of its own happened at its first receipt, whichever delivery is stored first.
///
/// Seen to fail: the latest receipt kept; every delivery of a switch shown.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_time_happened_when_it_was_first_heard_of() {
    let records = posted(&["wiki_page/create", "feature_flag/activated", "emoji/revoke"]);
    let tables = apply(&twice(&records)).await;
    let heard = "2026-11-22 12:00:00.000";
    assert_eq!(tables.one("wiki_page_events")["occurred_at"], heard);
    assert_eq!(tables.one("feature_flag_events")["received_at"], heard);
    assert_eq!(tables.one("emoji_events")["occurred_at"], heard);
    // What has a time keeps it.
    let tables = apply(&twice(&posted(&["emoji/award"]))).await;
    assert_eq!(tables.one("emoji_events")["occurred_at"], "2026-11-02 16:40:11.479");
}

/// Rule 13. A flag that is switched on, off and on again was switched three times, however fast; for two equal switches ten minutes apart, see
/// `views`.
///
/// Seen to fail: switches of one flag all one.
#[tokio::test(flavor = "multi_thread")]
async fn a_flag_switched_on_off_and_on_after_ten_minutes_was_switched_three_times() {
    let on = example("feature_flag/activated.webhook");
    let off = example("feature_flag/deactivated.webhook").later(60);
    let again = on.clone().through("again", "default").later(700);
    let tables = apply(&[on, off, again]).await;
    assert_eq!(tables.rows("feature_flag_events").len(), 3);
}

/// Rule 9. `events` alone counts deliveries: a resend under the same id is no other event, and the first receipt stays.
///
/// Seen to fail: the latest receipt of an event kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_kept_as_it_was_received_first() {
    let first = example("merge_request/open.webhook").through("one", "shop");
    let tables = apply(&[first.clone(), first.clone().later(3600), first.later(60)]).await;
    assert_eq!(tables.one("events")["received_at"], "2026-11-22 12:00:00.000");
}
