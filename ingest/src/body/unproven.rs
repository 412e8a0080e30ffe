//! Arriving bodies of unproven senders, and which of them is evicted. In: the rate and the address of each. Out: the body to end when there is no
//! memory for another. Never one that arrives faster than the body that needs the memory.
//!
//! A forged signature is only detected once the body is complete. A sender of one byte each for a thousand bodies, or of all but the last byte for a few
//! large ones, must not block bodies that are sent completely. So what counts is the rate of the last moments, and a body that stalls has none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The time before the rate of a body counts.
const GRACE: Duration = Duration::from_secs(3);
/// The minimum rate after that, in bytes per second.
const LEAST: u64 = 4 * 1024;
/// The shortest duration that a rate is calculated for.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest one: what arrived before counts no more.
const WINDOW: Duration = Duration::from_secs(1);
/// The time without a byte after which a body stalls.
const STALLED: Duration = Duration::from_millis(300);

/// All arriving bodies. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Unproven(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    bodies: HashMap<u64, Arriving>,
}

#[derive(Debug)]
struct Arriving {
    address: IpAddr,
    /// Since when the rate is calculated, and what had arrived before.
    window: (Instant, u64),
    /// When the last bytes arrived; `None` while it waits for memory, which is not its sender's fault.
    latest: Option<Instant>,
    received: u64,
    reserved: u64,
    end: CancellationToken,
}

/// An arriving body; removed on drop.
#[derive(Debug)]
pub(super) struct Place {
    all: Unproven,
    number: u64,
    began: Instant,
    /// Cancelled when this body is evicted.
    pub(super) end: CancellationToken,
}

impl Unproven {
    /// Adds a body.
    pub(super) fn enter(&self, address: IpAddr) -> Place {
        let (began, end) = (Instant::now(), CancellationToken::new());
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        let arriving = Arriving {
            address,
            window: (began, 0),
            latest: Some(began),
            received: 0,
            reserved: 0,
            end: end.clone(),
        };
        state.bodies.insert(number, arriving);
        drop(state);
        Place { all: self.clone(), number, began, end }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Records how much has arrived and how much memory is reserved.
    pub(super) fn has(&self, received: usize, reserved: usize) {
        let now = Instant::now();
        if let Some(body) = self.all.lock().bodies.get_mut(&self.number) {
            if now.duration_since(body.window.0) > WINDOW {
                body.window = (now, body.received);
            }
            (body.received, body.reserved) = (received as u64, reserved as u64);
            body.latest = Some(now);
        }
    }

    /// When the next bytes must be there, after this many.
    pub(super) fn patience(&self, received: usize) -> Instant {
        self.began + GRACE + Duration::from_secs_f64(received as f64 / LEAST as f64)
    }

    /// Evicts slower bodies until this many bytes will be free or no body is slower than this one. Starts with the address that holds the most
    /// memory.
    pub(super) fn make_room(&self, bytes: usize) {
        let now = Instant::now();
        let mut state = self.all.lock();
        let Some(own) = state.bodies.get_mut(&self.number) else { return };
        own.latest = None;
        let own = own.rate(now);
        let mut freed = 0;
        while freed < bytes as u64 {
            let Some(slowest) = state.slowest(self.number, own, now) else { return };
            if let Some(body) = state.bodies.remove(&slowest) {
                freed += body.reserved;
                body.end.cancel();
            }
        }
    }
}

impl State {
    /// The slowest body, among those slower than `rate` that hold memory, from the address whose slower bodies hold the most.
    fn slowest(&self, own: u64, rate: f64, now: Instant) -> Option<u64> {
        let slower = || {
            self.bodies
                .iter()
                .filter(|(number, body)| **number != own && body.reserved > 0 && body.rate(now) < rate)
        };
        let mut held: HashMap<IpAddr, u64> = HashMap::new();
        for (_, body) in slower() {
            *held.entry(body.address).or_default() += body.reserved;
        }
        let (address, _) = held.into_iter().max_by_key(|(address, held)| (*held, *address))?;
        let of_it = slower().filter(|(_, body)| body.address == address);
        of_it
            .min_by(|(_, one), (_, other)| one.rate(now).total_cmp(&other.rate(now)))
            .map(|(number, _)| *number)
    }
}

impl Arriving {
    /// Bytes per second of the window; 0 if it stalls.
    fn rate(&self, now: Instant) -> f64 {
        if self.latest.is_some_and(|latest| now.duration_since(latest) >= STALLED) {
            return 0.0;
        }
        let (since, before) = self.window;
        (self.received - before) as f64 / now.duration_since(since).max(SHORTEST).as_secs_f64()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().bodies.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIBIBYTE: usize = 1024;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_of_the_address_that_holds_the_most_goes() {
        let all = Unproven::default();
        let places: Vec<Place> = [1, 2, 2, 2].map(|last| all.enter(address(last))).into();
        for (place, received) in places.iter().zip([1, 2_000, 1_000, 3_000]) {
            place.has(received, 8 * KIBIBYTE);
        }
        tokio::time::advance(STALLED / 2).await;
        let fast = all.enter(address(3));
        fast.has(64 * KIBIBYTE, 0);
        fast.make_room(1);
        let gone = || places.iter().map(|place| place.end.is_cancelled()).collect::<Vec<_>>();
        assert_eq!(gone(), [false, false, true, false]);
        fast.make_room(20 * KIBIBYTE);
        assert_eq!(gone(), [true, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_or_trickles_gives_way_however_much_of_it_has_arrived() {
        let all = Unproven::default();
        let (stalls, trickles) = (all.enter(address(1)), all.enter(address(1)));
        stalls.has(KIBIBYTE * KIBIBYTE, KIBIBYTE * KIBIBYTE);
        for more in 0..12 {
            trickles.has(KIBIBYTE * KIBIBYTE + more, KIBIBYTE * KIBIBYTE);
            tokio::time::advance(Duration::from_millis(200)).await;
        }
        let new = all.enter(address(2));
        new.has(10, 0);
        new.make_room(KIBIBYTE * KIBIBYTE);
        assert!(stalls.end.is_cancelled() && !trickles.end.is_cancelled());
        new.make_room(1);
        assert!(trickles.end.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_waits_for_memory_does_not_stall() {
        let all = Unproven::default();
        let waits = all.enter(address(1));
        waits.has(KIBIBYTE * KIBIBYTE, KIBIBYTE);
        waits.make_room(KIBIBYTE * KIBIBYTE);
        tokio::time::advance(Duration::from_millis(900)).await;
        let slow = all.enter(address(2));
        slow.has(10, 0);
        slow.make_room(KIBIBYTE);
        assert!(!waits.end.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_ends_no_faster_one() {
        let all = Unproven::default();
        let fast = all.enter(address(1));
        fast.has(KIBIBYTE * KIBIBYTE, KIBIBYTE * KIBIBYTE);
        tokio::time::advance(STALLED / 2).await;
        let slow = all.enter(address(2));
        slow.has(10, 0);
        slow.make_room(8 * KIBIBYTE);
        assert!(!fast.end.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_buys_time() {
        let all = Unproven::default();
        let place = all.enter(address(1));
        assert_eq!(place.patience(0) - place.began, GRACE);
        assert_eq!(place.patience(40 * KIBIBYTE) - place.began, GRACE + Duration::from_secs(10));
        drop(place);
        assert!(all.lock().bodies.is_empty());
    }
}
