//! Kafka clients. In: settings. Out: producers and consumers whose properties keep our guarantees, and our topics (`topics.rs`). Only the properties
//! that guarantees depend on are set here, each with its reason; others pass through `GITPULSE_KAFKA_PROPERTIES`.

pub mod log;
mod topics;

use std::str::FromStr;

use clap::Args;
use rdkafka::ClientConfig;
use schemas::topic::{MAX_DEAD_LETTER_BYTES, TopicPrefix};
pub use topics::{Kafka, TopicsError, Unsuited};

/// Where Kafka is, and how its topics are made.
#[derive(Debug, Clone, Args)]
pub struct KafkaConfig {
    /// Brokers, as host:port,host:port; `up` starts its own at the first
    #[arg(
        long = "kafka-brokers",
        env = "GITPULSE_KAFKA_BROKERS",
        default_value = "127.0.0.1:9092",
        value_name = "LIST"
    )]
    pub brokers: String,

    /// Other properties of librdkafka, as key=value,key=value: TLS, SASL, compression, ... (may hold secrets)
    #[arg(
        long = "kafka-properties",
        env = "GITPULSE_KAFKA_PROPERTIES",
        hide_env_values = true,
        default_value = "",
        value_name = "LIST"
    )]
    pub properties: KafkaProperties,

    /// Prefix of topic names
    #[arg(
        long = "kafka-topic-prefix",
        env = "GITPULSE_KAFKA_TOPIC_PREFIX",
        default_value = "gitlab",
        value_name = "PREFIX"
    )]
    pub topic_prefix: TopicPrefix,

    /// Partitions of each topic that `migrate` creates; existing topics keep theirs, and `up` always creates one
    #[arg(long = "kafka-partitions", env = "GITPULSE_KAFKA_PARTITIONS", default_value_t = 6, value_name = "N",
          value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub partitions: i32,

    /// Replicas of each topic that is created; 0 means 3, or the number of brokers if there are fewer
    #[arg(long = "kafka-replication-factor", env = "GITPULSE_KAFKA_REPLICATION_FACTOR", default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(i32).range(0..=10))]
    pub replication_factor: i32,
}

/// Properties for librdkafka that GitPulse does not set itself.
#[derive(Clone, Default)]
pub struct KafkaProperties(Vec<(String, String)>);

/// Properties that GitPulse sets itself: with other values, events could be lost or counted twice.
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
            let value = value.trim();
            // librdkafka's own error quotes the value, which may be a password behind a misspelt name.
            if ClientConfig::new().set(key, value).create_native_config().is_err() {
                return Err(format!(
                    "librdkafka has no property {key}, or it does not accept this value, or this build lacks it"
                ));
            }
            properties.push((key.to_owned(), value.to_owned()));
        }
        Ok(KafkaProperties(properties))
    }
}

/// Shows names but no values: any of them may be a password.
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
    /// Properties that every client has.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Reconnects soon after an outage.
        config.set("reconnect.backoff.max.ms", "2000").set("client.id", "gitpulse");
        self.apply_properties(&mut config);
        config
            .set("bootstrap.servers", &self.brokers)
            // A topic that is created by accident has the wrong limits and retention.
            .set("allow.auto.create.topics", "false");
        config
    }

    /// A producer that never loses or reorders a record that it accepted, as long as the process lives.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Long enough for a broker to come back, short enough not to hold memory for events that went to the spool long ago.
            .set("message.timeout.ms", "10000")
            // The publisher limits bytes; librdkafka's own limits must never be reached first.
            .set("queue.buffering.max.kbytes", "1048576")
            .set("queue.buffering.max.messages", "1000000")
            .set("linger.ms", "2")
            // One request at a time per broker makes larger batches: compared with the default of five, this took a third of the CPU time for a third
            // more events (benches/README.md).
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
            // Memory for records read ahead, in KiB, which a processor holds besides its batch.
            .set("queued.max.messages.kbytes", "65536")
            .set("statistics.interval.ms", "5000");
        self.apply_properties(&mut config);
        config
            .set("group.id", group)
            // Offsets are committed after the insert, and only then.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A topic seen for the first time may hold events already.
            .set("auto.offset.reset", "earliest")
            // Eager: a rebalance revokes everything, so that records dropped with an open batch are read again from the committed offset. Cooperative
            // assignment would continue behind them.
            .set("partition.assignment.strategy", "range")
            .set("group.protocol", "classic")
            .set("fetch.message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string())
            .set("receive.message.max.bytes", (3 * MAX_DEAD_LETTER_BYTES).to_string());
        config
    }

    /// A member of `group`, whose members divide work by topics that stay empty.
    pub fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            // How long the work of a killed member waits for another one.
            .set("session.timeout.ms", "10000")
            // Members learn of a join or leave with the next heartbeat.
            .set("heartbeat.interval.ms", "1000")
            .set("queued.max.messages.kbytes", "1024");
        self.apply_properties(&mut config);
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            // Only what moves is revoked: the members continue with the rest. It also divides evenly what only some members subscribe to.
            .set("partition.assignment.strategy", "cooperative-sticky")
            // Its successor (KIP-848) needs brokers of Kafka 4.0 and offers nothing that is needed here.
            .set("group.protocol", "classic");
        config
    }

    /// Applies the user's tuning; properties that guarantees depend on are set after it.
    fn apply_properties(&self, config: &mut ClientConfig) {
        for (key, value) in &self.properties.0 {
            config.set(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
