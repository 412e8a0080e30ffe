//! In: a cache folder and what a user names. Out: the programs and libraries of the embedded engines, installed once per machine. Never writes into
//! the source tree, and never uses an incomplete installation.

mod cache;
mod chdb;
mod error;
mod java;
mod kafka;
mod nisshi;
mod progress;
mod tool;

use std::{
    fmt,
    panic::resume_unwind,
    path::{self, PathBuf},
    str::FromStr,
    thread,
};

use tokio_util::sync::CancellationToken;

use self::java::Java;
pub use self::{cache::Cache, error::ProvideError, kafka::KAFKA_VERSION};
use crate::broker::BrokerProgram;

/// The kinds of brokers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrokerKind {
    /// Apache Kafka, which needs Java.
    Kafka,
    /// Nisshi, which is compiled on this machine.
    Nisshi,
}

impl BrokerKind {
    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Nisshi => "nisshi",
        }
    }
}

impl fmt::Display for BrokerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for BrokerKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "kafka" => Ok(Self::Kafka),
            "nisshi" => Ok(Self::Nisshi),
            _ => Err("expected kafka or nisshi"),
        }
    }
}

/// What a user names instead of having it chosen or installed.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The broker (the setting `GITPULSE_BROKER`); without it, Kafka if it can run on this machine.
    pub broker: Option<BrokerKind>,
    /// A `java` program or the folder of a Java installation (the setting `GITPULSE_JAVA`).
    pub java: Option<PathBuf>,
    /// The folder of an unpacked Apache Kafka (the setting `GITPULSE_KAFKA_DIR`).
    pub kafka_dir: Option<PathBuf>,
    /// A `nisshi` program (the setting `NISSHI_BIN`).
    pub nisshi: Option<PathBuf>,
    /// A `libchdb.so` (the setting `CHDB_LIBRARY`).
    pub libchdb: Option<PathBuf>,
}

/// Where the engines of `gitpulse up` are on this machine.
#[derive(Clone, Debug)]
pub struct Engines {
    /// The broker.
    pub broker: BrokerProgram,
    /// The ClickHouse engine, a shared library.
    pub libchdb: PathBuf,
}

impl Engines {
    /// Provides both engines concurrently, and installs what is missing; reports progress on stderr.
    ///
    /// Blocks for as long as an installation takes (half a minute the first time; ten minutes for Nisshi), so async callers use `spawn_blocking`. All
    /// tools are checked before the first installation starts.
    ///
    /// # Errors
    ///
    /// [`ProvideError::Stopped`] once `stop` is cancelled while something is installed. Else when what a user names does not exist or does not run,
    /// the machine is not one the engines are made for, a tool is missing, or an installation fails; every error names the remedy.
    pub fn provide(
        cache: &Cache,
        overrides: &Overrides,
        stop: &CancellationToken,
    ) -> Result<Self, ProvideError> {
        if overrides.libchdb.is_none() && chdb::installed(cache).is_none() {
            chdb::check_machine()?;
        }
        let chosen = Chosen::for_this_machine(cache, overrides)?;
        thread::scope(|scope| {
            let broker = scope.spawn(|| chosen.provide(cache, overrides, stop));
            let libchdb = chdb::provide(cache, overrides.libchdb.as_deref(), stop);
            let broker = broker.join().unwrap_or_else(|panicked| resume_unwind(panicked));
            // Whichever step noticed it.
            if stop.is_cancelled() && (broker.is_err() || libchdb.is_err()) {
                return Err(ProvideError::Stopped);
            }
            Ok(Self { broker: broker?, libchdb: absolute(libchdb?) })
        })
    }

    /// Provides only a broker.
    ///
    /// # Errors
    ///
    /// Those of [`Engines::provide`].
    pub fn provide_broker(
        cache: &Cache,
        overrides: &Overrides,
        stop: &CancellationToken,
    ) -> Result<BrokerProgram, ProvideError> {
        Chosen::for_this_machine(cache, overrides)?.provide(cache, overrides, stop)
    }

    /// The installed Nisshi, if there is one; installs nothing.
    pub fn installed_nisshi(cache: &Cache) -> Option<BrokerProgram> {
        nisshi::installed(cache).map(BrokerProgram::Nisshi)
    }
}

/// The broker that this machine will run, before anything is installed.
enum Chosen {
    Kafka(Java),
    Nisshi,
}

impl Chosen {
    fn for_this_machine(cache: &Cache, overrides: &Overrides) -> Result<Self, ProvideError> {
        let named = overrides.broker.or_else(|| {
            // A user who names a part of Kafka wants Kafka, or the reason why it cannot run.
            let part = overrides.java.is_some() || overrides.kafka_dir.is_some();
            part.then_some(BrokerKind::Kafka)
        });
        let why_not_kafka = match named {
            Some(BrokerKind::Nisshi) => None,
            Some(BrokerKind::Kafka) => return Ok(Self::Kafka(kafka::check_machine(cache, overrides)?)),
            None => match kafka::check_machine(cache, overrides) {
                Ok(java) => return Ok(Self::Kafka(java)),
                Err(error) => Some(error),
            },
        };
        if overrides.nisshi.is_none() && nisshi::installed(cache).is_none() {
            nisshi::check_machine()?;
        }
        if let Some(error) = why_not_kafka {
            progress::say(&format!(
                "the broker is Nisshi, which is slower. For Apache Kafka, which starts in seconds: {error}"
            ));
        }
        Ok(Self::Nisshi)
    }

    fn provide(
        self,
        cache: &Cache,
        overrides: &Overrides,
        stop: &CancellationToken,
    ) -> Result<BrokerProgram, ProvideError> {
        match self {
            Self::Kafka(java) => kafka::provide(cache, overrides, java, stop).map(BrokerProgram::Kafka),
            Self::Nisshi => nisshi::provide(cache, overrides.nisshi.as_deref(), stop)
                .map(|program| BrokerProgram::Nisshi(absolute(program))),
        }
    }
}

/// Engines are started from other folders than this process's own.
fn absolute(path: PathBuf) -> PathBuf {
    path::absolute(&path).unwrap_or(path)
}
