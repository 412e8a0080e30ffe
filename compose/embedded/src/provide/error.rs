//! Errors of an installation, each with the remedy.

use std::{io, path::PathBuf, process::ExitStatus};

/// An engine could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum ProvideError {
    /// The caller was stopped. An incomplete installation does not count, and the next attempt continues it.
    #[error("the installation was stopped")]
    Stopped,
    /// Neither a cache folder nor a home folder is known.
    #[error("no cache folder: set GITPULSE_CACHE_DIR, XDG_CACHE_HOME or HOME")]
    NoCacheFolder,
    /// A file or folder of the cache could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A path named by the user does not exist.
    #[error("{setting} names {}, which is not a file", path.display())]
    Override {
        /// The setting that names it.
        setting: &'static str,
        /// The path it names.
        path: PathBuf,
    },
    /// No Java on this machine can run Kafka.
    #[error(
        "Apache Kafka needs Java 17 or newer, and {found}: install one (Debian, Ubuntu: `apt-get install \
         openjdk-17-jre-headless`), or set GITPULSE_JAVA to a java program"
    )]
    Java {
        /// What was found instead.
        found: String,
    },
    /// A path that Java would read as two.
    #[error("{} holds a colon, which separates paths for Java: choose another folder with GITPULSE_CACHE_DIR", path.display())]
    Colon {
        /// The path.
        path: PathBuf,
    },
    /// A folder named by the user is not a Kafka installation.
    #[error(
        "GITPULSE_KAFKA_DIR names {}, which has no libs/kafka_2.13-*.jar: name the folder of an unpacked Apache Kafka",
        path.display()
    )]
    KafkaFolder {
        /// The folder it names.
        path: PathBuf,
    },
    /// The embedded ClickHouse does not support this kind of machine.
    #[error(
        "the embedded ClickHouse is available for Linux on x86_64 only, and this is {os} on \
         {architecture}; `gitpulse ingest` and `gitpulse processor` run here with any ClickHouse: \
         set GITPULSE_CLICKHOUSE_URL"
    )]
    Platform {
        /// Operating system of this machine.
        os: &'static str,
        /// Processor architecture of this machine.
        architecture: &'static str,
    },
    /// A program that the installation needs is not on this machine.
    #[error("`{tool}` is needed to install {purpose}, and is not on this machine: {remedy}")]
    ToolMissing {
        /// Name of the program.
        tool: String,
        /// What it would install.
        purpose: &'static str,
        /// The command that installs the program.
        remedy: &'static str,
    },
    /// A program that the installation uses reported failure.
    #[error("`{tool}` failed ({status}) while installing {purpose}: {remedy}\n{last_lines}")]
    ToolFailed {
        /// Name of the program.
        tool: String,
        /// Its exit status.
        status: ExitStatus,
        /// What it was installing.
        purpose: &'static str,
        /// What to try.
        remedy: String,
        /// The end of its output.
        last_lines: String,
    },
    /// A program's output lacked what was expected of it.
    #[error("`{tool}` did not name the file it wrote; its output was: {output}")]
    ToolOutput {
        /// Name of the program.
        tool: &'static str,
        /// What it printed.
        output: String,
    },
    /// A program has another version than expected.
    #[error(
        "{} says it is `{found}`, expected {expected}; name the right program, or none and it is installed",
        path.display()
    )]
    Version {
        /// The program.
        path: PathBuf,
        /// The expected version.
        expected: &'static str,
        /// The version that it reports.
        found: String,
    },
    /// A download is not the file that this version of GitPulse was tested with.
    #[error(
        "the download of {name} has the checksum {found}, expected {expected}; a proxy or mirror \
         may have changed it: try again, or set CHDB_LIBRARY to a libchdb.so that you trust"
    )]
    Integrity {
        /// What was downloaded.
        name: &'static str,
        /// The pinned checksum.
        expected: &'static str,
        /// The checksum of the download.
        found: String,
    },
    /// An archive lacks the one file it was downloaded for.
    #[error("the download of {name} holds no {entry} of {bytes} bytes")]
    Archive {
        /// What was downloaded.
        name: &'static str,
        /// The file looked for.
        entry: &'static str,
        /// The size it should have, in bytes.
        bytes: u64,
    },
}
