use std::sync::Mutex;

use super::*;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Fault {
    #[error("overloaded, for the {0}. time")]
    Overloaded(usize),
    #[error("refused")]
    Refused,
}

impl Fault {
    fn is_transient(&self) -> bool {
        matches!(self, Fault::Overloaded(_))
    }
}

/// Runs attempts whose outcome is `outcome` of their number, the first being 1. Returns the result, and the time of each attempt since the beginning.
async fn run(
    seconds: u64,
    shutdown: &CancellationToken,
    outcome: impl Fn(usize) -> Result<usize, Fault>,
) -> (Result<usize, Fault>, Vec<Duration>) {
    let (began, at) = (Instant::now(), Mutex::new(Vec::new()));
    let retry = Retry {
        until: began + Duration::from_secs(seconds),
        shutdown,
        warning: "something failed and is tried again",
    };
    let attempt = || async {
        let mut at = at.lock().unwrap();
        at.push(began.elapsed());
        outcome(at.len())
    };
    let result = retry.run(Fault::is_transient, attempt).await;
    (result, at.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_until_it_succeeds() {
    let third = |number| if number < 3 { Err(Fault::Overloaded(number)) } else { Ok(number) };
    let (result, at) = run(60, &CancellationToken::new(), third).await;
    assert_eq!((result, at.len()), (Ok(3), 3));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_tried_once() {
    let (result, at) = run(60, &CancellationToken::new(), |_| Err(Fault::Refused)).await;
    assert_eq!((result, at.len()), (Err(Fault::Refused), 1));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_up_to_a_limit_and_no_attempt_begins_after_the_end() {
    let (result, at) = run(60, &CancellationToken::new(), |number| Err(Fault::Overloaded(number))).await;
    assert_eq!(result, Err(Fault::Overloaded(at.len())));
    assert!(at.iter().all(|at| *at <= Duration::from_secs(60)), "{at:?}");
    let mut longest = PAUSE;
    for pair in at.windows(2) {
        // Tokio's clock counts in milliseconds, and rounds up.
        let pause = pair[1] - pair[0];
        assert!(
            pause >= longest / 2 && pause <= longest + Duration::from_millis(1),
            "{pause:?}, {longest:?}"
        );
        longest = (longest * 2).min(PAUSE_MAX);
    }
    assert!(at.len() > 30, "two seconds each at the most: {}", at.len());
}

#[tokio::test(start_paused = true)]
async fn two_that_fail_together_come_back_apart() {
    let fails = |number| Err(Fault::Overloaded(number));
    let (_, first) = run(60, &CancellationToken::new(), fails).await;
    let (_, second) = run(60, &CancellationToken::new(), fails).await;
    assert_ne!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_pause_at_once() {
    let shutdown = CancellationToken::new();
    let until_the_fourth = |number| {
        if number == 4 {
            shutdown.cancel();
        }
        Err(Fault::Overloaded(number))
    };
    let (result, at) = run(3600, &shutdown, until_the_fourth).await;
    assert_eq!((result, at.len()), (Err(Fault::Overloaded(4)), 4));
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_is_made_after_a_shutdown_too() {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    assert_eq!(run(60, &shutdown, Ok).await.0, Ok(1));
}

#[test]
fn a_pause_lies_between_half_of_the_longest_and_all_of_it() {
    assert_eq!(jittered(PAUSE_MAX, 0.0), PAUSE_MAX / 2);
    assert_eq!(jittered(PAUSE_MAX, 0.5), PAUSE_MAX * 3 / 4);
    assert!(jittered(PAUSE_MAX, 1.0 - f64::EPSILON) <= PAUSE_MAX);
}
