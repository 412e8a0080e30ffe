//! The data folder of `up`. In: where it is, and what to use instead of fetching it. Out: a folder that one `up` has, closed to others. Knows the
//! names of everything that is ever in it.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use embedded::provide::{BrokerKind, Overrides};
use rustix::fs::Mode;

/// Where it is unless somebody says otherwise.
pub(super) const DEFAULT: &str = "./data";
/// Where that of an invented GitLab is unless somebody says otherwise.
pub(super) const DEMO_DEFAULT: &str = "./demo";
/// The folder in it that keeps the log of Apache Kafka.
pub(super) const KAFKA: &str = "kafka";
/// The folder in it that keeps the log of Nisshi.
pub(super) const NISSHI: &str = "broker";
/// The folder in it that keeps the tables.
pub(super) const CLICKHOUSE: &str = "clickhouse";
/// The folder in it that keeps what the broker could not take.
pub(super) const SPOOL: &str = "spool";
/// The file in it that keeps a token that `up` made.
pub(super) const TOKEN_FILE: &str = "webhook-token";
/// The file in it that keeps how an invented GitLab goes on.
pub(super) const DEMO_FILE: &str = "demo.json";
/// The file in it that whoever runs holds locked.
const LOCK: &str = "lock";
/// Everything that is ever in a data folder.
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
    /// What the user names instead of having it chosen or installed.
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

/// Creates the data folder, or closes it to others: it holds payloads.
pub(super) fn make_private(data: &Path) -> std::io::Result<()> {
    // What is made from now on, here and by the engines, is nobody else's to read.
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
        // A mounted volume may belong to somebody else.
        tracing::warn!(folder = %data.display(), %error, "the permissions of the data folder cannot be restricted: other users may read it");
    }
    Ok(())
}

/// Closes what is ours in the data folder, for the folder itself may have to stay open.
fn close_subfolders(data: &Path) {
    for folder in IN_DATA_FOLDER.iter().map(|name| data.join(name)).filter(|folder| folder.is_dir()) {
        if let Err(error) = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)) {
            tracing::warn!(folder = %folder.display(), %error, "the permissions of a folder cannot be restricted: other users may read it");
        }
    }
}

/// One `up` a folder: two would share the broker's file and ClickHouse's tables.
pub(super) fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOCK);
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    // Why it could not be taken is always the same; the cause would only repeat it.
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "another `gitpulse up` uses {}; stop it, or choose another folder with --data-dir",
            data.display()
        )
    })?;
    Ok(file)
}
