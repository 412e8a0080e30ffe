//! A model of Kafka as seen by the processor: logs, and one consumer group with eager assignment. In: records, polls, commits. Out: records,
//! rebalances, refused commits. Never trusts a commit: it panics if the member does not read the partition, or the commit goes back.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use rdkafka::message::{OwnedHeaders, OwnedMessage};
use rdkafka::{Message, Timestamp};
use schemas::{EventKind, TopicPrefix};

use crate::batch::Positions;

/// Topic and number.
pub(super) type Partition = (String, i32);

/// The result of a poll.
pub(super) enum Polled {
    Revoked,
    Assigned,
    Record(OwnedMessage),
    Nothing,
}

/// The broker refuses commits from consumers outside the group.
#[derive(Debug)]
pub(super) struct Fenced;

#[derive(Default)]
struct Member {
    /// Its generation of the group; `None` if it is joining or was removed.
    generation: Option<u64>,
    /// It has given up its partitions and waits for the others.
    joins: bool,
    /// The partitions that its next poll assigns.
    assigned: Option<Vec<Partition>>,
    /// The partitions that it reads, with the offset of the next record.
    reads: Option<BTreeMap<Partition, i64>>,
}

pub(super) struct Kafka {
    pub(super) logs: BTreeMap<Partition, Vec<OwnedMessage>>,
    pub(super) committed: BTreeMap<Partition, i64>,
    generation: u64,
    rebalances: bool,
    members: BTreeMap<u64, Member>,
    random: StdRng,
}

impl Kafka {
    /// Empty topics of a few partitions each.
    pub(super) fn new(mut random: StdRng) -> Kafka {
        let prefix = TopicPrefix::default();
        let kinds = [EventKind::Push, EventKind::MergeRequest, EventKind::Pipeline];
        let mut topics: Vec<String> = kinds.iter().map(|kind| prefix.events(*kind)).collect();
        topics.push(prefix.dead_letters());
        let mut logs = BTreeMap::new();
        for topic in topics {
            for number in 0..random.random_range(1..4) {
                logs.insert((topic.clone(), number), Vec::new());
            }
        }
        let committed = logs.keys().map(|partition| (partition.clone(), 0)).collect();
        Kafka { logs, committed, generation: 0, rebalances: false, members: BTreeMap::new(), random }
    }

    /// Adds a record to the partition of its key.
    pub(super) fn append(&mut self, topic: &str, key: &[u8], value: &[u8], headers: Option<OwnedHeaders>) {
        let count = self.logs.keys().filter(|(name, _)| name == topic).count();
        let number = key.iter().map(|byte| usize::from(*byte)).sum::<usize>() % count;
        let partition = i32::try_from(number).unwrap();
        let log = self.logs.get_mut(&(topic.to_owned(), partition)).unwrap();
        let (key, value) = (Some(key.to_vec()), Some(value.to_vec()));
        let offset = i64::try_from(log.len()).unwrap();
        let message = OwnedMessage::new(
            value,
            key,
            topic.to_owned(),
            Timestamp::NotAvailable,
            partition,
            offset,
            headers,
        );
        log.push(message);
    }

    /// The records of a partition between two offsets.
    pub(super) fn records(&self, partition: &Partition, from: i64, to: i64) -> &[OwnedMessage] {
        &self.logs[partition][usize::try_from(from).unwrap()..usize::try_from(to).unwrap()]
    }

    /// Adds a member, which joins with its first poll.
    pub(super) fn join(&mut self, member: u64) {
        self.members.insert(member, Member::default());
    }

    /// The member has left, or its heartbeats have been missing for long enough.
    pub(super) fn leave(&mut self, member: u64) {
        self.members.remove(&member);
        self.rebalances = true;
        self.rebalance();
    }

    /// The member has not polled for too long. It notices at its next poll.
    pub(super) fn throw_out(&mut self, member: u64) {
        let Some(member) = self.members.get_mut(&member) else { return };
        (member.generation, member.joins, member.assigned) = (None, false, None);
        self.rebalances = true;
        self.rebalance();
    }

    /// Every member joins again, as after a change of partitions.
    pub(super) fn rebalance_all(&mut self) {
        self.rebalances = true;
        self.rebalance();
    }

    /// A call of `recv`: rebalance callbacks run in it, and it may return no record.
    pub(super) fn poll(&mut self, id: u64) -> Polled {
        let member = self.members.get_mut(&id).unwrap();
        if let Some(partitions) = member.assigned.take() {
            let committed = |partition: Partition| (partition.clone(), self.committed[&partition]);
            member.reads = Some(partitions.into_iter().map(committed).collect());
            return Polled::Assigned;
        }
        if member.reads.is_some() && (self.rebalances || member.generation != Some(self.generation)) {
            self.rebalances |= member.generation.is_none();
            (member.generation, member.joins, member.reads) = (None, true, None);
            self.rebalance();
            return Polled::Revoked;
        }
        if member.reads.is_none() && !member.joins {
            member.joins = true;
            self.rebalances = true;
            self.rebalance();
        }
        self.fetch(id).map_or(Polled::Nothing, Polled::Record)
    }

    fn fetch(&mut self, id: u64) -> Option<OwnedMessage> {
        let reads = self.members.get_mut(&id)?.reads.as_mut()?;
        let ready = reads.iter().filter(|(partition, next)| **next < self.logs[*partition].len() as i64);
        let ready: Vec<Partition> = ready.map(|(partition, _)| partition.clone()).collect();
        let partition = ready.get(self.random.random_range(0..ready.len().max(1)))?;
        let next = reads.get_mut(partition)?;
        let message = self.logs[partition][usize::try_from(*next).unwrap()].clone();
        *next += 1;
        Some(message)
    }

    /// Assigns all partitions once every member has given up its own.
    fn rebalance(&mut self) {
        // Members that were removed or have not joined yet do not delay it.
        let waits = self.members.values().any(|member| member.generation.is_some() && !member.joins);
        let mut joining: Vec<&mut Member> = self.members.values_mut().filter(|member| member.joins).collect();
        if !self.rebalances || waits || joining.is_empty() {
            return;
        }
        self.rebalances = false;
        self.generation += 1;
        for member in &mut joining {
            (member.generation, member.joins) = (Some(self.generation), false);
            member.assigned = Some(Vec::new());
        }
        for partition in self.logs.keys() {
            let chosen = self.random.random_range(0..joining.len());
            joining[chosen].assigned.get_or_insert_default().push(partition.clone());
        }
    }

    /// Commits positions; returns the records that they passed.
    pub(super) fn commit(
        &mut self,
        id: u64,
        positions: &Positions,
    ) -> Result<Vec<(Partition, i64, i64)>, Fenced> {
        let member = &self.members[&id];
        if member.generation != Some(self.generation) {
            return Err(Fenced);
        }
        let mut passed = Vec::new();
        for (topic, number, range) in positions.iter() {
            let (partition, next) = ((topic.to_owned(), number), range.next);
            let owned = member.reads.as_ref().is_some_and(|reads| reads.contains_key(&partition));
            assert!(owned, "a commit of {partition:?}, which another member reads");
            let before = self.committed.insert(partition.clone(), next).unwrap();
            assert!(before <= next, "a commit of {partition:?} goes back from {before} to {next}");
            passed.push((partition, before, next));
        }
        Ok(passed)
    }

    /// Whether every record was committed.
    pub(super) fn is_drained(&self) -> bool {
        self.logs.iter().all(|(partition, log)| self.committed[partition] == log.len() as i64)
    }

    /// All records of events, without dead letters.
    pub(super) fn events(&self) -> impl Iterator<Item = &OwnedMessage> {
        let dead_letters = TopicPrefix::default().dead_letters();
        self.logs.values().flatten().filter(move |message| message.topic() != dead_letters)
    }
}
