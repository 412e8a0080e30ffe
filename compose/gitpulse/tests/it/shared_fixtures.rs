//! Real payloads from public repositories, if they are beside the project: each is answered 200, is in `events` under the right kind, and its values
//! are in the tables. The expected values are read from the files by simple separate rules, without the project's decoder.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use testing::skipped;

use crate::delivery::{client, payloads};
use crate::deployment::{Deployment, TOKEN};

/// A payload whose keys were mangled by hand (`"iid "`): its merge request cannot be identified.
const WITHOUT_IDENTITY: &str = "gbw-go-gitlab__group_merge_request.json";

#[tokio::test(flavor = "multi_thread")]
async fn real_payloads_arrive_with_their_values() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/webhooks");
    if !folder.is_dir() {
        return skipped("there are no payloads of other projects beside this one");
    }
    let files = payloads(&folder, ".json");
    assert!(files.len() > 100, "only {} files", files.len());
    let mut deployment = Deployment::new("real");
    // Without a configured instance each file can have one of its own, so that no two files report one entity.
    deployment.environment.remove("GITLAB_URL");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let client = client();
    for (index, (name, body)) in files.iter().enumerate() {
        let request = client
            .post(ingest.webhooks())
            .header("x-gitlab-token", TOKEN)
            .header("x-gitlab-instance", instance(index))
            .header("idempotency-key", name)
            .body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
    }
    deployment.until_count("SELECT count() FROM events", files.len() as u64).await;
    let dead = "SELECT count() FROM dead_letters";
    deployment.until_count(dead, 1).await;
    for (index, (name, body)) in files.iter().enumerate() {
        let body: Value = serde_json::from_slice(body).unwrap();
        check(&deployment, index, name, &body).await;
    }
    assert_eq!(deployment.value::<u64>(dead).await, 1, "{WITHOUT_IDENTITY} alone");
    let reason = format!(
        "SELECT reason FROM dead_letters WHERE event_id IN (SELECT id FROM events WHERE delivery_id = '{WITHOUT_IDENTITY}')"
    );
    assert_eq!(deployment.value::<String>(&reason).await, "missing_field");
}

fn instance(index: usize) -> String {
    format!("https://gitlab-{index}.example.com")
}

async fn check(deployment: &Deployment, index: usize, name: &str, body: &Value) {
    let filter = format!("instance = '{}'", instance(index));
    let kind: String = deployment.value(&format!("SELECT kind FROM events WHERE {filter}")).await;
    assert_eq!(kind, expected_kind(body), "{name}");
    if name == WITHOUT_IDENTITY {
        return;
    }
    let is_sample = is_sample(body);
    let marked: bool = deployment.value(&format!("SELECT is_sample FROM events WHERE {filter}")).await;
    assert_eq!(marked, is_sample, "{name}");
    match kind.as_str() {
        "push" if is_sample => {
            for table in ["pushes", "commits", "projects", "users"] {
                let rows: u64 =
                    deployment.value(&format!("SELECT count() FROM {table} WHERE {filter}")).await;
                assert_eq!(rows, 0, "{name}: {table}");
            }
        }
        "push" => {
            for column in ["ref", "before", "after"] {
                same(deployment, name, "pushes", column, &filter, text(&body[column])).await;
            }
            same(deployment, name, "pushes", "user_name", &filter, text(&body["user_name"])).await;
            let listed = body["commits"].as_array().map_or(0, Vec::len).to_string();
            same(deployment, name, "pushes", "commits_listed", &filter, Some(listed)).await;
            let expected: BTreeSet<String> = ids(&body["commits"]);
            assert_eq!(
                set(deployment, &format!("SELECT sha FROM commits WHERE {filter}")).await,
                expected,
                "{name}"
            );
        }
        "merge_request" => {
            let attributes = &body["object_attributes"];
            for column in [
                "iid",
                "id",
                "title",
                "state",
                "source_branch",
                "target_branch",
                "author_id",
                "merge_commit_sha",
            ] {
                let told = text(&attributes[column]);
                // Before GitLab 9, `reopened` was a state of its own.
                let shown = told.map(|value| if value == "reopened" { "opened".to_owned() } else { value });
                same(deployment, name, "merge_requests", column, &filter, shown).await;
            }
            same(
                deployment,
                name,
                "merge_requests",
                "head_sha",
                &filter,
                text(&attributes["last_commit"]["id"]),
            )
            .await;
            let opened =
                format!("SELECT count() FROM merge_request_events WHERE {filter} AND action = 'opened'");
            assert_eq!(deployment.value::<u64>(&opened).await, 1, "{name}");
        }
        "pipeline" => {
            let attributes = &body["object_attributes"];
            for column in ["id", "ref", "sha", "status", "source"] {
                same(deployment, name, "pipelines", column, &filter, text(&attributes[column])).await;
            }
            same(deployment, name, "pipelines", "user_username", &filter, text(&body["user"]["username"]))
                .await;
            let jobs = set(
                deployment,
                &format!("SELECT concat(id, ' ', name, ' ', status) FROM jobs WHERE {filter}"),
            )
            .await;
            let expected: BTreeSet<String> = body["builds"]
                .as_array()
                .unwrap()
                .iter()
                .map(|build| {
                    format!(
                        "{} {} {}",
                        build["id"],
                        build["name"].as_str().unwrap(),
                        build["status"].as_str().unwrap()
                    )
                })
                .collect();
            assert_eq!(jobs, expected, "{name}");
        }
        _ => (),
    }
}

/// One column of the only row of an instance.
async fn same(
    deployment: &Deployment,
    name: &str,
    table: &str,
    column: &str,
    filter: &str,
    expected: Option<String>,
) {
    let query = format!("SELECT toString(`{column}`) FROM {table} WHERE {filter}");
    let values: Vec<Option<String>> = match expected {
        // A column that cannot be NULL does not come as an Option.
        Some(_) => {
            let query = format!("SELECT toNullable(toString(`{column}`)) FROM {table} WHERE {filter}");
            deployment.client.query(&query).fetch_all().await.unwrap()
        }
        None => deployment.client.query(&query).fetch_all().await.unwrap(),
    };
    assert_eq!(values, [expected], "{name}: {table}.{column}");
}

async fn set(deployment: &Deployment, query: &str) -> BTreeSet<String> {
    let query = query.replacen("SELECT ", "SELECT assumeNotNull(", 1).replacen(" FROM", ") FROM", 1);
    deployment.client.query(&query).fetch_all::<String>().await.unwrap().into_iter().collect()
}

fn ids(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|element| element["id"].as_str().unwrap().to_owned()).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What GitLab sends for the Test button of a hook, by its source: a constant, or a push that lists the commit it starts from.
fn is_sample(body: &Value) -> bool {
    let constants = ["da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "4045ea7a3df38697b3730a20fb73c8bed8a3e69e"];
    let after = |body: &Value| body["after"].as_str().is_some_and(|sha| constants.contains(&sha));
    let leads_from_listed =
        body["before"].as_str().is_some_and(|before| ids(&body["commits"]).contains(before));
    after(body)
        || body["changes"].as_array().into_iter().flatten().any(after)
        || leads_from_listed
        || (body["event_name"] == "project_create"
            && body["created_at"].is_null()
            && body["updated_at"].is_null())
}

/// The kind, by the documentation of GitLab's webhooks.
fn expected_kind(body: &Value) -> &'static str {
    let name = body["object_kind"].as_str().or(body["event_name"].as_str()).unwrap_or_default();
    match name {
        "push" => "push",
        "tag_push" => "tag_push",
        "merge_request" => "merge_request",
        "issue" | "work_item" => "issue",
        "note" => "note",
        "pipeline" => "pipeline",
        "build" => "job",
        "deployment" => "deployment",
        "release" => "release",
        "milestone" => "milestone",
        "wiki_page" => "wiki_page",
        "feature_flag" => "feature_flag",
        "emoji" => "emoji",
        "access_token" | "deploy_token" => "access_token",
        "vulnerability" => "vulnerability",
        "repository_update" => "repository",
        "user_create" | "user_destroy" | "user_rename" | "user_failed_login" | "key_create"
        | "key_destroy" => "user",
        _ if name.starts_with("user_") => "member",
        _ if name.starts_with("project_") => "project",
        _ if name.starts_with("group_") || name.starts_with("subgroup_") => "group",
        _ => "other",
    }
}
