//! What `gitpulse rebuild` promises: what a decoder wrote wrongly is undone, no delivery is lost, and nobody has to stop for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::delivery::{Answer, client, send};
use crate::deployment::Deployment;

fn merge_request(iid: u64) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"merge_request","user":{{"id":7,"username":"ada"}},"project":{{"id":42}},"object_attributes":{{"id":{iid},"iid":{iid},
        "target_project_id":42,"title":"Number {iid}","state":"opened","action":"open","created_at":"2026-11-02T08:00:00Z","updated_at":"2026-11-02T08:00:00Z"}}}}"#
    )
    .into_bytes()
}

/// What a decoder with a bug would have written: titles backwards under a version that no right one beats, and merge requests that there are not.
async fn plant_a_bug(deployment: &Deployment) {
    for statement in [
        "INSERT INTO merge_request_facts (instance, project_id, iid, title, state) \
         SELECT instance, project_id, iid, (title.1 + 1000, 9, 0, reverse(assumeNotNull(title.4))), (state.1 + 1000, 9, 0, 'merged') \
         FROM merge_request_facts FINAL",
        "INSERT INTO merge_request_facts (instance, project_id, iid, title) VALUES ('nowhere', 1, 1, (1, 0, 0, 'nothing'))",
        "INSERT INTO merge_request_event_facts (instance, project_id, merge_request_iid, action) \
         SELECT instance, project_id, iid, 'merged' FROM merge_request_facts FINAL",
    ] {
        deployment.client.query(statement).execute().await.unwrap();
    }
}

/// The rows that a dry run would remove, add or change, and how many tables it looked at.
fn would_change(deployment: &Deployment) -> (u64, usize) {
    let output = deployment.output(&["rebuild", "--dry-run"]);
    let lines = output.lines().filter(|line| line.trim_start().contains("_facts"));
    let mut tables = 0;
    let changes = lines.map(|line| {
        tables += 1;
        let counts: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        counts[2..5].iter().sum::<u64>()
    });
    (changes.sum(), tables)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoder_bug_is_undone_while_deliveries_go_on() {
    let deployment = Deployment::new("rebuild");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    deployment.output(&["send", examples.to_str().unwrap(), "--url", &ingest.webhooks()]);
    deployment.until_count("SELECT count() FROM merge_requests", 4).await;
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
    assert_eq!(deployment.value::<String>(title).await, "7 rebmuN", "only the chosen table is built anew");
    assert_eq!(would_change(&deployment).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_went_into_the_old_tables_is_stored_again() {
    let deployment = Deployment::new("straddling");
    let ingest = deployment.ingest();
    // Its rows are stored, its event is not yet: just then the tables are swapped.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_killed_after_its_swap_is_finished_by_the_next() {
    let deployment = Deployment::new("killed");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    assert_eq!(send(&client(), &ingest.webhooks(), "1", merge_request(7)).await, Answer::Status(200));
    deployment.until_count("SELECT count() FROM events", 1).await;
    let deadly = deployment.clone().with("FAILPOINTS", "rebuild::after_swap=return");
    let killed = deadly.command(&["rebuild"]).output().unwrap();
    assert!(!killed.status.success());
    // What was stored between its reading and its swap is missing, as if it had been killed at the worst moment.
    for table in ["merge_request_facts", "merge_request_event_facts"] {
        deployment.client.query(&format!("TRUNCATE TABLE {table}")).execute().await.unwrap();
    }
    let output = deployment.output(&["rebuild", "--dry-run"]);
    assert!(output.contains("interrupted"), "{output}");
    assert_eq!(deployment.value::<u64>("SELECT count() FROM merge_requests").await, 1);
    assert_eq!(would_change(&deployment).0, 0);
}
