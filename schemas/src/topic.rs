//! Topics: their names, and how they are created. In: a kind. Out: a name, settings. Never talks to Kafka.

use std::time::Duration;

use crate::EventKind;

/// The largest record a topic takes, in bytes: a payload of 25 MiB grows by a third in base64, and the envelope is added.
pub const MAX_RECORD_BYTES: usize = 40 * 1024 * 1024;

/// The largest record of the dead letter topic, in bytes: any record, and why it is there.
pub const MAX_DEAD_LETTER_BYTES: usize = MAX_RECORD_BYTES + 1024 * 1024;

/// The largest record of a topic that nothing is written to, in bytes: less than Kafka's default, so that one made by hand suits.
const UNUSED_BYTES: usize = 1024 * 1024;

/// Parts of a GitLab's projects, which runs of backfill divide among them: as many to each of 2, 3, 4 or 6. Each is a topic of its own, because
/// a member of a group says which topics it wants, and cannot say which partitions.
pub const BACKFILL_PARTS: u32 = 12;

/// What is written to Kafka: value and key belong together, [`crate::Envelope::to_record`] makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicRecord {
    /// The topic's name.
    pub topic: String,
    /// Instance, project and entity: events of one entity share a partition.
    pub key: Vec<u8>,
    /// The envelope as JSON.
    pub value: Vec<u8>,
}

/// What the names of the event topics begin with; `gitlab` unless configured. Topics of GitPulse's own follow it where it is
/// not the default, so that several installations can share a Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPrefix(String);

impl Default for TopicPrefix {
    fn default() -> Self {
        TopicPrefix("gitlab".to_owned())
    }
}

/// The prefix holds a character that Kafka does not allow in topic names, or is too long.
#[derive(Debug, thiserror::Error)]
#[error("a topic prefix has 1 to 100 letters, digits, '.', '_' and '-'")]
pub struct InvalidPrefix;

impl std::str::FromStr for TopicPrefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > 100 || !text.chars().all(allowed) {
            return Err(InvalidPrefix);
        }
        Ok(TopicPrefix(text.to_owned()))
    }
}

impl std::fmt::Display for TopicPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TopicPrefix {
    /// The topic of one kind of event.
    pub fn events(&self, kind: EventKind) -> String {
        format!("{}.{kind}", self.0)
    }

    /// What the processor could not decode: the original bytes as value, the reason in headers.
    pub fn dead_letters(&self) -> String {
        self.own("dead_letters")
    }

    /// Who did what to GitPulse, and which calls it made to GitLab.
    pub fn audit(&self) -> String {
        self.own("audit")
    }

    /// A topic that holds nothing: whom Kafka assigns it to reads this part of the projects.
    pub fn backfill(&self, part: u32) -> String {
        self.own(&format!("backfill.{part:02}"))
    }

    /// The consumer group of all runs of backfill that read one GitLab, by its URL.
    pub fn backfill_group(&self, instance: &str) -> String {
        self.own(&format!("backfill.{instance}"))
    }

    /// The consumer group of the processor.
    pub fn processor_group(&self) -> String {
        self.own("processor")
    }

    /// All topics, in the order in which `migrate` creates them.
    pub fn all(&self) -> Vec<TopicSettings> {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        let settings =
            |name, retention, max_bytes| TopicSettings { name, retention, max_bytes, partitions: None };
        let mut topics: Vec<TopicSettings> = EventKind::ALL
            .iter()
            .map(|kind| settings(self.events(*kind), days(7), MAX_RECORD_BYTES))
            .collect();
        topics.push(settings(self.dead_letters(), days(3), MAX_DEAD_LETTER_BYTES));
        topics.push(settings(self.audit(), days(7), MAX_RECORD_BYTES));
        topics.extend((0..BACKFILL_PARTS).map(|part| TopicSettings {
            name: self.backfill(part),
            retention: days(1),
            max_bytes: UNUSED_BYTES,
            partitions: Some(1),
        }));
        topics
    }

    fn own(&self, name: &str) -> String {
        match self.0.as_str() {
            "gitlab" => format!("gitpulse.{name}"),
            prefix => format!("{prefix}.gitpulse.{name}"),
        }
    }
}

/// How a topic is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// The topic's name.
    pub name: String,
    /// Kafka's `retention.ms`. ClickHouse keeps events for good; the topics only have to outlast an outage.
    pub retention: Duration,
    /// Kafka's `max.message.bytes`.
    pub max_bytes: usize,
    /// Its partitions; `None` where the installation chooses.
    pub partitions: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_contract() {
        let topics: Vec<String> = TopicPrefix::default().all().into_iter().map(|topic| topic.name).collect();
        assert_eq!(topics.len(), 24 + BACKFILL_PARTS as usize);
        assert_eq!(topics[0], "gitlab.push");
        assert_eq!(topics[21..24], ["gitlab.other", "gitpulse.dead_letters", "gitpulse.audit"]);
        assert_eq!(topics[24], "gitpulse.backfill.00");
        let prefix: TopicPrefix = "acme".parse().unwrap();
        assert_eq!(prefix.events(EventKind::TagPush), "acme.tag_push");
        assert_eq!(prefix.dead_letters(), "acme.gitpulse.dead_letters");
    }

    #[test]
    fn names_kafka_refuses_are_refused() {
        for text in ["", "a b", "grüße", "a/b"] {
            assert!(text.parse::<TopicPrefix>().is_err(), "{text:?}");
        }
    }
}
