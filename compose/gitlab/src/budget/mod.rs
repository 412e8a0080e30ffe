//! The budget of all tokens. In: the time, and what answers reported. Out: a permit for one call, or when to ask again. Never reads the clock, so
//! that tests can simulate hours.
//!
//! **Invariant:** no token gets more permits than its rate in any minute, nor more than a documented limit in the window of that limit.

mod endpoint;
mod quota;
mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use endpoint::Endpoint;
use quota::Quota;
pub(crate) use quota::Told;
use window::Window;
pub(crate) use window::{Moment, Rate};

use crate::limit::{Limit, Site};

/// The longest that a call waits until GitLab accepts requests again. A call that would have to wait longer fails, and is made at another time.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Random addition to a pause that GitLab asked for, so that many clients do not return at the same moment.
const JITTER: Duration = Duration::from_secs(5);
/// Limit of endpoints that are tracked without a documented limit. There are some dozens; more would come from names in paths.
const MAX_ROUTES: usize = 200;
const OTHER_ROUTE: &str = "other";

/// A pause with a random addition. `random` is at least 0 and less than 1.
fn jittered(pause: Duration, random: f64) -> Duration {
    pause + (pause / 10).min(JITTER).mul_f64(random)
}

/// The time until `ready_at`, if that is longer than a call waits.
pub(crate) fn too_long(ready_at: Moment, now: Moment) -> Option<Duration> {
    Some(ready_at.saturating_sub(now)).filter(|wait| *wait > LONGEST_PAUSE + JITTER)
}

/// The endpoint of a call, by which limits are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Called {
    limit: Limit,
    /// The path without ids and names, if no limit is documented.
    route: Arc<str>,
}

impl Called {
    pub(crate) fn new(limit: Limit, path: &str) -> Called {
        let route = match limit {
            Limit::General => route(path).into(),
            Limit::Projects
            | Limit::Project
            | Limit::GroupProjects
            | Limit::Groups
            | Limit::Group
            | Limit::Members
            | Limit::ProjectJobs => "".into(),
        };
        Called { limit, route }
    }
}

/// `projects/42/merge_requests/7/notes` is `projects/:/merge_requests/:/notes`.
fn route(path: &str) -> String {
    let is_word = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut route = String::with_capacity(path.len());
    let mut before = "";
    for segment in path.split('/') {
        let is_name = matches!(before, "projects" | "groups" | "branches" | "tags" | "commits" | "releases");
        route.push_str(if is_word(segment) && !is_name { segment } else { ":" });
        route.push('/');
        before = segment;
    }
    route
}

/// The right to make one call with one of the tokens.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    /// Which token.
    pub(crate) token: usize,
    /// Number of the call, from 1.
    number: u64,
    called: Called,
}

/// The answer to a request for a permit.
#[derive(Debug)]
pub(crate) enum Take {
    Granted(Permit),
    /// Ask again at this moment.
    Wait(Moment),
    /// GitLab accepts nothing for longer than a call waits.
    TooLong(Duration),
}

struct Token {
    window: Window,
    granted: u64,
    last: Moment,
    quota: Option<Quota>,
    paused_until: Moment,
    endpoints: HashMap<Called, Endpoint>,
}

impl Token {
    fn ready_at(&self, now: Moment) -> Moment {
        let told = self.quota.as_ref().map_or(now, |quota| quota.ready_at(self.granted, self.last, now));
        self.window.ready_at(now).max(told).max(self.paused_until)
    }

    fn tell(&mut self, told: Told, number: u64, now: Moment) {
        match &mut self.quota {
            Some(quota) => quota.tell(told, number, now),
            None => self.quota = Some(Quota::new(told, number, now)),
        }
    }

    fn left(&self, now: Moment) -> u32 {
        let own = self.window.left(now);
        let told = self.quota.as_ref().filter(|quota| !quota.is_over(now));
        told.map_or(own, |quota| own.min(quota.left(self.granted)))
    }
}

/// A rate divided by this many programs.
fn part(rate: Rate, programs: u32) -> Rate {
    Rate { permits: (rate.permits / programs.max(1)).max(1), ..rate }
}

/// The budgets of all tokens.
pub(crate) struct Budget {
    site: Site,
    rate: Rate,
    /// How many programs use the same tokens, this one included.
    programs: u32,
    tokens: Vec<Token>,
}

impl Budget {
    /// A budget of this many requests per minute for each token.
    pub(crate) fn new(site: Site, tokens: usize, requests_per_minute: u32) -> Budget {
        let rate = Rate::per_minute(requests_per_minute.max(1));
        let token = || Token {
            window: Window::new(rate),
            granted: 0,
            last: Moment::ZERO,
            quota: None,
            paused_until: Moment::ZERO,
            endpoints: HashMap::new(),
        };
        let tokens = std::iter::repeat_with(token).take(tokens.max(1)).collect();
        Budget { site, rate, programs: 1, tokens }
    }

    /// Sets how many programs use the same tokens, including this one: each uses an equal part of every rate, because GitLab counts them together.
    pub(crate) fn divide(&mut self, programs: u32) {
        let before = std::mem::replace(&mut self.programs, programs.max(1));
        if before == self.programs {
            return;
        }
        for token in &mut self.tokens {
            token.window.set_permits(part(self.rate, self.programs).permits);
            for (called, endpoint) in &mut token.endpoints {
                let rate = called.limit.documented(self.site).unwrap_or(self.rate);
                endpoint.limit_to(part(rate, self.programs).permits);
            }
        }
    }

    fn endpoint(&mut self, token: usize, called: &Called) -> &mut Endpoint {
        let new = match called.limit.documented(self.site) {
            Some(rate) => Endpoint::documented(part(rate, self.programs)),
            None => Endpoint::free(part(self.rate, self.programs)),
        };
        let endpoints = &mut self.tokens[token].endpoints;
        let is_full = endpoints.len() >= MAX_ROUTES && !endpoints.contains_key(called);
        let called = match is_full && called.limit == Limit::General {
            true => Called { limit: Limit::General, route: OTHER_ROUTE.into() },
            false => called.clone(),
        };
        endpoints.entry(called).or_insert(new)
    }

    /// The earliest moment at which any token can be used for any call.
    pub(crate) fn token_ready_at(&self, now: Moment) -> Moment {
        self.tokens.iter().map(|token| token.ready_at(now)).min().unwrap_or(now)
    }

    /// Takes a permit of the token that has one first, or else of the one that was not used for longest.
    pub(crate) fn take(&mut self, called: &Called, now: Moment) -> Take {
        let mut best = (Moment::MAX, Moment::MAX, u64::MAX, 0);
        for index in 0..self.tokens.len() {
            let endpoint = self.endpoint(index, called).ready_at(now);
            let token = &self.tokens[index];
            best = best.min((token.ready_at(now).max(endpoint), token.last, token.granted, index));
        }
        let (ready_at, _, _, index) = best;
        if let Some(wait) = too_long(ready_at, now) {
            return Take::TooLong(wait);
        }
        if ready_at > now {
            return Take::Wait(ready_at);
        }
        self.endpoint(index, called).take(now);
        let token = &mut self.tokens[index];
        token.window.take(now);
        token.granted += 1;
        token.last = now;
        Take::Granted(Permit { token: index, number: token.granted, called: called.clone() })
    }

    /// Records an answer other than 429.
    pub(crate) fn answer(&mut self, permit: &Permit, told: Option<Told>, now: Moment) {
        if let Some(told) = told {
            self.tokens[permit.token].tell(told, permit.number, now);
        }
        self.endpoint(permit.token, &permit.called).succeeded();
    }

    /// A 429 arrived. Its headers show whose limit it was: the token's, if nothing of it is left, or else the endpoint's. Returns the pause in force.
    /// `random` is at least 0 and less than 1.
    pub(crate) fn refuse(
        &mut self,
        permit: &Permit,
        told: Option<Told>,
        retry_after: Option<Duration>,
        now: Moment,
        random: f64,
    ) -> Duration {
        let Some(told) = told.filter(|told| told.remaining == 0) else {
            return self.endpoint(permit.token, &permit.called).refuse(retry_after, now, random);
        };
        let token = &mut self.tokens[permit.token];
        token.tell(told, permit.number, now);
        let pause = retry_after.unwrap_or(told.resets_in).max(window::MARGIN);
        token.paused_until = token.paused_until.max(now + jittered(pause, random));
        pause
    }

    /// Requests that all tokens may make now, by their minute's rate and by GitLab's headers.
    pub(crate) fn left(&self, now: Moment) -> u32 {
        self.tokens.iter().map(|token| token.left(now)).fold(0, u32::saturating_add)
    }

    /// Requests that one token may make now.
    pub(crate) fn token_left(&self, token: usize, now: Moment) -> u32 {
        self.tokens.get(token).map_or(0, |token| token.left(now))
    }
}

#[cfg(test)]
mod tests;
