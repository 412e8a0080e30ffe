//! `gitpulse up`: everything on one machine. In: a data folder. Out: webhooks in, SQL out, until it is stopped. The same roles as in
//! production, talking to a broker and a ClickHouse that are children of this process.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use embedded::broker::{self, BrokerProgram};
use embedded::child::Listens;
use embedded::clickhouse as embedded_clickhouse;
use embedded::provide::{BrokerKind, Cache, Engines, KAFKA_VERSION, Overrides};
use embedded::supervisor::Supervisor;
use gitlab::InstanceConfig;
use ingest::config::TenantConfig;
use processor::{Pipeline, ProcessorConfig};
use runtime::admin::Readiness;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use runtime::kafka::{Kafka, KafkaConfig};
use runtime::{Publisher, Secret, migrate, shutdown};
use tokio_util::sync::CancellationToken;

use crate::arguments::{AdminArgs, AuditArgs, StoreArgs};
use crate::roles::{self, Receiver, Sinks};
use crate::tenants::WebhookConfig;

/// The file in the data folder that keeps a token that `up` made.
const TOKEN_FILE: &str = "webhook-token";
/// How long an engine gets to stop before it is killed.
const ENGINE_GRACE: Duration = Duration::from_secs(15);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a processor that gave up rests.
const PROCESSOR_PAUSE: Duration = Duration::from_secs(5);
/// Everything that is ever in a data folder.
const IN_DATA_FOLDER: [&str; 6] = [KAFKA, NISSHI, "clickhouse", "lock", SPOOL, TOKEN_FILE];
/// The folder in it that keeps the log of Apache Kafka.
const KAFKA: &str = "kafka";
/// The folder in it that keeps the log of Nisshi.
const NISSHI: &str = "broker";
/// The folder in it that keeps what the broker could not take.
const SPOOL: &str = "spool";

/// Settings of `up`: those of all roles, and where their data is.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    ingest: ingest::IngestConfig,
    #[command(flatten)]
    instance: InstanceConfig,
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

/// Where the engines and their data are.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// Folder of the broker's log, ClickHouse's tables, the spool and the webhook token
    #[arg(long, env = "GITPULSE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,

    /// Folder where engines are kept once they are fetched and built; by default gitpulse in the user's cache folder
    #[arg(long, env = "GITPULSE_CACHE_DIR", value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Broker to run: kafka, or nisshi, which needs no Java; by default kafka where Java 17 or newer and Maven are there
    #[arg(long, env = "GITPULSE_BROKER", value_name = "kafka|nisshi")]
    pub(crate) broker: Option<BrokerKind>,

    /// Java program that runs Kafka, or the folder of a Java; by default that of JAVA_HOME, then the one in PATH
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
    fn overrides(&self) -> Overrides {
        Overrides {
            broker: self.broker,
            java: self.java.clone(),
            kafka_dir: self.kafka_dir.clone(),
            nisshi: self.nisshi_bin.clone(),
            libchdb: self.chdb_library.clone(),
        }
    }
}

/// The engines while they run.
struct Running {
    broker: Supervisor,
    clickhouse: Supervisor,
}

/// Runs everything until a signal, or until a part fails for good.
pub(crate) async fn run(args: UpArgs, tenants: Vec<TenantConfig>) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let data = &args.data.data_dir;
    make_private(data).with_context(|| format!("the data folder {} cannot be created", data.display()))?;
    let _lock = lock(data)?;
    let token = WebhookToken::settle(&args.instance, &args.webhooks, tenants, data)?;
    let engines = provide(&args.data).await?;
    name_other_broker(&engines, data);

    let started = Instant::now();
    let mut running = tokio::select! {
        running = start(&engines, data, &args.stores) => running?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let served = tokio::select! {
        served = serve(&args, &token, started, &shutdown) => served,
        error = running.broker.gave_up() => Err(error.into()),
        error = running.clickhouse.gave_up() => Err(error.into()),
    };
    // In the order of the data's path: whoever writes to an engine has stopped.
    for engine in [running.broker, running.clickhouse] {
        if let Err(error) = engine.stop(ENGINE_GRACE).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "an engine did not stop by itself");
        }
    }
    served
}

/// Migrates, then runs the roles until `shutdown`.
async fn serve(
    args: &UpArgs,
    token: &WebhookToken,
    started: Instant,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let StoreArgs { kafka: kafka_config, clickhouse: clickhouse_config } = &args.stores;
    let kafka = Kafka::new(kafka_config)?;
    let clickhouse = ClickHouse::new(clickhouse_config);
    // One processor reads them all; more partitions would only be more files.
    migrate::topics(&kafka, &KafkaConfig { partitions: 1, ..kafka_config.clone() }).await?;
    migrate::tables(&clickhouse).await?;
    migrate::audit_retention(&clickhouse, args.audit.audit_retention_days).await?;

    let registry = roles::registry()?;
    let publisher = Publisher::new(kafka_config, &args.publisher, &registry)?;
    let spool = args.spool.spool_dir.clone().unwrap_or_else(|| args.data.data_dir.join(SPOOL));
    let (outbox, draining) = roles::outbox(&spool, args.spool.spool_max_mib, &publisher, &registry).await?;
    let metrics = processor::Metrics::register(&registry)?;
    let readiness =
        Readiness { kafka: Some(kafka), outbox: Some(outbox.clone()), clickhouse: Some(clickhouse.clone()) };
    let admin = roles::admin(args.admin.admin_listen, &registry, readiness, shutdown).await?;

    let client = clickhouse.client.clone();
    let prefix = kafka_config.topic_prefix.clone();
    let sinks = Sinks { outbox, publisher: publisher.clone(), prefix, clickhouse };
    let receiver = Receiver::bind(&args.ingest, &token.tenants, sinks, &registry).await?;
    announce(args, token, started);
    let storing = CancellationToken::new();
    // Ingest stops first; the processor then stores the batch it has. Kafka holds the rest, and the next start stores it.
    let received_all = async {
        receiver.serve(shutdown.clone()).await;
        draining.stop(FLUSH_TIMEOUT).await;
        storing.cancel();
    };
    let threads = ProcessorThreads::start()?;
    let (config, kafka) = (args.processor.clone(), kafka_config.clone());
    let processing = threads.spawn(process(config, kafka, client, publisher, metrics, storing.clone()));
    let ((), processed) = tokio::join!(received_all, processing);
    processed.context("the processor's task")?;
    admin.await.context("the admin listener")
}

/// Threads of the processor, which give way to those that answer: decoding a batch takes a core for longer than an answer may wait.
struct ProcessorThreads(Option<tokio::runtime::Runtime>);

impl ProcessorThreads {
    fn start() -> std::io::Result<ProcessorThreads> {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads.enable_all().thread_name("processor").on_thread_start(|| {
            // Without it they take their share; nothing else changes.
            let _ = embedded_clickhouse::give_way();
        });
        Ok(ProcessorThreads(Some(threads.build()?)))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        match &self.0 {
            Some(threads) => threads.spawn(work),
            None => tokio::spawn(work),
        }
    }
}

impl Drop for ProcessorThreads {
    fn drop(&mut self) {
        // One that is simply dropped would wait for its threads, which an async task may not do.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// Runs the processor until `storing` is cancelled, again whenever it gives up.
///
/// Meanwhile ingest goes on: Kafka takes events that ClickHouse does not, and GitLab would not send them again.
async fn process(
    config: ProcessorConfig,
    kafka: KafkaConfig,
    client: clickhouse::Client,
    publisher: Publisher,
    metrics: processor::Metrics,
    storing: CancellationToken,
) {
    loop {
        let (client, publisher, metrics) = (client.clone(), publisher.clone(), metrics.clone());
        let pipeline = Pipeline::start(&kafka, client, publisher, &config, metrics).await;
        let running = storing.clone();
        // A task of its own: whatever ends it, it is started again.
        let processed = tokio::spawn(async move { pipeline?.run(running).await }).await;
        let error: Option<Box<dyn std::error::Error + Send + Sync>> = match processed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.into()),
            Err(panicked) => Some(panicked.into()),
        };
        if let Some(error) = error {
            let error: &dyn std::error::Error = &*error;
            tracing::error!(error, "the processor gave up; events wait in Kafka until it is back");
        }
        tokio::select! {
            () = tokio::time::sleep(PROCESSOR_PAUSE) => (),
            () = storing.cancelled() => return,
        }
    }
}

/// Creates the data folder, or closes it to others: it holds payloads.
fn make_private(data: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let mode = std::fs::metadata(data)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(data)? {
        let name = entry?.file_name();
        if !IN_DATA_FOLDER.iter().any(|ours| name == *ours) {
            tracing::warn!(folder = %data.display(), "the data folder holds files of others too, so it stays open to them");
            return Ok(());
        }
    }
    if let Err(error) = std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)) {
        // A mounted volume may belong to somebody else.
        tracing::warn!(folder = %data.display(), %error, "the data folder stays open to others");
    }
    Ok(())
}

/// One `up` a folder: two would share the broker's file and ClickHouse's tables.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
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

async fn provide(args: &DataArgs) -> anyhow::Result<Engines> {
    let cache = match &args.cache_dir {
        Some(folder) => Cache::at(folder),
        None => Cache::default_location()?,
    };
    let mut overrides = args.overrides();
    // Events may wait in that log: without Java the way out is to install it, not to leave them there.
    if overrides.broker.is_none() && args.data_dir.join(KAFKA).is_dir() {
        overrides.broker = Some(BrokerKind::Kafka);
    }
    let provided = tokio::task::spawn_blocking(move || Engines::provide(&cache, &overrides)).await?;
    Ok(provided?)
}

/// Starts both engines side by side.
async fn start(engines: &Engines, data: &Path, stores: &StoreArgs) -> anyhow::Result<Running> {
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
    let clickhouse = embedded_clickhouse::child(&executable, &engines.libchdb, &data.join("clickhouse"), sql);
    let (broker, clickhouse) = tokio::join!(broker, embedded_clickhouse::start(clickhouse));
    Ok(Running { broker: broker?, clickhouse: clickhouse? })
}

/// Names the log of the broker that an earlier `up` ran and this one does not: events may wait in it.
fn name_other_broker(engines: &Engines, data: &Path) {
    let (folder, kind, version) = match engines.broker {
        BrokerProgram::Kafka(_) => (data.join(NISSHI), BrokerKind::Nisshi, "Nisshi".to_owned()),
        BrokerProgram::Nisshi(_) => {
            (data.join(KAFKA), BrokerKind::Kafka, format!("Apache Kafka {KAFKA_VERSION}"))
        }
    };
    if folder.is_dir() {
        tracing::warn!(
            folder = %folder.display(),
            "an earlier `up` ran {version}, and events may wait in its log: run `gitpulse up --broker {kind}` until \
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

/// The tenants, and the token that `up` made if nobody configured a secret.
struct WebhookToken {
    tenants: Vec<TenantConfig>,
    made: Option<Secret>,
    file: PathBuf,
}

impl WebhookToken {
    fn settle(
        instance: &InstanceConfig,
        webhooks: &WebhookConfig,
        configured: Vec<TenantConfig>,
        data: &Path,
    ) -> anyhow::Result<WebhookToken> {
        let file = data.join(TOKEN_FILE);
        let tenants = webhooks.tenants(instance, configured);
        if !tenants.is_empty() {
            return Ok(WebhookToken { tenants, made: None, file });
        }
        let token = match kept_token(data)? {
            Some(token) => token,
            None => make_token(&file)?,
        };
        let tenant = webhooks.tenant(instance, vec![token.clone()], Vec::new());
        Ok(WebhookToken { tenants: vec![tenant], made: Some(token), file })
    }
}

/// The token that an earlier `up` made and kept in the data folder.
pub(crate) fn kept_token(data: &Path) -> anyhow::Result<Option<Secret>> {
    let file = data.join(TOKEN_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

fn make_token(file: &Path) -> anyhow::Result<Secret> {
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut options = File::options();
    let mut written = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    writeln!(written, "{token}")?;
    Ok(Secret::new(token))
}

/// Says what listens where, and what to try first.
fn announce(args: &UpArgs, token: &WebhookToken, started: Instant) {
    let listen = args.ingest.listen;
    let host = if listen.ip().is_unspecified() { "localhost".to_owned() } else { listen.ip().to_string() };
    let clickhouse = args.stores.clickhouse.url.trim_end_matches('/');
    let database = &args.stores.clickhouse.database;
    let user = &args.stores.clickhouse.user;
    let data = args.data.data_dir.display();
    let mut example = "cargo run --release -- send schemas/fixtures".to_owned();
    if listen.port() != 8000 {
        example.push_str(&format!(" --url http://{host}:{}/api/v1/webhooks/gitlab", listen.port()));
    }
    if args.data.data_dir != Path::new("./data") {
        example.push_str(&format!(" --data-dir {data}"));
    }
    let secret = match &token.made {
        None => "as configured".to_owned(),
        Some(made) if std::io::stdout().is_terminal() => {
            format!("{}   (kept in {})", made.expose(), token.file.display())
        }
        Some(_) => format!("in {}", token.file.display()),
    };
    // That nobody reads it ends nothing.
    let _ = writeln!(
        std::io::stdout(),
        "
GitPulse is up, {seconds:.1} s after its engines were asked for.

  webhooks   http://{host}:{port}/api/v1/webhooks/gitlab   (listening on {listen})
  token      {secret}
  SQL        {clickhouse}   database {database}, user {user}, no password
  metrics    http://{admin}/metrics
  Kafka      {brokers}
  data       {data}   (safe against killed processes, not against a power cut)

In GitLab: project or group > Settings > Webhooks, with this URL and token and the events that you want. Or try it with examples:

  {example}
  curl '{clickhouse}/?database={database}' --data 'SELECT kind, count() AS events FROM events GROUP BY kind ORDER BY kind FORMAT PrettyCompact'

Ctrl-C stops it; the next `up` goes on from there.
",
        seconds = started.elapsed().as_secs_f64(),
        port = listen.port(),
        admin = args.admin.admin_listen,
        brokers = args.stores.kafka.brokers,
    );
}
