//! Simulated hours: a clock that is a number, a GitLab that counts in windows of its own, and endless demand.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Time that a request takes to GitLab, and an answer back.
const TRIP: Duration = Duration::from_millis(150);

fn called(limit: Limit) -> Called {
    Called::new(limit, "projects/42/merge_requests")
}

/// Takes the next permit at or after `now`, and moves `now` to that moment.
fn next(budget: &mut Budget, called: &Called, now: &mut Moment) -> Permit {
    loop {
        match budget.take(called, *now) {
            Take::Granted(permit) => return permit,
            Take::Wait(at) => {
                assert!(at > *now, "waiting until now is no waiting");
                *now = at;
            }
            Take::TooLong(wait) => *now += wait,
        }
    }
}

/// The largest number of moments in any window of this length, both ends included.
fn most_within(moments: &[Moment], span: Duration) -> usize {
    let (mut most, mut first) = (0, 0);
    for (last, at) in moments.iter().enumerate() {
        while moments[first] + span < *at {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// A GitLab that counts in windows.
struct GitLab {
    limit: u32,
    per: Duration,
    /// How far its clock is ahead of the client's.
    ahead: Duration,
    window: u128,
    counted: u32,
    served: u32,
    /// When it refused.
    refused: Vec<Moment>,
}

impl GitLab {
    fn new(limit: u32, per: Duration, ahead: Duration) -> GitLab {
        GitLab { limit, per, ahead, window: 0, counted: 0, served: 0, refused: Vec::new() }
    }

    /// Counts a request. Returns whether it is served, and its headers: ends and dates in whole seconds.
    fn arrive(&mut self, at: Moment) -> (bool, Told) {
        let time = at + self.ahead;
        let window = time.as_nanos() / self.per.as_nanos();
        if self.window != window {
            (self.window, self.counted) = (window, 0);
        }
        self.counted += 1;
        let is_served = self.counted <= self.limit;
        match is_served {
            true => self.served += 1,
            false => self.refused.push(at),
        }
        let end = self.per.as_secs() * (u64::try_from(window).unwrap() + 1);
        let remaining = self.limit.saturating_sub(self.counted);
        let resets_in = Duration::from_secs(end - time.as_secs());
        (is_served, Told { limit: self.limit, remaining, resets_in })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    Told,
    Silent,
}

/// Makes calls as fast as the budget allows until `end`, with at most this many under way.
fn run(
    budget: &mut Budget,
    gitlab: &mut GitLab,
    called: &Called,
    headers: Headers,
    under_way: usize,
    end: Moment,
) {
    let mut now = Moment::ZERO;
    let mut calls: VecDeque<(Moment, Permit)> = VecDeque::new();
    while now < end {
        let back = calls.front().map(|(sent, _)| *sent + TRIP * 2);
        if back.is_some_and(|back| back <= now)
            && let Some((sent, permit)) = calls.pop_front()
        {
            let (is_served, told) = gitlab.arrive(sent + TRIP);
            let told = Some(told).filter(|_| headers == Headers::Told);
            match is_served {
                true => budget.answer(&permit, told, now),
                false => {
                    budget.refuse(&permit, told, None, now, 0.5);
                }
            }
            continue;
        }
        if calls.len() >= under_way {
            now = back.unwrap();
            continue;
        }
        match budget.take(called, now) {
            Take::Granted(permit) => calls.push_back((now, permit)),
            Take::Wait(at) => now = back.map_or(at, |back| back.min(at)),
            Take::TooLong(wait) => now += wait,
        }
    }
}

#[track_caller]
fn check_route(path: &str, expected: &str) {
    assert_eq!(route(path), expected);
}

#[test]
fn paths_of_one_endpoint_have_one_route() {
    check_route("projects/42/merge_requests/7/notes", "projects/:/merge_requests/:/notes/");
    check_route("projects/shop%2Fcheckout/pipelines", "projects/:/pipelines/");
    check_route("groups/shop/projects", "groups/:/projects/");
    check_route("projects/42/repository/branches/main", "projects/:/repository/branches/:/");
    check_route("projects/42/members/all", "projects/:/members/all/");
    check_route("graphql", "graphql/");
}

#[test]
fn documented_limits_hold_for_all_paths_that_share_them() {
    assert_eq!(
        Called::new(Limit::Members, "groups/1/members/all"),
        Called::new(Limit::Members, "projects/2/members/all")
    );
    assert_ne!(
        Called::new(Limit::General, "projects/1/jobs"),
        Called::new(Limit::General, "projects/1/notes")
    );
}

#[test]
fn names_in_paths_do_not_grow_the_budget_without_end() {
    let mut budget = Budget::new(Site::SelfManaged, 1, 60_000);
    let mut now = Moment::ZERO;
    for number in 0..2_000u32 {
        let name: String =
            (0..4).map(|digit| char::from(b'a' + (number >> (4 * digit)) as u8 % 16)).collect();
        next(&mut budget, &Called::new(Limit::General, &name), &mut now);
    }
    assert_eq!(budget.tokens[0].endpoints.len(), MAX_ROUTES + 1);
}

#[test]
fn a_minute_begins_with_no_more_than_a_second_holds() {
    let mut budget = Budget::new(Site::SelfManaged, 1, 600);
    let taken = (0..).take_while(|_| matches!(budget.take(&called(Limit::General), HOUR), Take::Granted(_)));
    assert_eq!(taken.count(), 10);
    assert_eq!(budget.left(HOUR), 590);
}

#[test]
fn tokens_are_used_in_turn_each_with_its_own_budget() {
    let mut budget = Budget::new(Site::SelfManaged, 3, 60);
    let mut now = HOUR;
    let mut counts = [0; 3];
    for _ in 0..180 {
        counts[next(&mut budget, &called(Limit::General), &mut now).token] += 1;
    }
    assert_eq!(counts, [60; 3]);
    assert!(now - HOUR <= MINUTE + SECOND, "{now:?}");
}

#[test]
fn a_limit_of_one_endpoint_does_not_hold_up_another() {
    let mut budget = Budget::new(Site::GitLabCom, 1, 600);
    let (mut now, groups) = (HOUR, called(Limit::Groups));
    next(&mut budget, &groups, &mut now);
    assert!(matches!(budget.take(&groups, now), Take::Wait(at) if at > now + SECOND));
    assert!(matches!(budget.take(&called(Limit::General), now), Take::Granted(_)));
}

#[test]
fn a_pause_that_gitlab_asks_for_is_kept_by_the_token_that_it_concerns() {
    let mut budget = Budget::new(Site::SelfManaged, 2, 600);
    let mut now = HOUR;
    let permit = next(&mut budget, &called(Limit::General), &mut now);
    let told = Told { limit: 600, remaining: 0, resets_in: SECOND * 40 };
    assert_eq!(budget.refuse(&permit, Some(told), Some(SECOND * 30), now, 0.0), SECOND * 30);
    for _ in 0..50 {
        assert_ne!(next(&mut budget, &called(Limit::Members), &mut now).token, permit.token);
    }
}

#[test]
fn a_pause_of_a_day_is_too_long_for_whoever_asks() {
    let mut budget = Budget::new(Site::SelfManaged, 1, 600);
    let mut now = HOUR;
    let permit = next(&mut budget, &called(Limit::General), &mut now);
    let day = HOUR * 24;
    assert_eq!(budget.refuse(&permit, None, Some(day), now, 0.9), day);
    assert!(matches!(budget.take(&called(Limit::General), now), Take::TooLong(wait) if wait > HOUR * 23));
    assert!(matches!(budget.take(&called(Limit::Members), now), Take::Granted(_)), "no other endpoint");
    // Even a quarter of an hour, with all jitter, is waited for.
    let permit = next(&mut budget, &called(Limit::Members), &mut now);
    assert_eq!(budget.refuse(&permit, None, Some(LONGEST_PAUSE), now, 0.999), LONGEST_PAUSE);
    assert!(matches!(budget.take(&called(Limit::Members), now), Take::Wait(_)));
}

#[test]
fn pauses_without_a_time_double_and_calls_under_way_say_nothing_new() {
    let mut endpoint = Endpoint::free(Rate::per_minute(600));
    let mut now = HOUR;
    for expected in [60, 120, 240, 480, 480] {
        endpoint.take(now);
        assert_eq!(endpoint.refuse(None, now, 0.0), SECOND * expected);
        assert_eq!(endpoint.refuse(None, now + SECOND, 0.0), SECOND * (expected - 1));
        assert_eq!(endpoint.paused_until(), now + SECOND * expected);
        now = endpoint.ready_at(now);
    }
    endpoint.succeeded();
    assert_eq!(endpoint.refuse(None, now, 0.0), MINUTE);
}

#[test]
fn a_limit_that_no_header_tells_is_learnt_from_a_refusal() {
    for limit in [30, 100, 250, 400, 550] {
        let mut budget = Budget::new(Site::SelfManaged, 1, 600);
        let mut gitlab = GitLab::new(limit, MINUTE, SECOND * 17);
        run(&mut budget, &mut gitlab, &called(Limit::General), Headers::Silent, 8, HOUR);
        // Calls that were under way with the one that was refused belong to it.
        let mut refusals = gitlab.refused.clone();
        refusals.dedup_by(|later, earlier| *later < *earlier + SECOND * 5);
        assert!(refusals.len() <= 5, "{limit}: {refusals:?}");
        assert!(gitlab.served >= limit * 60 * 6 / 10, "{limit}: {} an hour", gitlab.served);
    }
}

#[test]
fn a_refused_rate_is_tried_again_after_an_hour() {
    let mut endpoint = Endpoint::free(Rate::per_minute(600));
    endpoint.take(HOUR);
    endpoint.refuse(Some(SECOND), HOUR, 0.0);
    let permits = |endpoint: &mut Endpoint, at| {
        endpoint.ready_at(at);
        endpoint.permits()
    };
    assert_eq!(permits(&mut endpoint, HOUR + SECOND), 60);
    assert_eq!(permits(&mut endpoint, HOUR + MINUTE * 30), 108);
    let after_a_day = permits(&mut endpoint, HOUR * 25);
    assert!(after_a_day >= 500, "{after_a_day}");
}

#[test]
fn an_answer_of_the_window_before_changes_nothing() {
    let told = |remaining, seconds| Told { limit: 600, remaining, resets_in: SECOND * seconds };
    let mut quota = Quota::new(told(100, 60), 1, HOUR);
    quota.tell(told(500, 60), 2, HOUR);
    assert_eq!(quota.left(2), 100 - 1 - 6, "an answer that was overtaken");
    quota.tell(told(590, 60), 3, HOUR + MINUTE);
    assert_eq!(quota.left(3), 584, "the next window");
    quota.tell(told(0, 1), 4, HOUR + MINUTE);
    assert_eq!(quota.left(3), 584, "an answer of the window before");
    assert!(quota.is_over(HOUR + MINUTE * 2 + SECOND));
}

#[test]
fn answers_that_take_long_do_not_move_the_end_of_a_window() {
    let told = |remaining| Told { limit: 600, remaining, resets_in: SECOND * 60 };
    let mut quota = Quota::new(told(100), 1, HOUR + SECOND);
    quota.tell(told(99), 2, HOUR);
    quota.tell(told(98), 3, HOUR + SECOND);
    assert!(!quota.is_over(HOUR + MINUTE) && quota.is_over(HOUR + MINUTE + SECOND));
}

/// Demand of a test: delays in milliseconds, each followed by a number of calls of a limit.
fn demand() -> impl Strategy<Value = Vec<(u64, u8, Limit)>> {
    let limits = [Limit::General, Limit::Groups, Limit::Members, Limit::ProjectJobs, Limit::Projects];
    let pause = prop_oneof![4 => 0u64..300, 2 => 0u64..5_000, 1 => 0u64..120_000];
    prop::collection::vec((pause, 1u8..60, prop::sample::select(limits.to_vec())), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn never_more_than_a_rate_allows(demand in demand(), tokens in 1usize..4, rate in 1u32..700) {
        let mut budget = Budget::new(Site::GitLabCom, tokens, rate);
        let mut now = Moment::ZERO;
        let mut granted: Vec<(usize, Limit, Moment)> = Vec::new();
        for (pause, calls, limit) in demand {
            now += Duration::from_millis(pause);
            for _ in 0..calls {
                let permit = next(&mut budget, &called(limit), &mut now);
                granted.push((permit.token, limit, now));
            }
        }
        for token in 0..tokens {
            let own = granted.iter().filter(|(of, _, _)| *of == token);
            let all: Vec<Moment> = own.clone().map(|(_, _, at)| *at).collect();
            prop_assert!(most_within(&all, MINUTE) <= rate as usize);
            let at_once = most_within(&all, Duration::ZERO);
            prop_assert!(at_once <= (rate as usize / 60).max(1), "{} at once", at_once);
            for limit in [Limit::Groups, Limit::Members, Limit::ProjectJobs, Limit::Projects] {
                let of_limit = own.clone().filter(|(_, of, _)| *of == limit);
                let of_limit: Vec<Moment> = of_limit.map(|(_, _, at)| *at).collect();
                let Rate { permits, per } = limit.documented(Site::GitLabCom).unwrap();
                prop_assert!(most_within(&of_limit, per) <= permits as usize);
            }
        }
    }

    #[test]
    fn with_demand_nearly_all_of_a_rate_is_used(rate in 1u32..2_000, tokens in 1usize..4) {
        let mut budget = Budget::new(Site::SelfManaged, tokens, rate);
        let (mut now, mut calls) = (Moment::ZERO, 0u32);
        while now < MINUTE * 20 {
            next(&mut budget, &called(Limit::General), &mut now);
            calls += 1;
        }
        let permitted = rate * 20 * u32::try_from(tokens).unwrap();
        prop_assert!(calls >= permitted * 95 / 100, "{} of {}", calls, permitted);
    }

    #[test]
    fn a_limit_equal_to_the_rate_is_never_met_and_nearly_used(
        limit in 20u32..900,
        ahead in 0u64..60_000,
        under_way in 1usize..20,
    ) {
        let mut budget = Budget::new(Site::SelfManaged, 1, limit);
        let mut gitlab = GitLab::new(limit, MINUTE, Duration::from_millis(ahead));
        run(&mut budget, &mut gitlab, &called(Limit::General), Headers::Silent, under_way, MINUTE * 20);
        prop_assert!(gitlab.refused.is_empty(), "{:?}", gitlab.refused);
        // With this many calls under way, of 300 ms each, this is the most per minute.
        let possible = limit.min(u32::try_from(under_way).unwrap() * 200 * 98 / 100);
        prop_assert!(gitlab.served >= possible * 20 * 95 / 100, "{} of {}", gitlab.served, possible * 20);
    }

    #[test]
    fn a_limit_that_headers_tell_is_never_met_and_nearly_used(
        limit in 100u32..600,
        minutes in prop::sample::select(vec![1u32, 60]),
        ahead in 0u64..60_000,
        under_way in 4usize..20,
    ) {
        let mut budget = Budget::new(Site::SelfManaged, 1, 600);
        let mut gitlab = GitLab::new(limit * minutes, MINUTE * minutes, Duration::from_millis(ahead));
        run(&mut budget, &mut gitlab, &called(Limit::General), Headers::Told, under_way, HOUR);
        prop_assert!(gitlab.refused.is_empty(), "{:?}", gitlab.refused);
        let possible = limit.min(u32::try_from(under_way).unwrap() * 200 * 98 / 100);
        prop_assert!(gitlab.served >= possible * 60 * 95 / 100, "{} of {}", gitlab.served, possible * 60);
    }
}
