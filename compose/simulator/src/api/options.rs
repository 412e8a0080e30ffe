//! Options of the API of a world. In: a world. Out: a version, tokens, limits, faults and a clock. Only values: nothing is decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::fault::Faults;
use super::limit::Limits;
use super::requests::Requests;
use super::token::Token;
use crate::gitlab::hooks::delivery::HookConfig;
use crate::gitlab::{Millis, World};
use crate::version::Version;

/// The time in the world, in milliseconds since 1970. Clones share it; moving it makes more things happen.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that stands still.
    pub fn at(now: Millis) -> Clock {
        Clock(Arc::new(AtomicI64::new(now)))
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }

    /// Moves it.
    pub fn set(&self, now: Millis) {
        self.0.store(now, Ordering::Relaxed);
    }
}

/// Options of the API.
#[derive(Debug, Clone)]
pub struct Options {
    /// The GitLab version to simulate.
    pub version: Version,
    /// The tokens that it accepts.
    pub tokens: Vec<Token>,
    /// Rate limits.
    pub limits: Limits,
    /// Injected faults.
    pub faults: Faults,
    /// Counts requests.
    pub requests: Requests,
    /// The hook of each project, if they have one: its log has the same deliveries as [`World::deliveries`].
    pub hooks: Option<HookConfig>,
    /// The time in the world.
    pub clock: Clock,
    /// The clock for `Date` headers; `None` for the machine's, whatever the time in the world.
    pub date: Option<Clock>,
    /// The real time at the server's start, in milliseconds since 1970, by which limits are counted.
    pub started_at: Millis,
    /// The address in `Link` headers; `None` for the one in objects, which may differ from the requested one, as behind proxies.
    pub link_url: Option<String>,
}

impl Options {
    /// A GitLab 19.3 without limits and faults at the end of a world's history, with one token that may read everything.
    pub fn new(world: &World, secret: &str) -> Options {
        Options {
            version: Version::V19,
            tokens: vec![Token::reader(secret)],
            limits: Limits::none(),
            faults: Faults::default(),
            requests: Requests::default(),
            hooks: None,
            clock: Clock::at(world.config().ends_at()),
            date: None,
            started_at: world.config().ends_at(),
            link_url: None,
        }
    }
}
