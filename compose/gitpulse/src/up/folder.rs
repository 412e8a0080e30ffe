//! The data folder of `up`. In: its path, and what to use instead of fetching it. Out: a private folder that only one `up` uses. Defines the names of
//! everything in it.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use embedded::provide::{BrokerKind, Overrides};
use rustix::fs::Mode;

/// The default path.
pub(super) const DEFAULT: &str = "./data";
/// The default path for an invented GitLab.
pub(super) const DEMO_DEFAULT: &str = "./demo";
/// Subfolder of the log of Apache Kafka.
pub(super) const KAFKA: &str = "kafka";
/// Subfolder of the log of Nisshi.
pub(super) const NISSHI: &str = "broker";
/// Subfolder of the tables.
pub(super) const CLICKHOUSE: &str = "clickhouse";
/// Subfolder of the spool.
pub(super) const SPOOL: &str = "spool";
/// File with the token that `up` made.
pub(super) const TOKEN_FILE: &str = "webhook-token";
/// File with the state of an invented GitLab.
pub(super) const DEMO_FILE: &str = "demo.json";
/// File that a running `up` keeps locked.
const LOCK: &str = "lock";
/// Everything that GitPulse creates in a data folder.
const IN_DATA_FOLDER: [&str; 7] = [KAFKA, NISSHI, CLICKHOUSE, LOCK, SPOOL, TOKEN_FILE, DEMO_FILE];

/// Where the engines and their data are.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Folder for the broker's log, ClickHouse's tables, the spool and the webhook token
    #[arg(long, env = "GITPULSE_DATA_DIR", default_value = DEFAULT, value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,

    /// Folder for engines that were fetched or built; by default gitpulse in the user's cache folder
    #[arg(long, env = "GITPULSE_CACHE_DIR", value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Broker to run: kafka, or nisshi, which needs no Java; by default kafka if Java 17 or newer is there, and Maven to fetch it, else nisshi
    #[arg(long, env = "GITPULSE_BROKER", value_name = "kafka|nisshi")]
    pub(crate) broker: Option<BrokerKind>,

    /// Java program for Kafka, or the folder of a Java installation; by default that of JAVA_HOME, then the one in PATH
    #[arg(long, env = "GITPULSE_JAVA", value_name = "FILE")]
    pub(crate) java: Option<PathBuf>,

    /// Folder of an unpacked Apache Kafka to use instead of fetching one
    #[arg(long, env = "GITPULSE_KAFKA_DIR", value_name = "FOLDER")]
    pub(crate) kafka_dir: Option<PathBuf>,

    /// A nisshi program to use instead of building one
    #[arg(long, env = "NISSHI_BIN", value_name = "FILE")]
    pub(crate) nisshi_bin: Option<PathBuf>,

    /// A libchdb.so to use instead of fetching one
    #[arg(long, env = "CHDB_LIBRARY", value_name = "FILE")]
    pub(crate) chdb_library: Option<PathBuf>,
}

impl DataArgs {
    /// What the user names, instead of having it chosen or installed.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            broker: self.broker,
            java: self.java.clone(),
            kafka_dir: self.kafka_dir.clone(),
            nisshi: self.nisshi_bin.clone(),
            libchdb: self.chdb_library.clone(),
        }
    }
}

/// Creates the data folder, or makes it private: it holds payloads.
pub(super) fn make_private(data: &Path) -> std::io::Result<()> {
    // Nobody else may read what is created from now on, here and by the engines.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    close_subfolders(data);
    let mode = std::fs::metadata(data)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(data)? {
        let name = entry?.file_name();
        if !IN_DATA_FOLDER.iter().any(|ours| name == *ours) {
            tracing::warn!(folder = %data.display(), "the data folder also holds files that are not GitPulse's, so its permissions stay as they are");
            return Ok(());
        }
    }
    if let Err(error) = std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)) {
        // A mounted volume may belong to another user.
        tracing::warn!(folder = %data.display(), %error, "the permissions of the data folder cannot be restricted: other users may read it");
    }
    Ok(())
}

/// Makes our subfolders private, because the data folder itself may have to stay open.
fn close_subfolders(data: &Path) {
    for folder in IN_DATA_FOLDER.iter().map(|name| data.join(name)).filter(|folder| folder.is_dir()) {
        if let Err(error) = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)) {
            tracing::warn!(folder = %folder.display(), %error, "the permissions of a folder cannot be restricted: other users may read it");
        }
    }
}

/// One `up` per folder: two would share the broker's file and ClickHouse's tables.
pub(super) fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOCK);
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    // There is only one possible reason; the cause would repeat it.
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "another `gitpulse up` uses {}; stop it, or choose another folder with --data-dir",
            data.display()
        )
    })?;
    Ok(file)
}
