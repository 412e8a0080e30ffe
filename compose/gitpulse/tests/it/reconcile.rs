//! `gitpulse reconcile` against the API of a world whose webhooks were sent in part: dropped ones are found and filled, what GitLab does not have is
//! saved, what it deleted is marked, and a second run finds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use futures_util::{StreamExt, stream};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use schemas::Envelope;
use schemas::api::presence::{Key, Shown, presence};
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use schemas::envelope::ApiItem;
use schemas::instance::normal_instance;
use schemas::tenant::Tenant;
use serde_json::Value;
use simulator::api::{self, Clock, Options, Role, Version};
use simulator::gitlab::hooks::delivery::{HookConfig, Outcome};
use simulator::gitlab::{World, WorldConfig};
use simulator::load::Credentials;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, TOKEN, eventually};

const GITLAB_TOKEN: &str = "glpat-of-a-test";
const DAY: i64 = 24 * 60 * 60 * 1_000;
const HOUR: i64 = 60 * 60 * 1_000;

/// A table, its key within a project, and columns that both webhooks and API have.
const TABLES: [(&str, &str, &[&str]); 5] = [
    ("merge_requests", "iid", &["state", "title", "target_branch", "author_id", "merged_at"]),
    ("issues", "id", &["iid", "state", "title", "closed_at"]),
    ("pipelines", "id", &["iid", "status", "sha", "source"]),
    ("deployments", "id", &["status", "ref"]),
    ("notes", "id", &["body", "noteable_type"]),
];

/// A GitLab of one project whose history ends now.
struct GitLab {
    world: Arc<World>,
    hook: HookConfig,
    clock: Clock,
    now: i64,
    requests: api::Requests,
    stop: CancellationToken,
}

impl GitLab {
    /// `hook` changes the faults of the project's hook.
    async fn serve(seed: u64, days: u32, hook: impl FnOnce(&mut HookConfig, i64)) -> GitLab {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        let mut config = WorldConfig::new(seed, 1, days);
        config.url = format!("http://{}", listener.local_addr().unwrap());
        // The same has happened so far at whatever time of the day the test runs.
        config.began_at = now - (i64::from(days) - 1) * DAY - 16 * HOUR;
        let world = Arc::new(World::new(config));
        let url = "https://pulse.example.com/api/v1/webhooks/gitlab";
        let mut of_hook = HookConfig::new(Version::V19, url, Credentials::Token(TOKEN.to_owned()));
        hook(&mut of_hook, now);
        let mut options = Options::new(&world, GITLAB_TOKEN);
        options.tokens[0].role = Role::Maintainer;
        options.hooks = Some(of_hook.clone());
        options.clock = Clock::at(now);
        let (requests, clock, stop) =
            (options.requests.clone(), options.clock.clone(), CancellationToken::new());
        tokio::spawn(api::serve(world.clone(), options, listener, stop.clone()));
        GitLab { world, hook: of_hook, clock, now, requests, stop }
    }

    /// What the API and the webhooks report for a table.
    fn told(&self, table: &str, id: &str, columns: &[&str]) -> BTreeMap<String, String> {
        let is_told = |system: Option<&Value>| system.is_none_or(|system| system == false);
        let rows = self.world.truth(self.now).filter(|row| row.table == table);
        let rows = rows.filter(|row| table != "notes" || is_told(row.columns.get("system"))).map(|row| {
            let value = |name: &str| row.columns.get(name).map_or_else(|| "null".to_owned(), text);
            (value(id), columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" | "))
        });
        rows.collect()
    }

    /// Rows that the tables lack, or have with other values.
    async fn lacking(&self, deployment: &Deployment) -> BTreeSet<String> {
        let mut lacking = BTreeSet::new();
        for (table, id, columns) in TABLES {
            let found = stored(deployment, table, id, columns).await;
            for (key, values) in self.told(table, id, columns) {
                if found.get(&key) != Some(&values) {
                    lacking.insert(format!("{table} {key}: {values}, but {:?}", found.get(&key)));
                }
            }
        }
        lacking
    }

    /// Waits until the tables match the truth.
    async fn until_told(&self, deployment: &Deployment, said: &str) {
        eventually("the tables are as the truth", async || {
            let lacking = self.lacking(deployment).await;
            if lacking.is_empty() { Ok(()) } else { Err(format!("{lacking:#?}\n{said}")) }
        })
        .await;
    }
}

impl Drop for GitLab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn deployment_for(gitlab: &GitLab, name: &str) -> Deployment {
    Deployment::new(name)
        .with("GITLAB_URL", &gitlab.world.config().url)
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

/// Sends webhooks of the project, and waits until they are in the tables.
async fn deliver(deployment: &Deployment, bodies: Vec<(String, Vec<u8>)>) {
    let ingest = deployment.ingest();
    let (client, url, count) = (client(), ingest.webhooks(), bodies.len() as u64);
    let answers = stream::iter(bodies).map(|(id, body)| {
        let (client, url) = (&client, &url);
        async move { send(client, url, &id, body).await }
    });
    let answers: Vec<Answer> = answers.buffer_unordered(8).collect().await;
    assert!(answers.iter().all(|answer| *answer == Answer::Status(200)));
    deployment.until_count("SELECT count() FROM events", count).await;
}

/// The number within the project of a webhook's subject.
fn number(body: &Value) -> u64 {
    body["object_attributes"]["iid"].as_u64().or(body["deployment_id"].as_u64()).unwrap_or(0)
}

/// The output of a run, and its exit code.
fn reconcile(deployment: &Deployment, more: &[&str]) -> (String, Option<i32>) {
    let arguments = [&["reconcile", "--group", "factory"], more].concat();
    let output = deployment.command(&arguments).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (said, output.status.code())
}

/// Runs until nothing is left, and checks that another run finds nothing.
async fn mend(gitlab: &GitLab, deployment: &Deployment) -> String {
    let lacking = gitlab.lacking(deployment).await;
    assert!(lacking.len() > 5, "{lacking:?}");
    let (said, code) = reconcile(deployment, &[]);
    assert!(said.contains("100.00 % complete") && said.contains("nothing is left to mend"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    gitlab.until_told(deployment, &said).await;

    let asked = gitlab.requests.total();
    let (again, code) = reconcile(deployment, &[]);
    assert_eq!(code, Some(0), "{again}");
    assert!(!again.contains("mended") && again.contains("nothing is left to mend"), "{again}");
    let of_the_second = gitlab.requests.total() - asked;
    assert!(of_the_second < 40, "{of_the_second}: {again}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gitlab_dropped_is_found_and_filled_and_a_second_run_finds_nothing() {
    let gitlab = GitLab::serve(11, 14, |_, _| ()).await;
    let deployment = deployment_for(&gitlab, "reconcile");
    let _processor = deployment.processor();

    // Some things were never reported; for others, the latest events were not.
    let (world, now) = (&gitlab.world, gitlab.now);
    let hooks = world.hooks(&world.project(0), Version::V19, (world.config().began_at, now));
    let hooks = hooks.filter(|hook| hook.event_header != "Job Hook").enumerate();
    let kept = hooks.filter(|(index, hook)| {
        let is_lost_whole = !hook.event_header.ends_with("Note Hook") && number(&hook.body) % 6 == 1;
        let is_lost_lately = hook.at > now - 6 * DAY && index % 5 == 0;
        !is_lost_whole && !is_lost_lately
    });
    let kept =
        kept.map(|(index, hook)| (format!("delivery-{index}"), serde_json::to_vec(&hook.body).unwrap()));
    deliver(&deployment, kept.collect()).await;

    let (planned, code) = reconcile(&deployment, &["--dry-run", "--deletions"]);
    assert_eq!(code, Some(1), "{planned}");
    assert!(
        !planned.contains("100.00 % complete") && planned.contains("looking for deletions takes"),
        "{planned}"
    );
    assert!(gitlab.lacking(&deployment).await.len() > 20, "nothing was changed");

    mend(&gitlab, &deployment).await;
    assert!(deployment.value::<u64>("SELECT count() FROM pushes WHERE origin = 'api'").await > 0);
    assert!(deployment.value::<u64>("SELECT count() FROM notes WHERE has(origins, 'api')").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_deliveries_are_read_from_the_log_of_the_hook_as_they_were_sent() {
    let gitlab = GitLab::serve(12, 14, |hook, now| {
        hook.dropped = 300;
        hook.disabled = Some(now - HOUR..now + HOUR);
    })
    .await;
    let deployment = deployment_for(&gitlab, "reconcile_log");
    let _processor = deployment.processor();
    let (world, now) = (&gitlab.world, gitlab.now);
    let span = (world.config().began_at, now);
    let all: Vec<_> = world.deliveries(&world.project(0), &gitlab.hook, span).collect();
    // What was lost before the log begins is not tested here.
    let log_begins = (now - 7 * DAY).div_euclid(DAY) * DAY;
    let (arrived, dropped): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|delivery| delivery.outcome == Outcome::Arrived || delivery.hook.at < log_begins);
    let arrived = arrived.into_iter().filter(|delivery| delivery.hook.event_header != "Job Hook");
    deliver(&deployment, arrived.map(|delivery| (delivery.key.unwrap(), delivery.body)).collect()).await;

    let failed = dropped.iter().filter(|delivery| matches!(delivery.outcome, Outcome::Failed(_)));
    // GitLab logs a delivery after it was tried: the last ones may not be there yet.
    let failed: BTreeSet<String> = failed
        .filter(|delivery| delivery.hook.at < now - 2_000)
        .map(|delivery| delivery.key.clone().unwrap())
        .collect();
    assert!(failed.len() > 20, "{}", failed.len());
    let said = mend(&gitlab, &deployment).await;
    assert!(said.contains("is not called until") && said.contains("1 of them disabled"), "{said}");
    let logged = "SELECT delivery_id FROM events WHERE origin = 'hook_log'";
    eventually("what failed is read from the log", async || {
        let logged: BTreeSet<String> =
            deployment.client.query(logged).fetch_all::<String>().await.unwrap().into_iter().collect();
        let lost: Vec<&String> = failed.difference(&logged).collect();
        if lost.is_empty() { Ok(()) } else { Err(format!("{lost:?} of {} ({})", failed.len(), logged.len())) }
    })
    .await;
    // The log has no addresses for pushes: their commits are read from the API.
    let has_commits = |body: &Value| body["commits"].as_array().is_some_and(|commits| !commits.is_empty());
    let pushes = dropped.iter().filter(|delivery| {
        matches!(delivery.outcome, Outcome::Failed(_))
            && delivery.hook.event_header == "Push Hook"
            && has_commits(&delivery.hook.body)
    });
    assert!(pushes.count() > 0 && said.contains("blanked_addresses"), "{said}");
    let addresses = "SELECT count() FROM commits WHERE has(origins, 'hook_log') AND has(origins, 'api') AND author_email LIKE '%@%'";
    deployment.until_count(addresses, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_complete_listing_no_longer_has_is_marked_as_deleted() {
    let gitlab = GitLab::serve(13, 28, |_, _| ()).await;
    let deployment = deployment_for(&gitlab, "reconcile_deletions");
    let _processor = deployment.processor();
    // Before the pipeline of a night is deleted, and before the rest is.
    let mut read = String::new();
    for day in [22, 26] {
        gitlab.clock.set(gitlab.world.config().began_at + day * DAY);
        read.push_str(&deployment.output(&["backfill", "--group", "factory"]));
    }
    let gone: Vec<_> = gitlab.world.deleted(&gitlab.world.project(0), gitlab.now).collect();
    for table in ["merge_requests", "issues", "pipelines"] {
        let gone = gone.iter().filter(|row| row.table == table).map(|row| text(&row.columns["id"]));
        let gone: Vec<String> = gone.collect();
        assert!(!gone.is_empty(), "{table}");
        let there = format!("SELECT count() FROM {table} WHERE id IN ({})", gone.join(", "));
        deployment.until_count(&there, gone.len() as u64).await;
    }

    // One is marked as deleted that GitLab still has, and that no list of recent updates has.
    let old = "SELECT min(assumeNotNull(iid)) FROM merge_requests WHERE updated_at < now() - INTERVAL 10 DAY";
    let there = gone.iter().filter(|row| row.table == "merge_requests").map(|row| text(&row.columns["iid"]));
    let there = format!("{old} AND iid NOT IN ({})", there.collect::<Vec<_>>().join(", "));
    take_for_deleted(&gitlab, &deployment, deployment.value(&there).await).await;

    gitlab.clock.set(gitlab.now);
    let (said, code) = reconcile(&deployment, &["--deletions"]);
    assert_eq!(code, Some(0), "{said}\n{read}");
    assert!(said.contains("deleted"), "{said}");
    for table in ["merge_requests", "issues", "pipelines", "deployments"] {
        let gone = gone.iter().filter(|row| row.table == table).map(|row| text(&row.columns["id"]));
        let gone: BTreeSet<String> = gone.collect();
        let marked = format!("SELECT toString(assumeNotNull(id)) FROM {table} WHERE deleted_at IS NOT NULL");
        eventually(&marked, async || {
            let marked = deployment.client.query(&marked).fetch_all::<String>().await.unwrap();
            let marked: BTreeSet<String> = marked.into_iter().collect();
            if marked == gone { Ok(()) } else { Err(format!("{marked:?}, but {gone:?}: {said}")) }
        })
        .await;
    }
    let (again, code) = reconcile(&deployment, &["--deletions"]);
    assert_eq!(code, Some(0), "{again}");
    assert!(!again.contains("mended"), "{again}");

    // Comparing a list with its table is enough if the list has it.
    let marked = "SELECT count() FROM merge_requests WHERE deleted_at IS NOT NULL";
    let count: u64 = deployment.value(marked).await;
    let newest = "SELECT max(assumeNotNull(iid)) FROM merge_requests WHERE deleted_at IS NULL";
    take_for_deleted(&gitlab, &deployment, deployment.value(newest).await).await;
    let (said, code) = reconcile(&deployment, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("merge_requests_behind"), "{said}");
    deployment.until_count(marked, count).await;
}

/// Marks a merge request as deleted, as a listing would with a token that sees only a part, and waits until its row is.
async fn take_for_deleted(gitlab: &GitLab, deployment: &Deployment, iid: u64) {
    let project: u64 = deployment.value("SELECT any(project_id) FROM merge_requests").await;
    let context = Context::project(project);
    let since = DateTime::from_timestamp_millis(gitlab.now).unwrap();
    let object =
        presence(Resource::MergeRequest, context, Key::Number(iid), Shown::AbsentSince(since)).unwrap();
    let instance = normal_instance(&gitlab.world.config().url).unwrap();
    let item = ApiItem {
        resource: Resource::MergeRequest,
        object: &object,
        context,
        tenant: &Tenant::new("default", Some(&instance)).unwrap(),
        asked_instance: &instance,
        read_at: since,
        traceparent: None,
    };
    let prefix = deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"].parse().unwrap();
    let record = Envelope::api(&item).envelope.to_record(&prefix).unwrap();
    let brokers = &deployment.environment["GITPULSE_KAFKA_BROKERS"];
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let sent = FutureRecord::to(&record.topic).key(&record.key).payload(&record.value);
    producer.send(sent, Duration::from_secs(30)).await.unwrap();
    let marked = format!("SELECT count() FROM merge_requests WHERE iid = {iid} AND deleted_at IS NOT NULL");
    deployment.until_count(&marked, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_begin_says_so_by_its_exit_status() {
    let deployment = Deployment::new("reconcile_begin").with("GITLAB_TOKEN", GITLAB_TOKEN);
    let deployment = deployment.with("GITLAB_URL", "http://127.0.0.1:1");
    let (said, code) = reconcile(&deployment, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not answer") && said.contains("correct GITLAB_URL"), "{said}");

    let deployment = deployment.with("GITPULSE_CLICKHOUSE_URL", "http://127.0.0.1:1");
    let (said, code) = reconcile(&deployment, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("http://127.0.0.1:1 (GITPULSE_CLICKHOUSE_URL)"), "{said}");
}
