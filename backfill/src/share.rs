//! Which projects are this process's to read. In: the projects that it wants, and what Kafka assigns. Out: leases, each for as long as Kafka leaves a
//! project with this process. Never reads, and never lets two processes read one project at the same time, apart from one that Kafka
//! has declared dead.
//!
//! ClickHouse has no compare-and-swap to build a lock on, while Kafka assigns each topic of a group to one member at a time. So the projects of a GitLab
//! are divided into parts by a hash of their id, each part has a topic in which nothing is written, and every process is a
//! member of one group, which wants the topics of the parts where it has something left to read. Whoever is assigned a part reads its
//! projects; whoever has read them wants it no more, so that the next one gets it; of what several want, each gets as much.
//!
//! A part that is assigned to another is given up when the pages in hand are done and remembered. A process that Kafka has not heard of for its
//! session timeout (10 s) loses its parts at once, and may still read its page in hand, which another then reads too: a
//! page that is read twice changes nothing.

mod ledger;
mod member;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::error::KafkaError;
use runtime::kafka::{Kafka, KafkaConfig};
use schemas::topic::BACKFILL_PARTS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash3_64;

use ledger::Shared;
use member::Member;

/// How long Kafka may take to answer, and then to assign the first parts: members that are there may finish a page before.
const JOIN_WITHIN: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Projects cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// Nobody answers at the brokers' addresses, or the client refuses its settings.
    #[error(
        "Kafka does not answer at {brokers}: history goes there, and it says which projects another run reads. Start it, or correct \
         GITPULSE_KAFKA_BROKERS and GITPULSE_KAFKA_PROPERTIES"
    )]
    Unreachable {
        /// The brokers that were asked.
        brokers: String,
        /// What the client says.
        #[source]
        source: KafkaError,
    },
    /// Nobody created the topics.
    #[error("topic {0} does not exist: run `gitpulse migrate`")]
    MissingTopic(String),
    /// The group has not let this process in.
    #[error("Kafka has assigned no projects within {} s: its group {group} is not to be joined", .within.as_secs())]
    NotAssigned {
        /// The group.
        group: String,
        /// How long that was waited for.
        within: Duration,
    },
    /// The thread that listens to Kafka could not be started.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
    /// The client failed for good, and holds nothing any more.
    #[error(
        "Kafka says no more which projects another run reads: start this one again, it goes on where it was"
    )]
    Ended,
}

/// The part of its GitLab that a project belongs to: the same in every process and every version.
pub fn part_of(instance: &str, project_id: u64) -> u32 {
    let hash = XxHash3_64::oneshot(format!("{instance} {project_id}").as_bytes());
    // The remainder is less than the number of parts.
    u32::try_from(hash % u64::from(BACKFILL_PARTS)).unwrap_or_default()
}

/// This process among all that read one GitLab.
pub struct Share {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Waits for changes of what is held.
pub struct Changes {
    shared: Arc<Shared>,
    seen: watch::Receiver<u64>,
}

/// The right to read a project, until it is dropped: which says that nothing is being read any more, and that it is remembered what was.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    holding: u64,
    ending: CancellationToken,
    lost: CancellationToken,
}

impl Share {
    /// Joins those who read the same GitLab, to read these projects, and waits until Kafka has assigned some of them or said that others
    /// have them all. `client_id` names this process to whoever looks at the group.
    ///
    /// # Errors
    /// Kafka is not there, has not the topics, or does not let this process in.
    pub async fn join(
        kafka: &KafkaConfig,
        instance: &str,
        projects: impl IntoIterator<Item = u64>,
        client_id: &str,
    ) -> Result<Share, ShareError> {
        let unreachable = |source| ShareError::Unreachable { brokers: kafka.brokers.clone(), source };
        let prefix = &kafka.topic_prefix;
        let topics: Vec<String> = (0..BACKFILL_PARTS).map(|part| prefix.backfill(part)).collect();
        let admin = Kafka::new(kafka).map_err(unreachable)?;
        let missing = admin.missing_of(topics.clone(), ANSWER_WITHIN).await.map_err(unreachable)?;
        if let Some(topic) = missing.into_iter().next() {
            return Err(ShareError::MissingTopic(topic));
        }
        let shared = Arc::new(Shared::new(instance, projects));
        let group = prefix.backfill_group(instance);
        let mut config = kafka.member(&group);
        config.set("client.id", client_id);
        let member = Member::new(&config, topics, shared.clone()).map_err(unreachable)?;
        let thread = std::thread::Builder::new().name("share".to_owned());
        let thread = thread.spawn(move || member.run()).map_err(ShareError::Thread)?;
        // Dropped, it leaves the group.
        let share = Share { shared, thread: Some(thread) };
        let mut changes = share.changes();
        let joined = async {
            while !share.shared.has_joined() {
                changes.next().await?;
            }
            Ok(())
        };
        match tokio::time::timeout(JOIN_WITHIN, joined).await {
            Ok(joined) => joined.map(|()| share),
            Err(_) => Err(ShareError::NotAssigned { group, within: JOIN_WITHIN }),
        }
    }

    /// Whether this process is to read a project now.
    pub fn holds(&self, project_id: u64) -> bool {
        self.shared.holds(project_id)
    }

    /// The right to read a project, if this process holds it; as many as one likes of the same. What others read of it before is in the
    /// checkpoints: they have to be loaded after this, not before.
    pub fn lease(&self, project_id: u64) -> Option<Lease> {
        self.shared.lease(project_id).map(|leased| Lease {
            shared: self.shared.clone(),
            holding: leased.holding,
            ending: leased.ending,
            lost: leased.lost,
        })
    }

    /// These projects are to be read as well, or once more.
    pub fn want(&self, projects: impl IntoIterator<Item = u64>) {
        self.shared.want(projects);
    }

    /// Nothing is left to read of a project, or nothing that could be read: others may have it.
    pub fn finish(&self, project_id: u64) {
        self.shared.finish(project_id);
    }

    /// The projects that are not finished, whoever holds them.
    pub fn unfinished(&self) -> BTreeSet<u64> {
        self.shared.unfinished()
    }

    /// What is held from now on can differ: each call of [`Changes::next`] ends after a change that no call before has told of.
    pub fn changes(&self) -> Changes {
        Changes { shared: self.shared.clone(), seen: self.shared.watch() }
    }

    /// Ends the leases as if everything were assigned to others, and leaves the group when they are dropped, within the time that every
    /// part has for that.
    pub async fn leave(mut self) {
        self.shared.stop();
        let Some(thread) = self.thread.take() else { return };
        // It ends whether or not anybody waits for it.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// Leaves the group, without waiting for it.
impl Drop for Share {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Changes {
    /// Waits for the next change.
    ///
    /// # Errors
    /// There will be none: nothing is held any more.
    pub async fn next(&mut self) -> Result<(), ShareError> {
        if self.shared.has_ended() {
            return Err(ShareError::Ended);
        }
        self.seen.changed().await.map_err(|_| ShareError::Ended)?;
        match self.shared.has_ended() {
            true => Err(ShareError::Ended),
            false => Ok(()),
        }
    }
}

impl Lease {
    /// Cancelled when another is to read the project: the page in hand is still read, published and remembered, and no further one is begun.
    pub fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Cancelled when another may be reading the project already: nothing is waited for any more, and nothing remembered.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.release(self.holding);
    }
}

#[cfg(test)]
mod tests;
