//! The member of Kafka's group. In: the parts that are wanted. Out: the parts that are assigned and revoked. Never reads a record: there are none.
//!
//! A thread of its own, because Kafka's client calls back within a poll, and a callback that gives parts up waits until nobody reads them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use super::ledger::{ENDS_WITHIN, Shared};

/// How long a poll waits, and so how late it is noticed what is wanted.
const POLL: Duration = Duration::from_millis(200);

struct Context {
    topics: Arc<[String]>,
    shared: Arc<Shared>,
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
                // What Kafka has given to others already cannot be finished any more.
                let (is_lost, within) = match consumer.assignment_lost() {
                    true => (true, Duration::ZERO),
                    false => (false, ENDS_WITHIN),
                };
                tracing::info!(?parts, is_lost, "parts of the projects are left to others");
                self.shared.revoke(&parts, within);
            }
            Rebalance::Assign(_) => (),
            Rebalance::Error(error) => {
                tracing::warn!(error = error as &dyn std::error::Error, "rebalance failed");
            }
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(assigned) = rebalance {
            let parts = self.parts(assigned);
            tracing::info!(?parts, "parts of the projects are assigned to this run");
            self.shared.assign(&parts);
        }
    }
}

/// A member, before and while it is in the group.
pub(super) struct Member {
    consumer: BaseConsumer<Context>,
    topics: Arc<[String]>,
    shared: Arc<Shared>,
    subscribed: BTreeSet<u32>,
}

impl Member {
    /// A client; connects in the background. `topics` are those of the parts, in order.
    pub(super) fn new(
        config: &ClientConfig,
        topics: Vec<String>,
        shared: Arc<Shared>,
    ) -> KafkaResult<Member> {
        let topics: Arc<[String]> = topics.into();
        let context = Context { topics: topics.clone(), shared: shared.clone() };
        let consumer = config.create_with_context(context)?;
        Ok(Member { consumer, topics, shared, subscribed: BTreeSet::new() })
    }

    /// Is in the group until the share is stopped.
    pub(super) fn run(mut self) {
        while !self.shared.is_stopped() {
            if let Err(error) = self.step() {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "this run does not hear from Kafka any more which projects are its own"
                );
                break;
            }
        }
        self.shared.revoke_all(ENDS_WITHIN);
        // Leaving hands the parts on at once instead of after the session timeout.
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
        match self.consumer.poll(POLL) {
            Some(Err(error)) => passing(error),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// Faults that librdkafka recovers from by itself; it reports them all the same.
fn passing(error: KafkaError) -> KafkaResult<()> {
    match error {
        KafkaError::MessageConsumptionFatal(_) => Err(error),
        _ => {
            tracing::warn!(error = &error as &dyn std::error::Error, "Kafka is not well; trying on");
            Ok(())
        }
    }
}
