//! Places: projects and groups that are renamed or destroyed, merge requests of forks, jobs without a project. In: their events. Out: current paths,
//! and what is deleted with its project.

use serde_json::{Value, json};

use super::apply::{Tables, apply};
use super::records::{Record, body, changed, example, with};

/// Paths of projects, by their ids.
fn paths(tables: &Tables) -> Vec<(u64, String)> {
    let rows = tables.rows("projects").iter();
    let mut rows: Vec<(u64, String)> = rows
        .map(|row| (row["project_id"].as_u64().unwrap(), row["path"].as_str().unwrap().to_owned()))
        .collect();
    rows.sort();
    rows
}

/// A project as the body of a merge request reports it in passing.
fn project(id: u64, path: &str, at: &str) -> Record {
    let project = json!({"id": id, "name": "p", "path_with_namespace": path});
    let attributes = json!({"iid": 7, "target_project_id": id, "updated_at": at});
    Record::webhook(
        &json!({"object_kind": "merge_request", "project": project, "object_attributes": attributes}),
    )
}

/// GitLab reports the renaming of a group, but not of the projects in it.
///
/// Guards against: the last reported paths; names with a common beginning; later reports renamed a second time.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_renamed_group_has_another_path() {
    // `warehouse` became `logistics` at 07:45:33 of 11 November, and somebody else took the name.
    let told = [
        example("group/renamed.webhook"),
        project(1, "warehouse/robots/arm", "2026-11-10T08:00:00.000Z"),
        project(2, "logistics/trucks", "2026-11-12T08:00:00.000Z"),
        project(3, "warehouse-old/shelf", "2026-11-10T08:00:00.000Z"),
        project(4, "warehouse/new", "2026-11-20T08:00:00.000Z"),
    ];
    let expected = [
        (1, "logistics/robots/arm"),
        (2, "logistics/trucks"),
        (3, "warehouse-old/shelf"),
        (4, "warehouse/new"),
    ];
    let expected = expected.map(|(id, path)| (id, path.to_owned()));
    let tables = apply(&told).await;
    assert_eq!(paths(&tables), expected);
    let first = tables.rows("projects").iter().find(|row| row["project_id"] == 1).unwrap();
    assert_eq!(first["namespace_path"], "logistics/robots");

    // A subgroup, and a second renaming.
    let subgroup =
        [("/full_path", json!("warehouse/robots")), ("/updated_at", json!("2026-11-10T09:00:00Z"))];
    let again = [
        ("/old_full_path", json!("logistics/robots")),
        ("/full_path", json!("logistics/machines")),
        ("/group_id", json!(12)),
        ("/updated_at", json!("2026-11-13T08:00:00Z")),
    ];
    let more =
        [changed("group/subgroup_created.webhook", &subgroup), changed("group/renamed.webhook", &again)];
    let tables = apply(&[&told[..2], &more].concat()).await;
    assert_eq!(paths(&tables), [(1, "logistics/machines/arm".to_owned())]);
    // A user's own projects are below the user's name.
    let own = project(5, "teodora/notes", "2026-11-09T08:00:00.000Z");
    let tables = apply(&[own, example("user/renamed.webhook")]).await;
    assert_eq!(paths(&tables), [(5, "teodora-marin/notes".to_owned())]);
}

/// If the API listed a group later than its project, the group's path is used.
///
/// Guards against: events alone; a namespace that was reported before the project moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_listed_later_names_the_place() {
    let project = example("project/checkout.api");
    let mut group = body("group/shop.api");
    group["full_path"] = json!("store");
    let group = Record::object(schemas::EventKind::Group, "group/5", &group).later(3600);
    let tables = apply(&[project.clone(), group.clone()]).await;
    assert_eq!(paths(&tables), [(42, "store/checkout".to_owned())]);
    // A later report names another path, but no namespace.
    let moved = json!({"event_name": "project_transfer", "project_id": 42, "path_with_namespace": "labs/checkout", "updated_at": "2026-11-22T12:30:00Z"});
    let tables = apply(&[project, group, Record::webhook(&moved)]).await;
    assert_eq!(paths(&tables), [(42, "labs/checkout".to_owned())]);
}

/// What is in a destroyed project is deleted with it, until a later fact shows it.
///
/// Guards against: merge requests that are open for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_destroyed_project_is_deleted() {
    let destroyed = json!({"event_name": "project_destroy", "project_id": 42, "name": "Checkout",
        "path_with_namespace": "shop/checkout", "created_at": "2026-01-02T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z"});
    let destroyed = Record::webhook(&destroyed);
    let told = [
        "merge_request/open",
        "issue/opened",
        "milestone/create",
        "release/create",
        "pipeline/running",
        "note/on_issue",
        "deployment/running",
    ];
    let told: Vec<Record> = told.iter().map(|name| example(&format!("{name}.webhook"))).collect();
    let views = ["merge_requests", "issues", "milestones", "releases", "pipelines", "notes", "deployments"];
    let tables = apply(&told).await;
    for view in views {
        assert_eq!(tables.one(view)["deleted_at"], Value::Null, "{view}");
    }
    let mut told = told;
    told.push(destroyed);
    let tables = apply(&told).await;
    for view in views {
        assert_eq!(tables.one(view)["deleted_at"], "2026-11-20 08:00:00.000", "{view}");
    }
    let row = tables.one("merge_requests");
    assert_eq!(row["state"], "opened");
    // Another project's are not.
    let other = changed(
        "merge_request/open.webhook",
        &[("/object_attributes/target_project_id", json!(43)), ("/project/id", json!(43))],
    );
    let tables = apply(&[told.last().unwrap().clone(), other]).await;
    assert_eq!(tables.one("merge_requests")["deleted_at"], Value::Null);
}

/// A pipeline of a fork runs for a merge request of another project, whose number it has.
///
/// Guards against: `project_id` taken for the project of the merge request.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_of_a_fork_names_the_project_of_its_merge_request() {
    let request = json!({"id": 90009, "iid": 4, "target_project_id": 503, "source_project_id": 703});
    let source = json!({"project": {"id": 504}, "pipeline_id": 31000, "job_id": 15000310009_u64});
    let places = [("/project/id", json!(703)), ("/merge_request", request), ("/source_pipeline", source)];
    let tables = apply(&[changed("pipeline/running.webhook", &places)]).await;
    let row = tables.one("pipelines");
    let columns = [
        "project_id",
        "merge_request_project_id",
        "merge_request_iid",
        "parent_project_id",
        "parent_pipeline_id",
        "parent_job_id",
    ];
    assert_eq!(columns.map(|column| row[column].as_u64().unwrap()), [703, 503, 4, 504, 31000, 15000310009]);
    // The API names the merge request by a ref of the project itself.
    let tables = apply(&[example("pipeline/merge_request_pipeline.api")]).await;
    let row = tables.one("pipelines");
    assert_eq!(row["merge_request_project_id"], row["project_id"]);
    let tables = apply(&[example("pipeline/running.webhook")]).await;
    assert_eq!(tables.one("pipelines")["merge_request_project_id"], Value::Null);
}

/// An old GitLab does not name the project in a pipeline's body, but does in a job's: that is one job, and one pipeline.
///
/// Guards against: a row of each.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_project_is_the_one_with_it() {
    let pipeline = |project: Value| {
        let build = json!({"id": 501, "name": "unit", "stage": "test", "status": "success", "created_at": "2026-11-03 08:00:00 UTC",
            "started_at": "2026-11-03 08:00:10 UTC", "finished_at": "2026-11-03 08:02:00 UTC"});
        let attributes = json!({"id": 31, "status": "success", "created_at": "2026-11-03 08:00:00 UTC", "finished_at": "2026-11-03 08:02:00 UTC"});
        Record::webhook(
            &json!({"object_kind": "pipeline", "project": project, "object_attributes": attributes, "builds": [build]}),
        )
    };
    let unnamed = pipeline(json!({"name": "Checkout", "path_with_namespace": "shop/checkout"}));
    let mut job = body("job/before_gitlab_13.webhook");
    for (field, value) in
        [("build_id", json!(501)), ("build_name", json!("unit")), ("pipeline_id", json!(31))]
    {
        job[field] = value;
    }
    let job = Record::webhook(&job);
    let tables = apply(std::slice::from_ref(&unnamed)).await;
    assert_eq!([&tables.one("jobs")["project_id"], &tables.one("pipelines")["project_id"]], [0, 0]);
    assert!(tables.rows("job_runs").is_empty());
    let tables = apply(&[unnamed.clone(), job]).await;
    assert_eq!(tables.one("jobs")["project_id"], 42);
    assert_eq!(tables.one("job_runs")["project_id"], 42);
    let tables = apply(&[unnamed, pipeline(json!({"id": 42, "name": "Checkout"}))]).await;
    assert_eq!([&tables.one("jobs")["project_id"], &tables.one("pipelines")["project_id"]], [42, 42]);
}

/// Source projects and approvers are known from such bodies.
///
/// Guards against: the project and the actor alone; a project without a name; a path in another field.
#[tokio::test(flavor = "multi_thread")]
async fn projects_and_people_are_known_by_whatever_names_them() {
    let tables = apply(&[example("merge_request/fork.webhook")]).await;
    assert!(paths(&tables).contains(&(77, "ada/checkout".to_owned())), "{:?}", paths(&tables));
    // Bodies of old versions have `target` in place of `project`.
    let mut old = body("merge_request/fork.webhook");
    old.as_object_mut().unwrap().remove("project");
    for place in ["source", "target"] {
        old["object_attributes"][place].as_object_mut().unwrap().remove("id");
    }
    let tables = apply(&[Record::webhook(&old)]).await;
    assert_eq!(paths(&tables), [(42, "shop/checkout".to_owned()), (77, "ada/checkout".to_owned())]);
    assert_eq!(tables.one("merge_requests")["project_path"], "shop/checkout");
    assert_eq!(tables.one("events")["project_path"], "shop/checkout");
    let tables = apply(&[example("member/project_added.webhook")]).await;
    assert_eq!(tables.one("events")["project_path"], "shop/checkout");
    let tables = apply(&[example("deployment/approved.webhook")]).await;
    let approver = body("deployment/approved.webhook")["approver"]["id"].clone();
    assert!(tables.column("users", "user_id").contains(&approver));
    let listed = with(body("deployment/running.api"), &[]);
    let approver = listed["approvals"][0]["user"]["id"].clone();
    let tables = apply(&[example("deployment/running.api")]).await;
    assert!(tables.column("users", "user_id").contains(&approver));
}
