//! The results of faults. In: one outcome per fault. Out: a table.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{Table, presets};
use simulator::Verdict;

/// The result of a fault.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The verdict of `gitpulse check`; none if the fault could not be staged here.
    pub(crate) verdict: Option<Verdict>,
    /// Time from the end of the fault until everything accepted by then was in its tables.
    pub(crate) recovery: Option<Duration>,
    /// Other remarks: which answers there were, why it was not staged.
    pub(crate) notes: Vec<String>,
    /// What is wrong, if anything is.
    pub(crate) faults: Vec<String>,
}

impl Outcome {
    /// A fault that cannot be staged on this machine, with the reason.
    pub(crate) fn not_staged(why: &str) -> Outcome {
        Outcome { notes: vec![why.to_owned()], ..Outcome::default() }
    }

    /// Why it was not staged, if it was not.
    pub(crate) fn not_staged_because(&self) -> Option<&str> {
        let not_staged = self.verdict.is_none() && self.faults.is_empty();
        not_staged.then(|| self.notes.first().map_or("not staged", String::as_str))
    }
}

/// All outcomes, by name.
#[derive(Debug, Default)]
pub(crate) struct Report(BTreeMap<&'static str, Outcome>);

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, outcome: Outcome) {
        self.0.insert(name, outcome);
    }

    /// One row per fault.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "fault",
            "load/s",
            "accepted",
            "lost",
            "doubled",
            "wrong",
            "p99",
            "longest answer",
            "recovery",
            "notes",
        ]);
        for (name, outcome) in &self.0 {
            let Outcome { verdict, recovery, notes, faults } = outcome;
            let mut row = vec![(*name).to_owned()];
            match verdict {
                Some(verdict) => row.extend([
                    format!("{:.0}", verdict.rate),
                    verdict.accepted.to_string(),
                    verdict.lost.count.to_string(),
                    verdict.doubled.count.to_string(),
                    (verdict.wrong.count
                        + verdict.phantom.count
                        + verdict.holes.count
                        + verdict.unlike_rebuild.iter().map(|findings| findings.count).sum::<u64>())
                    .to_string(),
                    format!("{} ms", verdict.p99_ms),
                    format!("{} ms", verdict.longest_ms),
                ]),
                None => row.extend(std::iter::repeat_n(String::from("-"), 7)),
            }
            row.push(recovery.map_or_else(|| "-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64())));
            let state = match outcome.not_staged_because() {
                Some(_) => Some("SKIPPED"),
                None => (!faults.is_empty()).then_some("FAILED"),
            };
            row.push(Vec::from_iter(state.into_iter().chain(notes.iter().map(String::as_str))).join("; "));
            table.add_row(row);
        }
        table
    }
}
