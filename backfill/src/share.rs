//! Divides projects and groups among processes. In: those that this process wants to read, and what Kafka assigns. Out: leases, each valid as long as
//! Kafka's assignment. Never reads itself, and never lets two processes read one project at the same time, except one that Kafka has declared dead.
//!
//! ClickHouse has no compare-and-swap to build a lock on, while Kafka assigns each topic of a group to one member at a time. So the projects of a
//! GitLab and its groups are divided into parts by a hash of their id, each part has a topic that stays empty, and every process is a member of one
//! consumer group and subscribes to the topics of the parts in which it has something left to read. The process that is assigned a part reads its
//! projects, and unsubscribes when they are read, so that the next process gets it. Parts that several processes subscribe to are divided evenly.
//!
//! A part that moves to another process is released when the current pages are published and saved. A process that Kafka has not heard of for its
//! session timeout (10 s) loses its parts at once, and may still read its current page, which another process then reads too: reading a page twice
//! changes nothing.

mod ledger;
mod member;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::error::KafkaError;
use runtime::kafka::{Kafka, KafkaConfig};
pub use schemas::api::subject::Owner;
use schemas::topic::BACKFILL_PARTS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash3_64;

use ledger::Shared;
use member::{Member, Name};

/// How long Kafka may take to answer and then to assign the first parts: other members may have to finish a page first.
const JOIN_WITHIN: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why projects cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// No broker answers, or the client refuses its settings.
    #[error(
        "Kafka does not answer at {brokers}: history goes there, and it says which projects another run reads. Start it, or correct \
         GITPULSE_KAFKA_BROKERS and GITPULSE_KAFKA_PROPERTIES"
    )]
    Unreachable {
        /// The brokers that were tried.
        brokers: String,
        /// The client's error.
        #[source]
        source: KafkaError,
    },
    /// Nobody created the topics.
    #[error("topic {0} does not exist: run `gitpulse migrate`")]
    MissingTopic(String),
    /// The group has not admitted this process.
    #[error("Kafka has assigned no projects within {} s: its group {group} cannot be joined", .within.as_secs())]
    NotAssigned {
        /// The group.
        group: String,
        /// How long the process waited.
        within: Duration,
    },
    /// The thread that listens to Kafka could not be started.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
    /// The client failed for good; nothing is assigned any more.
    #[error(
        "Kafka no longer tells which projects another run reads: start this one again, it continues where it stopped"
    )]
    Ended,
}

/// The part to which a project or group belongs: the same in every process and every version.
pub fn part_of(instance: &str, owner: Owner) -> u32 {
    let name = match owner {
        Owner::Instance => format!("{instance} instance"),
        Owner::Group(id) => format!("{instance} group/{id}"),
        Owner::Project(id) => format!("{instance} project/{id}"),
    };
    let hash = XxHash3_64::oneshot(name.as_bytes());
    // The remainder is less than the number of parts.
    u32::try_from(hash % u64::from(BACKFILL_PARTS)).unwrap_or_default()
}

/// The membership of this process among all that read one GitLab.
pub struct Share {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Waits for changes of the assignment.
pub struct Changes {
    shared: Arc<Shared>,
    seen: watch::Receiver<u64>,
}

/// The right to read lists of a project or group. Dropping it means that nothing is being read any more, and that progress is saved.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    holding: u64,
    ending: CancellationToken,
    lost: CancellationToken,
}

/// The signals at which reading has to stop, from the lease of a project.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// Cancelled when another process is to read the project: the current page is still read, published and saved, but no further one is begun.
    pub ending: CancellationToken,
    /// Cancelled when another process may already be reading the project: nothing is waited for, and nothing saved.
    pub lost: CancellationToken,
}

impl Share {
    /// Joins the processes that read the same GitLab, to read the lists of these projects and groups, and waits until Kafka has assigned some of them
    /// or shows that other processes have them all. `client_id` names this process in the group; members with the same one are counted
    /// ([`Share::alike`]).
    ///
    /// # Errors
    /// Kafka does not answer, lacks the topics, or does not admit this process.
    pub async fn join(
        kafka: &KafkaConfig,
        instance: &str,
        owners: impl IntoIterator<Item = Owner>,
        client_id: &str,
    ) -> Result<Share, ShareError> {
        Share::check(kafka).await?;
        let unreachable = |source| ShareError::Unreachable { brokers: kafka.brokers.clone(), source };
        let prefix = &kafka.topic_prefix;
        let topics: Vec<String> = (0..BACKFILL_PARTS).map(|part| prefix.backfill(part)).collect();
        let shared = Arc::new(Shared::new(instance, owners));
        let group = prefix.backfill_group(instance);
        let mut config = kafka.member(&group);
        config.set("client.id", client_id);
        let name = Name { group: group.clone(), client_id: client_id.to_owned() };
        let member = Member::new(&config, name, topics, shared.clone()).map_err(unreachable)?;
        let thread = std::thread::Builder::new().name("share".to_owned());
        let thread = thread.spawn(move || member.run()).map_err(ShareError::Thread)?;
        // Dropping it leaves the group.
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

    /// Checks that Kafka answers and has the topics by which projects are shared.
    ///
    /// # Errors
    /// It does not answer, or lacks the topics.
    pub async fn check(kafka: &KafkaConfig) -> Result<(), ShareError> {
        let unreachable = |source| ShareError::Unreachable { brokers: kafka.brokers.clone(), source };
        let topics = (0..BACKFILL_PARTS).map(|part| kafka.topic_prefix.backfill(part)).collect();
        let admin = Kafka::new(kafka).map_err(unreachable)?;
        let missing = admin.missing_of(topics, ANSWER_WITHIN).await.map_err(unreachable)?;
        missing.into_iter().next().map_or(Ok(()), |topic| Err(ShareError::MissingTopic(topic)))
    }

    /// Whether this process holds a project or group, and may read its lists now.
    pub fn holds(&self, owner: Owner) -> bool {
        self.shared.holds(owner)
    }

    /// The right to read lists of a project or group, if this process holds it; any number of leases can exist. What other processes read of it is in
    /// the checkpoints, which have to be loaded after this call, not before.
    pub fn lease(&self, owner: Owner) -> Option<Lease> {
        self.shared.lease(owner).map(|leased| Lease {
            shared: self.shared.clone(),
            holding: leased.holding,
            ending: leased.ending,
            lost: leased.lost,
        })
    }

    /// Adds projects and groups to read, or to read again.
    pub fn want(&self, owners: impl IntoIterator<Item = Owner>) {
        self.shared.want(owners);
    }

    /// Records that nothing is left to read of a project or group, or nothing that could be read, so that other processes may have it.
    pub fn finish(&self, owner: Owner) {
        self.shared.finish(owner);
    }

    /// Unfinished projects and groups, whichever process holds them.
    pub fn unfinished(&self) -> BTreeSet<Owner> {
        self.shared.unfinished()
    }

    /// Number of members with this client id and an assignment, as far as Kafka has reported; at least 1. A change of it counts as a change of the
    /// assignment. Programs with the same tokens have the same client id, so that each uses its part of GitLab's limits.
    pub fn alike(&self) -> u32 {
        self.shared.alike()
    }

    /// Changes of the assignment from now on: each call of [`Changes::next`] returns after a change that no earlier call has reported.
    pub fn changes(&self) -> Changes {
        Changes { shared: self.shared.clone(), seen: self.shared.watch() }
    }

    /// Ends the leases as if everything were assigned to other processes, and leaves the group once they are dropped, within the time limit of each
    /// part.
    pub async fn leave(mut self) {
        self.shared.stop();
        let Some(thread) = self.thread.take() else { return };
        // The thread ends whether or not anybody waits for it.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// Leaves the group without waiting for it: if the program ends first, Kafka waits for the session timeout.
impl Drop for Share {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Changes {
    /// Waits for the next change.
    ///
    /// # Errors
    /// There will be none: the membership has ended.
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
    /// The signals at which reading has to stop.
    pub fn bounds(&self) -> Bounds {
        Bounds { ending: self.ending.clone(), lost: self.lost.clone() }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.release(self.holding);
    }
}

#[cfg(test)]
mod tests;
