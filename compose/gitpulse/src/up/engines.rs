//! The engines of `up`. In: settings, and a data folder. Out: a broker and a ClickHouse, installed and running on this machine only. If the log of
//! another broker is there, the user gets a message.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use embedded::broker::{self, BrokerProgram};
use embedded::child::Listens;
use embedded::clickhouse as embedded_clickhouse;
use embedded::provide::{BrokerKind, Cache, Engines, KAFKA_VERSION, ProvideError};
use embedded::supervisor::Supervisor;
use runtime::clickhouse::ClickHouseConfig;
use runtime::kafka::KafkaConfig;
use tokio_util::sync::CancellationToken;

use super::folder::{CLICKHOUSE, DataArgs, KAFKA, NISSHI};
use crate::arguments::StoreArgs;

/// How long an engine gets to stop before it is killed.
const GRACE: Duration = Duration::from_secs(15);

/// The engines while they run.
pub(super) struct Running {
    pub(super) broker: Supervisor,
    pub(super) clickhouse: Supervisor,
}

impl Running {
    /// Stops both, the broker first: their users have stopped already.
    pub(super) async fn stop(self) {
        for engine in [self.broker, self.clickhouse] {
            if let Err(error) = engine.stop(GRACE).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "an engine did not stop by itself");
            }
        }
    }
}

/// Installs what is missing; `None` if it is stopped meanwhile.
pub(super) async fn provide(
    args: &DataArgs,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Engines>> {
    let cache = match &args.cache_dir {
        Some(folder) => Cache::at(folder),
        None => Cache::default_location()?,
    };
    let mut overrides = args.overrides();
    // Events may wait in that log: if Java is missing, the user has to install it, not leave them there.
    if overrides.broker.is_none() && args.data_dir.join(KAFKA).is_dir() {
        overrides.broker = Some(BrokerKind::Kafka);
    }
    let stop = shutdown.clone();
    match tokio::task::spawn_blocking(move || Engines::provide(&cache, &overrides, &stop)).await? {
        Ok(engines) => Ok(Some(engines)),
        Err(ProvideError::Stopped) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Starts both engines side by side.
pub(super) async fn start(engines: &Engines, data: &Path, stores: &StoreArgs) -> anyhow::Result<Running> {
    let data = std::path::absolute(data)?;
    let executable = std::env::current_exe().context("the path of this program")?;
    let kafka = Listens { address: broker_address(&stores.kafka)?, setting: "GITPULSE_KAFKA_BROKERS" };
    let sql =
        Listens { address: clickhouse_address(&stores.clickhouse)?, setting: "GITPULSE_CLICKHOUSE_URL" };
    let folder = match engines.broker {
        BrokerProgram::Kafka(_) => KAFKA,
        BrokerProgram::Nisshi(_) => NISSHI,
    };
    let broker = async {
        let child = engines.broker.child(&data.join(folder), kafka).await?;
        anyhow::Ok(broker::start(child.through(&executable, &["engine", "exec"])).await?)
    };
    let clickhouse = embedded_clickhouse::child(&executable, &engines.libchdb, &data.join(CLICKHOUSE), sql);
    let (broker, clickhouse) = tokio::join!(broker, embedded_clickhouse::start(clickhouse));
    Ok(Running { broker: broker?, clickhouse: clickhouse? })
}

/// Logs a warning if an earlier `up` ran another broker: events may wait in its log.
pub(super) fn name_other_broker(engines: &Engines, data: &Path) {
    let (folder, kind, version) = match engines.broker {
        BrokerProgram::Kafka(_) => (data.join(NISSHI), BrokerKind::Nisshi, "Nisshi".to_owned()),
        BrokerProgram::Nisshi(_) => {
            (data.join(KAFKA), BrokerKind::Kafka, format!("Apache Kafka {KAFKA_VERSION}"))
        }
    };
    if folder.is_dir() {
        tracing::warn!(
            folder = %folder.display(),
            "an earlier `up` used {version}, and events may still wait in its log: run `gitpulse up --broker {kind}` until \
             gitpulse_processor_lag_records is 0 in /metrics (absent: not known yet, or, after two minutes, nothing there), stop it, then \
             remove the folder"
        );
    }
}

fn broker_address(config: &KafkaConfig) -> anyhow::Result<SocketAddr> {
    let first = config.brokers.split(',').next().unwrap_or_default();
    loopback(first)
        .with_context(|| format!("GITPULSE_KAFKA_BROKERS={}: `up` starts a broker there", config.brokers))
}

fn clickhouse_address(config: &ClickHouseConfig) -> anyhow::Result<SocketAddr> {
    let address = config.url.strip_prefix("http://").unwrap_or(&config.url).trim_end_matches('/');
    loopback(address)
        .with_context(|| format!("GITPULSE_CLICKHOUSE_URL={}: `up` starts ClickHouse there", config.url))
}

/// The embedded engines have no passwords, so they listen on this machine alone.
fn loopback(address: &str) -> anyhow::Result<SocketAddr> {
    let resolved = address.to_socket_addrs().with_context(|| format!("{address:?} is no host:port"))?;
    let own = resolved.into_iter().find(|address| address.ip().is_loopback());
    own.with_context(|| {
        format!("{address} is not on this machine; for a Kafka or ClickHouse of your own, run `gitpulse ingest` and `gitpulse processor`")
    })
}
