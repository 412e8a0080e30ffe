//! The roles as separate processes. In: settings. Out: a role that serves until it is stopped. `up` runs the same parts together.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use gitlab::InstanceConfig;
use ingest::config::TenantConfig;
use ingest::tenant::Tenants;
use ingest::test_event::TestEvents;
use ingest::{Ingest, IngestConfig};
use processor::{Pipeline, ProcessorConfig};
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;
use runtime::admin::Readiness;
use runtime::clickhouse::ClickHouse;
use runtime::http::HttpLimits;
use runtime::kafka::Kafka;
use runtime::outbox::Draining;
use runtime::publisher::PublisherConfig;
use runtime::spool::SpoolConfig;
use runtime::{Outbox, Publisher, Spool, shutdown};
use schemas::TopicPrefix;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::arguments::{AdminArgs, StoreArgs};
use crate::tenants::{WebhookConfig, instance_hint};

/// Time at the end for the last events to reach Kafka.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(8);
/// The spool of `gitpulse ingest` if none is configured.
const SPOOL_DIR: &str = "./spool";
/// How long the start waits for Kafka.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of the receiving role.
#[derive(Debug, Clone, Args)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    pub(crate) ingest: IngestConfig,
    #[command(flatten)]
    pub(crate) instance: InstanceConfig,
    #[command(flatten)]
    pub(crate) webhooks: WebhookConfig,
    #[command(flatten)]
    pub(crate) publisher: PublisherConfig,
    #[command(flatten)]
    pub(crate) spool: SpoolConfig,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// Settings of the storing role.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProcessorArgs {
    #[command(flatten)]
    pub(crate) processor: ProcessorConfig,
    #[command(flatten)]
    pub(crate) publisher: PublisherConfig,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// `gitpulse ingest`.
pub(crate) async fn ingest(args: IngestArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<()> {
    let tenants = args.webhooks.tenants(&args.instance, tenants);
    anyhow::ensure!(
        !tenants.is_empty(),
        "no tenant has a secret, so no delivery could be accepted: set GITLAB_WEBHOOK_TOKEN or GITLAB_WEBHOOK_SIGNING_TOKEN, or write a [[tenant]] in gitpulse.toml"
    );
    if let Some(hint) = instance_hint(&tenants) {
        tracing::warn!("{hint}");
    }
    let shutdown = shutdown::on_signal()?;
    let registry = registry()?;
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &registry)?;
    let (outbox, draining) = outbox(spool_folder(&args.spool), &args.spool, &publisher, &registry).await?;
    let kafka = Kafka::new(&args.stores.kafka)?;
    match kafka.missing_topics(METADATA_TIMEOUT).await {
        Ok(missing) => anyhow::ensure!(
            missing.is_empty(),
            "{} topics do not exist, {} among them: run `gitpulse migrate`",
            missing.len(),
            missing[0]
        ),
        // Kafka may come back; until then deliveries are kept in the spool.
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "Kafka does not answer yet"),
    }
    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    let readiness = Readiness { kafka: Some(kafka), outbox: Some(outbox.clone()), ..Readiness::default() };
    let admin = admin(args.admin.admin_listen, &registry, readiness, &shutdown).await?;
    let prefix = args.stores.kafka.topic_prefix.clone();
    let sinks = Sinks { outbox, publisher, prefix, clickhouse };
    let receiver = Receiver::bind(&args.ingest, &tenants, sinks, &registry).await?;
    tracing::info!(address = %receiver.listener.local_addr()?, "receiving webhooks");
    receiver.serve(shutdown).await;
    draining.stop(FLUSH_TIMEOUT).await;
    admin.await.context("the admin listener")
}

/// `gitpulse processor`.
pub(crate) async fn processor(args: ProcessorArgs) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let registry = registry()?;
    let publisher = Publisher::new(&args.stores.kafka, &args.publisher, &registry)?;
    let kafka = Kafka::new(&args.stores.kafka)?;
    let clickhouse = ClickHouse::new(&args.stores.clickhouse);
    let metrics = processor::Metrics::register(&registry)?;
    let readiness = Readiness {
        kafka: Some(kafka),
        outbox: None,
        clickhouse: Some(clickhouse.clone()),
        storing: metrics.storing.clone(),
    };
    let admin = admin(args.admin.admin_listen, &registry, readiness, &shutdown).await?;
    let started =
        Pipeline::start(&args.stores.kafka, clickhouse, publisher.clone(), &args.processor, metrics);
    let pipeline = tokio::select! {
        pipeline = started => pipeline?,
        () = shutdown.cancelled() => return Ok(()),
    };
    tracing::info!("processing");
    let finished = pipeline.run(shutdown.clone()).await;
    shutdown.cancel();
    publisher.flush(FLUSH_TIMEOUT).await;
    admin.await.context("the admin listener")?;
    finished.map_err(anyhow::Error::from)
}

/// The spool of `gitpulse ingest`.
pub(crate) fn spool_folder(config: &SpoolConfig) -> &Path {
    config.spool_dir.as_deref().unwrap_or(Path::new(SPOOL_DIR))
}

/// Opens the spool, which may have to read records of an earlier process, and starts to publish them.
pub(crate) async fn outbox(
    folder: &Path,
    config: &SpoolConfig,
    publisher: &Publisher,
    registry: &Registry,
) -> anyhow::Result<(Outbox, Draining)> {
    let (folder, max_mib, registry) = (folder.to_owned(), config.spool_max_mib, registry.clone());
    let opened = tokio::task::spawn_blocking(move || Spool::open(&folder, max_mib, &registry));
    Ok(Outbox::start(publisher.clone(), opened.await??, config.answer_after.unwrap_or_default()))
}

/// Where deliveries are stored.
pub(crate) struct Sinks {
    pub(crate) outbox: Outbox,
    pub(crate) publisher: Publisher,
    pub(crate) prefix: TopicPrefix,
    pub(crate) clickhouse: ClickHouse,
}

/// The public listener, bound but not serving yet.
pub(crate) struct Receiver {
    listener: TcpListener,
    limits: HttpLimits,
    state: Arc<Ingest>,
}

impl Receiver {
    /// Checks the tenants and binds the address.
    pub(crate) async fn bind(
        config: &IngestConfig,
        tenants: &[TenantConfig],
        sinks: Sinks,
        registry: &Registry,
    ) -> anyhow::Result<Receiver> {
        runtime::descriptors::make_room_for(config.max_connections as usize);
        let Sinks { outbox, publisher, prefix, clickhouse } = sinks;
        let tenants = Tenants::new(tenants)?;
        let metrics = ingest::Metrics::register(registry)?;
        let tests = TestEvents::new(clickhouse, config.admin_token.clone());
        let state = Arc::new(Ingest::new(config, tenants, outbox, publisher, prefix, tests, metrics));
        let listener = listen(config.listen, "GITPULSE_LISTEN")?;
        Ok(Receiver { listener, limits: config.http_limits(), state })
    }

    /// Its port.
    pub(crate) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves webhooks until `shutdown`, then answers the requests under way.
    pub(crate) async fn serve(self, shutdown: CancellationToken) {
        runtime::http::serve(self.listener, self.limits, ingest::routes(self.state), shutdown).await;
    }
}

/// Serves metrics and readiness in the background until `shutdown`.
pub(crate) async fn admin(
    address: SocketAddr,
    registry: &Registry,
    readiness: Readiness,
    shutdown: &CancellationToken,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let listener = listen(address, "GITPULSE_ADMIN_LISTEN")?;
    tracing::info!(address = %listener.local_addr()?, "serving /metrics and /readyz");
    Ok(tokio::spawn(runtime::admin::serve(listener, registry.clone(), readiness, shutdown.clone())))
}

/// A registry with the metrics that every process has: memory, CPU time, file descriptors.
pub(crate) fn registry() -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self()))?;
    Ok(registry)
}

fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    runtime::http::listen(address)
        .with_context(|| format!("cannot listen on {address}; {setting} chooses another address"))
}
