//! Our topics in Kafka. In: a client that may describe and create topics. Out: topics that keep what they acknowledge, and the wrong settings of
//! topics that somebody else created.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use schemas::topic::{TopicPrefix, TopicSettings};
use tokio::time::Instant;

use super::KafkaConfig;
use super::log::ClientLog;

/// An admin client.
#[derive(Clone)]
pub struct Kafka {
    admin: std::sync::Arc<AdminClient<ClientLog>>,
    prefix: TopicPrefix,
}

/// Settings that every topic of ours must have; without them events would be lost, or counted as new.
const NEEDED: [(&str, &str); 3] = [
    ("cleanup.policy", "delete"),
    // Clocks of producers differ; the broker's clock shows that a log was recreated (processor/src/commit.rs).
    ("message.timestamp.type", "LogAppendTime"),
    // A leader that lacks records would make its followers drop them.
    (UNCLEAN_ELECTION, "false"),
];

/// The largest record that a topic accepts.
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
/// Whether a replica that lacks records may become the leader.
const UNCLEAN_ELECTION: &str = "unclean.leader.election.enable";
/// How many replicas have a record before it is acknowledged.
const MIN_IN_SYNC: &str = "min.insync.replicas";

/// How long creating a topic waits for brokers that count as dead, and the pause between two tries.
const BROKERS_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// A setting of an existing topic that breaks a guarantee.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsuited {
    /// The topic.
    pub topic: String,
    /// Kafka's name of the setting.
    pub setting: &'static str,
    /// What it is.
    pub value: String,
    /// What it has to be; for a number, the minimum.
    pub needed: String,
}

/// Why topics could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Kafka does not answer.
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
            admin: std::sync::Arc::new(config.client().create_with_context(ClientLog::default())?),
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

    /// The id of the cluster; `None` if Kafka does not report it, or not in time. Topics have ids too, which librdkafka does not expose.
    pub async fn cluster_id(&self, timeout: Duration) -> Option<String> {
        let admin = self.admin.clone();
        tokio::task::spawn_blocking(move || admin.inner().fetch_cluster_id(timeout)).await.ok().flatten()
    }

    /// Our topics that do not exist.
    pub async fn missing_topics(&self, timeout: Duration) -> Result<Vec<String>, KafkaError> {
        let wanted = self.prefix.all().into_iter().map(|topic| topic.name).collect();
        self.missing_of(wanted, timeout).await
    }

    /// Those of the given topics that do not exist.
    pub async fn missing_of(
        &self,
        wanted: Vec<String>,
        timeout: Duration,
    ) -> Result<Vec<String>, KafkaError> {
        let admin = self.admin.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, timeout)?;
            let exists = |name: &str| metadata.topics().iter().any(|topic| topic.name() == name);
            Ok(wanted.into_iter().filter(|name| !exists(name)).collect())
        });
        asked.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Wrong settings of our topics, sorted by setting. `None` if the broker does not show the settings of all topics.
    pub async fn unsuited_topics(&self, timeout: Duration) -> Result<Option<Vec<Unsuited>>, KafkaError> {
        let topics = self.prefix.all();
        let replicas = self.replicas(timeout).await?;
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
            all.extend(unsuited(topic, replicas.get(name).copied().unwrap_or(1), value));
        }
        all.sort_by(|one: &Unsuited, next| (one.setting, &one.needed).cmp(&(next.setting, &next.needed)));
        // Known faults are reported even if other settings are unknown.
        Ok((told_of == topics.len() || !all.is_empty()).then_some(all))
    }

    /// Replicas of each topic: those of its partition with the fewest.
    async fn replicas(&self, timeout: Duration) -> Result<BTreeMap<String, usize>, KafkaError> {
        let admin = self.admin.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, timeout)?;
            let replicas = metadata.topics().iter().filter_map(|topic| {
                let fewest = topic.partitions().iter().map(|partition| partition.replicas().len()).min()?;
                Some((topic.name().to_owned(), fewest))
            });
            Ok(replicas.collect())
        });
        asked.await.unwrap_or(Err(KafkaError::Canceled))
    }

    /// Creates the topics that do not exist and returns their names. `partitions` is for topics without a number of their own.
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
        let in_sync = in_sync(replicas as usize).to_string();
        let texts: Vec<(String, String)> = topics
            .iter()
            .map(|topic| (topic.retention.as_millis().to_string(), topic.max_bytes.to_string()))
            .collect();
        let wanted: Vec<NewTopic<'_>> = topics
            .iter()
            .zip(&texts)
            .map(|(topic, (retention, max_bytes))| {
                let topic = NewTopic::new(
                    &topic.name,
                    topic.partitions.unwrap_or(partitions),
                    TopicReplication::Fixed(replicas),
                )
                .set(MAX_MESSAGE_BYTES, max_bytes)
                .set("retention.ms", retention)
                .set(MIN_IN_SYNC, &in_sync);
                NEEDED.iter().fold(topic, |topic, (setting, value)| topic.set(setting, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let (mut created, until) = (Vec::new(), Instant::now() + BROKERS_WITHIN);
        loop {
            let results = self.admin.create_topics(&wanted, &options).await;
            let mut refused = None;
            for result in results.map_err(TopicsError::Unreachable)? {
                match result {
                    Ok(topic) => created.push(topic),
                    Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => (),
                    Err((topic, code)) => refused = refused.or(Some((topic, code))),
                }
            }
            match refused {
                None => return Ok(created),
                // A broker that is slow to register counts as dead until then.
                Some((_, RDKafkaErrorCode::InvalidReplicationFactor)) if Instant::now() < until => {
                    tokio::time::sleep(PAUSE).await;
                }
                Some((topic, code)) => return Err(TopicsError::Refused { topic, code }),
            }
        }
    }
}

/// How many replicas of this number must have a record before it is acknowledged: one may be lost, and one may be away.
fn in_sync(replicas: usize) -> usize {
    if replicas >= 3 { 2 } else { 1 }
}

/// Wrong settings of one topic; a setting that the broker does not show counts as right.
fn unsuited(topic: &TopicSettings, replicas: usize, value: impl Fn(&str) -> Option<String>) -> Vec<Unsuited> {
    let wrong = |setting, value, needed| Unsuited { topic: topic.name.clone(), setting, value, needed };
    let mut unsuited = Vec::new();
    // Without another replica there is no election.
    let matters = |(setting, _): &(&str, &str)| replicas > 1 || *setting != UNCLEAN_ELECTION;
    for (setting, needed) in NEEDED.into_iter().filter(matters) {
        if let Some(value) = value(setting).filter(|value| value != needed) {
            unsuited.push(wrong(setting, value, needed.to_owned()));
        }
    }
    for (setting, needed) in [(MAX_MESSAGE_BYTES, topic.max_bytes), (MIN_IN_SYNC, in_sync(replicas))] {
        let too_small = |value: &String| value.parse::<usize>().is_ok_and(|value| value < needed);
        if let Some(value) = value(setting).filter(too_small) {
            unsuited.push(wrong(setting, value, needed.to_string()));
        }
    }
    unsuited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_lose_events_are_told() {
        let topic = &TopicPrefix::default().all()[0];
        let told = |replicas, settings: &[(&str, &str)]| -> Vec<String> {
            let value = |name: &str| {
                settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            unsuited(topic, replicas, value)
                .into_iter()
                .map(|unsuited| format!("{}={}", unsuited.setting, unsuited.needed))
                .collect()
        };
        let suited = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("unclean.leader.election.enable", "false"),
            ("max.message.bytes", "99999999"),
            ("min.insync.replicas", "2"),
        ];
        assert!(told(3, &suited).is_empty());
        let defaults = [
            ("cleanup.policy", "compact,delete"),
            ("message.timestamp.type", "CreateTime"),
            ("unclean.leader.election.enable", "true"),
            ("max.message.bytes", "1048588"),
            ("min.insync.replicas", "1"),
        ];
        assert_eq!(
            told(3, &defaults),
            [
                "cleanup.policy=delete",
                "message.timestamp.type=LogAppendTime",
                "unclean.leader.election.enable=false",
                "max.message.bytes=41943040",
                "min.insync.replicas=2"
            ]
        );
        assert_eq!(told(1, &defaults).len(), 3);
    }
}
