//! What a body says about other things: the project it happened in, and who did it.

use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body};

/// An event of merge request 7 that happened in a project, and was done by Ada, under these names.
fn merge_request(updated_at: &str, path: &str, username: &str) -> Record {
    let mut body = body("merge_request/update_title.webhook");
    body["object_attributes"]["updated_at"] = json!(updated_at);
    body["project"]["path_with_namespace"] = json!(path);
    body["user"] = json!({"id": 7, "name": "Ada Okafor", "username": username});
    Record::webhook(&body)
}

/// A change of project 42, as its own event reports it.
fn project(event_name: &str, updated_at: &str, path: &str) -> Record {
    let mut body = body("project/updated.webhook");
    body["event_name"] = json!(event_name);
    body["project_id"] = json!(42);
    body["updated_at"] = json!(updated_at);
    body["path_with_namespace"] = json!(path);
    Record::webhook(&body)
}

fn of_project<'t>(tables: &'t Tables, column: &str) -> &'t Value {
    &tables.rows("projects").iter().find(|row| row["project_id"] == 42).unwrap()[column]
}

fn of_ada<'t>(tables: &'t Tables, column: &str) -> &'t Value {
    &tables.rows("users").iter().find(|row| row["user_id"] == 7).unwrap()[column]
}

/// Rule 6. The project and the user inside another thing's event are as of that event's time, however late it is received.
///
/// Seen to fail: snapshots as of their receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_as_old_as_the_body_it_is_in() {
    let old = merge_request("2026-11-02T09:00:00Z", "shop/checkout", "ada");
    let new = merge_request("2026-11-04T09:00:00Z", "shop/till", "ada-o");
    // The older body is received last.
    let tables = apply(&[new, old.later(3600)]).await;
    assert_eq!(of_project(&tables, "path"), "shop/till");
    assert_eq!(of_ada(&tables, "username"), "ada-o");
}

/// Rules 6 and 8. A project that was renamed and moved to another group: its row has the newest path, whoever reports it, and what happened in it
/// before still belongs to the same project.
///
/// Seen to fail: snapshots as of their receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_renamed_and_moved_is_one_project() {
    let before = merge_request("2026-11-02T09:00:00Z", "shop/checkout", "ada");
    let renamed = project("project_rename", "2026-11-03T08:00:00Z", "shop/till");
    let moved = project("project_transfer", "2026-11-03T09:00:00Z", "retail/till");
    let after = merge_request("2026-11-04T09:00:00Z", "retail/till", "ada");
    // A receiver with only one hook learns of it later.
    let tables = apply(&[before.clone(), renamed.clone(), moved.clone(), after.clone()]).await;
    assert_eq!(of_project(&tables, "path"), "retail/till");
    assert_eq!(of_project(&tables, "namespace_path"), "retail");
    let merge_request = tables.one("merge_requests");
    assert_eq!(
        (&merge_request["project_id"], &merge_request["project_path"]),
        (&json!(42), &json!("retail/till"))
    );
    let tables = apply(&[before.later(7200), moved, renamed]).await;
    assert_eq!(of_project(&tables, "path"), "retail/till");
    let tables = apply(&[after]).await;
    assert_eq!(of_project(&tables, "path"), "retail/till");
}

/// Rules 6 and 7. GitLab never reuses an id: a deleted project stays deleted when an old event of something in it is sent again.
///
/// Seen to fail: a deletion as of the project's last change; snapshots as of their receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_project_stays_deleted() {
    // The deletion has the time of the project's last change, which does not include what happened inside it.
    let inside = merge_request("2026-11-03T10:00:00Z", "shop/checkout", "ada");
    let deleted = project("project_destroy", "2026-11-03T09:00:00Z", "shop/checkout");
    let tables = apply(&[inside.clone(), deleted, inside.later(3600)]).await;
    assert_eq!(of_project(&tables, "deleted_at"), "2026-11-03 09:00:00.000");
}
