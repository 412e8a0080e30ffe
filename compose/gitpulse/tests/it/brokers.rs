//! Three brokers, each of which is lost once: partitions find another leader, and every delivery answered 200 is in `events`, once.

use std::collections::BTreeMap;
use std::time::Duration;

use embedded::supervisor::Supervisor;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use schemas::topic::BACKFILL_PARTS;
use testing::skipped;
use tokio::sync::watch;

use crate::deployment::{Deployment, eventually};
use crate::engines::{Addresses, start_clickhouse, start_kafka};
use crate::kills::{Load, check, kill_engine};

/// Timeout for a request to Kafka, which is then repeated.
const ASKED_FOR: Duration = Duration::from_secs(5);

/// Kafka's metadata.
struct Cluster {
    admin: AdminClient<DefaultClientContext>,
    prefix: String,
}

/// One partition, with its number of replicas.
struct Partition {
    leader: i32,
    replicas: usize,
    in_sync: usize,
}

impl Cluster {
    fn new(brokers: &str, deployment: &Deployment) -> Cluster {
        let admin = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
        Cluster { admin, prefix: deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"].clone() }
    }

    /// The partitions of the deployment's topics.
    fn partitions(&self) -> Result<Vec<Partition>, String> {
        let metadata =
            self.admin.inner().fetch_metadata(None, ASKED_FOR).map_err(|error| error.to_string())?;
        let ours = metadata.topics().iter().filter(|topic| topic.name().starts_with(&self.prefix));
        let partitions = ours.flat_map(|topic| topic.partitions()).map(|partition| Partition {
            leader: partition.leader(),
            replicas: partition.replicas().len(),
            in_sync: partition.isr().len(),
        });
        Ok(partitions.collect())
    }

    /// How many partitions a broker leads.
    fn led_by(&self, broker: i32) -> Result<usize, String> {
        Ok(self.partitions()?.iter().filter(|partition| partition.leader == broker).count())
    }

    /// Waits until every replica has every record.
    async fn until_whole(&self) {
        eventually("all replicas are in sync", async || {
            let partitions = self.partitions()?;
            let behind = partitions.iter().filter(|partition| partition.in_sync < 3).count();
            if behind == 0 { Ok(()) } else { Err(format!("{behind} of {}", partitions.len())) }
        })
        .await;
    }

    async fn setting(&self, topic: &str, name: &str) -> String {
        let topic = format!("{}.{topic}", self.prefix);
        let wanted = [ResourceSpecifier::Topic(&topic)];
        let described = self.admin.describe_configs(&wanted, &AdminOptions::new()).await.unwrap();
        let settings = described.into_iter().next().unwrap().unwrap();
        settings.get(name).unwrap().value.clone().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_brokers_of_which_each_is_lost_once_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some((nodes, brokers)) = start_kafka(folder.path(), 3).await else {
        return skipped("the broker of this machine is not Apache Kafka");
    };
    let (_clickhouse, clickhouse_url) = start_clickhouse(&folder.path().join("clickhouse")).await;
    let deployment = Deployment::on(&Addresses { brokers: brokers.clone(), clickhouse_url }, "brokers");
    let cluster = Cluster::new(&brokers, &deployment);
    let partitions = cluster.partitions().unwrap();
    assert_eq!(partitions.len(), 2 * 24 + BACKFILL_PARTS as usize);
    assert!(partitions.iter().all(|partition| partition.replicas == 3));
    assert_eq!(cluster.setting("push", "min.insync.replicas").await, "2");
    assert_eq!(cluster.setting("gitpulse.dead_letters", "min.insync.replicas").await, "2");

    let (ingest, mut processor) = (deployment.ingest(), deployment.processor());
    let (_url, target) = watch::channel(ingest.webhooks());
    let load = Load::start(target);
    let mut left: BTreeMap<i32, &Supervisor> = (1..).zip(&nodes).collect();
    while !left.is_empty() {
        load.until_accepted(50).await;
        cluster.until_whole().await;
        // The first one certainly leads a third of them; a busy machine may have moved all leaders away from the last.
        let broker = *left.keys().max_by_key(|broker| cluster.led_by(**broker).unwrap()).unwrap();
        let node = left.remove(&broker).unwrap();
        let moved =
            eventually("its partitions have another leader", async || match cluster.led_by(broker)? {
                0 => Ok(()),
                led => Err(format!("broker {broker} leads {led}")),
            });
        tokio::join!(kill_engine(node), load.until_accepted(50), moved);
    }
    cluster.until_whole().await;
    load.until_accepted(50).await;
    let answers = load.stop().await;
    check(&deployment, &mut processor, &answers).await;
}
