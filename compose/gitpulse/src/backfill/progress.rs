//! Progress of a run of backfill. In: its numbers. Out: a bar on a terminal, else a line now and then. Never estimates a remaining time that is
//! unknown: the length of lists is known only when they have been read; the number of things left to ask about one by one is counted.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backfill::Live;
use backfill::live::Numbered;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(500);
/// How often a line is written if there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often a line is logged among other lines.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// The time over which the rate is measured.
const RATE_OVER: Duration = Duration::from_secs(60);
/// How often the remaining things are counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// On standard error: a bar on a terminal, else lines.
    Directly,
    /// In the log, among the lines of others.
    Logged,
}

/// What progress is computed from.
pub(crate) struct Watch {
    pub(super) live: Live,
    pub(super) gitlab: gitlab::Client,
    pub(super) clickhouse: clickhouse::Client,
    pub(super) instance: String,
    /// The projects, once they are found.
    pub(super) projects: Arc<OnceLock<Vec<u64>>>,
}

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Finding,
    Listing,
    /// All lists were read, and only single things are requested.
    OneByOne,
}

/// The values that are shown.
#[derive(Debug, Clone, Copy)]
struct View {
    numbers: Numbered,
    /// Requests per minute; none before the first measurement.
    rate: Option<u64>,
    /// Requests that may be made at once.
    budget: u32,
    /// Things left to ask about one by one.
    left: Option<u64>,
}

impl Watch {
    /// Shows progress until it is dropped.
    pub(crate) async fn show(self, shown: Shown) {
        let is_bar = shown == Shown::Directly && std::io::stderr().is_terminal();
        let bar = is_bar.then(bar);
        let every = if shown == Shown::Logged { LOG_EVERY } else { LINE_EVERY };
        let (mut rate, mut left) = (Rate::default(), None);
        let (mut said_at, mut counted_at) = (Instant::now(), None);
        let mut ticks = tokio::time::interval(TICK);
        loop {
            let now = ticks.tick().await;
            let numbers = self.live.numbers();
            let is_due = counted_at.is_none_or(|at: Instant| now.duration_since(at) >= COUNT_EVERY);
            if phase(&numbers) == Phase::OneByOne && is_due {
                counted_at = Some(now);
                left = self.left().await;
            }
            let rate = rate.at(now, numbers.requests);
            let view = View { numbers, rate, budget: self.gitlab.budget_left(), left };
            if let Some(bar) = &bar {
                bar.set_length(numbers.lists.max(1));
                bar.set_position(numbers.ended);
                bar.set_message(text(&view));
            } else if now.duration_since(said_at) >= every {
                said_at = now;
                match shown {
                    Shown::Logged => tracing::info!("history: {}", text(&view)),
                    // A closed standard error does not end the work.
                    Shown::Directly => drop(writeln!(std::io::stderr(), "{}", text(&view))),
                }
            }
        }
    }

    /// Things left to ask about one by one; `None` if ClickHouse does not answer.
    async fn left(&self) -> Option<u64> {
        let projects = self.projects.get()?;
        backfill::report::left(&self.clickhouse, &self.instance, projects).await.ok()
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:20}] {wide_msg} {elapsed}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn phase(numbers: &Numbered) -> Phase {
    match (numbers.lists, numbers.listing) {
        (0, _) => Phase::Finding,
        (_, 0) => Phase::OneByOne,
        _ => Phase::Listing,
    }
}

/// One line of progress.
fn text(view: &View) -> String {
    let View { numbers, rate, budget, left } = view;
    let Numbered { lists, ended, objects, requests, .. } = numbers;
    let mut text = match phase(numbers) {
        Phase::Finding => "finding projects".to_owned(),
        Phase::Listing => format!("reading lists, {ended} of {lists} done"),
        Phase::OneByOne => {
            let left = left.map(|left| format!(", {} left", HumanCount(left))).unwrap_or_default();
            format!("asking one by one{left}, {ended} of {lists} lists done")
        }
    };
    text.push_str(&format!(": {} objects by {} requests", HumanCount(*objects), HumanCount(*requests)));
    if let Some(rate) = rate {
        text.push_str(&format!(", {rate} a minute"));
    }
    text.push_str(&format!(", {budget} may go at once"));
    if let (Phase::OneByOne, Some(left), Some(rate @ 1..)) = (phase(numbers), left, rate) {
        text.push_str(&format!(", some {} min to go", left.div_ceil(*rate)));
    }
    text
}

/// Requests in the last minute.
#[derive(Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// The rate at `now`, when this many requests were made; `None` before a few seconds have passed.
    fn at(&mut self, now: Instant, requests: u64) -> Option<u64> {
        self.0.push_back((now, requests));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= RATE_OVER) {
            self.0.pop_front();
        }
        let (since, before) = *self.0.front()?;
        let passed = now.duration_since(since);
        if passed < LINE_EVERY / 2 {
            return None;
        }
        Some(((requests - before) as f64 * 60.0 / passed.as_secs_f64()).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(lists: u64, ended: u64, listing: u64, left: Option<u64>, rate: Option<u64>) -> View {
        let numbers = Numbered { objects: 12_345, requests: 678, lists, ended, listing };
        View { numbers, rate, budget: 90, left }
    }

    #[test]
    fn a_line_says_what_is_known_and_nothing_else() {
        let done = ": 12,345 objects by 678 requests";
        assert_eq!(text(&view(0, 0, 0, None, None)), format!("finding projects{done}, 90 may go at once"));
        assert_eq!(
            text(&view(20, 3, 12, None, Some(480))),
            format!("reading lists, 3 of 20 done{done}, 480 a minute, 90 may go at once")
        );
        assert_eq!(
            text(&view(20, 16, 0, Some(1_000), Some(480))),
            format!(
                "asking one by one, 1,000 left, 16 of 20 lists done{done}, 480 a minute, 90 may go at once, some 3 min to go"
            )
        );
        assert!(!text(&view(20, 16, 0, None, Some(480))).contains("to go"));
        assert!(!text(&view(20, 16, 0, Some(10), None)).contains("to go"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_minute() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.at(at(0), 0), None);
        assert_eq!(rate.at(at(1), 10), None);
        assert_eq!(rate.at(at(10), 100), Some(600));
        for second in 11..=200 {
            rate.at(at(second), 100);
        }
        assert_eq!(rate.at(at(201), 100), Some(0));
        assert!(rate.0.len() < 70);
    }
}
