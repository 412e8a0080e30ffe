//! Faults of a supervised child, each with where to look and what to change.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitStatus, time::Duration};

/// A child could not be started, or not be kept running.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Another process uses the child's address.
    #[error("{name} cannot listen on {address}: another process does; stop it, or change {setting}")]
    AddressTaken {
        /// The child.
        name: &'static str,
        /// The address that is taken.
        address: SocketAddr,
        /// The setting that chooses it.
        setting: &'static str,
    },
    /// This machine refuses the child's address.
    #[error("{name} cannot listen on {address}; change {setting}")]
    Address {
        /// The child.
        name: &'static str,
        /// The address.
        address: SocketAddr,
        /// The setting that chooses it.
        setting: &'static str,
        /// Why it is refused.
        #[source]
        source: io::Error,
    },
    /// The program, its folder or its log file is not usable.
    #[error("{name} cannot be started from {}", program.display())]
    Start {
        /// The child.
        name: &'static str,
        /// Its program.
        program: PathBuf,
        /// Why it was not started.
        #[source]
        source: io::Error,
    },
    /// The child ended while it was starting for the first time.
    #[error("{name} ended before it was ready ({status}); its log {} ends with: {last_line}", log_file.display())]
    EndedBeforeReady {
        /// The child.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log_file: PathBuf,
        /// The end of its log.
        last_line: String,
    },
    /// The child runs, but does not answer.
    #[error("{name} was not ready within {within:?}; its log {} ends with: {last_line}", log_file.display())]
    NotReady {
        /// The child.
        name: &'static str,
        /// Its timeout.
        within: Duration,
        /// Its log.
        log_file: PathBuf,
        /// The end of its log.
        last_line: String,
        /// The error of the last check.
        #[source]
        source: io::Error,
    },
    /// The child ended shortly after its start several times in a row.
    #[error(
        "{name} ended {ends} times shortly after its start, the last time with {reason}; its log {} \
         ends with: {last_line}",
        log_file.display()
    )]
    GaveUp {
        /// The child.
        name: &'static str,
        /// Number of short runs.
        ends: usize,
        /// The end of the last one.
        reason: String,
        /// Its log.
        log_file: PathBuf,
        /// The end of its log.
        last_line: String,
    },
    /// The supervising task itself is gone.
    #[error("{name} is not supervised any more")]
    Lost {
        /// The child.
        name: &'static str,
    },
}
