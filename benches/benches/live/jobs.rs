//! Memory over a long history. In: a GitLab that invents as many jobs as are asked for. Out: how fast `gitpulse backfill` publishes them with Kafka's
//! acknowledgement, and its peak memory. Kafka keeps only the last of them, so that no disk fills up.

use std::time::Duration;

use anyhow::Context;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use schemas::EventKind;

use crate::Options;
use crate::face::{Jobs, PER_PAGE};
use crate::history::{command, run_to_its_end};
use crate::installation::Installation;
use crate::report::{Report, Run};

/// Retention of a partition in bytes; Kafka enforces it every five minutes.
const KEPT_BYTES: &str = "268435456";
const SEGMENT_BYTES: &str = "67108864";
/// GitLab gives each user 600 pages of jobs a minute, which the client respects: with so many users, all pages can be read.
const TOKENS: usize = 32;
const LIMIT: Duration = Duration::from_secs(6 * 3_600);
const ANSWER: Duration = Duration::from_secs(30);

/// One run: it takes long enough to be reliable.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    objects: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let jobs = Jobs { projects: options.projects.into(), objects };
    let gitlab = installation.face_of_jobs(jobs).await?;
    let name = "jobs";
    let topic = topic(installation, name).await?;
    installation.migrate(name).await?;
    let tokens: Vec<String> = (0..TOKENS).map(|number| format!("glpat-{number:020}")).collect();
    let mut command = command(installation, &gitlab, name, "jobs")?;
    command.env("GITLAB_TOKEN", tokens.join(","));
    let run = Run::new("jobs", name.to_owned(), 0, Duration::ZERO);
    let mut run = run_to_its_end(installation, &gitlab, command, run, LIMIT).await?;
    let (all, records) = (jobs.all(), published(installation, name, &topic)?);
    // After a lost session of Kafka or ClickHouse, each list reads its current page again, under the same ids.
    let most = all + u64::from(options.projects) * PER_PAGE;
    if !(all..=most).contains(&run.events) || records != run.events {
        run.fault = Some(format!("{} jobs of {all}, {records} records in Kafka", run.events));
    }
    report.note(format!(
        "{all} jobs of {} projects, {} of them read twice, at most {:.1} MiB",
        jobs.projects,
        run.events.saturating_sub(all),
        run.peak_mib.unwrap_or_default()
    ));
    report.push(run);
    gitlab.stop().await
}

/// Creates the topic of jobs before anybody else does, with a small retention.
async fn topic(installation: &Installation, name: &str) -> anyhow::Result<String> {
    let config = installation.kafka(name)?;
    let topic = config.topic_prefix.events(EventKind::Job);
    let admin: AdminClient<DefaultClientContext> = config.client().create()?;
    let new = NewTopic::new(&topic, config.partitions, TopicReplication::Fixed(-1))
        .set("retention.bytes", KEPT_BYTES)
        .set("segment.bytes", SEGMENT_BYTES)
        .set("file.delete.delay.ms", "1000");
    let options = AdminOptions::new().operation_timeout(Some(ANSWER));
    for created in admin.create_topics([&new], &options).await? {
        created.map_err(|(topic, code)| anyhow::anyhow!("topic {topic}: {code}"))?;
    }
    Ok(topic)
}

/// Records that were ever written to a topic.
fn published(installation: &Installation, name: &str, topic: &str) -> anyhow::Result<u64> {
    let config = installation.kafka(name)?;
    let consumer: BaseConsumer = config.client().create()?;
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata.topics().first().context("the topic of jobs is not there")?.partitions();
    let mut published = 0;
    for partition in partitions {
        let (_, end) = consumer.fetch_watermarks(topic, partition.id(), ANSWER)?;
        published += u64::try_from(end)?;
    }
    Ok(published)
}
