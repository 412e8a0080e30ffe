//! What this process wants to read, what it holds, and what it is reading. In: what Kafka assigns and revokes, leases that are taken and dropped,
//! owners of finished lists. Out: the parts to subscribe to, and who may read what. Never talks to Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Owner, part_of};

/// Time for the leases of a revoked part to end, and then again for those that were told to drop everything. Both together stay below Kafka's
/// max.poll.interval.ms (five minutes); else Kafka would declare this process dead.
pub(super) const ENDS_WITHIN: Duration = Duration::from_secs(60);
const DROPS_WITHIN: Duration = Duration::from_secs(5);

/// The content of a lease.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) holding: u64,
    pub(super) ending: CancellationToken,
    pub(super) lost: CancellationToken,
}

/// One assignment of a part.
#[derive(Debug, Default)]
struct Holding {
    part: u32,
    leases: usize,
    ending: CancellationToken,
    lost: CancellationToken,
}

/// The state, without waiting.
#[derive(Debug, Default)]
struct Ledger {
    /// Unfinished owners, by part.
    wanted: BTreeMap<u32, BTreeSet<Owner>>,
    /// Parts that are held, and earlier ones as long as they have leases.
    holdings: BTreeMap<u64, Holding>,
    /// The number of the next holding.
    next: u64,
    /// Members of the group with this client id to which something is assigned.
    alike: u32,
    /// Whether Kafka has made an assignment yet, even an empty one.
    joined: bool,
    /// Nothing may be held any more, by our own decision.
    stopped: bool,
    /// Nothing can be held any more, because the member has ended.
    ended: bool,
}

impl Ledger {
    /// The holding of an assigned part. One that is being given up does not count.
    fn held(&mut self, part: u32) -> Option<(u64, &mut Holding)> {
        let mut of_part = self.holdings.iter_mut().filter(|(_, holding)| holding.part == part);
        of_part
            .find(|(_, holding)| !holding.ending.is_cancelled())
            .map(|(number, holding)| (*number, holding))
    }

    fn assign(&mut self, part: u32) {
        if self.held(part).is_none() && !self.stopped {
            self.holdings.insert(self.next, Holding { part, ..Holding::default() });
            self.next += 1;
        }
    }

    /// A part that was lost and came back gets no lease while somebody still reads with an old one.
    fn lease(&mut self, part: u32) -> Option<Leased> {
        let is_left =
            |holding: &Holding| holding.part == part && holding.ending.is_cancelled() && holding.leases > 0;
        if self.holdings.values().any(is_left) {
            return None;
        }
        let (number, holding) = self.held(part)?;
        holding.leases += 1;
        Some(Leased { holding: number, ending: holding.ending.clone(), lost: holding.lost.clone() })
    }

    /// Begins to give a part up. Returns the holding if its leases have to be waited for.
    fn end(&mut self, part: u32) -> Option<u64> {
        let (number, holding) = self.held(part)?;
        holding.ending.cancel();
        if holding.leases > 0 {
            return Some(number);
        }
        self.holdings.remove(&number);
        None
    }

    fn lose(&self, number: u64) {
        if let Some(holding) = self.holdings.get(&number) {
            holding.lost.cancel();
        }
    }

    fn release(&mut self, number: u64) {
        let Some(holding) = self.holdings.get_mut(&number) else { return };
        holding.leases = holding.leases.saturating_sub(1);
        if holding.leases == 0 && holding.ending.is_cancelled() {
            self.holdings.remove(&number);
        }
    }

    /// Whether none of these holdings has a lease.
    fn are_released(&self, numbers: &[u64]) -> bool {
        numbers.iter().all(|number| !self.holdings.contains_key(number))
    }
}

/// The state that the member's thread and the walks share.
#[derive(Debug)]
pub(super) struct Shared {
    instance: String,
    ledger: Mutex<Ledger>,
    released: Condvar,
    changed: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(instance: &str, owners: impl IntoIterator<Item = Owner>) -> Shared {
        let shared = Shared {
            instance: instance.to_owned(),
            ledger: Mutex::default(),
            released: Condvar::new(),
            changed: watch::Sender::new(0),
        };
        shared.want(owners);
        // A process that wants nothing has joined already.
        shared.ledger().joined = shared.wanted().is_empty();
        shared
    }

    /// A panic under the lock cannot leave the state half changed.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn has_joined(&self) -> bool {
        self.ledger().joined
    }

    pub(super) fn alike(&self) -> u32 {
        self.ledger().alike.max(1)
    }

    pub(super) fn set_alike(&self, alike: u32) {
        self.ledger().alike = alike;
        self.tell();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ledger().ended
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.ledger().stopped
    }

    pub(super) fn holds(&self, owner: Owner) -> bool {
        self.ledger().held(part_of(&self.instance, owner)).is_some()
    }

    pub(super) fn lease(&self, owner: Owner) -> Option<Leased> {
        self.ledger().lease(part_of(&self.instance, owner))
    }

    pub(super) fn release(&self, holding: u64) {
        self.ledger().release(holding);
        self.released.notify_all();
        self.tell();
    }

    pub(super) fn want(&self, owners: impl IntoIterator<Item = Owner>) {
        let mut ledger = self.ledger();
        for owner in owners {
            ledger.wanted.entry(part_of(&self.instance, owner)).or_default().insert(owner);
        }
    }

    pub(super) fn finish(&self, owner: Owner) {
        let part = part_of(&self.instance, owner);
        let mut ledger = self.ledger();
        let Some(owners) = ledger.wanted.get_mut(&part) else { return };
        owners.remove(&owner);
        if owners.is_empty() {
            ledger.wanted.remove(&part);
        }
    }

    pub(super) fn unfinished(&self) -> BTreeSet<Owner> {
        self.ledger().wanted.values().flatten().copied().collect()
    }

    /// The parts with unfinished owners.
    pub(super) fn wanted(&self) -> BTreeSet<u32> {
        self.ledger().wanted.keys().copied().collect()
    }

    /// Records that Kafka has assigned these parts, or none.
    pub(super) fn assign(&self, parts: &[u32]) {
        let mut ledger = self.ledger();
        ledger.joined = true;
        for part in parts {
            ledger.assign(*part);
        }
        drop(ledger);
        self.tell();
    }

    /// Begins to give these parts up. Returns those of their holdings that have leases.
    pub(super) fn begin_to_revoke(&self, parts: &[u32]) -> Vec<u64> {
        let mut ledger = self.ledger();
        let ending = parts.iter().filter_map(|part| ledger.end(*part)).collect();
        drop(ledger);
        self.tell();
        ending
    }

    /// Gives up parts that Kafka assigns to other processes, and waits until their leases are dropped, or the time is over.
    pub(super) fn revoke(&self, parts: &[u32], within: Duration) {
        let ending = self.begin_to_revoke(parts);
        if self.wait(&ending, within) {
            return;
        }
        let ledger = self.ledger();
        for number in &ending {
            ledger.lose(*number);
        }
        drop(ledger);
        if !self.wait(&ending, DROPS_WITHIN) {
            tracing::warn!(
                "projects that Kafka assigns to another run are still being read: one of their pages may be read twice"
            );
        }
    }

    /// Waits until the leases of these holdings are dropped; false if that takes too long.
    fn wait(&self, holdings: &[u64], within: Duration) -> bool {
        let are_left = |ledger: &mut Ledger| !ledger.are_released(holdings);
        let waited = self.released.wait_timeout_while(self.ledger(), within, are_left);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Nothing may be held any more.
    pub(super) fn stop(&self) {
        let mut ledger = self.ledger();
        ledger.stopped = true;
        ledger.wanted.clear();
        drop(ledger);
        self.tell();
    }

    /// Gives up everything that is held.
    pub(super) fn revoke_all(&self, within: Duration) {
        let parts: Vec<u32> = self.ledger().holdings.values().map(|holding| holding.part).collect();
        self.revoke(&parts, within);
    }

    /// Nothing can be held any more.
    pub(super) fn end(&self) {
        self.ledger().ended = true;
        self.tell();
    }
}
