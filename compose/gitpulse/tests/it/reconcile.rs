//! `gitpulse reconcile` against the API of a world whose webhooks were sent in part: what was dropped is found and filled, what GitLab does not have
//! is remembered, and a second run finds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use simulator::api::{self, Clock, Options};
use simulator::gitlab::{World, WorldConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::delivery::{Answer, client, send};
use crate::deployment::Deployment;

const GITLAB_TOKEN: &str = "glpat-of-a-test";
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A table, what identifies its rows within a project, and columns that both faces tell.
const TABLES: [(&str, &str, &[&str]); 4] = [
    ("merge_requests", "iid", &["state", "title", "target_branch", "author_id", "merged_at"]),
    ("issues", "id", &["iid", "state", "title", "closed_at"]),
    ("pipelines", "id", &["iid", "status", "sha", "source"]),
    ("deployments", "id", &["status", "ref"]),
];

/// A world of one project that ends now.
async fn serve(seed: u64) -> (Arc<World>, CancellationToken, api::Requests, i64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let mut config = WorldConfig::new(seed, 1, 14);
    config.url = format!("http://{}", listener.local_addr().unwrap());
    config.began_at = (now / DAY - 13) * DAY;
    let world = Arc::new(World::new(config));
    let mut options = Options::new(&world, GITLAB_TOKEN);
    options.clock = Clock::at(now);
    let (requests, stop) = (options.requests.clone(), CancellationToken::new());
    tokio::spawn(api::serve(world.clone(), options, listener, stop.clone()));
    (world, stop, requests, now)
}

fn deployment_for(world: &World, name: &str) -> Deployment {
    Deployment::new(name)
        .with("GITLAB_URL", &world.config().url)
        .with("GITLAB_TOKEN", GITLAB_TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The rows of a table by project and id, each with the columns that are compared.
async fn stored(
    deployment: &Deployment,
    table: &str,
    id: &str,
    columns: &[&str],
) -> BTreeMap<String, String> {
    let sql = format!("SELECT toString({id}) AS key, {} FROM {table}", columns.join(", "));
    let mut cursor = deployment.client.query(&sql).fetch_bytes("JSONEachRow").unwrap();
    let bytes = cursor.collect().await.unwrap();
    let rows = std::str::from_utf8(&bytes).unwrap().lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let values = columns.iter().map(|column| text(&row[*column])).collect::<Vec<_>>().join(" | ");
        (text(&row["key"]), values)
    });
    rows.collect()
}

/// The same of the truth.
fn told(world: &World, now: i64, table: &str, id: &str, columns: &[&str]) -> BTreeMap<String, String> {
    let rows = world.truth(now).filter(|row| row.table == table).map(|row| {
        let value = |name: &str| row.columns.get(name).map_or_else(|| "null".to_owned(), text);
        (value(id), columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" | "))
    });
    rows.collect()
}

/// The number within the project of what a webhook is about.
fn number(body: &Value) -> u64 {
    body["object_attributes"]["iid"].as_u64().or(body["deployment_id"].as_u64()).unwrap_or(0)
}

/// What a run says, and how it ends.
fn reconcile(deployment: &Deployment, more: &[&str]) -> (String, Option<i32>) {
    let arguments = [&["reconcile", "--group", "factory"], more].concat();
    let output = deployment.command(&arguments).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (said, output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gitlab_dropped_is_found_and_filled_and_a_second_run_finds_nothing() {
    let (world, stop, requests, now) = serve(11).await;
    let deployment = deployment_for(&world, "reconcile");
    let _processor = deployment.processor();
    let ingest = deployment.ingest();

    // Some things were never told; of others, nobody heard what happened to them lately.
    let project = world.project(0);
    let hooks =
        world.hooks(&project, world.config().began_at, now).filter(|hook| hook.event_header != "Job Hook");
    let kept: Vec<_> = hooks
        .enumerate()
        .filter(|(index, hook)| {
            let is_lost_whole = hook.event_header != "Note Hook" && number(&hook.body) % 6 == 1;
            let is_lost_lately = hook.at > now - 6 * DAY && index % 5 == 0;
            !is_lost_whole && !is_lost_lately
        })
        .collect();
    let (client, url) = (client(), ingest.webhooks());
    let answers = stream::iter(&kept).map(|(index, hook)| {
        let id = format!("delivery-{index}");
        let body = serde_json::to_vec(&hook.body).unwrap();
        let (client, url) = (&client, &url);
        async move { send(client, url, &id, body).await }
    });
    let answers: Vec<Answer> = answers.buffer_unordered(8).collect().await;
    assert!(answers.iter().all(|answer| *answer == Answer::Status(200)));
    deployment.until_count("SELECT count() FROM events", kept.len() as u64).await;

    let lacking = async || {
        let mut lacking = BTreeSet::new();
        for (table, id, columns) in TABLES {
            let found = stored(&deployment, table, id, columns).await;
            let told = told(&world, now, table, id, columns);
            let lacks = told.iter().filter(|(key, values)| found.get(*key) != Some(values));
            lacking.extend(
                lacks.map(|(key, values)| format!("{table} {key}: {values}, but {:?}", found.get(key))),
            );
        }
        lacking
    };
    assert!(lacking().await.len() > 20);

    let (planned, code) = reconcile(&deployment, &["--dry-run"]);
    assert_eq!(code, Some(1), "{planned}");
    assert!(!planned.contains("100.00 % complete"), "{planned}");

    let (said, code) = reconcile(&deployment, &[]);
    assert!(said.contains("100.00 % complete") && said.contains("nothing is left to mend"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    crate::deployment::eventually("tables are as the truth", async || {
        let lacking = lacking().await;
        if lacking.is_empty() { Ok(()) } else { Err(format!("{lacking:#?}\n{said}")) }
    })
    .await;
    let pushes = "SELECT count() FROM pushes WHERE origin = 'api'";
    deployment.until_count(pushes, 1).await;

    let asked = requests.total();
    let (again, code) = reconcile(&deployment, &[]);
    assert_eq!(code, Some(0), "{again}");
    assert!(!again.contains("mended") && again.contains("nothing is left to mend"), "{again}");
    let of_the_second = requests.total() - asked;
    assert!(of_the_second < 40, "{of_the_second}: {again}");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_begin_says_so_by_its_exit_status() {
    let deployment = Deployment::new("reconcile_begin").with("GITLAB_TOKEN", GITLAB_TOKEN);
    let deployment = deployment.with("GITLAB_URL", "http://127.0.0.1:1");
    let (said, code) = reconcile(&deployment, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not answer"), "{said}");
}
