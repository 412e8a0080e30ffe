//! In: a cache folder and the paths a user overrides. Out: the programs and libraries the embedded
//! engines consist of, installed once per machine. Never writes into the source tree, and never
//! takes something half-installed for installed.

mod cache;
mod chdb;
mod error;
mod kafka;
mod nisshi;
mod progress;
mod tool;

use std::{
    fmt,
    path::{self, PathBuf},
};

pub use self::{
    cache::Cache,
    error::ProvideError,
    kafka::{KAFKA_VERSION, provide_kafka},
};

/// Paths that a user names instead of having the engine installed.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A `nisshi` program (the setting `NISSHI_BIN`).
    pub nisshi: Option<PathBuf>,
    /// A `libchdb.so` (the setting `CHDB_LIBRARY`).
    pub libchdb: Option<PathBuf>,
}

/// Where the engines of `gitpulse up` are on this machine.
#[derive(Clone, Debug)]
pub struct Engines {
    /// The Kafka-compatible broker, a program.
    pub nisshi: PathBuf,
    /// The ClickHouse engine, a shared library.
    pub libchdb: PathBuf,
}

/// An engine that [`Engines::provide`] would install; its `Display` says what, how and how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// The ClickHouse engine is to be downloaded.
    Libchdb,
    /// The broker is to be compiled.
    Nisshi,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Libchdb => chdb::ANNOUNCEMENT,
            Self::Nisshi => nisshi::ANNOUNCEMENT,
        })
    }
}

impl Engines {
    /// What [`Engines::provide`] would have to install, in the order it would.
    ///
    /// Only looks: touches neither the network nor the cache.
    pub fn missing(cache: &Cache, overrides: &Overrides) -> Vec<Missing> {
        let mut missing = Vec::new();
        if overrides.libchdb.is_none() && chdb::installed(cache).is_none() {
            missing.push(Missing::Libchdb);
        }
        if overrides.nisshi.is_none() && nisshi::installed(cache).is_none() {
            missing.push(Missing::Nisshi);
        }
        missing
    }

    /// Provides both engines, installing what is missing; says on stderr what it does and how far
    /// it is.
    ///
    /// Blocks for as long as an installation takes (about ten minutes the first time), so async
    /// callers use `spawn_blocking`. Every tool an installation needs is looked for before the
    /// first one starts.
    ///
    /// # Errors
    ///
    /// When an override does not exist or does not run, the machine is not one the engines are made
    /// for, a tool is missing, or an installation fails; every error names the remedy.
    pub fn provide(cache: &Cache, overrides: &Overrides) -> Result<Self, ProvideError> {
        for missing in Self::missing(cache, overrides) {
            match missing {
                Missing::Libchdb => chdb::check_machine()?,
                Missing::Nisshi => nisshi::check_machine()?,
            }
        }
        Ok(Self {
            libchdb: absolute(chdb::provide(cache, overrides.libchdb.as_deref())?),
            nisshi: absolute(nisshi::provide(cache, overrides.nisshi.as_deref())?),
        })
    }
}

/// The engines are started from other folders than this process's own.
fn absolute(path: PathBuf) -> PathBuf {
    path::absolute(&path).unwrap_or(path)
}
