//! Polling. In: a session, an interval. Out: one run after another, until it is stopped. Never ends because of a fault: GitLab, Kafka or ClickHouse
//! may be back at the next run.

use std::time::Duration;

use backfill::Summary;
use tokio_util::sync::CancellationToken;

use super::progress::Shown;
use super::session::{Fault, Session};

/// Pause after a run that could not begin; doubles each time, up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// Makes one run after another with a pause of `every` between them, and hands each result to `ended`.
pub(crate) async fn follow(
    session: &Session,
    every: Duration,
    shown: Shown,
    shutdown: &CancellationToken,
    mut ended: impl FnMut(&Result<Summary, Fault>),
) {
    let mut faults = 0;
    while !shutdown.is_cancelled() {
        let run = session.run(shown, shutdown).await;
        if shutdown.is_cancelled() {
            break;
        }
        ended(&run);
        faults = if run.is_err() { faults + 1 } else { 0 };
        let _ = shutdown.run_until_cancelled(tokio::time::sleep(pause(every, faults))).await;
    }
}

/// The pause after this many consecutive runs that could not begin.
fn pause(every: Duration, faults: u32) -> Duration {
    match faults {
        0 => every,
        faults => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(faults - 1)).min(every),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_begin_is_tried_sooner_and_ever_later() {
        let every = Duration::from_secs(300);
        let pauses = [0, 1, 2, 3, 4, 5, 6, 100].map(|faults| pause(every, faults).as_secs());
        assert_eq!(pauses, [300, 15, 30, 60, 120, 240, 300, 300]);
        assert_eq!(pause(Duration::from_secs(5), 1).as_secs(), 5);
    }
}
