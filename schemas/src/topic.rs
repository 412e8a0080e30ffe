//! Topics: names and settings. In: a kind. Out: a name, settings. Never talks to Kafka.

use std::time::Duration;

use crate::EventKind;

/// The largest record of an event topic, in bytes: a payload of 25 MiB grows by a third in base64, plus the envelope.
pub const MAX_RECORD_BYTES: usize = 40 * 1024 * 1024;

/// The largest record of the dead letter topic, in bytes: any record, plus the reason.
pub const MAX_DEAD_LETTER_BYTES: usize = MAX_RECORD_BYTES + 1024 * 1024;

/// The largest record of a topic without records, in bytes. It is below Kafka's default, so a topic created by hand works too.
const UNUSED_BYTES: usize = 1024 * 1024;

/// Number of parts that a GitLab's projects are divided into for runs of backfill. 2, 3, 4 or 6 runs get the same number of parts each. Each part
/// is a topic, because a member of a consumer group can choose topics, but not partitions.
pub const BACKFILL_PARTS: u32 = 12;

/// A record to be written to Kafka. Key and value belong together; [`crate::Envelope::to_record`] makes both.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicRecord {
    /// The topic's name.
    pub topic: String,
    /// Instance, project and entity: events of one entity share a partition.
    pub key: Vec<u8>,
    /// The envelope as JSON.
    pub value: Vec<u8>,
}

/// The prefix of the event topics; `gitlab` unless configured. If it is not the default, GitPulse's own topics begin with it too, so that several
/// installations can share a Kafka.
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
    /// The topic of a kind of event.
    pub fn events(&self, kind: EventKind) -> String {
        format!("{}.{kind}", self.0)
    }

    /// Records that the processor could not decode: the original bytes as value, the reason in headers.
    pub fn dead_letters(&self) -> String {
        self.own("dead_letters")
    }

    /// Who did what in GitPulse, and its calls of GitLab.
    pub fn audit(&self) -> String {
        self.own("audit")
    }

    /// A topic without records. The run that Kafka assigns it to reads this part of the projects.
    pub fn backfill(&self, part: u32) -> String {
        self.own(&format!("backfill.{part:02}"))
    }

    /// The consumer group of all backfill runs that read one GitLab, by its URL.
    pub fn backfill_group(&self, instance: &str) -> String {
        self.own(&format!("backfill.{instance}"))
    }

    /// The consumer group of the processor.
    pub fn processor_group(&self) -> String {
        self.own("processor")
    }

    /// All topics, in the order of creation by `migrate`.
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
    /// Kafka's `retention.ms`. ClickHouse keeps events forever; the topics only have to outlast an outage.
    pub retention: Duration,
    /// Kafka's `max.message.bytes`.
    pub max_bytes: usize,
    /// The number of partitions; `None` if the installation decides.
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
