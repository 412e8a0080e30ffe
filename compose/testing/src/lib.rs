//! What tests of several packages share. Nothing of it is in a build for users.

use std::io::Write;

/// Says that the test which calls this is skipped, and why: on stderr itself, for what a passing test prints is captured. `.ci/run` counts the lines.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // One write, so that lines of tests that run side by side do not mix. Where nobody reads it, nobody counts either.
    let _ = std::io::stderr().write_all(format!("\nSKIPPED {test}: {why}\n").as_bytes());
}
