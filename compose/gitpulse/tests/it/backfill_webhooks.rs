//! Webhooks and history of the same world at the same time: for half of the projects GitLab sends everything, in any order, while `gitpulse backfill`
//! reads all of them. The tables become the truth.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use simulator::api::Version;
use simulator::gitlab::hooks::Hook;
use simulator::gitlab::{Project, World, WorldConfig};

use crate::backfill::{differences, installation, read_history, sample, serve};
use crate::delivery::{Answer, client, send};
use crate::deployment::Deployment;

/// Concurrent deliveries.
const SENDERS: usize = 8;

/// Rows that webhooks report but no list of the API has, named as by [`differences`].
struct Besides {
    /// Projects whose webhooks were sent.
    projects: BTreeSet<String>,
    /// Things that were deleted later, for which GitLab sends nothing.
    deleted: BTreeSet<String>,
}

impl Besides {
    fn of(world: &World, projects: &[Project]) -> Besides {
        let now = world.config().ends_at();
        let gone = projects.iter().flat_map(|project| world.deleted(project, now));
        let name = |row: simulator::gitlab::truth::Row| {
            let id = if row.table == "merge_requests" { "iid" } else { "id" };
            format!("{} {} {}", row.table, row.columns["project_id"], row.columns[id])
        };
        Besides {
            projects: projects.iter().map(|project| project.id.to_string()).collect(),
            deleted: gone.map(name).collect(),
        }
    }

    fn has(&self, difference: &str) -> bool {
        let (row, what) = difference.split_once(": ").unwrap();
        let mut parts = row.split(' ');
        let (table, project) = (parts.next().unwrap(), parts.next().unwrap());
        if !self.projects.contains(project) {
            return false;
        }
        match (table, what) {
            // A push has no time: if pushes of months arrive within a minute in any order, the head of a ref is unknown.
            ("branches" | "tags" | "pushes", _) => true,
            // The time of its status, which is exact; the API has the time of its job.
            ("deployments", what) if what.starts_with("finished_at is ") => true,
            // Those of other branches.
            ("commits", "is not true") => true,
            ("merge_request_events" | "issue_events", "is not true") => {
                let action = parts.nth(1).unwrap();
                !["opened", "closed", "reopened", "merged"].contains(&action)
                    || self.is_deleted(row, "merge_request_events", "merge_requests")
                    || self.is_deleted(row, "issue_events", "issues")
            }
            (_, "is not true") => self.deleted.contains(row),
            _ => false,
        }
    }

    /// Whether an event is one of a thing that was deleted.
    fn is_deleted(&self, row: &str, table: &str, of: &str) -> bool {
        let key: Vec<&str> = row.split(' ').take(3).collect();
        key[0] == table && self.deleted.contains(&format!("{of} {} {}", key[1], key[2]))
    }
}

/// Waits until the processor has stored all events that are in Kafka.
async fn until_all_is_stored(deployment: &Deployment) {
    const TIMEOUT: Duration = Duration::from_secs(30);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .create()
        .unwrap();
    let start = format!("{}.", deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"]);
    // GitPulse's own topics have `gitpulse` after the prefix.
    let own = format!("{start}gitpulse.");
    let metadata = consumer.fetch_metadata(None, TIMEOUT).unwrap();
    let mut records = 0;
    let is_of_events = |name: &str| name.starts_with(&start) && !name.starts_with(&own);
    for topic in metadata.topics().iter().filter(|topic| is_of_events(topic.name())) {
        for partition in topic.partitions() {
            records += consumer.fetch_watermarks(topic.name(), partition.id(), TIMEOUT).unwrap().1;
        }
    }
    assert!(records > 0, "no topic begins with {start}");
    let stored = format!(
        "SELECT sum(records) FROM consumed_ranges WHERE startsWith(topic, '{start}') AND NOT startsWith(topic, '{own}')"
    );
    deployment.until_count(&stored, records.cast_unsigned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_half_of_the_projects_and_the_history_of_all_are_the_truth_together() {
    let served = serve(WorldConfig::new(12, 2, 14), Version::V19).await;
    let world = &served.world;
    let deployment = installation("backfill_webhooks", world);
    let (_processor, ingest) = (deployment.processor(), deployment.ingest());
    let projects: Vec<Project> =
        (0..world.config().projects).step_by(2).map(|index| world.project(index)).collect();
    let span = (0, world.config().ends_at());
    let hooks = projects.iter().flat_map(|project| world.hooks(project, Version::V19, span));
    let mut hooks: Vec<Hook> = hooks.collect();
    hooks.shuffle(&mut StdRng::seed_from_u64(12));
    let count = hooks.len();
    let (client, url) = (client(), ingest.webhooks());
    let sending = tokio::spawn(async move {
        let sent = stream::iter(hooks.into_iter().zip(0..)).map(|(hook, number)| {
            let (client, url, body) = (client.clone(), url.clone(), hook.body.to_string().into_bytes());
            async move { send(&client, &url, &format!("hook-{number}"), body).await }
        });
        sent.buffer_unordered(SENDERS).all(|answer| std::future::ready(answer == Answer::Status(200))).await
    });
    let reader = deployment.clone();
    let said = tokio::task::spawn_blocking(move || read_history(&reader)).await.unwrap();
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    assert!(sending.await.unwrap(), "a delivery was refused");
    until_all_is_stored(&deployment).await;
    let webhooks: u64 = deployment.value("SELECT count() FROM events WHERE origin = 'webhook'").await;
    assert_eq!(webhooks, count as u64);

    let besides = Besides::of(world, &projects);
    let mut wrong = differences(&deployment, world, &[]).await;
    wrong.retain(|difference| !besides.has(difference));
    assert!(wrong.is_empty(), "{} wrong after {count} webhooks, as {:#?}", wrong.len(), sample(&wrong));
}
