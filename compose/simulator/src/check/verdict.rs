//! The result of a check. In: faults, one by one. Out: a verdict, in words or as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Number of examples per kind of fault.
const EXAMPLES: usize = 5;

/// What a check found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// Requests that were sent.
    pub requests: u64,
    /// Deliveries, without repetitions.
    pub deliveries: u64,
    /// Deliveries that were answered 200.
    pub accepted: u64,
    /// Deliveries with an unknown result: no answer, or 5xx.
    pub ambiguous: u64,
    /// How many requests were answered with which status; 0 for no answer.
    pub answers: BTreeMap<u16, u64>,
    /// Requests per second.
    pub rate: f64,
    /// Response times in milliseconds: median, 99th percentile, maximum.
    pub p50_ms: u64,
    /// See above.
    pub p99_ms: u64,
    /// See above.
    pub longest_ms: u64,
    /// Deliveries that are in `events`.
    pub events: u64,
    /// Deliveries that are in `dead_letters`.
    pub dead_letters: u64,
    /// Rows in storage that a merge has yet to remove; they are counted nowhere.
    pub physical_duplicates: u64,
    /// Rows of other tables that were compared.
    pub rows: u64,
    /// How long it took until everything accepted was there, in milliseconds.
    pub waited_ms: u64,
    /// What is wrong.
    pub lost: Findings,
    /// See above.
    pub phantom: Findings,
    /// See above.
    pub doubled: Findings,
    /// See above.
    pub turned_away: Findings,
    /// See above.
    pub wrong: Findings,
    /// See above.
    pub holes: Findings,
    /// Tables that a rebuild from `events` would change; set by callers that can rebuild, if that was asked for.
    pub unlike_rebuild: Option<Findings>,
}

/// Faults of one kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        // If nothing was accepted, nothing is proven.
        self.accepted > 0 && self.findings().iter().all(|(_, findings)| findings.count == 0)
    }

    fn findings(&self) -> Vec<(&'static str, &Findings)> {
        let rebuild = self.unlike_rebuild.iter().map(|findings| ("unlike a rebuild", findings));
        let findings = [
            ("lost", &self.lost),
            ("phantom", &self.phantom),
            ("doubled", &self.doubled),
            ("turned away", &self.turned_away),
            ("wrong", &self.wrong),
            ("holes", &self.holes),
        ];
        findings.into_iter().chain(rebuild).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers.iter().map(|(status, count)| match status {
            0 => format!("{count} without answer"),
            status => format!("{count} x {status}"),
        });
        writeln!(
            f,
            "sent             {} requests of {} deliveries, {:.0} a second",
            self.requests, self.deliveries, self.rate
        )?;
        writeln!(f, "answered         {}", Vec::from_iter(answers).join(", "))?;
        writeln!(
            f,
            "                 p50 {} ms, p99 {} ms, longest {} ms",
            self.p50_ms, self.p99_ms, self.longest_ms
        )?;
        writeln!(f, "accepted         {} deliveries; of {} nobody can know", self.accepted, self.ambiguous)?;
        writeln!(
            f,
            "stored           {} events, {} dead letters, {} rows of other tables compared; {} rows to be merged yet",
            self.events, self.dead_letters, self.rows, self.physical_duplicates
        )?;
        for (name, findings) in self.findings() {
            write!(f, "{name:<16} {}", findings.count)?;
            for example in &findings.examples {
                write!(f, "\n                 {example}")?;
            }
            writeln!(f)?;
        }
        write!(
            f,
            "{}",
            if self.accepted == 0 {
                "NOTHING WAS ACCEPTED, so that nothing is shown."
            } else if self.is_good() {
                "Nothing is lost, nothing is counted twice."
            } else {
                "SOMETHING IS WRONG."
            }
        )
    }
}
