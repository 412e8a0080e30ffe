//! Faults of ClickHouse: F-10 to F-15. Deliveries are not affected, and nothing that Kafka holds is lost or counted twice.

use std::time::Duration;

use crate::disk::Disk;
use crate::engines::{broker_child, clickhouse_child};
use crate::judge::Allows;
use crate::proxy::Proxy;
use crate::report::Outcome;
use crate::stage::{Scene, Stage, between};

/// A stage whose processor gives up on a batch after ten seconds, so that it also ends and is restarted.
async fn impatient(scene: Scene) -> Stage {
    Stage::prepare(scene)
        .await
        .with("GITPULSE_INSERT_TIMEOUT_SECONDS", "5")
        .with("GITPULSE_INSERT_RETRY_SECONDS", "10")
        .open()
        .await
}

/// F-10: down for five minutes.
pub(crate) async fn down(scene: Scene) -> Outcome {
    let mut stage = impatient(scene).await;
    stage.clickhouse.kill();
    stage.go_on(scene.lasts(300).max(Duration::from_secs(15))).await;
    stage.clickhouse.restart().await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-11: accepts connections and never answers.
pub(crate) async fn frozen(scene: Scene) -> Outcome {
    let mut stage = impatient(scene).await;
    stage.clickhouse.freeze();
    stage.go_on(scene.lasts(60).max(Duration::from_secs(12))).await;
    stage.clickhouse.thaw();
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-12: inserts succeed, but every third connection loses the reply.
pub(crate) async fn replies_lost(scene: Scene) -> Outcome {
    let stage = Stage::prepare(scene).await;
    let proxy = Proxy::start(stage.clickhouse.address()).await;
    let mut stage = stage.with("GITPULSE_CLICKHOUSE_URL", &format!("http://{}", proxy.address)).open().await;
    proxy.lose_replies(3);
    stage.go_on(scene.lasts(30)).await;
    proxy.lose_replies(0);
    stage.notes.push(format!("{} replies lost", proxy.lost()));
    assert!(proxy.lost() > 0, "no reply was lost");
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// Runs statements, lets the load continue, and runs others.
async fn between_statements(scene: Scene, before: &[&str], after: &[&str]) -> Outcome {
    let mut stage = impatient(scene).await;
    run(&stage, before).await;
    let restarts = stage.restarts;
    stage.go_on(scene.lasts(60)).await;
    // Rows alone prove nothing: an insert whose view fails may leave them, and is retried.
    let log = stage.processors[0].log();
    let has_failed = stage.restarts > restarts || log.contains("could not be stored");
    assert!(has_failed, "everything was stored: the fault was none: {log}");
    run(&stage, after).await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

async fn run(stage: &Stage, statements: &[&str]) {
    for statement in statements {
        stage.deployment.client.query_raw(statement).execute().await.unwrap();
    }
}

/// F-13: too many parts.
pub(crate) async fn too_many_parts(scene: Scene) -> Outcome {
    between_statements(
        scene,
        &[
            "SYSTEM STOP MERGES event_facts",
            "ALTER TABLE event_facts MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 0",
        ],
        &[
            "ALTER TABLE event_facts RESET SETTING parts_to_throw_insert, parts_to_delay_insert",
            "SYSTEM START MERGES event_facts",
        ],
    )
    .await
}

/// F-13: each insert takes more memory than there is.
pub(crate) async fn memory_limit(scene: Scene) -> Outcome {
    between_statements(
        scene,
        &["CREATE MATERIALIZED VIEW hungry ENGINE = Null AS SELECT length(groupArray(repeat('x', 1000000))) AS length \
           FROM event_facts CROSS JOIN numbers(30000) AS times"],
        &["DROP TABLE hungry"],
    )
    .await
}

/// F-13: a table is read-only.
pub(crate) async fn read_only(scene: Scene) -> Outcome {
    between_statements(
        scene,
        &["ALTER TABLE event_facts MODIFY SETTING table_readonly = 1"],
        &["ALTER TABLE event_facts RESET SETTING table_readonly"],
    )
    .await
}

/// F-13: columns are added while rows are inserted, as the migration of a later version does it.
pub(crate) async fn column_added(scene: Scene) -> Outcome {
    let mut stage = impatient(scene).await;
    for statement in [
        "ALTER TABLE event_facts ADD COLUMN more String DEFAULT '' AFTER kind",
        "ALTER TABLE job_facts ADD COLUMN more SimpleAggregateFunction(max, UInt8) DEFAULT 0 AFTER name",
    ] {
        run(&stage, &[statement]).await;
        stage.go_on(scene.lasts(20)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-13: a column is dropped while rows are inserted: the processor stops with an error until the column is back. Its content is rebuilt.
pub(crate) async fn column_dropped(scene: Scene) -> Outcome {
    let mut stage = impatient(scene).await;
    // The view that shows the column does not read it while it is gone; this is its definition in the migration.
    let made: String =
        stage.deployment.value("SELECT type FROM system.columns WHERE database = currentDatabase() AND table = 'job_facts' AND name = 'stage'").await;
    run(&stage, &["ALTER TABLE job_facts DROP COLUMN stage"]).await;
    stage.go_on(scene.lasts(60)).await;
    run(&stage, &[&format!("ALTER TABLE job_facts ADD COLUMN stage {made} AFTER name")]).await;
    stage.recover().await;
    stage.deployment.output(&["rebuild", "--tables", "jobs"]);
    stage.end(Allows::No5xx).await
}

/// F-14: its disk is full.
pub(crate) async fn disk_full(scene: Scene) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("clickhouse"), 300) else {
        return Outcome::not_staged("mounting a small file system needs root");
    };
    let (broker, brokers) = broker_child(&folder.path().join("broker")).await;
    let clickhouse = clickhouse_child(&folder.path().join("clickhouse")).await;
    let mut stage = Stage::on(scene, folder, vec![broker], brokers, clickhouse).await.open().await;
    disk.fill();
    // The setting is tested, not the disk itself: an unfinished write of ClickHouse may become a part that nobody can read.
    let mut log = String::new();
    stage
        .until("an insert is refused for it", async |stage| {
            log.push_str(&stage.processors[0].log());
            if log.contains("min_free_disk_bytes_to_perform_insert") { Ok(()) } else { Err(log.clone()) }
        })
        .await;
    stage.go_on(scene.lasts(60)).await;
    disk.free();
    stage.disk = Some(disk);
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-15: the engine's process is killed repeatedly during inserts.
pub(crate) async fn crashed(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.with("GITPULSE_BATCH_MAX_AGE_MS", "50").open().await;
    for _ in 0..5 {
        stage.clickhouse.crash();
        let pause = between(&mut stage.random, 1_500, 4_000);
        stage.go_on(Duration::from_millis(pause)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}
