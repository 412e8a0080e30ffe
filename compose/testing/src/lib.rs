//! Shared by tests of several packages. Not part of a build for users.

use std::io::Write;

/// Reports that the calling test is skipped, and why: directly to stderr, because output of a passing test is captured. `.ci/run` counts the lines.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // One write, so that lines of concurrent tests do not mix. If nobody reads it, nobody counts it either.
    let _ = std::io::stderr().write_all(format!("\nSKIPPED {test}: {why}\n").as_bytes());
}
