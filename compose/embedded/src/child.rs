//! In: how an engine is started. Out: a process in its own process group that writes to a log file.
//! Never outlives the process that started it, however that one ends (on Linux).

mod log;

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};

pub use self::log::last_line;

/// Tells a child who started it; not a setting, only a supervisor sets it.
const PARENT: &str = "EMBEDDED_PARENT_PID";

/// How an engine is started, and what to know about it while it runs.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    /// Its name in logs and errors.
    pub name: &'static str,
    /// The program to run.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The folder it runs in; created when missing.
    pub folder: PathBuf,
    /// The variables it sees.
    pub environment: Environment,
    /// The file to which its stdout and stderr are appended.
    pub log_file: PathBuf,
    /// What it listens on.
    pub listens: Listens,
    /// Timeout until it is ready, at every start.
    pub ready_within: Duration,
    /// When it is not restarted any more.
    pub gives_up: GivesUp,
}

/// When a child that ended unexpectedly is not restarted any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GivesUp {
    /// When it ended shortly after its start several times in a row: another start would not help.
    AfterShortRuns,
    /// Never, once it was ready, with growing pauses: its disk may have room again, and until then others keep what it cannot store.
    NeverOnceReady,
    /// Never, and without growing pauses: for tests that kill it on purpose.
    Never,
}

/// The environment of a child.
#[derive(Clone, Debug)]
pub enum Environment {
    /// The one of this process.
    Inherited,
    /// `PATH`, `HOME` and `TMPDIR` of this process and these variables, so that a third party's program neither sees our secrets nor reads our
    /// settings as its own.
    Only(Vec<(&'static str, OsString)>),
}

/// An address that a child listens on, with the name of the setting that chooses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listens {
    /// The address.
    pub address: SocketAddr,
    /// The setting that a user has to change when the address is taken.
    pub setting: &'static str,
}

impl ChildSpec {
    /// The same child, started through `program arguments...`, which calls [`die_with_parent`] and then uses [`exec`] to become the program in its
    /// further arguments.
    pub fn through(mut self, program: &Path, arguments: &[&str]) -> Self {
        let inner = std::mem::replace(&mut self.program, program.to_owned());
        let own = arguments.iter().map(OsString::from);
        self.arguments = own.chain([inner.into()]).chain(self.arguments).collect();
        self
    }

    /// The command that starts it once; opens its log file.
    ///
    /// # Errors
    ///
    /// When the folder or the log file cannot be created.
    pub(crate) fn command(&self) -> io::Result<tokio::process::Command> {
        std::fs::create_dir_all(&self.folder)?;
        let log = log::open(&self.log_file, log::LOG_BYTES)?;
        let mut command = tokio::process::Command::new(&self.program);
        if let Environment::Only(variables) = &self.environment {
            command.env_clear();
            for name in ["PATH", "HOME", "TMPDIR"] {
                command.envs(env::var_os(name).map(|value| (name, value)));
            }
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env(PARENT, process::id().to_string())
            // Ctrl-C in a terminal reaches only the parent, which then stops its children in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }
}

/// Asks the kernel to kill this process when the thread that started it ends, and makes sure that
/// it has not ended already. The request survives [`exec`].
///
/// Called first in a process that a [`Supervisor`](crate::supervisor::Supervisor) started. Other
/// systems than Linux have no such request; there it only checks.
///
/// # Errors
///
/// When the kernel refuses, the parent is gone, or this process was not started by a supervisor.
pub fn die_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let expected = env::var_os(PARENT)
        .and_then(|value| value.to_str()?.parse::<i32>().ok())
        .ok_or_else(|| io::Error::other("this command is for a supervisor to start"))?;
    // If the parent died before the request was made, this process has another parent now.
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if parent == Some(expected) {
        Ok(())
    } else {
        Err(io::Error::other("the process that started this one is gone"))
    }
}

/// Becomes `program`; returns only when that fails.
pub fn exec<I, S>(program: &Path, arguments: I) -> io::Error
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    process::Command::new(program).args(arguments).env_remove(PARENT).exec()
}

/// Ends this process at once, whatever its threads do: no destructor runs, and nothing is waited for.
pub fn end() {
    if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
        process::abort();
    }
}

#[cfg(test)]
mod tests;
