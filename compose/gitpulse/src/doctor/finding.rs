//! Findings of `doctor`. In: findings. Out: one line each, printed at once, and the number of faults.

use std::time::Duration;

/// Timeout for ClickHouse and GitLab in a check.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What was found.
pub(super) enum Finding {
    /// All is well with it.
    Good(String),
    /// Not wrong, but worth knowing.
    Note(String),
    /// What is wrong, and how to fix it.
    Bad(String, String),
}

/// How many checks there were, and how many failed.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) checks: usize,
    pub(super) bad: usize,
}

impl Tally {
    /// Prints findings at once: the next check may take its time.
    #[expect(clippy::print_stdout, reason = "the command's output")]
    pub(super) fn report(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            self.checks += 1;
            match finding {
                Finding::Good(text) => println!("  ok    {text}"),
                Finding::Note(text) => println!("  note  {text}"),
                Finding::Bad(text, remedy) => {
                    self.bad += 1;
                    println!("  FAULT {text}\n        remedy: {remedy}");
                }
            }
        }
    }
}
