//! The verdict on a fault. In: a stage. Out: whether everything accepted is where it belongs, offsets are committed to the end, and the result of
//! `gitpulse check`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientConfig, TopicPartitionList};
use schemas::TopicPrefix;
use simulator::{History, Verdict};

use crate::report::Outcome;
use crate::stage::{PATIENCE, Stage};

/// No answer may take longer (`docs/RELIABILITY.md`).
const LONGEST_ANSWER_MS: u64 = 8_000;

/// Which failed answers a fault may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allows {
    /// None: authentic deliveries are answered 200, whatever fails behind ingest.
    No5xx,
    /// 503 while neither Kafka nor the disk accepts anything.
    Unavailable,
    /// No answer, if ingest itself is killed.
    NoAnswer,
}

impl Stage {
    /// Notes that the fault is over, and waits until everything accepted so far is in its tables.
    pub(crate) async fn recover(&mut self) {
        let ended = Instant::now();
        let until_now = History::read(&self.history).unwrap();
        self.until("everything accepted is in its tables", async |stage| {
            match simulator::check::missing(&stage.deployment.client, &until_now).await {
                Ok(0) => Ok(()),
                Ok(missing) => Err(format!("{missing} are missing")),
                Err(error) => Err(format!("{error}: {:?}", error.source)),
            }
        })
        .await;
        self.recovery = Some(ended.elapsed());
    }

    /// A metric of ingest.
    pub(crate) async fn ingest_metric(&self, name: &str) -> f64 {
        metric(self.ingest_admin, name).await
    }

    /// Checks that the fault had an effect: events were spooled since ingest was started.
    pub(crate) async fn has_spooled(&mut self) {
        let spooled = self.ingest_metric("gitpulse_spool_appended_total").await;
        assert!(spooled > 0.0, "nothing was spooled: the fault was none");
        self.notes.push(format!("{spooled} spooled"));
    }

    /// Lets the load continue for a moment, stops it and everything else, and judges.
    pub(crate) async fn end(mut self, allows: Allows) -> Outcome {
        self.go_on(Duration::from_secs(1)).await;
        self.stop_load().await;
        let mut faults = Vec::new();
        let verdict = self.judge(&self.history, &mut faults);
        self.until("all offsets are committed", async |stage| stage.lag().await).await;
        if let Some(verdict) = &verdict {
            answers(verdict, allows, &mut faults);
        }
        // A role that is stopped must exit with 0, whatever happened before.
        let roles = self.ingest.iter_mut().map(|role| ("ingest", role));
        for (name, role) in roles.chain(self.processors.iter_mut().map(|role| ("processor", role))) {
            let code = role.terminate();
            if code != Some(0) {
                faults.push(format!("{name} ended with {code:?}: {}", role.log()));
            }
        }
        if !faults.is_empty() {
            faults.push(self.logs());
        }
        if self.restarts > 0 {
            self.notes.push(format!("{} restarts of roles", self.restarts));
        }
        Outcome { verdict, recovery: self.recovery, notes: self.notes, faults }
    }

    /// Checks that the processors' group has committed everything that Kafka holds.
    async fn lag(&self) -> Result<(), String> {
        let environment = &self.deployment.environment;
        let prefix: TopicPrefix = environment["GITPULSE_KAFKA_TOPIC_PREFIX"].parse().unwrap();
        let database = "SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'";
        let group =
            format!("{}.{}", prefix.processor_group(), self.deployment.value::<String>(database).await);
        let brokers = environment["GITPULSE_KAFKA_BROKERS"].clone();
        let asked = tokio::task::spawn_blocking(move || lag(&brokers, &group, &prefix)).await.unwrap();
        match asked {
            Ok(behind) if behind.is_empty() => Ok(()),
            Ok(behind) => Err(behind.join(", ")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs `gitpulse check`, as a user would.
    pub(crate) fn judge(&self, history: &Path, faults: &mut Vec<String>) -> Option<Verdict> {
        let patience = PATIENCE.as_secs().to_string();
        let history = history.to_str().unwrap();
        let arguments = ["check", history, "--json", "--rebuild", "--patience", &patience];
        let output = self.deployment.command(&arguments).output().unwrap();
        match serde_json::from_slice::<Verdict>(&output.stdout) {
            Ok(verdict) => {
                if !verdict.is_good() {
                    faults.push(verdict.to_string());
                }
                Some(verdict)
            }
            Err(error) => {
                faults.push(format!("no verdict: {error}: {}", String::from_utf8_lossy(&output.stderr)));
                None
            }
        }
    }
}

/// A metric of a role, summed over its labels.
pub(crate) async fn metric(admin: SocketAddr, name: &str) -> f64 {
    let text = reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    let of_it = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
    };
    text.lines().filter(of_it).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Partitions that a group has not committed to their end.
fn lag(brokers: &str, group: &str, prefix: &TopicPrefix) -> KafkaResult<Vec<String>> {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).create()?;
    let metadata = consumer.fetch_metadata(None, TIMEOUT)?;
    let mut partitions = TopicPartitionList::new();
    let names: Vec<String> = prefix.all().into_iter().map(|topic| topic.name).collect();
    for topic in metadata.topics().iter().filter(|topic| names.iter().any(|name| name == topic.name())) {
        for partition in topic.partitions() {
            partitions.add_partition(topic.name(), partition.id());
        }
    }
    let mut behind = Vec::new();
    for element in consumer.committed_offsets(partitions, TIMEOUT)?.elements() {
        let (low, high) = consumer.fetch_watermarks(element.topic(), element.partition(), TIMEOUT)?;
        let committed = element.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(low);
        if committed < high {
            behind.push(format!("{} {}: {committed} of {high}", element.topic(), element.partition()));
        }
    }
    Ok(behind)
}

/// Checks that ingest answered as it had to.
fn answers(verdict: &Verdict, allows: Allows, faults: &mut Vec<String>) {
    if verdict.longest_ms > LONGEST_ANSWER_MS {
        faults.push(format!("an answer took {} ms", verdict.longest_ms));
    }
    for (status, count) in &verdict.answers {
        let is_allowed = match status {
            200 | 401 | 415 => true,
            503 => matches!(allows, Allows::Unavailable),
            0 => matches!(allows, Allows::NoAnswer),
            _ => false,
        };
        if !is_allowed {
            faults.push(format!("{count} requests were answered {status} (0: not at all)"));
        }
    }
}
