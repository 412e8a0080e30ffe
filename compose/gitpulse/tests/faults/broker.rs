//! Faults of the broker: F-01 to F-05 and F-08. Whatever the broker does, deliveries are answered 200 in time and end up in their tables once.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rustix::process::Signal;

use crate::disk::Disk;
use crate::engines::{broker_child, clickhouse_child, kafka_children};
use crate::judge::Allows;
use crate::report::Outcome;
use crate::stage::{Scene, Stage, between};

/// How long librdkafka keeps a record (`message.timeout.ms`).
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// F-01: killed under load, and back after half a minute.
pub(crate) async fn killed(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker().kill();
    stage.go_on(scene.lasts(30)).await;
    stage.has_spooled().await;
    stage.broker().restart().await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-01: killed repeatedly at random moments, back at once.
pub(crate) async fn crashed(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    for _ in 0..5 {
        stage.broker().crash();
        let pause = between(&mut stage.random, 200, 4_000);
        stage.go_on(Duration::from_millis(pause)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-02: frozen for a minute: it is connected but does not answer.
pub(crate) async fn frozen(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker().freeze();
    stage.go_on(scene.lasts(60)).await;
    stage.has_spooled().await;
    stage.broker().thaw();
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-03: away for longer than the client keeps a record: everything is spooled, then drained.
pub(crate) async fn gone(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker().kill();
    stage.go_on(scene.lasts(60).max(DELIVERY_TIMEOUT + Duration::from_secs(3))).await;
    stage.has_spooled().await;
    stage.broker().restart().await;
    stage.recover().await;
    stage
        .until("the spool is empty", async |stage| {
            match stage.ingest_metric("gitpulse_spool_records").await {
                0.0 => Ok(()),
                records => Err(format!("{records} records")),
            }
        })
        .await;
    stage.end(Allows::No5xx).await
}

/// F-04: its disk is full.
pub(crate) async fn disk_full(scene: Scene) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("broker"), 200) else {
        return Outcome::not_staged("mounting a small file system needs root");
    };
    let (broker, brokers) = broker_child(&folder.path().join("broker")).await;
    let clickhouse = clickhouse_child(&folder.path().join("clickhouse")).await;
    let mut stage = Stage::on(scene, folder, vec![broker], brokers, clickhouse).await.open().await;
    disk.fill();
    stage.go_on(scene.lasts(60)).await;
    stage.has_spooled().await;
    disk.free();
    stage.disk = Some(disk);
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// When deleted topics are recreated.
#[derive(Clone, Copy)]
enum Remade {
    AtOnce,
    Later,
}

/// F-05: the busiest topics are deleted and recreated at once, possibly before anybody notices.
pub(crate) async fn topics_made_again_at_once(scene: Scene) -> Outcome {
    topics_deleted(scene, Remade::AtOnce).await
}

/// F-05: the busiest topics are deleted, and recreated when the spool is full of their records.
pub(crate) async fn topics_made_again_later(scene: Scene) -> Outcome {
    topics_deleted(scene, Remade::Later).await
}

/// All records of the topics were consumed before. When the processor polls again, each new log is longer than the old one was: a reader that
/// continues at the old offset would find records there, and miss those before it.
async fn topics_deleted(scene: Scene, remade: Remade) -> Outcome {
    // A member that its group expels would start again from the committed offset.
    let mut stage = Stage::prepare(scene)
        .await
        .with("GITPULSE_KAFKA_PROPERTIES", "session.timeout.ms=120000")
        .open()
        .await;
    stage.go_on(scene.lasts(10)).await;
    // Deleting a topic deletes unread records too, so everything is read before, and nothing is sent in between.
    stage.pause().await;
    stage.recover().await;
    let prefix = &stage.deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"];
    let topics = ["job", "pipeline", "push"].map(|kind| format!("{prefix}.{kind}"));
    let names = topics.each_ref().map(String::as_str);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &stage.deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .create()
        .unwrap();
    let old = ends(&admin, &names).unwrap();
    stage.processors[0].signal(Signal::STOP);
    for deleted in admin.delete_topics(&names, &AdminOptions::new()).await.unwrap() {
        deleted.unwrap();
    }
    // Until the topic is gone, Kafka still acknowledges records that are deleted with it.
    stage
        .until("the topics are gone", async |_| {
            let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5)).unwrap();
            match metadata.topics().iter().find(|topic| names.contains(&topic.name())) {
                None => Ok(()),
                Some(topic) => Err(format!("{} is there", topic.name())),
            }
        })
        .await;
    stage.resume();
    if let Remade::Later = remade {
        stage.go_on(scene.lasts(20)).await;
    }
    stage.deployment.output(&["migrate"]);
    stage
        .until("the new logs are longer than the old ones", async |_| match ends(&admin, &names) {
            Ok(new) if new.len() == old.len() && new.iter().zip(&old).all(|(new, old)| new > old) => Ok(()),
            state => Err(format!("{state:?}, before {old:?}")),
        })
        .await;
    stage.processors[0].signal(Signal::CONT);
    stage.go_on(scene.lasts(20)).await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// The ends of the logs of topics, partition by partition.
fn ends(admin: &AdminClient<DefaultClientContext>, topics: &[&str]) -> KafkaResult<Vec<i64>> {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let metadata = admin.inner().fetch_metadata(None, TIMEOUT)?;
    let mut ends = Vec::new();
    for topic in topics {
        let known = metadata.topics().iter().find(|known| known.name() == *topic);
        for partition in known.map_or(&[][..], |topic| topic.partitions()) {
            ends.push(admin.inner().fetch_watermarks(topic, partition.id(), TIMEOUT)?.1);
        }
    }
    Ok(ends)
}

/// F-08: absent when everything starts.
pub(crate) async fn absent_at_start(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await;
    stage.broker().kill();
    stage.start_ingest();
    stage.processors.push(stage.deployment.processor());
    stage.start_load();
    stage.go_on(scene.lasts(60)).await;
    stage.broker().restart().await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// Each of three brokers is killed in turn: leaders move, and acknowledged records are still there.
pub(crate) async fn one_of_three_killed(scene: Scene) -> Outcome {
    let Some(mut stage) = three_brokers(scene).await else {
        return Outcome::not_staged("the broker of this machine is not Apache Kafka");
    };
    for node in 0..3 {
        stage.brokers[node].kill();
        stage.go_on(scene.lasts(30)).await;
        stage.brokers[node].restart().await;
        stage.go_on(scene.lasts(30)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-06 on a cluster: two of three brokers are gone, and the third acknowledges nothing because replicas are missing.
pub(crate) async fn two_of_three_killed(scene: Scene) -> Outcome {
    let Some(mut stage) = three_brokers(scene).await else {
        return Outcome::not_staged("the broker of this machine is not Apache Kafka");
    };
    let left = usize::try_from(between(&mut stage.random, 0, 2)).unwrap();
    let lost = [(left + 1) % 3, (left + 2) % 3];
    for node in lost {
        stage.brokers[node].kill();
    }
    stage.go_on(scene.lasts(60)).await;
    stage.has_spooled().await;
    let [first, second] = stage.brokers.get_disjoint_mut(lost).unwrap();
    // Concurrently, because neither is ready without the other.
    tokio::join!(first.restart(), second.restart());
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

async fn three_brokers(scene: Scene) -> Option<Stage> {
    let folder = tempfile::tempdir().unwrap();
    let (children, brokers) = kafka_children(&folder.path().join("brokers"), 3).await?;
    let clickhouse = clickhouse_child(&folder.path().join("clickhouse")).await;
    Some(Stage::on(scene, folder, children, brokers, clickhouse).await.open().await)
}
