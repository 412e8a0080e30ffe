//! The reports of an invented GitLab. In: seeds. Out: for each its world, the webhooks that it would have sent, and what `gitpulse backfill` reads of
//! its API.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use simulator::api::Version;
use simulator::gitlab::{Project, World, WorldConfig};

use crate::backfill::{installation, serve};
use crate::deployment::Deployment;
use crate::law::records::Record;

/// Projects of a world that are compared: one of each kind that depends on the number (see `Project`). The last two are imported, and one that
/// rewrites main.
pub(super) const PROJECTS: [u32; 8] = [0, 1, 2, 3, 4, 5, 7, 10];
const DAYS: u32 = 28;
const TIMEOUT: Duration = Duration::from_secs(60);

/// A world, and its reports.
pub(super) struct Told {
    pub(super) world: Arc<World>,
    pub(super) webhooks: Vec<Record>,
    pub(super) objects: Vec<Record>,
}

/// The projects of a world that are compared.
pub(super) fn projects(world: &World) -> Vec<Project> {
    PROJECTS.into_iter().map(|index| world.project(index)).collect()
}

/// The reports of the world of a seed, from webhooks and API.
pub(super) async fn tell(seed: u64) -> Told {
    let served = serve(WorldConfig::new(seed, 16, DAYS), Version::V19).await;
    let world = served.world.clone();
    let deployment = installation("world", &world);
    let ids: Vec<String> = projects(&world).iter().map(|project| project.id.to_string()).collect();
    let objects = tokio::task::spawn_blocking(move || {
        let said = deployment.output(&["backfill", "--project", &ids.join(",")]);
        assert!(said.contains("0 failed, 0 interrupted"), "{said}");
        published(&deployment)
    });
    let webhooks = webhooks(&world);
    let objects = objects.await.unwrap();
    Told { world, webhooks, objects }
}

/// The webhooks of a world, each received as it is sent.
fn webhooks(world: &World) -> Vec<Record> {
    let all = (i64::MIN, i64::MAX);
    let hooks = projects(world).into_iter().flat_map(|project| world.hooks(&project, Version::V19, all));
    hooks.map(|hook| Record::webhook(&hook.body).received(hook.at)).collect()
}

/// All records of an installation's topics.
fn published(deployment: &Deployment) -> Vec<Record> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .set("group.id", "reader")
        .create()
        .unwrap();
    let prefix = format!("{}.", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    let metadata = consumer.fetch_metadata(None, TIMEOUT).unwrap();
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    let own = format!("{prefix}gitpulse.");
    let is_of_events = |name: &str| name.starts_with(&prefix) && !name.starts_with(&own);
    for topic in metadata.topics().iter().filter(|topic| is_of_events(topic.name())) {
        for partition in topic.partitions() {
            let (first, end) = consumer.fetch_watermarks(topic.name(), partition.id(), TIMEOUT).unwrap();
            if end > first {
                left += end - first;
                let begin = Offset::Beginning;
                assignment.add_partition_offset(topic.name(), partition.id(), begin).unwrap();
            }
        }
    }
    consumer.assign(&assignment).unwrap();
    let mut records = Vec::new();
    while left > 0 {
        let message = consumer.poll(TIMEOUT).expect("all records arrive").unwrap();
        left -= 1;
        records.extend(message.payload().map(Record::published));
    }
    records
}
