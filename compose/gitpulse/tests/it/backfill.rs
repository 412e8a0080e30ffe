//! `gitpulse backfill` against the API of a world whose truth is known: everything arrives as the API lists it, through Kafka and the processor; a
//! second run makes next to no requests; a killed run is resumed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use simulator::api::minimum::{Minimum, minimum_requests};
use simulator::api::{self, Clock, Options, Version};
use simulator::gitlab::truth::Row;
use simulator::gitlab::{World, WorldConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::deployment::{Deployment, eventually};

pub(crate) const GITLAB_TOKEN: &str = "glpat-of-a-test";

/// Rows that lists lack: deleted refs are only known from their pushes.
fn listed(table: &str) -> &'static str {
    match table {
        "branches" | "tags" => "WHERE deleted_at IS NULL",
        // Pushes of so many refs that GitLab names none.
        "pushes" => "WHERE ref != ''",
        "notes" => "WHERE NOT (system AND noteable_type = 'Issue')",
        // The truth has no approvals, comments and reviews.
        "merge_request_events" => "WHERE action IN ('opened', 'merged', 'closed', 'reopened')",
        _ => "",
    }
}

/// The tables, their keys, and columns that no list of the API has: for a pipeline, neither GraphQL nor a list has these.
const TABLES: [(&str, &[&str], &[&str]); 20] = [
    ("projects", &["project_id"], &[]),
    ("groups", &["group_id"], &[]),
    ("members", &["project_id", "group_id", "user_id"], &[]),
    ("merge_requests", &["project_id", "iid"], &[]),
    ("merge_request_events", &["project_id", "merge_request_iid", "action", "second"], &[]),
    ("merge_request_commits", &["project_id", "merge_request_iid", "sha"], &[]),
    ("issues", &["project_id", "id"], &[]),
    ("issue_events", &["project_id", "issue_id", "action", "second"], &[]),
    ("notes", &["project_id", "id"], &[]),
    ("pipelines", &["project_id", "id"], &["tag", "before_sha"]),
    ("jobs", &["project_id", "id"], &[]),
    ("environments", &["project_id", "id"], &[]),
    ("deployments", &["project_id", "id"], &[]),
    ("deployment_merge_requests", &["project_id", "deployment_id", "merge_request_iid"], &[]),
    ("commits", &["project_id", "sha"], &[]),
    ("pushes", &["project_id", "ref", "before", "after"], &[]),
    ("branches", &["project_id", "name"], &[]),
    ("tags", &["project_id", "name"], &[]),
    ("releases", &["project_id", "tag"], &[]),
    ("milestones", &["project_id", "id"], &[]),
];

/// A GitLab that is served until the token is cancelled.
pub(crate) struct Served {
    pub(crate) world: Arc<World>,
    pub(crate) requests: api::Requests,
    pub(crate) stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn serve(config: WorldConfig, version: Version) -> Served {
    serve_as(config, |options| options.version = version).await
}

async fn serve_as(mut config: WorldConfig, change: impl FnOnce(&mut Options)) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(World::new(config));
    let mut options = Options::new(&world, GITLAB_TOKEN);
    options.clock = Clock::at(world.config().ends_at());
    change(&mut options);
    let (requests, stop) = (options.requests.clone(), CancellationToken::new());
    tokio::spawn(api::serve(world.clone(), options, listener, stop.clone()));
    Served { world, requests, stop }
}

/// A value in the form that is compared: 5 and 5.0 are one number.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        value => value.to_string(),
    }
}

type Table = BTreeMap<String, BTreeMap<String, String>>;

/// What the tables have to show: by table and key, the columns that the API has.
fn told(world: &World) -> BTreeMap<&'static str, Table> {
    let mut tables: BTreeMap<&'static str, Table> = BTreeMap::new();
    // GitLab's own notes on issues would cost one request per issue, so they are not read.
    let is_read = |row: &Row| {
        row.table != "notes" || row.columns["system"] == false || row.columns["noteable_type"] != "Issue"
    };
    for row in world.truth(world.config().ends_at()).filter(is_read) {
        let (_, key, untold) = TABLES.iter().find(|(table, _, _)| *table == row.table).unwrap();
        let column = |name: &str| row.columns.get(name).map_or_else(|| "null".to_owned(), text);
        let key = key.iter().map(|name| column(name)).collect::<Vec<_>>().join(" ");
        let columns = row.columns.keys().filter(|name| !untold.contains(name));
        let columns = columns.map(|name| ((*name).to_owned(), column(name))).collect();
        assert!(
            tables.entry(row.table).or_default().insert(key.clone(), columns).is_none(),
            "{} {key}",
            row.table
        );
    }
    tables
}

/// The rows of a table by key, with some of their columns.
async fn stored(deployment: &Deployment, table: &str, key: &[&str], columns: &[String]) -> Table {
    // The tables have the full time; the truth only has seconds, by which duplicates are recognised.
    let sql_of = |name: &str| match name {
        "second" => "toUnixTimestamp(occurred_at) AS second".to_owned(),
        name => name.to_owned(),
    };
    let key_sql = key.iter().map(|name| format!("toString({name})")).collect::<Vec<_>>().join(", ");
    let columns_sql = columns.iter().map(|name| sql_of(name)).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns_sql}, [{key_sql}] AS its_key FROM {table} {} SETTINGS output_format_json_quote_64bit_integers = 0",
        listed(table)
    );
    let mut cursor = deployment.client.query(&sql).fetch_bytes("JSONEachRow").unwrap();
    let bytes = cursor.collect().await.unwrap();
    let rows = std::str::from_utf8(&bytes).unwrap().lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let key = row["its_key"].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(" ");
        (key, columns.iter().map(|column| (column.clone(), text(&row[column]))).collect())
    });
    rows.collect()
}

/// Compares all tables with the truth.
pub(crate) async fn compare(deployment: &Deployment, world: &World, without: &[&str]) {
    let wrong = differences(deployment, world, without).await;
    assert!(wrong.is_empty(), "{} wrong, as {:#?}", wrong.len(), sample(&wrong));
}

/// Differences between the tables and the truth, each as `table key: what`.
pub(crate) async fn differences(deployment: &Deployment, world: &World, without: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (table, told) in told(world) {
        let (_, key, _) = TABLES.iter().find(|(name, _, _)| *name == table).unwrap();
        let columns: Vec<String> = told.values().next().unwrap().keys().cloned().collect();
        deployment
            .until_count(&format!("SELECT count() FROM {table} {}", listed(table)), told.len() as u64)
            .await;
        let found = stored(deployment, table, key, &columns).await;
        for (key, told) in &told {
            let Some(found) = found.get(key) else {
                wrong.push(format!("{table} {key}: is not there"));
                continue;
            };
            for (column, value) in
                told.iter().filter(|(column, _)| !without.contains(&format!("{table}.{column}").as_str()))
            {
                if found.get(column) != Some(value) {
                    wrong.push(format!("{table} {key}: {column} is {:?}, not {value}", found.get(column)));
                }
            }
        }
        for key in found.keys().filter(|key| !told.contains_key(*key)) {
            wrong.push(format!("{table} {key}: is not true"));
        }
    }
    wrong
}

/// Two of each table and column.
pub(crate) fn sample(wrong: &[String]) -> Vec<&String> {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut sample = Vec::new();
    for line in wrong {
        let (head, rest) = line.split_once(": ").unwrap();
        let kind = (head.split(' ').next().unwrap().to_owned(), rest.split(' ').take(2).collect());
        let count = counts.entry(kind).or_default();
        *count += 1;
        if *count <= 2 {
            sample.push(line);
        }
    }
    sample
}

pub(crate) fn installation(name: &str, world: &World) -> Deployment {
    Deployment::new(name)
        .with("GITLAB_URL", &world.config().url)
        .with("GITLAB_TOKEN", GITLAB_TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000")
}

/// The output of a run.
pub(crate) fn read_history(deployment: &Deployment) -> String {
    let output = deployment.command(&["backfill", "--group", "factory"]).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_history_arrives_as_the_api_tells_it_and_is_read_once() {
    let served = serve(WorldConfig::new(7, 4, 56), Version::V19).await;
    let (world, requests) = (&served.world, &served.requests);
    let deployment = installation("backfill", world);
    let _processor = deployment.processor();

    // Killed in the middle: what was read before is not read again.
    let mut first = deployment.command(&["backfill", "--group", "factory"]).spawn().unwrap();
    deployment.until_count("SELECT count() FROM backfill_checkpoints", 3).await;
    first.kill().unwrap();
    first.wait().unwrap();

    let said = read_history(&deployment);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    let asked = requests.total();
    let Minimum { lists, single } = minimum_requests(world, world.config().ends_at());
    let minimum: u64 = lists.values().chain(single.values()).sum();
    assert!(asked * 100 <= minimum * 105, "{asked} requests, where {minimum} would do: {said}");
    compare(&deployment, world, &[]).await;

    let again = read_history(&deployment);
    assert!(again.contains("0 failed, 0 interrupted"), "{again}");
    let of_the_second = requests.total() - asked;
    println!("second run: {of_the_second} of {asked}");
    assert!(of_the_second * 10 < asked, "{of_the_second} of {asked}: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_gitlab_tells_by_rest_what_a_new_one_tells_by_graphql() {
    let served = serve(WorldConfig::new(8, 2, 28), Version::V16).await;
    let deployment = installation("backfill_old", &served.world);
    let _processor = deployment.processor();
    let said = read_history(&deployment);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    // This version does not have it.
    compare(&deployment, &served.world, &["environments.created_at", "tags.created_at"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_between_two_runs_is_found_by_gitlabs_clock_whatever_this_machines_says() {
    let config = WorldConfig::new(7, 2, 28);
    // A world of long ago: this machine's clock is ahead of it.
    let clock = Clock::at(config.ends_at() - 3 * 24 * 60 * 60 * 1_000);
    let of_server = clock.clone();
    let served = serve_as(config, |options| {
        options.clock = of_server.clone();
        options.date = Some(of_server);
    })
    .await;
    let deployment = installation("backfill_clock", &served.world);
    let _processor = deployment.processor();
    let said = read_history(&deployment);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    let of_clocks = |said: &str| said.matches("the clock of this machine is ahead of that of GitLab").count();
    assert_eq!(of_clocks(&said), 1, "{said}");

    clock.set(served.world.config().ends_at());
    let said = read_history(&deployment);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    // Rows that existed after the first run are changed in place, which no count shows.
    eventually("the tables are as the world is", async || {
        let wrong = differences(&deployment, &served.world, &[]).await;
        // Deletions are not searched here.
        let wrong: Vec<String> = wrong.into_iter().filter(|line| !line.ends_with(": is not true")).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{} wrong, as {:#?}", wrong.len(), sample(&wrong)))
        }
    })
    .await;
}
