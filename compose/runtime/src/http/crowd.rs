//! Chooses which connection is closed when there is no room for another. In: connections, their addresses, and what each still has to send. Out:
//! those that must end. Never closes one whose request is being answered, nor one whose sender is proven.
//!
//! Opening a connection costs its peer nothing. A peer that opens thousands and sends nothing would keep everybody else out for as long as each may
//! wait. So when all slots are taken, the oldest connection that still has to send something is closed: first those that never sent a request, then
//! those between two requests, then those that still send the body of an unproven sender. Among these, one of the address that has the most. None is
//! closed before [`GRACE`] is over: a delivery sends its request at once, and only has to be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Minimum time that a new connection gets to send its head, however many there are.
const HEAD_AT_LEAST: Duration = Duration::from_millis(500);

/// Minimum time that a connection gets when it has to send something, however many wait for its slot: what has arrived on it is read within that
/// time. If all connections are that new, the next one waits in the kernel's queue.
const GRACE: Duration = Duration::from_millis(100);

/// What a connection still has to send. Variants are closed in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owes {
    /// Its first request.
    First,
    /// Another request, if there is one.
    Next,
    /// The body of a request whose sender is not proven.
    Body,
}

/// Position in the order of closing: what has to be sent, then since when.
type Place = (Owes, u64);

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Crowd {
    max: usize,
    /// Time for a head while there is room.
    head_for: Duration,
    state: Mutex<State>,
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    next: u64,
    owing: BTreeMap<Place, Owing>,
    /// Connections of each address that have the same to send, oldest first.
    addresses: HashMap<(Owes, IpAddr), BTreeSet<u64>>,
    /// Addresses, ordered by how many of their connections have the same to send.
    crowds: BTreeMap<Owes, BTreeSet<(usize, IpAddr)>>,
}

#[derive(Debug)]
struct Owing {
    address: IpAddr,
    since: Instant,
    end: CancellationToken,
}

/// There is no slot before this moment.
struct Full {
    until: Option<Instant>,
}

/// A connection with a slot, which it gives back when it is dropped.
#[derive(Debug, Clone)]
pub struct Seat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    crowd: Arc<Crowd>,
    address: IpAddr,
    end: CancellationToken,
    place: Mutex<Option<Place>>,
}

impl Crowd {
    pub(super) fn new(max: usize, head_for: Duration) -> Arc<Crowd> {
        Arc::new(Crowd { max, head_for, state: Mutex::default(), room: Notify::new() })
    }

    /// Gives a connection a slot, and closes another if none is free. Waits only while every connection is new or being answered.
    pub(super) async fn admit(self: &Arc<Crowd>, address: IpAddr) -> Seat {
        let address = network(address);
        loop {
            let room = self.room.notified();
            let Err(Full { until }) = self.make_room(address) else {
                let end = CancellationToken::new();
                let seat =
                    Seat(Arc::new(Inner { crowd: self.clone(), address, end, place: Mutex::new(None) }));
                seat.owes(Owes::First);
                return seat;
            };
            tokio::select! {
                () = room => (),
                Some(()) = OptionFuture::from(until.map(tokio::time::sleep_until)) => (),
            }
        }
    }

    /// Takes a slot, and closes the connections that have to make room.
    fn make_room(&self, address: IpAddr) -> Result<(), Full> {
        let mut state = self.lock();
        let now = Instant::now();
        while state.open >= self.max && state.end_one(now) {}
        if state.open >= self.max {
            return Err(Full { until: state.end_of_grace() });
        }
        state.open += 1;
        let head_time = self.head_time(state.open);
        state.end_late(head_time, now);
        // One address may keep at most half of all slots with silent connections.
        while state.silent_of(address) > self.max / 2 && state.end_of(Owes::First, address, now) {}
        Ok(())
    }

    /// Time for the first head when this many connections are open: all of it up to half of the slots, less and less beyond.
    fn head_time(&self, open: usize) -> Duration {
        let half = (self.max / 2).max(1);
        let left = self.max.saturating_sub(open).min(half);
        self.head_for.mul_f64(left as f64 / half as f64).max(HEAD_AT_LEAST.min(self.head_for))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn silent_of(&self, address: IpAddr) -> usize {
        self.addresses.get(&(Owes::First, address)).map_or(0, BTreeSet::len)
    }

    fn add(&mut self, owes: Owes, owing: Owing) -> Place {
        let number = self.next;
        self.next += 1;
        self.change(owes, owing.address, |numbers| numbers.insert(number));
        self.owing.insert((owes, number), owing);
        (owes, number)
    }

    fn remove(&mut self, place: Place) -> Option<Owing> {
        let (owes, number) = place;
        let owing = self.owing.remove(&place)?;
        self.change(owes, owing.address, |numbers| numbers.remove(&number));
        Some(owing)
    }

    fn change(&mut self, owes: Owes, address: IpAddr, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let numbers = self.addresses.entry((owes, address)).or_default();
        let before = numbers.len();
        change(numbers);
        let after = numbers.len();
        if after == 0 {
            self.addresses.remove(&(owes, address));
        }
        let crowds = self.crowds.entry(owes).or_default();
        crowds.remove(&(before, address));
        if after > 0 {
            crowds.insert((after, address));
        }
    }

    /// Closes the connection that is first in the order. Its slot is free at once. False if none may be closed.
    fn end_one(&mut self, now: Instant) -> bool {
        [Owes::First, Owes::Next, Owes::Body].into_iter().any(|owes| {
            let most = self.crowds.get(&owes).and_then(BTreeSet::last).copied();
            most.is_some_and(|(count, address)| count > 1 && self.end_of(owes, address, now))
                || self.oldest(owes).is_some_and(|place| self.end_past_grace(place, now))
        })
    }

    /// Closes the oldest connection of an address that has this to send, unless it is new.
    fn end_of(&mut self, owes: Owes, address: IpAddr, now: Instant) -> bool {
        let oldest = self.addresses.get(&(owes, address)).and_then(BTreeSet::first).copied();
        oldest.is_some_and(|number| self.end_past_grace((owes, number), now))
    }

    fn end_past_grace(&mut self, place: Place, now: Instant) -> bool {
        let is_new = self.owing.get(&place).is_none_or(|owing| now.duration_since(owing.since) < GRACE);
        !is_new && self.end(place)
    }

    fn oldest(&self, owes: Owes) -> Option<Place> {
        self.owing.range((owes, 0)..=(owes, u64::MAX)).next().map(|(place, _)| *place)
    }

    /// The moment at which the next connection is old enough to be closed; `None` if none has anything to send.
    fn end_of_grace(&self) -> Option<Instant> {
        let oldest = [Owes::First, Owes::Next, Owes::Body].into_iter().filter_map(|owes| self.oldest(owes));
        oldest.filter_map(|place| self.owing.get(&place)).map(|owing| owing.since + GRACE).min()
    }

    fn end(&mut self, place: Place) -> bool {
        let Some(owing) = self.remove(place) else { return false };
        self.open -= 1;
        owing.end.cancel();
        true
    }

    /// Closes connections that have waited longer than this for their first head.
    fn end_late(&mut self, head_time: Duration, now: Instant) {
        while let Some((place, owing)) = self.owing.first_key_value() {
            if place.0 != Owes::First || now.duration_since(owing.since) <= head_time {
                return;
            }
            let place = *place;
            self.end(place);
        }
    }
}

impl Seat {
    /// A token that is cancelled when the connection has to make room for another.
    pub(super) fn ended(&self) -> CancellationToken {
        self.0.end.clone()
    }

    /// A request is being answered, or its sender is proven: the connection may not be closed.
    pub fn keeps(&self) {
        self.put(None);
    }

    /// The body of a request whose sender is unproven has yet to come.
    pub fn owes_body(&self) {
        self.owes(Owes::Body);
    }

    /// The request is answered; the next one has yet to come.
    pub(super) fn owes_next(&self) {
        self.owes(Owes::Next);
    }

    fn owes(&self, owes: Owes) {
        self.put(Some(owes));
    }

    fn put(&self, owes: Option<Owes>) {
        let Inner { crowd, address, end, place } = &*self.0;
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = crowd.lock();
        if end.is_cancelled() {
            return;
        }
        if let Some(place) = place.take() {
            state.remove(place);
        }
        if let Some(owes) = owes {
            let owing = Owing { address: *address, since: Instant::now(), end: end.clone() };
            *place = Some(state.add(owes, owing));
            crowd.room.notify_one();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut state = self.crowd.lock();
        if self.end.is_cancelled() {
            // Its slot has been given to another connection.
            return;
        }
        if let Some(place) = place {
            state.remove(place);
        }
        state.open -= 1;
        self.crowd.room.notify_one();
    }
}

/// The network that counts as one address: the owner of an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests;
