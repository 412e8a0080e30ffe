//! Rate limits. In: a token, an endpoint and a time. Out: the seconds to wait, or permission with the values for headers. GitLab's general limit is
//! in headers before it is reached; those of single endpoints never are (<https://docs.gitlab.com/security/rate_limits/>,
//! <https://docs.gitlab.com/administration/settings/rate_limits_on_projects_api/>).

use std::collections::HashMap;

use super::route::Endpoint;
use crate::gitlab::Millis;

/// The limits in force.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests per token and minute, to all endpoints; `None` if the throttle is off, as on self-managed instances by default.
    pub per_minute: Option<u32>,
    /// Whether answers have headers with the rest of it.
    pub headers: Headers,
    /// Limits of single endpoints; off on instances older than 18.0.
    pub endpoints: bool,
    /// The limit of `/groups`, in requests per minute: GitLab.com is stricter than others
    /// (<https://docs.gitlab.com/administration/settings/rate_limit_on_groups_api/>).
    pub groups_per_minute: u32,
}

/// Whether the general limit is in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    /// `RateLimit-Remaining` and others.
    Told,
    /// No headers, as behind proxies that drop them.
    Hidden,
}

impl Limits {
    /// No limit at all.
    pub fn none() -> Limits {
        Limits { per_minute: None, endpoints: false, ..Limits::self_managed() }
    }

    /// Those of GitLab.com.
    pub fn saas() -> Limits {
        Limits { per_minute: Some(2_000), groups_per_minute: 50, ..Limits::self_managed() }
    }

    /// Those of an instance whose administrator has switched on the documented limits: 7,200 requests an hour are 120 a minute.
    pub fn self_managed() -> Limits {
        Limits { per_minute: Some(120), headers: Headers::Told, endpoints: true, groups_per_minute: 200 }
    }
}

/// Requests per user that an endpoint accepts, and in how many minutes.
pub(super) fn documented(limits: &Limits, endpoint: Endpoint) -> Option<(u32, Millis)> {
    Some(match endpoint {
        Endpoint::Projects => (2_000, 10),
        Endpoint::Project | Endpoint::Group => (400, 1),
        Endpoint::Groups => (limits.groups_per_minute, 1),
        Endpoint::GroupProjects | Endpoint::Jobs => (600, 1),
        Endpoint::ProjectMembers | Endpoint::GroupMembers => (200, 1),
        _ => return None,
    })
}

/// The endpoint under which requests are counted: members of projects and of groups share one.
fn shared(endpoint: Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::GroupMembers => Endpoint::ProjectMembers,
        endpoint => endpoint,
    }
}

/// A window in which requests are counted: GitLab's begin at whole multiples of their length.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    requests: u32,
}

impl Window {
    fn count(&mut self, number: i64) -> u32 {
        if self.number != number {
            *self = Window { number, requests: 0 };
        }
        self.requests += 1;
        self.requests
    }
}

/// Too many requests: try again after this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) retry_after: u64,
}

/// Counts requests of tokens.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    general: HashMap<String, Window>,
    endpoints: HashMap<(String, Endpoint), Window>,
}

/// Values for the headers of the general limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) limit: u32,
    pub(super) observed: u32,
    /// When the window ends, in seconds since 1970.
    pub(super) reset: i64,
}

const MINUTE: Millis = 60_000;

impl Throttle {
    /// Counts a request against the general limit. `at` is in milliseconds since 1970.
    pub(super) fn general(
        &mut self,
        limits: &Limits,
        token: &str,
        at: Millis,
    ) -> (Option<Told>, Option<TooMany>) {
        let Some(limit) = limits.per_minute else {
            return (None, None);
        };
        let number = at.div_euclid(MINUTE);
        let observed = self.general.entry(token.to_owned()).or_default().count(number);
        let told = Told { limit, observed, reset: (number + 1) * 60 };
        let told = (limits.headers == Headers::Told).then_some(told);
        (told, (observed > limit).then(|| wait(at, MINUTE)))
    }

    /// Counts a request against the limit of its endpoint.
    pub(super) fn endpoint(
        &mut self,
        limits: &Limits,
        token: &str,
        endpoint: Endpoint,
        at: Millis,
    ) -> Option<TooMany> {
        let (limit, minutes) = documented(limits, endpoint).filter(|_| limits.endpoints)?;
        let length = minutes * MINUTE;
        let key = (token.to_owned(), shared(endpoint));
        let observed = self.endpoints.entry(key).or_default().count(at.div_euclid(length));
        (observed > limit).then(|| wait(at, length))
    }
}

fn wait(at: Millis, length: Millis) -> TooMany {
    let left = length - at.rem_euclid(length);
    TooMany { retry_after: (left + 999).unsigned_abs() / 1_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_general_limit_is_told_and_ends_with_its_minute() {
        let limits = Limits { per_minute: Some(2), ..Limits::none() };
        let mut throttle = Throttle::default();
        let (told, refused) = throttle.general(&limits, "a", 61_000);
        assert_eq!((told, refused), (Some(Told { limit: 2, observed: 1, reset: 120 }), None));
        throttle.general(&limits, "a", 61_000);
        let (_, refused) = throttle.general(&limits, "a", 61_000);
        assert_eq!(refused, Some(TooMany { retry_after: 59 }));
        assert_eq!(throttle.general(&limits, "b", 61_000).1, None);
        assert_eq!(throttle.general(&limits, "a", 120_000).1, None);
    }

    #[test]
    fn members_of_projects_and_groups_share_a_limit() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.endpoint(&Limits::saas(), "a", Endpoint::ProjectMembers, 0), None);
            assert_eq!(throttle.endpoint(&Limits::saas(), "a", Endpoint::GroupMembers, 0), None);
        }
        assert!(throttle.endpoint(&Limits::saas(), "a", Endpoint::GroupMembers, 0).is_some());
        assert_eq!(throttle.endpoint(&Limits::none(), "a", Endpoint::GroupMembers, 0), None);
    }
}
