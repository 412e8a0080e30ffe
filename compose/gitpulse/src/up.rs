//! `gitpulse up`: everything on one machine. In: a data folder. Out: webhooks in, SQL out, until it is stopped. Runs the same roles as production,
//! with a broker and a ClickHouse that are children of this process.

mod announcement;
mod demo;
mod engines;
mod folder;
mod history;
mod storing;
mod token;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use gitlab::ApiConfig;
use ingest::config::TenantConfig;
use processor::ProcessorConfig;
use runtime::admin::Readiness;
use runtime::clickhouse::ClickHouse;
use runtime::kafka::{Kafka, KafkaConfig};
use runtime::{Publisher, migrate, shutdown};
use tokio_util::sync::CancellationToken;

use self::announcement::announce;
use self::demo::{Demo, DemoArgs};
pub(crate) use self::folder::DataArgs;
use self::folder::SPOOL;
use self::history::{Begun, History, HistoryArgs};
use self::storing::ProcessorThreads;
use self::token::WebhookToken;
pub(crate) use self::token::kept_token;
use crate::arguments::{AdminArgs, AuditArgs, StoreArgs};
use crate::roles::{self, Receiver, Sinks};
use crate::tenants::{WebhookConfig, instance_hint};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(8);

/// Settings of `up`: those of all roles, and where their data is.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    ingest: ingest::IngestConfig,
    #[command(flatten)]
    gitlab: ApiConfig,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    demo: DemoArgs,
    #[command(flatten)]
    webhooks: WebhookConfig,
    #[command(flatten)]
    publisher: runtime::publisher::PublisherConfig,
    #[command(flatten)]
    spool: runtime::spool::SpoolConfig,
    #[command(flatten)]
    processor: ProcessorConfig,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Runs everything until a signal, or until a part fails for good.
pub(crate) async fn run(mut args: UpArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    if args.demo.demo && args.data.data_dir == Path::new(folder::DEFAULT) {
        args.data.data_dir = folder::DEMO_DEFAULT.into();
    }
    let data = &args.data.data_dir;
    demo::check_folder(&args.demo, data)?;
    folder::make_private(data)
        .with_context(|| format!("the data folder {} cannot be created", data.display()))?;
    let _lock = folder::lock(data)?;
    let demo = match args.demo.demo {
        true => Some(Demo::start(&args.demo, data, &shutdown).await?),
        false => None,
    };
    let (history, token) = match &demo {
        Some(demo) => {
            let api = demo.api();
            let token = WebhookToken::demo(&api.instance, &args.webhooks, data)?;
            (Some(History::demo(&args.history, &api)?), token)
        }
        None => {
            let history = History::of(&args.history, &args.gitlab)?;
            (history, WebhookToken::settle(&args.gitlab.instance, &args.webhooks, tenants, data)?)
        }
    };
    let Some(engines) = engines::provide(&args.data, &shutdown).await? else { return Ok(()) };
    engines::name_other_broker(&engines, data);

    let started = Instant::now();
    let mut running = tokio::select! {
        running = engines::start(&engines, data, &args.stores) => running?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let served = tokio::select! {
        served = serve(&args, &token, (history, demo), started, &shutdown) => served,
        error = running.broker.gave_up() => Err(error.into()),
        error = running.clickhouse.gave_up() => Err(error.into()),
    };
    running.stop().await;
    served
}

/// Migrates, then runs the roles until `shutdown`.
async fn serve(
    args: &UpArgs,
    token: &WebhookToken,
    (history, demo): (Option<History>, Option<Demo>),
    started: Instant,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let StoreArgs { kafka: kafka_config, clickhouse: clickhouse_config } = &args.stores;
    let kafka = Kafka::new(kafka_config)?;
    let clickhouse = ClickHouse::new(clickhouse_config);
    // One processor reads all partitions; more of them would only be more files.
    migrate::topics(&kafka, &KafkaConfig { partitions: 1, ..kafka_config.clone() }).await?;
    migrate::tables(&clickhouse).await?;
    migrate::audit_retention(&clickhouse, args.audit.audit_retention_days).await?;

    let registry = roles::registry()?;
    let publisher = Publisher::new(kafka_config, &args.publisher, &registry)?;
    let spool = args.spool.spool_dir.clone().unwrap_or_else(|| args.data.data_dir.join(SPOOL));
    let (outbox, draining) = roles::outbox(&spool, &args.spool, &publisher, &registry).await?;
    let metrics = processor::Metrics::register(&registry)?;
    let readiness = Readiness {
        kafka: Some(kafka),
        outbox: Some(outbox.clone()),
        clickhouse: Some(clickhouse.clone()),
        storing: metrics.storing.clone(),
    };
    let admin = roles::admin(args.admin.admin_listen, &registry, readiness, shutdown).await?;

    let client = clickhouse.client.clone();
    let prefix = kafka_config.topic_prefix.clone();
    let history = match history {
        None => None,
        Some(history) => {
            Some(history.begin(client.clone(), publisher.clone(), kafka_config.clone(), &registry).await?)
        }
    };
    let stores = clickhouse.clone();
    let sinks = Sinks { outbox, publisher: publisher.clone(), prefix, clickhouse };
    if let Some(hint) = instance_hint(&token.tenants) {
        tracing::warn!("{hint}");
    }
    let receiver = Receiver::bind(&args.ingest, &token.tenants, sinks, &registry).await?;
    let invented = demo.as_ref().map(Demo::announcement);
    announce(args, token, (history.as_ref().map(Begun::announcement), invented.as_deref()), started);
    let threads = ProcessorThreads::start()?;
    if let (Some(demo), Some(secret)) = (demo, &token.made) {
        let webhooks = format!("http://127.0.0.1:{}/api/v1/webhooks/gitlab", receiver.port()?);
        drop(threads.spawn(demo.send(webhooks, secret.clone(), shutdown.clone())));
    }
    let reading = history.map(|history| threads.spawn(history.keep_reading(shutdown.clone())));
    let (receiving, storing) = (CancellationToken::new(), CancellationToken::new());
    // History stops first, then ingest; the processor then stores the batch it has. Kafka holds the rest, and the next start stores it.
    let stopped = async {
        shutdown.cancelled().await;
        if let Some(reading) = reading {
            history::stop(reading).await;
        }
        receiving.cancel();
    };
    let received_all = async {
        tokio::join!(receiver.serve(receiving.clone()), stopped);
        draining.stop(FLUSH_TIMEOUT).await;
        storing.cancel();
    };
    let (config, kafka) = (args.processor.clone(), kafka_config.clone());
    let processing =
        threads.spawn(storing::keep_storing(config, kafka, stores, publisher, metrics, storing.clone()));
    let ((), processed) = tokio::join!(received_all, processing);
    processed.context("the processor's task")?;
    admin.await.context("the admin listener")
}
