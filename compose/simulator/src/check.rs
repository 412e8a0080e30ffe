//! Judges a run. In: its history, and the tables. Out: a verdict: what is lost, doubled, or must not be there. Shares no code with the writer of the
//! tables: their expected content follows from the history alone.
//!
//! - **lost**: answered 200, and neither in `events` nor in `dead_letters`.
//! - **phantom**: refused or never sent, but there.
//! - **doubled**: more than once under the analysts' names.
//! - **turned away**: authentic, but refused for good: GitLab does not send it again.
//! - **wrong**: a row of a table that differs from what the stored events say.
//! - **hole**: a range of Kafka's positions that no processor has recorded as consumed.

mod holes;
mod model;
mod stored;
mod verdict;

use std::time::Duration;

use clickhouse::Client;
use tokio::time::Instant;

pub use self::stored::CheckError;
use self::stored::Stored;
pub use self::verdict::{Findings, Verdict};
use crate::expected::Expected;
use crate::history::{Fate, History};

/// Pause between two queries.
const PAUSE: Duration = Duration::from_millis(100);
/// Time in which deliveries that were neither accepted nor refused may still arrive.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// Number of accepted deliveries that are neither in `events` nor in `dead_letters` yet.
pub async fn missing(client: &Client, history: &History) -> Result<usize, CheckError> {
    let stored = Stored::read(client, &history.run).await?;
    Ok(absent(history, &stored))
}

fn absent(history: &History, stored: &Stored) -> usize {
    let is_there =
        |number: &u64| stored.events.contains_key(number) || stored.dead_letters.contains_key(number);
    history.told.iter().filter(|(number, told)| told.fate == Fate::Accepted && !is_there(number)).count()
}

/// Waits until everything accepted is there, at most for `patience`, then compares. Deliveries with an unknown result may still arrive between two
/// queries: then it compares again.
pub async fn check(client: &Client, history: &History, patience: Duration) -> Result<Verdict, CheckError> {
    let started = Instant::now();
    loop {
        let verdict = judge(client, history, started, patience).await?;
        if verdict.is_good() || verdict.ambiguous == 0 || started.elapsed() >= patience.min(SETTLES_WITHIN) {
            return Ok(verdict);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn judge(
    client: &Client,
    history: &History,
    started: Instant,
    patience: Duration,
) -> Result<Verdict, CheckError> {
    let stored = loop {
        let looked = Instant::now();
        let stored = Stored::read(client, &history.run).await?;
        if absent(history, &stored) == 0 || started.elapsed() >= patience {
            break stored;
        }
        // Queries must not slow down what they watch.
        tokio::time::sleep(PAUSE.max(looked.elapsed() * 4)).await;
    };
    let mut verdict = Verdict {
        requests: history.requests(),
        deliveries: history.told.len() as u64,
        accepted: history.told.values().filter(|told| told.fate == Fate::Accepted).count() as u64,
        ambiguous: history.told.values().filter(|told| told.fate == Fate::Ambiguous).count() as u64,
        answers: history.answers.clone(),
        rate: history.rate(),
        p50_ms: history.took_at(0.5),
        p99_ms: history.took_at(0.99),
        longest_ms: history.took_at(1.0),
        events: stored.events.len() as u64,
        dead_letters: stored.dead_letters.len() as u64,
        physical_duplicates: stored.physical_duplicates,
        waited_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..Verdict::default()
    };
    presence(history, &stored, &mut verdict);
    model::compare(client, history, &stored, &mut verdict).await?;
    holes::find(client, &history.run, &mut verdict.holes).await?;
    Ok(verdict)
}

/// Which deliveries are there, and how often.
fn presence(history: &History, stored: &Stored, verdict: &mut Verdict) {
    let id = |number: u64| history.run.delivery_id(number);
    for (number, told) in &history.told {
        let (events, letters) = (stored.events.get(number), stored.dead_letters.get(number));
        match (told.fate, &told.expected) {
            (Fate::Accepted, _) if events.is_none() && letters.is_none() => {
                verdict.lost.add(|| format!("{} was answered 200", id(*number)));
            }
            (Fate::Refused, _) | (_, Expected::Refused(_)) if events.or(letters).is_some() => {
                verdict.phantom.add(|| format!("{} was refused, or had to be", id(*number)));
            }
            (Fate::Refused, Expected::Fact(_) | Expected::DeadLetter) => {
                verdict.turned_away.add(|| format!("{} is authentic and was refused", id(*number)));
            }
            (_, Expected::Fact(_)) if letters.is_some() => {
                verdict.wrong.add(|| format!("{} can be decoded and is a dead letter", id(*number)));
            }
            (_, Expected::DeadLetter) if events.is_some() => {
                verdict.wrong.add(|| format!("{} cannot be decoded and is an event", id(*number)));
            }
            (Fate::Accepted, Expected::Refused(_)) => {
                verdict.wrong.add(|| format!("{} had to be refused and was answered 200", id(*number)));
            }
            _ => (),
        }
    }
    for (name, there) in [("events", &stored.events), ("dead_letters", &stored.dead_letters)] {
        for (number, count) in there {
            if !history.told.contains_key(number) {
                verdict.phantom.add(|| format!("{} was never sent and is in {name}", id(*number)));
            }
            if *count > 1 {
                verdict.doubled.add(|| format!("{} is {count} times in {name}", id(*number)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
