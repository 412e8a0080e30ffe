//! What only the API's history reports: lists that are one value, and cases in which a list says less than a webhook, or something else than it
//! seems.

use schemas::EventKind;
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body, example};

/// Rule 5. A list is one value, as of its reading: a force push removes commits, and the head identifies the list.
///
/// Seen to fail: the commits newest first.
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

/// Rule 5. The merge requests of a deployment are one value too. One that names no project belongs to the deployment's.
///
/// Seen to fail: a merge request that names no project in project 0.
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

/// Rules 9 and 11. Events of a project report the same as webhooks and state events: it happened once. They are complete by themselves.
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

/// Rule 11. GitLab has one word for opening and reopening: after a close, it means reopening. Approvals that a worker recorded twice are one.
///
/// Seen to fail: `opened` always the opening; two rows of one second two reopenings.
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

    // Webhooks and state events report the same; only webhooks have the opening.
    let posted =
        ["open_second.webhook", "close.webhook", "reopen.webhook", "state_reopened_8.api", "closed.api"];
    let posted = posted.map(|name| example(&format!("merge_request/{name}")));
    let tables = apply(&[posted.to_vec(), vec![closed, reopened]].concat()).await;
    let actions: Vec<String> =
        happened(&tables, "merge_request_events").into_iter().map(|[_, action, _]| action).collect();
    assert_eq!(actions, ["opened", "closed", "reopened"]);

    // A robot closes what it has opened before the worker has recorded the opening.
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
/// Seen to fail: `opened` always the opening; two rows of one second two reopenings.
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

/// Rule 17. A list row lacks finish and duration: values of a webhook stay. A pipeline that runs again has no finish, although GitLab still shows the
/// old one.
///
/// Seen to fail: a finish shown of what runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_takes_no_finish_away_and_what_runs_has_none() {
    let finish = |row: &Value| (row["finished_at"].clone(), row["duration_seconds"].clone());
    let posted = example("pipeline/success.webhook");
    let known = finish(apply(std::slice::from_ref(&posted)).await.one("pipelines"));
    assert!(!known.0.is_null() && !known.1.is_null());
    // Updated later than everything in the webhook.
    let mut row = body("pipeline/listed.api");
    row["updated_at"] = json!("2026-11-03T11:00:00.000Z");
    let listed = Record::listed(Resource::Pipeline, Context::project(42), &row);
    let tables = apply(&[posted.clone(), listed.clone()]).await;
    assert_eq!(finish(tables.one("pipelines")), known);

    let mut detail = body("pipeline/detail.api");
    detail["status"] = json!("running");
    detail["updated_at"] = json!("2026-11-03T12:00:00.000Z");
    let running = Record::listed(Resource::Pipeline, Context::project(42), &detail);
    let tables = apply(&[posted, listed, running]).await;
    let row = tables.one("pipelines");
    assert_eq!((&row["status"], &row["finished_at"]), (&json!("running"), &Value::Null));
}

/// Rule 17. Every report of a child pipeline names its parent and the parent's project; a token that may not see the parent removes nothing.
///
/// Seen to fail: null clears.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_pipeline_knows_its_parent_and_the_project_of_it() {
    let parent = |row: &Value| (row["parent_pipeline_id"].clone(), row["parent_project_id"].clone());
    let mut hidden = body("pipeline/child.api");
    hidden["upstream"] = Value::Null;
    hidden["updated_at"] = json!("2026-11-04T00:00:00.000Z");
    let hidden = Record::listed(Resource::Pipeline, Context::project(42), &hidden);
    for told in ["pipeline/child.webhook", "pipeline/child.api"] {
        let tables = apply(&[example(told), hidden.clone()]).await;
        let row = tables.rows("pipelines").iter().find(|row| row["id"] == 31010).unwrap();
        assert_eq!(parent(row), (json!(31005), json!(42)), "{told}");
    }
}

/// Rule 17. The list of deployments has no tier: it comes from the environment, by id, or by name if a webhook reported the deployment.
///
/// Seen to fail: the tier by the name of production alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_without_a_tier_has_that_of_its_environment() {
    let project = Context::project(42);
    let environment = |id: u64, tier: &str| {
        let body = json!({"id": id, "name": "live", "slug": "live", "tier": tier, "updated_at": "2026-11-01T08:00:00Z"});
        Record::listed(Resource::Environment, project, &body)
    };
    let listed = json!({"id": 1, "status": "success", "environment": {"id": 3, "name": "live"}, "updated_at": "2026-11-02T08:00:00Z"});
    let listed = Record::listed(Resource::Deployment, project, &listed);
    let old = json!({"object_kind": "deployment", "deployment_id": 2, "status": "success", "environment": "live", "project": {"id": 42}});
    let exact = json!({"object_kind": "deployment", "deployment_id": 4, "status": "success", "environment": "live", "environment_tier": "testing", "project": {"id": 42}});
    let elsewhere = json!({"object_kind": "deployment", "deployment_id": 5, "status": "success", "environment": "live", "project": {"id": 43}});
    let posted = [&old, &exact, &elsewhere].map(Record::webhook);
    let environments = [environment(3, "production"), environment(2, "staging")];
    let tables = apply(&[vec![listed], posted.to_vec(), environments.to_vec()].concat()).await;
    let mut tiers: Vec<(u64, Value)> = tables
        .rows("deployments")
        .iter()
        .map(|row| (row["id"].as_u64().unwrap(), row["environment_tier"].clone()))
        .collect();
    tiers.sort_by_key(|(id, _)| *id);
    let production = json!("production");
    assert_eq!(tiers, [(1, production.clone()), (2, production), (4, json!("testing")), (5, Value::Null)]);
}

/// A moved issue is two issues, and the old one names the new one.
///
/// Seen to fail: `moved_to_id` unread.
#[tokio::test(flavor = "multi_thread")]
async fn a_moved_issue_leads_to_the_new_one() {
    let old =
        json!({"id": 1, "iid": 1, "state": "closed", "moved_to_id": 2, "updated_at": "2026-11-02T08:00:00Z"});
    let new = json!({"id": 2, "iid": 9, "state": "opened", "moved_to_id": null, "updated_at": "2026-11-02T08:00:00Z"});
    let old = Record::listed(Resource::Issue, Context::project(42), &old);
    let new = Record::listed(Resource::Issue, Context::project(43), &new);
    let tables = apply(&[old, new]).await;
    let links: Vec<(&Value, &Value)> =
        tables.rows("issues").iter().map(|row| (&row["id"], &row["moved_to_id"])).collect();
    assert_eq!(links, [(&json!(1), &json!(2)), (&json!(2), &Value::Null)]);
}

/// Rules 9 and 12. A push of more refs than GitLab lists is one row, however often it is listed; another push at the same time is another row; and it
/// makes no branch.
///
/// Seen to fail: such pushes of one transition.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_many_refs_is_one_row_that_says_so() {
    let event = |id: Value, action: &str, ref_type: &str, count: u64, created_at: &str| {
        let mut body = body("push/event_many_refs.api");
        body["id"] = id;
        body["created_at"] = json!(created_at);
        body["push_data"]["action"] = json!(action);
        body["push_data"]["ref_type"] = json!(ref_type);
        body["push_data"]["ref_count"] = json!(count);
        body
    };
    let record = |body: &Value| Record::listed(Resource::PushEvent, Context::project(42), body);
    let first = event(json!(1), "created", "branch", 14, "2026-11-05T07:00:03.412Z");
    // Listed a year later, when the pusher has another name.
    let mut again = first.clone();
    again["author"]["name"] = json!("Mika T.");
    let second = event(json!(2), "created", "branch", 5, "2026-11-05T07:00:03.412Z");
    let third = event(json!(3), "removed", "tag", 4, "2026-11-05T07:01:00.000Z");
    let [old, older] = ["2026-11-05T07:02:00.000Z", "2026-11-05T07:03:00.000Z"]
        .map(|at| event(Value::Null, "pushed", "branch", 6, at));
    let records = [&first, &again, &second, &third, &old, &older].map(record);
    let tables = apply(&records).await;
    let mut found: Vec<String> = tables
        .rows("pushes")
        .iter()
        .map(|row| {
            assert_eq!([&row["ref"], &row["name"], &row["before"], &row["after"]], [""; 4]);
            let text = |column: &str| row[column].as_str().unwrap().to_owned();
            format!("{} {} {} {}", text("pushed_at"), row["ref_count"], text("change"), text("ref_type"))
        })
        .collect();
    found.sort();
    let expected = [
        "2026-11-05 07:00:03.412 14 created branch",
        "2026-11-05 07:00:03.412 5 created branch",
        "2026-11-05 07:01:00.000 4 deleted tag",
        "2026-11-05 07:02:00.000 6 updated branch",
        "2026-11-05 07:03:00.000 6 updated branch",
    ];
    assert_eq!(found, expected);
    assert!(tables.rows("branches").is_empty() && tables.rows("tags").is_empty());
}

/// A comment in an event of a project is a note like any other.
///
/// Seen to fail: `noteable_iid` unread.
#[tokio::test(flavor = "multi_thread")]
async fn the_note_of_an_event_of_a_project_is_that_note() {
    let note = json!({
        "id": 880001, "type": null, "body": "Looks right.", "author": {"id": 8, "username": "grace", "name": "Grace Lindqvist"},
        "created_at": "2026-11-03T12:58:04.116Z", "updated_at": "2026-11-03T12:58:04.116Z", "system": false,
        "noteable_id": 90001, "noteable_type": "MergeRequest", "project_id": 42, "resolvable": false, "noteable_iid": 7,
    });
    let tables = apply(&[Record::listed(Resource::Note, Context::project(42), &note)]).await;
    let row = tables.one("notes");
    assert_eq!(
        [&row["noteable_type"], &row["noteable_id"], &row["noteable_iid"], &row["author_id"]],
        [&json!("MergeRequest"), &json!(90001), &json!(7), &json!(8)]
    );
}
