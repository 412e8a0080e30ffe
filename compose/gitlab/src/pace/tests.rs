mod simulated;

use std::sync::Arc;

use super::*;
use crate::budget::Told;
use crate::limit::{Limit, Site};

const MINUTE: Duration = Duration::from_secs(60);

fn pace(tokens: usize, rate: u32) -> Arc<Pace> {
    Arc::new(Pace::new(Budget::new(Site::GitLabCom, tokens, rate)))
}

fn called(limit: Limit) -> Called {
    Called::new(limit, "projects/42/merge_requests")
}

/// Counts the permits that this many tasks get within a time, each asking again at once.
async fn count(pace: &Arc<Pace>, limit: Limit, tasks: usize, within: Duration) -> u32 {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let pace = pace.clone();
        running.spawn(async move {
            let mut permits = 0;
            let ask = async {
                while pace.permit(&called(limit)).await.is_ok() {
                    permits += 1;
                }
            };
            let _ = tokio::time::timeout(within, ask).await;
            permits
        });
    }
    running.join_all().await.into_iter().sum()
}

#[tokio::test(start_paused = true)]
async fn nearly_all_of_the_budget_is_used_by_many_and_no_more() {
    let pace = pace(2, 600);
    let permits = count(&pace, Limit::General, 30, MINUTE * 10).await;
    assert!((11_400..=12_000).contains(&permits), "{permits}");
}

#[tokio::test(start_paused = true)]
async fn nearly_all_of_a_documented_limit_is_used_by_many_and_no_more() {
    let permits = count(&pace(1, 600), Limit::Groups, 20, MINUTE * 10).await;
    assert!((475..=500).contains(&permits), "{permits}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_their_endpoint_holds_back_hold_up_no_others() {
    let pace = pace(1, 600);
    let (groups, general) = tokio::join!(
        count(&pace, Limit::Groups, 20, MINUTE * 10),
        count(&pace, Limit::General, 5, MINUTE * 10)
    );
    assert!((300..=500).contains(&groups), "{groups}");
    assert!((5_700..=6_000).contains(&(groups + general)), "{groups} and {general}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_minutes_holds_up_nobody() {
    let pace = pace(2, 600);
    let members = called(Limit::Members);
    let (one, other) = (pace.permit(&members).await.unwrap(), pace.permit(&members).await.unwrap());
    assert_ne!(one.token, other.token);
    let (pause, longer) = (Some(MINUTE * 10), Some(MINUTE * 14));
    let exhausted = Told { limit: 600, remaining: 0, resets_in: MINUTE };
    pace.budget().refuse(&one, None, pause, pace.now(), 0.0);
    pace.budget().refuse(&other, Some(exhausted), longer, pace.now(), 0.0);
    let asked = Instant::now();
    let (_, general) = tokio::join!(pace.permit(&members), async {
        let permit = pace.permit(&called(Limit::General)).await.unwrap();
        (permit.token, asked.elapsed())
    });
    assert!(general.0 == one.token && general.1 < Duration::from_secs(1), "{general:?}");
    assert!(asked.elapsed() >= MINUTE * 10);
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_first_goes_first() {
    let pace = pace(1, 60);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut running = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (pace, order) = (pace.clone(), order.clone());
        running.spawn(async move {
            pace.permit(&called(Limit::General)).await.unwrap();
            order.lock().unwrap().push(number);
        });
        tokio::task::yield_now().await;
    }
    running.join_all().await;
    assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..20));
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_holds_up_nobody() {
    let pace = pace(1, 60);
    pace.permit(&called(Limit::General)).await.unwrap();
    let short = Duration::from_millis(10);
    for _ in 0..10 {
        assert!(tokio::time::timeout(short, pace.permit(&called(Limit::General))).await.is_err());
    }
    let asked = Instant::now();
    pace.permit(&called(Limit::General)).await.unwrap();
    assert!(asked.elapsed() <= Duration::from_millis(1_100), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_a_day_is_told_at_once() {
    let pace = pace(1, 60);
    let permit = pace.permit(&called(Limit::General)).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    pace.budget().refuse(&permit, None, Some(day), pace.now(), 0.0);
    let asked = Instant::now();
    assert!(pace.permit(&called(Limit::General)).await.is_err_and(|wait| wait > day / 2));
    assert!(asked.elapsed() < Duration::from_secs(1));
}
