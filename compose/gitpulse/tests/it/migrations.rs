//! The guarantees of `gitpulse migrate`: tables are created once, views are replaced when this build has others, and a database of another build is
//! refused with a remedy that works.

use std::collections::BTreeSet;
use std::process::Stdio;

use schemas::rollup::ROLLUPS;
use schemas::view::METRICS;

use crate::delivery::{Answer, client, send};
use crate::deployment::Deployment;
use crate::engines::shared;

/// Makes the database look as if another build had applied the views, or one migration.
async fn pretend(deployment: &Deployment, version: u32) {
    let insert =
        "INSERT INTO migrations (version, name, checksum) VALUES (?, 'pretended', 'of another build')";
    deployment.client.query(insert).bind(version).execute().await.unwrap();
}

/// The error of `migrate`, which must fail.
fn refusal(deployment: &Deployment) -> String {
    let output = deployment.command(&["migrate"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn all_views_are_replaced_when_one_differs() {
    let deployment = Deployment::new("replaced");
    deployment.client.query("CREATE OR REPLACE VIEW issues AS SELECT 1 AS one").execute().await.unwrap();
    deployment.client.query("DROP VIEW ref_heads").execute().await.unwrap();
    assert!(deployment.output(&["migrate"]).starts_with("nothing to do"), "what is recorded is believed");
    pretend(&deployment, 0).await;
    let doctor = deployment.command(&["doctor"]).output().unwrap();
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("the views are those of another version"), "{doctor}");
    let said = deployment.output(&["migrate"]);
    assert!(said.starts_with("applied ") && said.ends_with(" views\n"), "{said}");
    for view in ["issues", "branches", "tags"] {
        assert_eq!(deployment.value::<u64>(&format!("SELECT count(instance) FROM {view}")).await, 0);
    }
    assert!(deployment.output(&["migrate"]).starts_with("nothing to do"));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_have_a_definer_keep_one_and_are_not_done_before_the_roles_are() {
    let deployment = Deployment::new("definers");
    // The first step of --roles; the embedded engine cannot store the rest.
    let definer = "ALTER TABLE issues MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER";
    deployment.client.query(definer).execute().await.unwrap();
    pretend(&deployment, 0).await;
    for _ in 0..2 {
        let said = refusal(&deployment);
        assert!(said.contains("gitpulse migrate --roles") && said.contains("stores no users"), "{said}");
        let without = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' \
                       AND create_table_query NOT LIKE '% SQL SECURITY DEFINER%' ORDER BY name";
        let without: Vec<String> = deployment.client.query(without).fetch_all().await.unwrap();
        let own = METRICS.iter().map(|metric| metric.name).chain(ROLLUPS.iter().map(|rollup| rollup.name));
        let expected: BTreeSet<&str> = own.chain(["dead_letters", "ref_heads"]).collect();
        assert_eq!(
            without.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            expected,
            "what no role reads, or with its own rights"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_make_what_one_makes() {
    let deployment = Deployment::migrated(shared(), &format!("at_once_{}", std::process::id()));
    for already in 0..2 {
        if already > 0 {
            pretend(&deployment, 0).await;
        }
        let migrate =
            || deployment.command(&["migrate"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let all = [migrate(), migrate(), migrate()].map(Result::unwrap);
        for one in all {
            let output = one.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(deployment.output(&["migrate"]).starts_with("nothing to do"));
        let left =
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '_tmp')";
        let left: Vec<String> = deployment.client.query(left).fetch_all().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_kept_as_long_as_is_configured() {
    let deployment = Deployment::new("retention");
    let ttl = "SELECT extract(engine_full, 'toIntervalDay\\\\((\\\\d+)\\\\)') FROM system.tables \
               WHERE database = currentDatabase() AND name = 'audit_log_facts'";
    assert_eq!(deployment.value::<String>(ttl).await, "400");
    let insert = "INSERT INTO audit_log_facts (instance, run_id, number, called_at) SELECT 'i', 'r', number, \
                  now() - INTERVAL if(number = 1, 10, 100) DAY FROM numbers(1, 2)";
    deployment.client.query(insert).execute().await.unwrap();
    let shorter = deployment.output(&["migrate", "--audit-retention-days", "30"]);
    assert_eq!(shorter, "the audit log keeps calls of GitLab's API for 30 days\n");
    assert_eq!(deployment.value::<String>(ttl).await, "30");
    deployment.client.query("OPTIMIZE TABLE audit_log_facts FINAL").execute().await.unwrap();
    assert_eq!(deployment.value::<Vec<u64>>("SELECT groupArray(number) FROM audit_log").await, [1]);
    assert!(deployment.output(&["migrate", "--audit-retention-days", "30"]).starts_with("nothing to do"));
    assert!(deployment.output(&["migrate"]).contains("400 days"), "it is as the settings say");
}

fn merge_request(iid: u64) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"merge_request","project":{{"id":42}},"object_attributes":{{"id":{iid},"iid":{iid},"target_project_id":42,
        "state":"opened","action":"open","created_at":"2026-11-02T08:00:00Z","updated_at":"2026-11-02T08:00:00Z"}}}}"#
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_build_is_refused_and_the_way_out_loses_nothing() {
    let deployment = Deployment::new("other_build");
    let old = deployment.environment["GITPULSE_CLICKHOUSE_DATABASE"].clone();
    let ingest = deployment.ingest();
    let deliver = async |iid: u64| {
        let answer =
            send(&client(), &ingest.webhooks(), &format!("delivery-{iid}"), merge_request(iid)).await;
        assert_eq!(answer, Answer::Status(200));
    };
    let mut processor = deployment.processor();
    deliver(1).await;
    deployment.until_count("SELECT count() FROM events", 1).await;
    processor.kill();
    // Only in `events`, as if Kafka had dropped it.
    let older = "INSERT INTO event_facts SELECT * REPLACE (generateUUIDv4() AS id, 'project/42/merge_request/9' AS subject, \
                 replaceAll(payload, '\"iid\":1', '\"iid\":9') AS payload) FROM event_facts";
    deployment.client.query(older).execute().await.unwrap();
    // Only in Kafka.
    deliver(2).await;
    pretend(&deployment, 4).await;

    let said = refusal(&deployment);
    assert!(said.contains(&format!("migration 0004_merge_requests was applied to database {old}")), "{said}");
    let copy = format!("INSERT INTO new.event_facts SELECT * FROM {old}.event_facts");
    assert!(said.contains(&copy) && said.contains("GITPULSE_CLICKHOUSE_DATABASE"), "{said}");

    let new = format!("{old}_new");
    let deployment = Deployment {
        client: deployment.client.clone().with_database(&new),
        ..deployment.with("GITPULSE_CLICKHOUSE_DATABASE", &new)
    };
    deployment.output(&["migrate"]);
    let copy = copy.replace("INTO new.", &format!("INTO {new}."));
    deployment.client.query(&copy).execute().await.unwrap();
    deployment.output(&["rebuild"]);
    let iids = "SELECT count() FROM merge_requests WHERE iid IN (1, 9)";
    assert_eq!(deployment.value::<u64>(iids).await, 2);
    let _processor = deployment.processor();
    // Its event is the last visible row of a batch.
    deployment.until_count("SELECT count() FROM events", 3).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, 3);
    assert_eq!(deployment.value::<u64>("SELECT count() FROM events").await, 3);
}
