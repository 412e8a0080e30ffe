//! Formats of old versions, and additions of newer ones. In: bodies with other or missing fields. Out: the columns that they fill, and those that
//! they leave alone.

use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::apply;
use super::records::{Record, body, changed, example, with};

/// A body without any time is as of its receipt, and does not displace dated values (GitLab before 13 does not date a job that has not started).
///
/// Guards against: the receipt as a time like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_any_time_displaces_nothing_that_is_dated() {
    let created = example("job/before_gitlab_13_created.webhook").later(600);
    let tables = apply(&[example("job/before_gitlab_13.webhook"), created.clone()]).await;
    let row = tables.one("jobs");
    assert_eq!([&row["status"], &row["finished_at"]], [&json!("success"), &json!("2026-11-02 08:33:01.000")]);
    // Of two without a time, the one received later is newer.
    let pending =
        changed("job/before_gitlab_13_created.webhook", &[("/build_status", json!("pending"))]).later(601);
    assert_eq!(apply(&[created, pending]).await.one("jobs")["status"], "pending");

    let undated = |kind: &str, attributes: Value| {
        Record::webhook(&json!({"object_kind": kind, "project": {"id": 42}, "object_attributes": attributes}))
            .later(600)
    };
    let cases = [
        (
            "merge_request/merge.webhook",
            undated("merge_request", json!({"iid": 7, "target_project_id": 42, "state": "opened"})),
            "merge_requests",
            "state",
        ),
        (
            "pipeline/success.webhook",
            undated("pipeline", json!({"id": 31001, "status": "created"})),
            "pipelines",
            "status",
        ),
        (
            "milestone/close.webhook",
            undated("milestone", json!({"id": 3301, "project_id": 42, "state": "active"})),
            "milestones",
            "state",
        ),
    ];
    for (dated, undated, view, column) in cases {
        let alone = apply(&[example(dated)]).await.one(view)[column].clone();
        assert_eq!(apply(&[example(dated), undated]).await.one(view)[column], alone, "{view}");
    }
    let old = with(
        body("deployment/success.webhook"),
        &[("/status", json!("running")), ("/status_changed_at", Value::Null)],
    );
    let tables = apply(&[example("deployment/success.webhook"), Record::webhook(&old).later(600)]).await;
    assert_eq!(tables.one("deployments")["status"], "success");
}

/// In GitLab, a token expires at any time, or never.
///
/// Guards against: years after 2298 read as never; `toDate`, which wraps in 2149.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_expires_in_the_year_that_was_said() {
    for (day, shown) in [
        ("2150-06-15", "2150-06-15 00:00:00.000"),
        ("3000-01-01", "3000-01-01 00:00:00.000"),
        ("9999-12-31", "9999-12-31 00:00:00.000"),
    ] {
        let mut listed = body("access_token/listed.api");
        listed["expires_at"] = json!(day);
        let listed = Record::object(EventKind::AccessToken, "project/42/access_token/9611", &listed);
        assert_eq!(apply(&[listed]).await.one("token_expiries")["expires_at"], shown);
    }
    let due = changed("issue/opened.webhook", &[("/object_attributes/due_date", json!("2150-06-15"))]);
    assert_eq!(apply(&[due]).await.one("issues")["due_date"], "2150-06-15");
}

/// Old versions name people without ids, which does not show who is assigned; 0 is nobody.
///
/// Guards against: a list of nobody that erases a known one; user 0.
#[tokio::test(flavor = "multi_thread")]
async fn people_without_ids_are_not_nobody() {
    for name in ["merge_request/open.webhook", "issue/opened.webhook"] {
        let view = if name.starts_with("issue") { "issues" } else { "merge_requests" };
        let told = |ids: Value, only: Value, people: Value, at: &str| {
            let mut body = with(
                body(name),
                &[
                    ("/object_attributes/updated_at", json!(at)),
                    ("/object_attributes/assignee_id", only),
                    ("/assignees", people),
                ],
            );
            match ids {
                Value::Null => {
                    drop(body["object_attributes"].as_object_mut().unwrap().remove("assignee_ids"))
                }
                ids => body["object_attributes"]["assignee_ids"] = ids,
            }
            Record::webhook(&body)
        };
        let known = told(json!([8, 9]), Value::Null, json!([]), "2026-11-02T08:00:00.000Z");
        let named = json!([{"name": "Grace Lindqvist", "username": "grace"}]);
        let later = "2026-11-05T08:00:00.000Z";
        let assigned =
            async |record: Record| apply(&[known.clone(), record]).await.one(view)["assignee_ids"].clone();
        assert_eq!(
            assigned(told(Value::Null, Value::Null, named.clone(), later)).await,
            json!([8, 9]),
            "{view}"
        );
        assert_eq!(assigned(told(Value::Null, json!(8), named, later)).await, json!([8]), "{view}");
        assert_eq!(assigned(told(Value::Null, json!(0), json!([]), later)).await, json!([]), "{view}");
        assert_eq!(assigned(told(json!([0]), Value::Null, json!([]), later)).await, json!([]), "{view}");
    }
    let nobody = changed("merge_request/close.webhook", &[("/user/id", json!(0))]);
    let tables = apply(&[nobody]).await;
    let closed = tables.rows("merge_request_events").iter().find(|row| row["action"] == "closed").unwrap();
    assert_eq!(closed["actor_id"], Value::Null);
    assert!(!tables.column("users", "user_id").contains(&json!(0)));
}

/// A state can be in either of two fields, and once had another name.
///
/// Guards against: `state` alone, as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_request_has_the_state_of_either_field() {
    let told = |state: Value, state_id: Value| {
        let mut body = body("merge_request/update_title.webhook");
        let attributes = body["object_attributes"].as_object_mut().unwrap();
        for (field, value) in [("state", state), ("state_id", state_id)] {
            match value {
                Value::Null => drop(attributes.remove(field)),
                value => drop(attributes.insert(field.to_owned(), value)),
            }
        }
        Record::webhook(&body)
    };
    let cases = [
        (json!("reopened"), Value::Null, "opened"),
        (Value::Null, json!(1), "opened"),
        (Value::Null, json!(2), "closed"),
        (Value::Null, json!(3), "merged"),
        (Value::Null, json!(4), "locked"),
        (json!("closed"), json!(1), "closed"),
    ];
    for (state, state_id, expected) in cases {
        let tables = apply(&[told(state.clone(), state_id.clone())]).await;
        assert_eq!(tables.one("merge_requests")["state"], expected, "{state} {state_id}");
    }
}

/// A user without access is not a member; a commit of an old version has its time under another name.
///
/// Guards against: a row taken for a membership; `committed_date` alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_membership_without_access_is_none_and_an_old_commit_has_a_time() {
    let none = changed("member/added.webhook", &[("/group_access", json!("No access"))]);
    let row = apply(&[none]).await.one("members").clone();
    assert_eq!([&row["is_member"], &row["access_level"]], [&json!(false), &json!(0)]);
    let mut old = body("push/commit.api");
    let at = old.as_object_mut().unwrap().remove("committed_date").unwrap();
    old["created_at"] = at;
    let sha = old["id"].as_str().unwrap().to_owned();
    let old = Record::object(EventKind::Push, &format!("project/42/push/{sha}"), &old);
    let shown = |tables: super::apply::Tables| tables.one("commits")["committed_at"].clone();
    assert_eq!(shown(apply(&[old]).await), shown(apply(&[example("push/commit.api")]).await));
}

/// Values that were only in `events.payload`.
///
/// Guards against: any of these columns empty.
#[tokio::test(flavor = "multi_thread")]
async fn newer_columns_are_filled() {
    let one = async |name: &str, places: &[(&str, Value)], view: &str, column: &str| {
        apply(&[changed(name, places)]).await.one(view)[column].clone()
    };
    let reviewers =
        json!([{"id": 8, "username": "grace", "state": "requested_changes", "re_requested": true}]);
    let shown = one(
        "merge_request/reviewer_assigned.webhook",
        &[("/reviewers", reviewers)],
        "merge_requests",
        "reviewer_states",
    )
    .await;
    assert_eq!(shown, json!([{"user_id": 8, "state": "requested_changes", "re_requested": true}]));
    let shown = one("merge_request/approval.webhook", &[], "merge_requests", "approval_rules").await;
    assert_eq!(shown, json!([{"name": "Payments reviewers", "approvals_required": 2}]));
    let running = "pipeline/running.webhook";
    assert_eq!(
        one(
            running,
            &[("/object_attributes/detailed_status", json!("blocked"))],
            "pipelines",
            "detailed_status"
        )
        .await,
        "blocked"
    );
    let committed = [("/commit/timestamp", json!("2026-11-03T10:13:55+01:00"))];
    assert_eq!(one(running, &committed, "pipelines", "committed_at").await, "2026-11-03 09:13:55.000");
    assert_eq!(one("job/before_gitlab_13.webhook", &[], "jobs", "runner_is_shared").await, false);
    let mut listed = body("job/success.api");
    listed["artifacts_file"] = json!({"filename": "artifacts.zip", "size": 1000});
    let id = listed["id"].clone();
    let listed = Record::object(EventKind::Job, &format!("project/42/job/{id}"), &listed);
    assert_eq!(apply(&[listed]).await.one("jobs")["artifacts_bytes"], 1000);
    let tables = apply(&[example("note/on_merge_request.webhook")]).await;
    let position = &body("note/on_merge_request.webhook")["object_attributes"]["position"];
    let row = tables.one("notes");
    assert_eq!(
        [&row["position_path"], &row["position_line"]],
        [&position["new_path"], &position["new_line"]]
    );
    let gone = json!({"new_path": null, "old_path": "src/old.rs", "new_line": null});
    assert_eq!(
        one(
            "note/on_merge_request.webhook",
            &[("/object_attributes/position", gone)],
            "notes",
            "position_path"
        )
        .await,
        "src/old.rs"
    );
    let options = json!({"ci": {"skip": true, "variable": {"TOKEN=hunter2": 1}}, "merge_request": {"create": true}, "secret": "x"});
    let shown = one("push/update.webhook", &[("/push_options", options)], "pushes", "push_options").await;
    assert_eq!(shown, json!(["ci.skip", "ci.variable", "merge_request.create", "secret"]));
    assert_eq!(
        one("release/create.webhook", &[("/description", json!("New"))], "releases", "description").await,
        "New"
    );
    let flow = apply(&[example("duo_workflow/completed.webhook")]).await;
    assert_eq!(
        [&flow.one("events")["kind"], &flow.one("events")["action"]],
        [&json!("duo_workflow"), &json!("flow.completed")]
    );
}
