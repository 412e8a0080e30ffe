//! Nisshi, the broker for machines without Java, supports what `up` needs of a broker. Kafka has the long suite; this is the short one. It runs if
//! Nisshi is installed, because compiling it takes ten minutes: `gitpulse engine provide --broker nisshi`.

use embedded::broker::BrokerProgram;
use embedded::provide::Engines;
use testing::skipped;
use tokio::sync::watch;

use crate::delivery::{client, examples, send};
use crate::deployment::Deployment;
use crate::engines::{Addresses, broker_child_of, cache, shared, start_broker_child};
use crate::kills::{Load, check, kill_engine};

fn nisshi() -> Option<BrokerProgram> {
    let program = Engines::installed_nisshi(&cache());
    if program.is_none() {
        skipped("Nisshi is not installed (gitpulse engine provide --broker nisshi)");
    }
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_passes_through_nisshi_once() {
    let Some(program) = nisshi() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (child, brokers) = broker_child_of(&program, folder.path()).await;
    let _broker = start_broker_child(child).await;
    let addresses = Addresses { brokers, clickhouse_url: shared().clickhouse_url.clone() };
    let deployment = Deployment::on(&addresses, "nisshi");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let (client, examples) = (client(), examples());
    for _ in 0..2 {
        for (name, body) in &examples {
            send(&client, &ingest.webhooks(), name, body.clone()).await;
        }
    }
    // Both rounds were consumed, not only the first.
    let consumed = "SELECT sum(records) FROM consumed_ranges WHERE NOT endsWith(topic, 'dead_letters')";
    deployment.until_count(consumed, 2 * examples.len() as u64).await;
    let events = deployment.value::<u64>("SELECT count() FROM events").await;
    assert_eq!(events, examples.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn nisshi_that_is_killed_under_load_loses_and_doubles_nothing() {
    let Some(program) = nisshi() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (child, brokers) = broker_child_of(&program, folder.path()).await;
    let broker = start_broker_child(child).await;
    let addresses = Addresses { brokers, clickhouse_url: shared().clickhouse_url.clone() };
    let deployment = Deployment::on(&addresses, "nisshi_killed").with("GITPULSE_PUBLISH_TIMEOUT_MS", "50");
    let (ingest, mut processor) = (deployment.ingest(), deployment.processor());
    let (_url, target) = watch::channel(ingest.webhooks());
    let load = Load::start(target);
    for _ in 0..3 {
        load.until_accepted(50).await;
        kill_engine(&broker).await;
    }
    load.until_accepted(50).await;
    let answers = load.stop().await;
    check(&deployment, &mut processor, &answers).await;
}
