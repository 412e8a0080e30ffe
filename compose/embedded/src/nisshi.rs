//! In: the nisshi program, a folder and an address. Out: how to start nisshi, the broker for machines without Java. Never listens beyond the address
//! it is given, and exports no telemetry.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::child::{ChildSpec, Environment, GivesUp, Listens};

/// Default interval at which records past their topic's retention are removed.
///
/// A sweep reads every stored record and holds SQLite's write lock meanwhile: producers wait for about a second per stored gigabyte. Nisshi's own
/// default is ten minutes.
pub const RETENTION_SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// The broker nisshi, storing in one SQLite file.
#[derive(Clone, Debug)]
pub struct Nisshi {
    /// The nisshi program.
    pub program: PathBuf,
    /// The folder for its file and its log.
    pub folder: PathBuf,
    /// Where clients reach it.
    pub listens: Listens,
    /// Interval at which records past their topic's retention are removed.
    pub retention_sweep_every: Duration,
}

impl Nisshi {
    /// How it is started, its folder being prepared.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created.
    pub fn child(&self) -> io::Result<ChildSpec> {
        fs::create_dir_all(&self.folder)?;
        shield_from_env_files(&self.folder)?;
        let url = format!("tcp://{}", self.listens.address);
        // The file is named relative to the folder it runs in, because nisshi accepts neither absolute paths nor spaces in this URL.
        let storage =
            format!("sqlite://log.db?maintenance_interval={}s", self.retention_sweep_every.as_secs().max(1));
        let arguments = [
            "broker",
            "--silent",
            "--listener-url",
            &url,
            "--advertised-listener-url",
            &url,
            "--storage-engine",
            &storage,
            // All members of our groups start together or replace each other one by one, so waiting for more members has no benefit.
            "--group-initial-rebalance-delay",
            "0s",
        ];
        Ok(ChildSpec {
            name: "broker",
            program: self.program.clone(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            folder: self.folder.clone(),
            // Its log is a file, and one of its lines may end up in an error message.
            environment: Environment::Only(vec![("RUST_LOG", "warn".into()), ("NO_COLOR", "1".into())]),
            log_file: self.folder.join("broker.log"),
            listens: self.listens,
            ready_within: Duration::from_secs(60),
            gives_up: GivesUp::NeverOnceReady,
        })
    }
}

/// nisshi reads the nearest `.env` at or above the folder it runs in, which would be the user's, with settings of other programs.
fn shield_from_env_files(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(".env"), "# Empty: keeps the broker from reading a .env above it.\n")
}

#[cfg(test)]
mod tests;
