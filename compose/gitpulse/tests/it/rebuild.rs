//! The guarantees of `gitpulse rebuild`: wrong rows of a decoder are undone, no delivery is lost, and nobody has to stop for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role};

fn merge_request(iid: u64) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"merge_request","user":{{"id":7,"username":"ada"}},"project":{{"id":42}},"object_attributes":{{"id":{iid},"iid":{iid},
        "target_project_id":42,"title":"Number {iid}","state":"opened","action":"open","created_at":"2026-11-02T08:00:00Z","updated_at":"2026-11-02T08:00:00Z"}}}}"#
    )
    .into_bytes()
}

/// Rows of a decoder with a bug: reversed titles under a version that no right one beats, and merge requests that do not exist.
async fn plant_a_bug(deployment: &Deployment) {
    for statement in [
        "INSERT INTO merge_request_facts (instance, project_id, iid, title, state, first_received_at) \
         SELECT instance, project_id, iid, (title.1 + 1000, 9, 0, reverse(assumeNotNull(title.4))), (state.1 + 1000, 9, 0, 'merged'), now64(3) \
         FROM merge_request_facts FINAL",
        "INSERT INTO merge_request_facts (instance, project_id, iid, title, first_received_at) \
         VALUES ('nowhere', 1, 1, (1, 0, 0, 'nothing'), now64(3))",
        "INSERT INTO merge_request_event_facts (instance, project_id, merge_request_iid, action, first_received_at) \
         SELECT instance, project_id, iid, 'merged', now64(3) FROM merge_request_facts FINAL",
    ] {
        deployment.client.query(statement).execute().await.unwrap();
    }
}

/// The number of rows that a dry run would remove, add or change, and the number of tables it compared.
fn would_change(deployment: &Deployment) -> (u64, usize) {
    let output = deployment.output(&["rebuild", "--dry-run"]);
    let counts = output
        .lines()
        .map(|line| -> Vec<u64> { line.split_whitespace().filter_map(|word| word.parse().ok()).collect() });
    // Rows before and after, removed, added, changed.
    let tables: Vec<Vec<u64>> = counts.filter(|counts| counts.len() >= 5).collect();
    (tables.iter().map(|counts| counts[2..5].iter().sum::<u64>()).sum(), tables.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_bug_is_undone_while_deliveries_go_on() {
    let deployment = Deployment::new("rebuild");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    deployment.output(&["send", examples.to_str().unwrap(), "--url", &ingest.webhooks()]);
    deployment.until_count("SELECT count() FROM events", crate::delivery::examples().len() as u64).await;
    let before = deployment.value::<u64>("SELECT count() FROM merge_requests").await;
    plant_a_bug(&deployment).await;
    assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, before + 1);

    // Deliveries all the while.
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let url = ingest.webhooks();
    let traffic = tokio::spawn({
        let (stop, sent) = (stop.clone(), sent.clone());
        async move {
            let client = client();
            while !stop.load(Ordering::SeqCst) {
                let iid = 1_000 + sent.load(Ordering::SeqCst);
                assert_eq!(
                    send(&client, &url, &format!("live-{iid}"), merge_request(iid)).await,
                    Answer::Status(200)
                );
                sent.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let live = "SELECT count() FROM merge_requests WHERE iid >= 1000";
    deployment.until_count(live, 10).await;
    let output = tokio::task::spawn_blocking({
        let deployment = deployment.clone();
        move || deployment.output(&["rebuild"])
    })
    .await
    .unwrap();
    let during = sent.load(Ordering::SeqCst);
    deployment.until_count(live, during + 10).await;
    stop.store(true, Ordering::SeqCst);
    traffic.await.unwrap();

    assert!(output.contains("title ("), "the summary names the columns that change:\n{output}");
    deployment.until_count(live, sent.load(Ordering::SeqCst)).await;
    assert_eq!(
        deployment.value::<u64>(live).await,
        sent.load(Ordering::SeqCst),
        "nothing lost, nothing doubled"
    );
    let ours = "SELECT count() FROM merge_requests WHERE iid < 1000";
    assert_eq!(deployment.value::<u64>(ours).await, before, "the merge request that there is not is gone");
    let backwards = "SELECT count() FROM merge_requests WHERE title = reverse('Number 1000')";
    assert_eq!(deployment.value::<u64>(backwards).await, 0);
    let title = "SELECT assumeNotNull(title) FROM merge_requests WHERE project_id = 42 AND iid = 7";
    assert_eq!(deployment.value::<String>(title).await, "Retry card payments after a gateway timeout");
    let (changes, tables) = would_change(&deployment);
    assert!(tables > 5, "{tables} tables");
    assert_eq!(changes, 0, "the tables are what `events` makes them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_is_wrong_and_changes_nothing() {
    let deployment = Deployment::new("dry");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    assert_eq!(send(&client(), &ingest.webhooks(), "1", merge_request(7)).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM events", 1).await;
    plant_a_bug(&deployment).await;
    let (changes, _) = would_change(&deployment);
    assert_eq!(changes, 4, "a merge request changed, one removed, and two merges removed");
    let title = "SELECT assumeNotNull(title) FROM merge_requests WHERE iid = 7";
    assert_eq!(deployment.value::<String>(title).await, "7 rebmuN");
    let left =
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%rebuild\\_%'";
    assert_eq!(deployment.value::<u64>(left).await, 0);
    deployment.output(&["rebuild", "--tables", "merge_request_events"]);
    assert_eq!(deployment.value::<String>(title).await, "7 rebmuN", "only the chosen table is rebuilt");
    assert_eq!(would_change(&deployment).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_went_into_the_old_tables_is_stored_again() {
    let deployment = Deployment::new("straddling");
    let ingest = deployment.ingest();
    // Its rows are stored, its event is not yet: the tables are swapped at this moment.
    let slow = deployment.clone().with("FAILPOINTS", "processor::before_events=1*sleep(20000)");
    let _processor = slow.processor();
    assert_eq!(send(&client(), &ingest.webhooks(), "1", merge_request(7)).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM merge_requests", 1).await;
    deployment.output(&["rebuild"]);
    for empty in ["merge_requests", "events"] {
        let count = format!("SELECT count() FROM {empty}");
        assert_eq!(deployment.value::<u64>(&count).await, 0, "{empty}: the new tables know nothing of it");
    }
    deployment.until_count("SELECT count() FROM events", 1).await;
    deployment.until_count("SELECT count() FROM merge_requests", 1).await;
    deployment.until_count("SELECT count() FROM merge_request_events", 1).await;
}

/// One merge request, stored.
async fn with_one(name: &str) -> (Deployment, Vec<Role>) {
    let deployment = Deployment::new(name);
    let roles = vec![deployment.ingest(), deployment.processor()];
    assert_eq!(send(&client(), &roles[0].webhooks(), "1", merge_request(7)).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM events", 1).await;
    (deployment, roles)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_killed_while_it_swapped_is_finished_by_the_next() {
    for (name, point) in
        [("between", "rebuild::between_swaps=3*off->return"), ("after", "rebuild::after_swap=return")]
    {
        let (deployment, _roles) = with_one(name).await;
        let killed = deployment.clone().with("FAILPOINTS", point).command(&["rebuild"]).output().unwrap();
        assert!(!killed.status.success(), "{name}");
        // What was stored between its reading and its swap is missing, as if it had been killed at the worst moment.
        for table in ["merge_request_facts", "merge_request_event_facts"] {
            deployment.client.query(&format!("TRUNCATE TABLE {table}")).execute().await.unwrap();
        }
        let refused = deployment.command(&["rebuild", "--dry-run"]).output().unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("was interrupted"), "{name}");
        assert_eq!(
            deployment.value::<u64>("SELECT count() FROM merge_requests").await,
            0,
            "a dry run changes nothing"
        );
        let output = deployment.output(&["rebuild", "--tables", "notes"]);
        assert!(output.contains("interrupted"), "{name}: {output}");
        assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, 1, "{name}");
        assert_eq!(would_change(&deployment).0, 0, "{name}");
        let left = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%rebuild\\_%'";
        assert_eq!(deployment.value::<u64>(left).await, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rebuild_waits_for_the_end_of_the_first() {
    let (deployment, _roles) = with_one("second").await;
    let begun = "INSERT INTO rebuilds (id, step, began_at) VALUES ('00000000-0000-0000-0000-000000000001', 'started', now64(3))";
    deployment.client.query(begun).execute().await.unwrap();
    let refused = deployment.command(&["rebuild"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--abandon"), "{said}");
    assert!(deployment.output(&["rebuild", "--abandon"]).contains("1 abandoned"));
    assert_eq!(would_change(&deployment).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_events_no_longer_hold_is_not_lost_by_a_rebuild() {
    let (deployment, _roles) = with_one("older").await;
    let older = "INSERT INTO merge_request_facts (instance, project_id, iid, first_received_at) VALUES ('i', 1, 1, '2020-01-01 00:00:00')";
    deployment.client.query(older).execute().await.unwrap();
    let refused = deployment.command(&["rebuild"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("merge_request_facts"), "{said}");
    assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, 2);
    deployment.output(&["rebuild", "--lose-older"]);
    assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_kind_that_was_unknown_then_gets_its_rows() {
    let (deployment, _roles) = with_one("unknown").await;
    // Stored as by a build that did not know merge requests.
    let unknown = "INSERT INTO event_facts (instance, project_id, kind, id, subject, origin, tenant, received_at, payload) \
                   SELECT instance, 0, 'other', generateUUIDv4(), 'project/0/other/1', origin, tenant, received_at, \
                   replaceAll(payload, ':7,', ':8,') FROM event_facts WHERE kind = 'merge_request'";
    deployment.client.query(unknown).execute().await.unwrap();
    deployment.output(&["rebuild"]);
    let numbers = "SELECT arraySort(groupArray(iid)) FROM merge_requests WHERE project_id = 42";
    assert_eq!(deployment.value::<Vec<u64>>(numbers).await, [7, 8]);
}
