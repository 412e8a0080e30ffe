//! Kafka clients. In: settings. Out: producers, consumers and an admin client whose properties keep our guarantees. Only the
//! properties that those rest on are named here, each with its reason; the rest pass through `GITPULSE_KAFKA_PROPERTIES`.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use schemas::topic::{MAX_DEAD_LETTER_BYTES, TopicPrefix, TopicSettings};

/// Where Kafka is, and how its topics are made.
#[derive(Debug, Clone, Args)]
pub struct KafkaConfig {
    /// Brokers, as host:port,host:port; `up` starts one at the first
    #[arg(
        long = "kafka-brokers",
        env = "GITPULSE_KAFKA_BROKERS",
        default_value = "127.0.0.1:9092",
        value_name = "LIST"
    )]
    pub brokers: String,

    /// Further properties of librdkafka, as key=value,key=value: TLS, SASL, compression, ... (may hold secrets)
    #[arg(
        long = "kafka-properties",
        env = "GITPULSE_KAFKA_PROPERTIES",
        hide_env_values = true,
        default_value = "",
        value_name = "LIST"
    )]
    pub properties: KafkaProperties,

    /// What the names of the event topics begin with
    #[arg(
        long = "kafka-topic-prefix",
        env = "GITPULSE_KAFKA_TOPIC_PREFIX",
        default_value = "gitlab",
        value_name = "PREFIX"
    )]
    pub topic_prefix: TopicPrefix,

    /// Partitions of topics that `migrate` creates; existing topics keep theirs, and `up` makes one
    #[arg(long = "kafka-partitions", env = "GITPULSE_KAFKA_PARTITIONS", default_value_t = 6, value_name = "N",
          value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub partitions: i32,

    /// Replicas of topics that are created; 0 means 3, or as many as there are brokers
    #[arg(long = "kafka-replication-factor", env = "GITPULSE_KAFKA_REPLICATION_FACTOR", default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(i32).range(0..=10))]
    pub replication_factor: i32,
}

/// Properties for librdkafka that GitPulse does not care about.
#[derive(Clone, Default)]
pub struct KafkaProperties(Vec<(String, String)>);

/// Properties that GitPulse sets itself: with others, events could be lost or counted twice.
const OURS: [&str; 16] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "delivery.report.only.error",
    "enable.partition.eof",
    "max.poll.interval.ms",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "message.max.bytes",
    "group.id",
    "group.protocol",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "partition.assignment.strategy",
    "allow.auto.create.topics",
];

impl FromStr for KafkaProperties {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut properties = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or("properties are written key=value,key=value")?;
            let key = key.trim();
            if OURS.contains(&key) {
                return Err(format!("GitPulse sets {key} itself: its promises rest on it"));
            }
            properties.push((key.to_owned(), value.trim().to_owned()));
        }
        Ok(KafkaProperties(properties))
    }
}

/// Names are shown, values are not: any of them may be a password.
impl std::fmt::Display for KafkaProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.0.iter().map(|(key, _)| format!("{key}=***")).collect();
        f.write_str(&names.join(","))
    }
}

impl std::fmt::Debug for KafkaProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl KafkaConfig {
    /// What every client has in common.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // After an outage, be back soon.
        config.set("reconnect.backoff.max.ms", "2000").set("client.id", "gitpulse");
        self.apply_properties(&mut config);
        config
            .set("bootstrap.servers", &self.brokers)
            // A topic that is made by accident has the wrong limits and retention.
            .set("allow.auto.create.topics", "false");
        config
    }

    /// A producer that neither loses nor reorders what it was given, as long as it lives.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Long enough for a broker to come back, short enough not to hold memory for events that went to the spool long ago.
            .set("message.timeout.ms", "10000")
            // Publisher admits by bytes; librdkafka's own limit must never be the one that is reached.
            .set("queue.buffering.max.kbytes", "1048576")
            .set("queue.buffering.max.messages", "1000000")
            .set("linger.ms", "2")
            // One request at a time to each broker gathers larger batches: measured beside the default of five, a third of the CPU time and a
            // third more events (benches/README.md).
            .set("max.in.flight.requests.per.connection", "1")
            .set("statistics.interval.ms", "5000");
        self.apply_properties(&mut config);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string());
        config
    }

    /// A consumer of `group` that never skips a record and never commits by itself.
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            // How long the partitions of a killed processor wait for another one.
            .set("session.timeout.ms", "10000")
            // Memory read ahead, in KiB: a bound of what a processor holds beside its batch.
            .set("queued.max.messages.kbytes", "65536")
            .set("statistics.interval.ms", "5000");
        self.apply_properties(&mut config);
        config
            .set("group.id", group)
            // Offsets move after the insert, and only then.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A topic seen for the first time may hold events already.
            .set("auto.offset.reset", "earliest")
            // Eager: a rebalance revokes everything, so that what an open batch drops is read again from the committed offset.
            // Cooperative assignment would go on reading past it.
            .set("partition.assignment.strategy", "range")
            .set("group.protocol", "classic")
            .set("fetch.message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string())
            .set("receive.message.max.bytes", (3 * MAX_DEAD_LETTER_BYTES).to_string());
        config
    }

    /// Overrides what only tunes; what our promises rest on is set after it.
    fn apply_properties(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties.0 {
            config.set(key, value);
        }
    }
}

/// An admin client.
#[derive(Clone)]
pub struct Kafka {
    admin: std::sync::Arc<AdminClient<DefaultClientContext>>,
    prefix: TopicPrefix,
}

/// What every topic of ours has, or events would be lost from it, or counted as new.
const NEEDED: [(&str, &str); 2] = [
    ("cleanup.policy", "delete"),
    // Clocks of producers differ; by the broker's, a log that was made anew can be told (processor/src/commit.rs).
    ("message.timestamp.type", "LogAppendTime"),
];
/// The largest record that a topic takes.
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

/// A setting of a topic that somebody else made, with which our promises do not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsuited {
    /// The topic.
    pub topic: String,
    /// Kafka's name of the setting.
    pub setting: &'static str,
    /// What it is.
    pub value: String,
    /// What it has to be; of sizes, at least.
    pub needed: String,
}

/// Why topics could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Kafka cannot be asked.
    #[error("Kafka does not answer")]
    Unreachable(#[source] KafkaError),
    /// Kafka refused one topic.
    #[error("topic {topic}: {code}")]
    Refused {
        /// The topic.
        topic: String,
        /// Kafka's reason.
        code: RDKafkaErrorCode,
    },
}

impl Kafka {
    /// A client; connects in the background.
    pub fn new(config: &KafkaConfig) -> Result<Kafka, KafkaError> {
        Ok(Kafka {
            admin: std::sync::Arc::new(config.client().create()?),
            prefix: config.topic_prefix.clone(),
        })
    }

    /// How many brokers there are.
    pub async fn brokers(&self, timeout: Duration) -> Result<usize, KafkaError> {
        let admin = self.admin.clone();
        let asked = tokio::task::spawn_blocking(move || {
            admin.inner().fetch_metadata(None, timeout).map(|metadata| metadata.brokers().len())
        });
        asked.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// The topics of ours that do not exist.
    pub async fn missing_topics(&self, timeout: Duration) -> Result<Vec<String>, KafkaError> {
        let admin = self.admin.clone();
        let wanted = self.prefix.all();
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, timeout)?;
            let exists = |name: &str| metadata.topics().iter().any(|topic| topic.name() == name);
            Ok(wanted.into_iter().map(|topic| topic.name).filter(|name| !exists(name)).collect())
        });
        asked.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Settings of our topics that do not suit, by setting. `None` where the broker does not tell all of them.
    pub async fn unsuited_topics(&self, timeout: Duration) -> Result<Option<Vec<Unsuited>>, KafkaError> {
        let topics = self.prefix.all();
        let asked: Vec<ResourceSpecifier<'_>> =
            topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
        let options = AdminOptions::new().request_timeout(Some(timeout));
        let told = self.admin.describe_configs(&asked, &options).await?;
        let mut all = Vec::new();
        let mut told_of = 0;
        for resource in told.into_iter().filter_map(Result::ok) {
            let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { continue };
            let Some(topic) = topics.iter().find(|topic| topic.name == *name) else { continue };
            let value = |setting: &str| resource.get(setting).and_then(|entry| entry.value.clone());
            told_of += usize::from(value(MAX_MESSAGE_BYTES).is_some());
            all.extend(unsuited(topic, value));
        }
        all.sort_by(|one: &Unsuited, next| (one.setting, &one.needed).cmp(&(next.setting, &next.needed)));
        // What is known to be wrong is said, whatever is not known.
        Ok((told_of == topics.len() || !all.is_empty()).then_some(all))
    }

    /// Creates the topics that do not exist and tells their names.
    ///
    /// On a cluster: three replicas, two of which must have a record before it is acknowledged, and no leader that lacks records.
    pub async fn create_topics(
        &self,
        topics: &[TopicSettings],
        partitions: i32,
        replication_factor: i32,
    ) -> Result<Vec<String>, TopicsError> {
        let brokers = self.brokers(Duration::from_secs(10)).await.map_err(TopicsError::Unreachable)?;
        let replicas = match replication_factor {
            0 => brokers.clamp(1, 3) as i32,
            chosen => chosen,
        };
        let in_sync = if replicas >= 3 { "2" } else { "1" };
        let texts: Vec<(String, String)> = topics
            .iter()
            .map(|topic| (topic.retention.as_millis().to_string(), topic.max_bytes.to_string()))
            .collect();
        let wanted: Vec<NewTopic<'_>> = topics
            .iter()
            .zip(&texts)
            .map(|(topic, (retention, max_bytes))| {
                let topic = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(replicas))
                    .set(MAX_MESSAGE_BYTES, max_bytes)
                    .set("retention.ms", retention)
                    .set("min.insync.replicas", in_sync)
                    .set("unclean.leader.election.enable", "false");
                NEEDED.iter().fold(topic, |topic, (setting, value)| topic.set(setting, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let results = self.admin.create_topics(&wanted, &options).await.map_err(TopicsError::Unreachable)?;
        let mut created = Vec::new();
        for result in results {
            match result {
                Ok(topic) => created.push(topic),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => (),
                Err((topic, code)) => return Err(TopicsError::Refused { topic, code }),
            }
        }
        Ok(created)
    }
}

/// What of a topic's settings does not suit; what the broker does not tell is taken to.
fn unsuited(topic: &TopicSettings, value: impl Fn(&str) -> Option<String>) -> Vec<Unsuited> {
    let wrong = |setting, value, needed: &str| Unsuited {
        topic: topic.name.clone(),
        setting,
        value,
        needed: needed.to_owned(),
    };
    let mut unsuited = Vec::new();
    for (setting, needed) in NEEDED {
        if let Some(value) = value(setting).filter(|value| value != needed) {
            unsuited.push(wrong(setting, value, needed));
        }
    }
    let too_small = |value: &String| value.parse::<usize>().is_ok_and(|bytes| bytes < topic.max_bytes);
    if let Some(value) = value(MAX_MESSAGE_BYTES).filter(too_small) {
        unsuited.push(wrong(MAX_MESSAGE_BYTES, value, &topic.max_bytes.to_string()));
    }
    unsuited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_lose_events_are_told() {
        let topic = &TopicPrefix::default().all()[0];
        let told = |settings: &[(&str, &str)]| -> Vec<String> {
            let value = |name: &str| {
                settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            unsuited(topic, value)
                .into_iter()
                .map(|unsuited| format!("{}={}", unsuited.setting, unsuited.needed))
                .collect()
        };
        let suited = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", "99999999"),
        ];
        assert!(told(&suited).is_empty());
        let defaults = [
            ("cleanup.policy", "compact,delete"),
            ("message.timestamp.type", "CreateTime"),
            ("max.message.bytes", "1048588"),
        ];
        assert_eq!(
            told(&defaults),
            ["cleanup.policy=delete", "message.timestamp.type=LogAppendTime", "max.message.bytes=41943040"]
        );
    }

    #[test]
    fn properties_tune_and_do_not_undo() {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            kafka: KafkaConfig,
        }
        let arguments =
            ["test", "--kafka-properties", "linger.ms=7,session.timeout.ms=6000,fetch.message.max.bytes=1"];
        let flags = <Flags as clap::Parser>::try_parse_from(arguments).unwrap();
        assert_eq!(flags.kafka.producer().get("linger.ms"), Some("7"));
        assert_eq!(flags.kafka.consumer("group").get("session.timeout.ms"), Some("6000"));
        let fetch = MAX_DEAD_LETTER_BYTES.to_string();
        assert_eq!(flags.kafka.consumer("group").get("fetch.message.max.bytes"), Some(fetch.as_str()));
    }

    #[test]
    fn properties_our_promises_rest_on_are_refused() {
        assert!("acks=1".parse::<KafkaProperties>().unwrap_err().contains("acks"));
        assert!("compression.type".parse::<KafkaProperties>().is_err());
        let properties: KafkaProperties = "compression.type=lz4, sasl.password=hunter2".parse().unwrap();
        assert_eq!(properties.0.len(), 2);
        assert_eq!(properties.to_string(), "compression.type=***,sasl.password=***");
        assert_eq!(format!("{properties:?}"), properties.to_string());
    }
}
