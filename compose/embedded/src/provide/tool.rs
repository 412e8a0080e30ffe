//! In: a program of the machine and its arguments. Out: success, or an error with the remedy. Never goes through a shell, and leaves nothing running
//! after `stop`.

use std::{
    collections::VecDeque,
    env, io,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio_util::sync::CancellationToken;

use super::{ProvideError, cache::failed};

/// Lines of a failed program's output that are shown.
const LAST_LINES: usize = 20;

/// Interval for checking a program that does not report progress.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A program that an installation uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    /// Name of the program.
    pub(super) name: &'static str,
    /// What it installs.
    pub(super) purpose: &'static str,
    /// How to get the program itself.
    pub(super) how_to_install: &'static str,
}

impl Tool {
    /// The command without arguments.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.name);
        command.stdin(Stdio::null());
        // Proxies and registries are the user's choice, but our secrets are removed.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("GITPULSE_") || name.starts_with("GITLAB_"))
            {
                command.env_remove(name);
            }
        }
        command
    }

    /// Checks that the program is on this machine.
    pub(super) fn check(&self, version_flag: &str) -> Result<(), ProvideError> {
        self.command()
            .arg(version_flag)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(|_| ())
            .map_err(|source| self.not_started(source))
    }

    /// Runs `command`, showing each line of its stderr to `on_line`.
    pub(super) fn run_watching_stderr(
        &self,
        command: &mut Command,
        remedy: &str,
        stop: &CancellationToken,
        mut on_line: impl FnMut(&str),
    ) -> Result<(), ProvideError> {
        let mut child = command
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.not_started(source))?;
        let mut last_lines = VecDeque::with_capacity(LAST_LINES);
        let group = Pid::from_child(&child);
        let status = watched(
            group,
            stop,
            || (),
            || {
                if let Some(stderr) = child.stderr.take() {
                    for line in BufReader::new(stderr).split(b'\n') {
                        let line = line.map_err(failed("read the output of", Path::new(self.name)))?;
                        let line = String::from_utf8_lossy(&line).into_owned();
                        on_line(&line);
                        if last_lines.len() == LAST_LINES {
                            last_lines.pop_front();
                        }
                        last_lines.push_back(line);
                    }
                }
                child.wait().map_err(failed("wait for", Path::new(self.name)))
            },
        )?;
        if status.success() {
            return Ok(());
        }
        if stop.is_cancelled() {
            return Err(ProvideError::Stopped);
        }
        Err(ProvideError::ToolFailed {
            tool: self.name.to_owned(),
            status,
            purpose: self.purpose,
            remedy: remedy.to_owned(),
            last_lines: Vec::from(last_lines).join("\n"),
        })
    }

    /// Runs `command` and returns its output; calls `look` now and then meanwhile.
    pub(super) fn run_polling(
        &self,
        command: &mut Command,
        remedy: &str,
        stop: &CancellationToken,
        look: impl FnMut() + Send,
    ) -> Result<String, ProvideError> {
        let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|source| self.not_started(source))?;
        let group = Pid::from_child(&child);
        let output = watched(group, stop, look, || child.wait_with_output());
        let output = output.map_err(failed("wait for", Path::new(self.name)))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        if stop.is_cancelled() {
            return Err(ProvideError::Stopped);
        }
        Err(ProvideError::ToolFailed {
            tool: self.name.to_owned(),
            status: output.status,
            purpose: self.purpose,
            remedy: remedy.to_owned(),
            last_lines: last_lines_of(&output),
        })
    }

    fn not_started(&self, source: io::Error) -> ProvideError {
        if source.kind() == io::ErrorKind::NotFound {
            return ProvideError::ToolMissing {
                tool: self.name.to_owned(),
                purpose: self.purpose,
                remedy: self.how_to_install,
            };
        }
        failed("start", Path::new(self.name))(source)
    }
}

/// Waits for a program, calling `look` now and then; after `stop` the program is killed, with all processes that it has started.
fn watched<T>(
    group: Pid,
    stop: &CancellationToken,
    mut look: impl FnMut() + Send,
    wait: impl FnOnce() -> T,
) -> T {
    thread::scope(|scope| {
        let (done, until_done) = mpsc::channel::<()>();
        scope.spawn(move || {
            while until_done.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if stop.is_cancelled() {
                    // It may just have ended.
                    let _ = kill_process_group(group, Signal::KILL);
                    return;
                }
                look();
            }
        });
        let waited = wait();
        drop(done);
        waited
    })
}

/// Removes the variables by which a cargo that runs *us* would affect a cargo that *we* run: with them, an installation started by `cargo run` or
/// `cargo test` builds into the wrong folder, with the wrong flags.
pub(super) fn without_parent_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_parent_cargo) {
            command.env_remove(name);
        }
    }
}

/// The registry, the network and the number of jobs stay the user's choice.
pub(super) fn is_of_parent_cargo(name: &str) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_BUILD_JOBS", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    const REMOVED: [&str; 7] = [
        "CARGO",
        "OUT_DIR",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ];
    let removed = REMOVED.contains(&name) || name.starts_with("CARGO_");
    removed && !KEPT.iter().any(|kept| name.starts_with(kept))
}

fn last_lines_of(output: &Output) -> String {
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests;
