//! This processor's share of the projects. In: the consumer, whose group divides the partitions of each topic among the processors. Out: the
//! numbers of the partitions that it holds of one topic; a project belongs to the partition of its hash. So the consumer group divides the work,
//! and handles members that die or join. Correctness does not depend on it: while partitions move, two processors may do the same work, or none for
//! a moment.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// The timeout for asking Kafka how many partitions there are.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between these requests: partitions are rarely added.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// The interval between checks of which partitions the client holds.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The partitions of one topic that this processor holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Their numbers.
    pub(crate) held: Vec<i32>,
    /// The total number of partitions; 0 while unknown.
    pub(crate) of: usize,
}

impl Share {
    /// Whether this is the processor for work that must be done once: the one with the first partition.
    pub(crate) fn is_first(&self) -> bool {
        self.held.contains(&0)
    }

    /// Whether the share is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() || self.of == 0
    }
}

/// Sends the share whenever it changes, as long as there is a receiver.
pub(crate) async fn tell<C: ConsumerContext + 'static>(
    consumer: Arc<StreamConsumer<C>>,
    topic: String,
    share: watch::Sender<Share>,
) {
    let mut pause = tokio::time::interval(ASK_EVERY);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut of, mut counted_at) = (0, None);
    loop {
        pause.tick().await;
        let count = counted_at.is_none_or(|at: Instant| at.elapsed() > COUNT_EVERY);
        let (consumer, topic) = (consumer.clone(), topic.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let count = if count { Some(partitions(&consumer, &topic)?) } else { None };
            Ok::<_, KafkaError>((held(&consumer, &topic)?, count))
        });
        match asked.await {
            Ok(Ok((held, count))) => {
                if let Some(count) = count {
                    (of, counted_at) = (count, Some(Instant::now()));
                }
                let now = Share { held, of };
                share.send_if_modified(|before| {
                    *before != now && {
                        *before = now;
                        true
                    }
                });
            }
            Ok(Err(error)) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "Kafka does not say which partitions there are"
                );
            }
            Err(_) => return,
        }
        if share.is_closed() {
            return;
        }
    }
}

/// The assigned partitions of a topic, from the client itself.
fn held<C: ConsumerContext>(consumer: &StreamConsumer<C>, topic: &str) -> KafkaResult<Vec<i32>> {
    let assigned = consumer.assignment()?;
    let mut held: Vec<i32> =
        assigned.elements_for_topic(topic).iter().map(|element| element.partition()).collect();
    held.sort_unstable();
    Ok(held)
}

/// The number of partitions of a topic.
fn partitions<C: ConsumerContext>(consumer: &StreamConsumer<C>, topic: &str) -> KafkaResult<usize> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    Ok(metadata.topics().iter().find(|told| told.name() == topic).map_or(0, |told| told.partitions().len()))
}
