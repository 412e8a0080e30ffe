//! How the API of a world behaves. In: a world. Out: a version, tokens, limits, faults and a clock. Values alone: nothing is decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::fault::Faults;
use super::limit::Limits;
use super::requests::Requests;
use super::token::Token;
use crate::gitlab::hooks::delivery::HookConfig;
use crate::gitlab::{Millis, World};
use crate::version::Version;

/// The time in the world, in milliseconds since 1970. Clones share it; whoever moves it lets more happen.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that stands.
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

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which GitLab it pretends to be.
    pub version: Version,
    /// Who may ask.
    pub tokens: Vec<Token>,
    /// How often.
    pub limits: Limits,
    /// What breaks.
    pub faults: Faults,
    /// Counts what was asked.
    pub requests: Requests,
    /// The hook of each project, where they have one: the log of it is of the same deliveries as [`World::deliveries`].
    pub hooks: Option<HookConfig>,
    /// The time in the world.
    pub clock: Clock,
    /// The clock that answers are dated by; `None` for that of the machine, whatever the time in the world.
    pub date: Option<Clock>,
    /// The time on the wall as the server starts, in milliseconds since 1970: limits are counted by it.
    pub started_at: Millis,
    /// Address that `Link` headers name; `None` for the one that objects name, which need not be the one that is asked, as behind proxies.
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
