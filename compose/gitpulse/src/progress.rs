//! Progress of long work. In: how much is done. Out: a bar on a terminal, else a line per tenth. Never writes to standard output.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// How much of long work is done.
pub(crate) struct Progress {
    bar: ProgressBar,
    label: &'static str,
    total: Cell<u64>,
    plain: bool,
    said: Cell<u64>,
}

impl Progress {
    /// Progress at its beginning.
    pub(crate) fn new(label: &'static str, total: u64) -> Progress {
        let bar = ProgressBar::new(total).with_message(label);
        if let Ok(style) =
            ProgressStyle::with_template("{msg} [{bar:30}] {human_pos} of {human_len}, {per_sec}, {eta} left")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress {
            bar,
            label,
            total: Cell::new(total),
            plain: !std::io::stderr().is_terminal(),
            said: Cell::new(0),
        }
    }

    /// Sets how much is done in all.
    pub(crate) fn set(&self, done: u64) {
        // The total may grow while the work continues.
        if done > self.total.get() {
            self.total.set(done);
            self.bar.set_length(done);
        }
        self.bar.set_position(done);
        let tenth = (done * 10).checked_div(self.total.get()).unwrap_or(10).min(10);
        if self.plain && tenth > self.said.get() {
            self.said.set(tenth);
            // A closed standard error does not end the work.
            let _ = writeln!(std::io::stderr(), "{}: {done} of {}", self.label, self.total.get());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
