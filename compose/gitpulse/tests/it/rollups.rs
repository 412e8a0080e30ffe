//! Rollups have the same rows as their views: after any history, with processors killed anywhere, several of them, and a rebuild.

use std::path::Path;
use std::time::Duration;

use processor::insert::{Destination, Store};
use processor::rows::Rows;
use schemas::rollup::ROLLUPS;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role, eventually};
use crate::law::records::{Record, body};

/// Projects that are pending.
const WAITING: &str = "SELECT count() FROM (SELECT sum(rollup_generations.marks) AS told, max(rollup_generations.generation) AS newest \
                       FROM rollup_generations WHERE project_id < 18446744073709551615 GROUP BY instance, project_id HAVING told > newest)";

/// An installation that computes rollups, as often as they change.
pub(crate) fn rolled_up(name: &str) -> Deployment {
    Deployment::new(name).with("GITPULSE_ROLLUPS", "true").with("GITPULSE_ROLLUP_TIMES_COST", "0")
}

/// Waits until no project is pending and each rollup equals its view, row by row; returns how many rows each has.
pub(crate) async fn agree(deployment: &Deployment) -> Vec<u64> {
    let mut rows = Vec::new();
    eventually("rollups are computed", async || {
        // Rows are visible a moment before their project is marked, so both are read again until they agree.
        let waiting = deployment.value::<u64>(WAITING).await;
        if waiting > 0 {
            return Err(format!("{waiting} projects wait"));
        }
        rows.clear();
        for rollup in ROLLUPS {
            let all = |name: &str| format!("SELECT toString(tuple(*)) FROM {name} ORDER BY ALL");
            let view: Vec<String> = deployment.client.query(&all(rollup.view)).fetch_all().await.unwrap();
            let stored: Vec<String> = deployment.client.query(&all(rollup.name)).fetch_all().await.unwrap();
            if stored != view {
                return Err(format!("{} {stored:#?}, but {} {view:#?}", rollup.name, rollup.view));
            }
            rows.push(view.len() as u64);
        }
        Ok(())
    })
    .await;
    rows
}

fn merge_request(project: u64, iid: u64, state: &str, at: &str) -> Vec<u8> {
    let merged = if state == "merged" { format!(r#","merged_at":"{at}""#) } else { String::new() };
    let action = if state == "merged" { "merge" } else { "open" };
    format!(
        r#"{{"object_kind":"merge_request","user":{{"id":7,"username":"ada"}},"project":{{"id":{project}}},"object_attributes":{{"id":{iid},"iid":{iid},
        "target_project_id":{project},"title":"Number {iid}","state":"{state}","action":"{action}","target_branch":"main",
        "created_at":"2026-10-01T08:00:00Z","updated_at":"{at}"{merged}}}}}"#
    )
    .into_bytes()
}

fn pipeline(project: u64, id: u64, status: &str) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"pipeline","project":{{"id":{project}}},"object_attributes":{{"id":{id},"status":"{status}","ref":"main",
        "created_at":"2026-11-02T08:12:31Z"}},"builds":[]}}"#
    )
    .into_bytes()
}

async fn accepted(ingest: &Role, id: &str, body: Vec<u8>) {
    assert_eq!(send(&client(), &ingest.webhooks(), id, body).await, Answer::Status(200));
}

/// Sends all examples in this order, each as two hooks would and twice.
fn send_examples(deployment: &Deployment, ingest: &Role, seed: &str) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    let url = ingest.webhooks();
    let arguments = [
        "send",
        examples.to_str().unwrap(),
        "--url",
        &url,
        "--hooks",
        "2",
        "--retry",
        "1",
        "--shuffle",
        seed,
    ];
    deployment.output(&arguments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollup_is_what_its_view_says_after_any_history() {
    let deployment = rolled_up("rolled");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let seed = rand::random::<u32>().to_string();
    send_examples(&deployment, &ingest, &seed);
    let history = deployment.output(&[
        "simulate",
        "--url",
        &ingest.webhooks(),
        "--requests",
        "600",
        "--rate",
        "300",
        "--projects",
        "12",
        "--body-bytes",
        "300",
        "--history",
        deployment._folder.as_ref().unwrap().path().join("history").to_str().unwrap(),
    ]);
    deployment.until_count("SELECT count() FROM pipelines", 10).await;
    let rows = agree(&deployment).await;
    assert!(rows.iter().all(|rows| *rows > 0), "{rows:?} of seed {seed}\n{history}");
    same_reports(&deployment).await;
}

/// A report reads the rollups if all are computed, else the views, and answers the same.
async fn same_reports(deployment: &Deployment) {
    let answers = || {
        ["dora", "merge-requests", "pipelines", "contributors"].map(|about| {
            let arguments = ["report", about, "--since", "2025-01-01", "--until", "2026-12-31", "--json"];
            String::from_utf8(deployment.command(&arguments).output().unwrap().stdout).unwrap()
        })
    };
    let of_rollups = answers();
    assert!(of_rollups.iter().all(|answer| answer.contains("\"value\"")), "{of_rollups:#?}");
    deployment.client.query("TRUNCATE TABLE pipeline_rollup_rows").execute().await.unwrap();
    assert_ne!(answers(), of_rollups, "no rollup was read");
    // A project that was never marked has no rollups.
    deployment.client.query("TRUNCATE TABLE rollup_generations").execute().await.unwrap();
    assert_eq!(answers(), of_rollups);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_is_killed_anywhere_leaves_nothing_stale() {
    let deployment = rolled_up("stale");
    let ingest = deployment.ingest();
    let points = [
        "processor::before_marks",
        "processor::after_insert",
        "rollup::between_tables",
        "rollup::before_publishing",
    ];
    for (iid, point) in (1..).zip(points) {
        let mut victim = deployment.clone().with("FAILPOINTS", &format!("{point}=return")).processor();
        accepted(&ingest, &format!("opened {iid}"), merge_request(42, iid, "opened", "2026-10-01T08:00:00Z"))
            .await;
        accepted(&ingest, &format!("ran {iid}"), pipeline(42, iid, "running")).await;
        eventually(point, async || if victim.ended().is_some() { Ok(()) } else { Err(victim.log()) }).await;
    }
    let _processor = deployment.processor();
    deployment.until_count("SELECT count() FROM merge_requests", points.len() as u64).await;
    deployment.until_count("SELECT count() FROM pipelines", points.len() as u64).await;
    let rows = agree(&deployment).await;
    assert_eq!((rows[0], rows[3]), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processors_share_the_projects_and_agree() {
    let deployment = rolled_up("shared");
    let ingest = deployment.ingest();
    let processors = [deployment.processor(), deployment.processor()];
    let reqwest = client();
    let computed = async |role: &Role| -> f64 {
        let text = reqwest
            .get(format!("http://{}/metrics", role.address))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text.lines().find(|line| line.starts_with("gitpulse_processor_rollup_projects_total"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    };
    // Until both have computed some: their group takes a moment to divide the partitions.
    let mut round = 0;
    eventually("both compute", async || {
        round += 1;
        for project in 1..=16 {
            accepted(
                &ingest,
                &format!("{round} {project}"),
                pipeline(project, round * 100 + project, "running"),
            )
            .await;
        }
        let counts = [computed(&processors[0]).await, computed(&processors[1]).await];
        if counts.iter().all(|count| *count >= 1.0) { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
    deployment.until_count("SELECT count() FROM pipelines", round * 16).await;
    assert_eq!(agree(&deployment).await[3], round * 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_a_month_late_corrects_what_was_computed() {
    let deployment = rolled_up("late");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    accepted(&ingest, "1", merge_request(42, 7, "opened", "2026-10-01T08:00:00Z")).await;
    accepted(&ingest, "2", merge_request(42, 8, "opened", "2026-11-05T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_request_rollups", 2).await;
    let merged = "SELECT count() FROM merge_request_rollups WHERE toDate(merged_at) = '2026-10-03'";
    assert_eq!(deployment.value::<u64>(merged).await, 0);
    accepted(&ingest, "3", merge_request(42, 7, "merged", "2026-10-03T08:00:00Z")).await;
    deployment.until_count(merged, 1).await;
    agree(&deployment).await;
    let again = deployment.value::<u64>("SELECT sum(generation) FROM merge_request_rollup_rows FINAL").await;
    // A repetition contains nothing new, but is computed again.
    accepted(&ingest, "4", merge_request(42, 7, "merged", "2026-10-03T08:00:00Z")).await;
    deployment.until_count("SELECT sum(generation) FROM merge_request_rollup_rows FINAL", again + 2).await;
    agree(&deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rebuild_takes_away_is_gone_from_the_rollups() {
    let deployment = rolled_up("vanished");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    accepted(&ingest, "1", pipeline(42, 7, "running")).await;
    deployment.until_count("SELECT count() FROM pipelines", 1).await;
    // Rows of a decoder with a bug: a pipeline that does not exist, of this project and of another.
    let planted = "INSERT INTO pipeline_facts (instance, project_id, id, first_received_at) \
                   SELECT instance, number, 8, now64(3) FROM pipeline_facts, (SELECT arrayJoin([42, 43]) AS number) AS planted WHERE id = 7";
    deployment.client.query(planted).execute().await.unwrap();
    let marked = "INSERT INTO rollup_generations (instance, project_id, marks) SELECT DISTINCT instance, project_id, 1 FROM pipeline_facts";
    deployment.client.query(marked).execute().await.unwrap();
    deployment.until_count("SELECT count() FROM pipeline_rollups", 3).await;
    deployment.output(&["rebuild"]);
    assert_eq!(agree(&deployment).await[3], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_there_were_rollups_gets_them() {
    let deployment = rolled_up("first");
    let ingest = deployment.ingest();
    let mut processor = deployment.processor();
    accepted(&ingest, "1", merge_request(42, 7, "opened", "2026-10-01T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_request_rollups", 1).await;
    assert_eq!(processor.terminate(), Some(0));
    // As an upgrade finds it: facts, but neither marks nor rollups.
    for table in ["rollup_generations", "merge_request_rollup_rows"] {
        deployment.client.query(&format!("TRUNCATE TABLE {table}")).execute().await.unwrap();
    }
    let _processor = deployment.processor();
    deployment.until_count("SELECT count() FROM merge_request_rollups", 1).await;
    // And views of another build: a rollup with other columns starts empty, the others are computed again.
    let other = "CREATE OR REPLACE TABLE pipeline_rollup_rows (pipeline_id UInt64, generation UInt64) ENGINE = MergeTree ORDER BY pipeline_id";
    deployment.client.query(other).execute().await.unwrap();
    let told = "SELECT sum(rollup_generations.marks) FROM rollup_generations";
    let before = deployment.value::<u64>(told).await;
    let pretended =
        "INSERT INTO migrations (version, name, checksum) VALUES (0, 'views', 'of another build')";
    deployment.client.query(pretended).execute().await.unwrap();
    deployment.output(&["migrate"]);
    assert_eq!(deployment.value::<u64>(told).await, before + 1);
    assert_eq!(agree(&deployment).await[0], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_turns_out_to_be_a_bot_has_all_projects_computed_again() {
    let deployment = rolled_up("bots");
    let ingest = deployment.ingest();
    let mut processor = deployment.processor();
    accepted(&ingest, "1", merge_request(42, 7, "opened", "2026-10-01T08:00:00Z")).await;
    accepted(&ingest, "2", merge_request(43, 7, "opened", "2026-10-01T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_request_rollups", 2).await;
    assert_eq!(processor.terminate(), Some(0));
    let told = "SELECT sum(rollup_generations.marks) FROM rollup_generations WHERE project_id IN (42, 43)";
    let before = deployment.value::<u64>(told).await;
    // As the API lists it, without a project.
    let bot = "INSERT INTO user_facts (instance, user_id, is_bot, first_received_at) \
               SELECT instance, user_id, (is_bot.1 + 2000000000, 0, 0, true), first_received_at FROM user_facts FINAL WHERE user_id = 7";
    deployment.client.query(bot).execute().await.unwrap();
    let mut again = deployment.processor();
    deployment.until_count(told, before + 2).await;
    agree(&deployment).await;
    assert_eq!(again.terminate(), Some(0));
    // Once: the next processor knows it.
    let _last = deployment.processor();
    accepted(&ingest, "3", merge_request(42, 8, "opened", "2026-10-01T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_request_rollups", 3).await;
    assert_eq!(deployment.value::<u64>(told).await, before + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_that_were_deleted_hide_nothing_that_is_told_later() {
    let deployment = rolled_up("unmarked");
    let ingest = deployment.ingest();
    let mut processor = deployment.processor();
    for (id, at) in ["08", "09", "10"].into_iter().enumerate() {
        let body = merge_request(42, 7, "opened", &format!("2026-10-01T{at}:00:00Z"));
        accepted(&ingest, &id.to_string(), body).await;
        deployment.until_count("SELECT count() FROM events", id as u64 + 1).await;
        agree(&deployment).await;
    }
    assert_eq!(processor.terminate(), Some(0));
    let newest = "SELECT max(generation) FROM project_places";
    assert!(deployment.value::<u64>(newest).await > 1, "there is a generation that one mark does not reach");
    deployment.client.query("TRUNCATE TABLE rollup_generations").execute().await.unwrap();
    let _processor = deployment.processor();
    accepted(&ingest, "later", merge_request(42, 8, "merged", "2026-10-02T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_request_places", 1).await;
    assert_eq!(agree(&deployment).await[0], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_fork_is_in_the_rollups_of_where_it_is_merged() {
    let deployment = rolled_up("forked");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let mut opened: serde_json::Value =
        serde_json::from_slice(&merge_request(42, 7, "opened", "2026-10-02T08:00:00Z")).unwrap();
    opened["object_attributes"]["source_project_id"] = 43.into();
    opened["object_attributes"]["source_branch"] = "topic".into();
    accepted(&ingest, "1", opened.to_string().into_bytes()).await;
    deployment.until_count("SELECT count() FROM merge_request_rollups", 1).await;
    agree(&deployment).await;
    let known = "SELECT count(first_commit_at) FROM merge_request_rollups";
    assert_eq!(deployment.value::<u64>(known).await, 0);
    let sha = "1396f1a70cbf816596cb56595548487e3e926ae1";
    let pushed = serde_json::json!({
        "object_kind": "push", "project_id": 43, "project": { "id": 43 }, "ref": "refs/heads/topic", "after": sha, "checkout_sha": sha,
        "before": "0000000000000000000000000000000000000000", "user_id": 7, "total_commits_count": 1,
        "commits": [{ "id": sha, "message": "Wait longer", "timestamp": "2026-10-01T07:00:00Z", "author": { "name": "Ada" } }]
    });
    accepted(&ingest, "2", pushed.to_string().into_bytes()).await;
    deployment.until_count(known, 1).await;
    agree(&deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_projects_than_a_parameter_holds_are_marked_at_once_and_computed() {
    let deployment = rolled_up("many");
    let mut rows = Rows::default();
    let pushed = body("push/update.webhook");
    for project in 0..13_000_u64 {
        let mut pushed = pushed.clone();
        pushed["project_id"] = (1_000_000_000 + project).into();
        pushed["project"]["id"] = pushed["project_id"].clone();
        rows.append(Record::webhook(&pushed).rows("https://gitlab.example.com"));
    }
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let store =
        Store { client: &deployment.client, destination: Destination::Live, timeout, metrics: &metrics };
    store.mark(&rows).await.unwrap();
    let marked = "SELECT uniqExact(project_id) FROM rollup_generations";
    assert_eq!(deployment.value::<u64>(marked).await, 13_000);
    let _processor = deployment.processor();
    deployment.until_count("SELECT count() FROM project_places", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_while_its_project_is_computed_is_not_forgotten() {
    let deployment = rolled_up("meanwhile");
    let ingest = deployment.ingest();
    let slow = deployment.clone().with("FAILPOINTS", "rollup::between_tables=1*sleep(8000)");
    let _processor = slow.processor();
    accepted(&ingest, "1", merge_request(42, 7, "opened", "2026-10-01T08:00:00Z")).await;
    // Its merge requests are computed, the rest is not.
    deployment.until_count("SELECT count() FROM merge_request_rollup_rows", 1).await;
    accepted(&ingest, "2", merge_request(42, 8, "opened", "2026-10-01T08:00:00Z")).await;
    deployment.until_count("SELECT count() FROM merge_requests", 2).await;
    let published = "SELECT max(rollup_generations.generation) FROM rollup_generations";
    assert_eq!(deployment.value::<u64>(published).await, 0, "it is still being computed");
    assert_eq!(agree(&deployment).await[0], 2);
}
