//! Deletion is a fact like any other: it has a version, and a later fact revives.

use schemas::api::presence::{Key, Shown, presence};
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body, example};

/// The body of an example with other fields.
fn changed(name: &str, fields: &[(&str, &str)]) -> Record {
    let mut body = body(name);
    for (pointer, value) in fields {
        *body.pointer_mut(pointer).unwrap() = json!(value);
    }
    Record::webhook(&body)
}

fn row<'t>(tables: &'t Tables, view: &str, column: &str, value: &Value) -> &'t Value {
    tables.rows(view).iter().find(|row| row[column] == *value).unwrap()
}

/// Rule 7. A milestone's deletion has the `updated_at` of the change before it, and stays; a later change revives it.
///
/// Seen to fail: no rank; `deleted_at` that no later fact clears.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_milestone_stays_deleted_until_a_later_fact() {
    // An old GitLab reports the same second without milliseconds.
    let updated_at = ("/object_attributes/updated_at", "2026-10-28 12:19:33 UTC");
    let life =
        [example("milestone/create_deleted.webhook"), changed("milestone/delete.webhook", &[updated_at])];
    let tables = apply(&life).await;
    let deleted = tables.one("milestones");
    assert_eq!(deleted["deleted_at"], "2026-11-22 12:00:00.000");
    assert_eq!(deleted["title"], "Checkout 2.3.2", "what is known of it stays");
    let revived = changed(
        "milestone/create_deleted.webhook",
        &[
            ("/object_attributes/updated_at", "2026-11-23T00:00:00.000Z"),
            ("/object_attributes/title", "Back"),
        ],
    );
    let [created, deleted] = life;
    let tables = apply(&[created, deleted, revived]).await;
    let row = tables.one("milestones");
    assert_eq!([&row["deleted_at"], &row["title"]], [&Value::Null, &json!("Back")]);
}

/// Rule 7. A release has no `updated_at`: its deletion is as of its receipt, and it can be created again under the same tag.
///
/// Seen to fail: `deleted_at` that no later fact clears.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_release_can_be_created_again() {
    let created = example("release/create_candidate.webhook").at("2026-11-02T16:21:08Z");
    let deleted = example("release/delete.webhook").at("2026-11-03T14:00:00Z");
    let tables = apply(&[created.clone(), deleted.clone()]).await;
    assert_eq!(tables.one("releases")["deleted_at"], "2026-11-03 14:00:00.000");
    let again = changed(
        "release/create_candidate.webhook",
        &[("/created_at", "2026-11-04T09:00:00.100Z"), ("/name", "Again")],
    );
    let tables = apply(&[created, deleted, again.at("2026-11-04T09:00:01Z")]).await;
    let row = tables.one("releases");
    assert_eq!([&row["deleted_at"], &row["name"]], [&Value::Null, &json!("Again")]);
}

/// Rule 7. GitLab does not report the deletion of a merge request, issue, note, pipeline or deployment: the row stays as it was last seen, not marked
/// as deleted. Only a complete listing could show it.
///
/// Seen to fail: everything that is reported is deleted at its receipt.
#[tokio::test(flavor = "multi_thread")]
async fn what_gitlab_does_not_say_is_deleted_stays_as_it_was_seen_last() {
    let names = [
        "merge_request/open",
        "merge_request/update_title",
        "issue/opened",
        "note/on_issue",
        "pipeline/running",
        "deployment/running",
    ];
    let tables = apply(&names.map(|name| example(&format!("{name}.webhook")))).await;
    assert_eq!(row(&tables, "merge_requests", "iid", &json!(7))["state"], "opened");
    for view in ["merge_requests", "issues", "notes", "pipelines", "deployments"] {
        for row in tables.rows(view) {
            assert_eq!(row.get("deleted_at"), Some(&Value::Null), "{view}");
        }
    }
}

/// The absence or presence of a thing in a complete listing, received an hour after the listing began.
fn shown(resource: Resource, context: Context, key: Key<'_>, began: &str, again: bool) -> Record {
    let began = began.parse().unwrap();
    let shown = if again { Shown::ListedAt(began) } else { Shown::AbsentSince(began) };
    let object = presence(resource, context, key, shown).unwrap();
    Record::listed(resource, context, &serde_json::from_str(object.get()).unwrap()).at("2026-11-10T09:00:00Z")
}

/// A listed thing, true at its own time, or, without one, when it was read.
fn listed(resource: Resource, context: Context, object: &Value, at: &str) -> Record {
    let mut object = object.clone();
    object["created_at"] = json!("2026-11-01T08:00:00Z");
    object["updated_at"] = json!(at);
    Record::listed(resource, context, &object).at(at)
}

/// Rule 7. What a complete listing lacks is deleted as of the beginning of the listing, whatever earlier facts say; its columns stay. A later fact
/// revives it, as does a listing that has it again.
///
/// Seen to fail: the absence above the rank of states.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_complete_listing_no_longer_has_is_gone_until_a_later_fact() {
    let (project, group) = (Context::project(42), Context::group(5));
    let things = [
        (
            Resource::MergeRequest,
            project,
            Key::Number(7),
            json!({"id": 1, "iid": 7, "state": "opened", "title": "a"}),
            "merge_requests",
            "title",
        ),
        (
            Resource::Issue,
            project,
            Key::Number(9),
            json!({"id": 9, "state": "closed", "title": "a"}),
            "issues",
            "title",
        ),
        (Resource::Note, project, Key::Number(9), json!({"id": 9, "body": "a"}), "notes", "body"),
        (
            Resource::Pipeline,
            project,
            Key::Number(9),
            json!({"id": 9, "status": "success", "sha": "a"}),
            "pipelines",
            "sha",
        ),
        (
            Resource::Deployment,
            project,
            Key::Number(9),
            json!({"id": 9, "status": "success", "sha": "a"}),
            "deployments",
            "sha",
        ),
        (
            Resource::Environment,
            project,
            Key::Number(9),
            json!({"id": 9, "slug": "a", "state": "available"}),
            "environments",
            "slug",
        ),
        (
            Resource::Milestone,
            project,
            Key::Number(9),
            json!({"id": 9, "state": "closed", "title": "a"}),
            "milestones",
            "title",
        ),
        (
            Resource::Milestone,
            group,
            Key::Number(9),
            json!({"id": 9, "group_id": 5, "title": "a"}),
            "milestones",
            "title",
        ),
        (
            Resource::Release,
            project,
            Key::Name("v1"),
            json!({"tag_name": "v1", "name": "a"}),
            "releases",
            "name",
        ),
    ];
    for (resource, context, key, object, view, column) in things {
        let before = listed(resource, context, &object, "2026-11-09T10:00:00.500Z");
        let gone = shown(resource, context, key, "2026-11-10T08:00:00.250Z", false);
        let tables = apply(&[before.clone(), gone.clone()]).await;
        let row = tables.one(view);
        assert_eq!(
            (&row["deleted_at"], &row[column]),
            (&json!("2026-11-10 08:00:00.250"), &json!("a")),
            "{resource}"
        );
        // Of the very second in which the listing began.
        for at in ["2026-11-10T08:00:00.900Z", "2026-11-10T08:30:00Z"] {
            let later = listed(resource, context, &object, at);
            let tables = apply(&[before.clone(), gone.clone(), later]).await;
            assert_eq!(tables.one(view)["deleted_at"], Value::Null, "{resource} {at}");
        }
        let again = shown(resource, context, key, "2026-11-10T08:45:00Z", true);
        let tables = apply(&[before.clone(), gone.clone(), again.clone()]).await;
        assert_eq!(tables.one(view)["deleted_at"], Value::Null, "{resource}");
        let for_good = shown(resource, context, key, "2026-11-10T08:50:00Z", false);
        let tables = apply(&[before, gone, again, for_good]).await;
        assert_eq!(tables.one(view)["deleted_at"], "2026-11-10 08:50:00.000", "{resource}");
    }
}

/// Rule 7. A user who is not listed any more is no member; being added later, or being listed again, makes one.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_listed_is_no_member() {
    for (context, group_id) in [(Context::project(42), 0), (Context::group(5), 5)] {
        let member = |created_at: &str, read_at: &str| {
            let member = json!({"id": 11, "username": "noor", "access_level": 40, "created_at": created_at});
            Record::listed(Resource::Member, context, &member).at(read_at)
        };
        let before = member("2026-11-01T08:00:00Z", "2026-11-09T10:00:00Z");
        let gone = shown(Resource::Member, context, Key::Number(11), "2026-11-10T08:00:00Z", false);
        let tables = apply(&[before.clone(), gone.clone()]).await;
        let row = tables.one("members");
        assert_eq!(
            [&row["deleted_at"], &row["is_member"], &row["access_level"], &row["group_id"]],
            [&json!("2026-11-10 08:00:00.000"), &json!(false), &json!(40), &json!(group_id)]
        );
        let added = member("2026-11-10T08:20:00Z", "2026-11-10T10:00:00Z");
        let again = shown(Resource::Member, context, Key::Number(11), "2026-11-10T08:45:00Z", true);
        for later in [added, again] {
            let tables = apply(&[before.clone(), gone.clone(), later]).await;
            assert_eq!(tables.one("members")["is_member"], json!(true));
        }
    }
}

/// Rules 7 and 12. A branch or tag that is not listed any more was deleted by then, although its push is missing; earlier pushes do not change that,
/// a later one recreates it, as does a listing.
///
/// Seen to fail: absence that counts as no listing.
#[tokio::test(flavor = "multi_thread")]
async fn a_ref_that_is_no_longer_listed_was_deleted() {
    let project = Context::project(42);
    for (resource, view, column, folder, kind) in [
        (Resource::Branch, "branches", "head_sha", "refs/heads", "push"),
        (Resource::Tag, "tags", "target_sha", "refs/tags", "tag_push"),
    ] {
        let pushed = |before: &str, after: &str, at: &str| {
            let (before, after) = (before.repeat(40), after.repeat(40));
            let body = json!({"object_kind": kind, "project_id": 42, "ref": format!("{folder}/a"), "before": before, "after": after});
            Record::webhook(&body).at(at)
        };
        let created = pushed("0", "a", "2026-11-08T10:00:00Z");
        let read = |sha: &str, at: &str| {
            let object = json!({"name": "a", "commit": {"id": sha.repeat(40)}, "target": sha.repeat(40)});
            Record::listed(resource, project, &object).at(at)
        };
        let seen = read("b", "2026-11-09T10:00:00Z");
        let gone = shown(resource, project, Key::Name("a"), "2026-11-10T08:00:00Z", false);
        for known in [vec![created.clone()], vec![seen.clone()], vec![created.clone(), seen.clone()]] {
            let tables = apply(&[known.clone(), vec![gone.clone()]].concat()).await;
            let row = tables.one(view);
            assert_eq!(
                (&row[column], &row["deleted_at"]),
                (&Value::Null, &json!("2026-11-10 08:00:00.000")),
                "{view}"
            );
            for later in [pushed("0", "c", "2026-11-10T08:30:00Z"), read("c", "2026-11-10T08:30:00Z")] {
                let tables = apply(&[known.clone(), vec![gone.clone(), later]].concat()).await;
                let row = tables.one(view);
                assert_eq!(
                    (&row[column], &row["deleted_at"]),
                    (&json!("c".repeat(40)), &Value::Null),
                    "{view}"
                );
            }
        }
    }
}
