//! In: the progress of an installation. Out: a bar on a terminal, else a plain line now and then, both on stderr. Never writes to stdout, which
//! belongs to the command's result.

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

/// The longest silence of an installation without a terminal.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(30);

/// All bars: engines are installed concurrently.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The unit of progress.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// Bytes, shown with binary prefixes.
    Bytes,
    /// Things, with their plural noun.
    Things(&'static str),
}

/// One step of an installation, from 0 to a total that may be an estimate.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    label: &'static str,
    unit: Unit,
    total: u64,
    plain: Option<PlainLines>,
}

impl Progress {
    /// Begins a step.
    pub(super) fn begin(label: &'static str, unit: Unit, total: u64) -> Self {
        let counts = match unit {
            Unit::Bytes => "{binary_bytes} of {binary_total_bytes}".to_owned(),
            Unit::Things(noun) => format!("{{pos}} of {{len}} {noun}"),
        };
        let bar = BARS.add(ProgressBar::new(total).with_message(label));
        let template = format!("{{msg}} [{{bar:30}}] {counts}, {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self {
            bar,
            label,
            unit,
            total,
            plain: (!io::stderr().is_terminal()).then(|| PlainLines::new(Instant::now())),
        }
    }

    /// Moves to `position`; raises the total if it was estimated too low.
    pub(super) fn set(&mut self, position: u64) {
        if position > self.total {
            self.total = position;
            self.bar.set_length(position);
        }
        self.bar.set_position(position);
        if let Some(plain) = &mut self.plain
            && let Some(seconds) = plain.due(Instant::now())
        {
            say(&line(self.label, self.unit, position, self.total, seconds));
        }
    }

    /// Ends the step and removes the bar.
    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
        if let Some(plain) = &self.plain {
            let took = plain.started.elapsed().as_secs();
            say(&format!("{}: done in {took} s", self.label));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints one line.
pub(super) fn say(text: &str) {
    // If stderr itself is gone, nobody reads it.
    let _ = BARS.suspend(|| writeln!(io::stderr(), "{text}"));
}

#[derive(Debug)]
struct PlainLines {
    started: Instant,
    last: Instant,
}

impl PlainLines {
    fn new(now: Instant) -> Self {
        Self { started: now, last: now }
    }

    /// Seconds since the start, if another line is due.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.last) < PLAIN_LINE_EVERY {
            return None;
        }
        self.last = now;
        Some(now.duration_since(self.started).as_secs())
    }
}

fn line(label: &str, unit: Unit, position: u64, total: u64, seconds: u64) -> String {
    match unit {
        Unit::Bytes => format!("{label}: {} of {}, {seconds} s", HumanBytes(position), HumanBytes(total)),
        Unit::Things(noun) => format!("{label}: {position} of {total} {noun}, {seconds} s"),
    }
}

#[cfg(test)]
mod tests;
