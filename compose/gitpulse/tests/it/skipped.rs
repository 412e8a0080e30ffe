//! Tests that cannot run here. In: why. Out: a line that `.ci/run` counts.

use std::io::Write;

/// Says that the test which calls this is skipped: on stderr itself, for what a passing test prints is captured.
pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("\nSKIPPED {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
