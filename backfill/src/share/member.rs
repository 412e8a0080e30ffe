//! The member of the consumer group. In: the parts to subscribe to. Out: the parts that are assigned and revoked. Never reads a record, because the
//! topics are empty.
//!
//! It has a thread of its own: Kafka's client calls back within a poll, and the callback that gives parts up waits until nobody reads them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use super::ledger::{ENDS_WITHIN, Shared};

/// How long a poll waits, which is also the delay until a new subscription is noticed.
const POLL: Duration = Duration::from_millis(200);

/// Timeout for listing the members of the group.
const COUNT_WITHIN: Duration = Duration::from_secs(5);
/// Pause before the members are listed again, if there was no answer or somebody is just joining.
const COUNT_AGAIN: Duration = Duration::from_secs(1);

/// The name of the group, and of this member in it.
pub(super) struct Name {
    pub(super) group: String,
    pub(super) client_id: String,
}

struct Context {
    topics: Arc<[String]>,
    shared: Arc<Shared>,
    /// Members have joined or left since they were counted.
    has_changed: AtomicBool,
}

impl Context {
    fn parts(&self, assigned: &TopicPartitionList) -> Vec<u32> {
        let elements = assigned.elements();
        let parts = elements.iter().filter_map(|element| {
            let index = self.topics.iter().position(|topic| topic == element.topic());
            index.and_then(|index| u32::try_from(index).ok())
        });
        parts.collect()
    }
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(revoked) => {
                let parts = self.parts(revoked);
                // Parts that Kafka has given to others already cannot be finished any more.
                let (is_lost, within) = match consumer.assignment_lost() {
                    true => (true, Duration::ZERO),
                    false => (false, ENDS_WITHIN),
                };
                tracing::debug!(?parts, is_lost, "other runs take over parts of the projects");
                self.shared.revoke(&parts, within);
            }
            Rebalance::Assign(_) => (),
            Rebalance::Error(error) => {
                tracing::warn!(error = error as &dyn std::error::Error, "rebalance failed");
            }
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.has_changed.store(true, Ordering::SeqCst);
        if let Rebalance::Assign(assigned) = rebalance {
            let parts = self.parts(assigned);
            tracing::debug!(?parts, "parts of the projects are assigned to this run");
            self.shared.assign(&parts);
        }
    }
}

/// A member, before it joins and while it is in the group.
pub(super) struct Member {
    consumer: BaseConsumer<Context>,
    name: Name,
    topics: Arc<[String]>,
    shared: Arc<Shared>,
    subscribed: BTreeSet<u32>,
    count_at: Instant,
}

impl Member {
    /// A client; connects in the background. `topics` are those of the parts, in order.
    pub(super) fn new(
        config: &ClientConfig,
        name: Name,
        topics: Vec<String>,
        shared: Arc<Shared>,
    ) -> KafkaResult<Member> {
        let topics: Arc<[String]> = topics.into();
        let has_changed = AtomicBool::new(false);
        let context = Context { topics: topics.clone(), shared: shared.clone(), has_changed };
        let consumer = config.create_with_context(context)?;
        Ok(Member { consumer, name, topics, shared, subscribed: BTreeSet::new(), count_at: Instant::now() })
    }

    /// Stays in the group until the share is stopped.
    pub(super) fn run(mut self) {
        while !self.shared.is_stopped() {
            if let Err(error) = self.step() {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "Kafka no longer tells this run which projects are its own"
                );
                break;
            }
        }
        self.shared.revoke_all(ENDS_WITHIN);
        // Leaving hands the parts over at once instead of after the session timeout.
        self.consumer.unsubscribe();
        drop(self.consumer);
        self.shared.end();
    }

    fn step(&mut self) -> KafkaResult<()> {
        let wanted = self.shared.wanted();
        if wanted != self.subscribed {
            let named = self.topics.iter().zip(0u32..).filter(|(_, part)| wanted.contains(part));
            let names: Vec<&str> = named.map(|(topic, _)| topic.as_str()).collect();
            match names.is_empty() {
                true => self.consumer.unsubscribe(),
                false => self.consumer.subscribe(&names)?,
            }
            self.subscribed = wanted;
        }
        let polled = match self.consumer.poll(POLL) {
            Some(Err(error)) => passing(error),
            Some(Ok(_)) | None => Ok(()),
        };
        if self.consumer.context().has_changed.load(Ordering::SeqCst) && self.count_at <= Instant::now() {
            self.count();
        }
        polled
    }

    /// Counts the members with this client id to which something is assigned, once the group is stable. A member that holds nothing makes no requests
    /// to GitLab.
    fn count(&mut self) {
        let Name { group, client_id } = &self.name;
        let has_changed = &self.consumer.context().has_changed;
        has_changed.store(false, Ordering::SeqCst);
        let listed = self.consumer.fetch_group_list(Some(group), COUNT_WITHIN);
        let found =
            listed.as_ref().ok().and_then(|list| list.groups().iter().find(|found| found.name() == group));
        match found {
            Some(found) if found.state() == "Stable" => {
                let members = found.members().iter();
                let alike = members
                    .filter(|member| member.client_id() == client_id && names_a_topic(member.assignment()))
                    .count();
                self.shared.set_alike(u32::try_from(alike).unwrap_or(u32::MAX));
            }
            Some(_) | None => {
                has_changed.store(true, Ordering::SeqCst);
                self.count_at = Instant::now() + COUNT_AGAIN;
            }
        }
    }
}

/// Logs errors from which librdkafka recovers by itself, and returns the others.
fn passing(error: KafkaError) -> KafkaResult<()> {
    match error {
        KafkaError::MessageConsumptionFatal(_) => Err(error),
        _ => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the Kafka client reports an error and retries"
            );
            Ok(())
        }
    }
}

/// Whether an assignment in the format of Kafka's clients is not empty: a version in two bytes, then the number of topics in four.
fn names_a_topic(assignment: Option<&[u8]>) -> bool {
    assignment.and_then(|bytes| bytes.get(2..6)).is_some_and(|topics| topics != [0; 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_without_topics_is_empty() {
        assert!(
            !names_a_topic(None) && !names_a_topic(Some(&[])) && !names_a_topic(Some(&[0, 1, 0, 0, 0, 0]))
        );
        assert!(names_a_topic(Some(&[0, 1, 0, 0, 0, 2, 0, 20])));
    }
}
