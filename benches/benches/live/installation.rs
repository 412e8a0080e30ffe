//! The environment of the runs: a broker and a ClickHouse in a temporary folder, and the services as processes. In: the gitpulse binary. Out:
//! addresses and process ids. All on loopback; nothing outlives this program.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use benches::SIGNING_TOKEN;
use embedded::broker;
use embedded::child::{ChildSpec, Environment, GivesUp, Listens};
use embedded::clickhouse as embedded_clickhouse;
use embedded::probe;
use embedded::provide::{BrokerKind, Cache, Engines, Overrides};
use embedded::supervisor::Supervisor;
use runtime::Secret;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use runtime::kafka::{Kafka, KafkaConfig};
use runtime::migrate;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::bare;
use crate::face::{self, Jobs};

/// Time for a process to stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Our addresses come from no setting.
const SETTING: &str = "a free port";

/// The engines while they run.
pub(crate) struct Installation {
    folder: tempfile::TempDir,
    gitpulse: PathBuf,
    kafka_properties: String,
    broker: Supervisor,
    broker_address: SocketAddr,
    clickhouse: Supervisor,
    clickhouse_address: SocketAddr,
}

/// A process under measurement.
pub(crate) struct Service {
    supervisor: Supervisor,
    pid: u32,
    /// The address that is measured.
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Its process id; an error if it ended and was restarted, because then no measurement of it is valid.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        anyhow::ensure!(self.supervisor.pid() == Some(self.pid), "a service ended during its run");
        Ok(self.pid)
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.pid()?;
        let status = self.supervisor.stop(GRACE).await?;
        anyhow::ensure!(status.success(), "a service stopped with {status}");
        Ok(())
    }
}

impl Installation {
    /// Starts the engines.
    pub(crate) async fn start(
        gitpulse: PathBuf,
        broker: Option<BrokerKind>,
        kafka_properties: String,
    ) -> anyhow::Result<Installation> {
        let engines = tokio::task::spawn_blocking(move || {
            let overrides = Overrides { broker, ..Overrides::default() };
            Engines::provide(&Cache::default_location()?, &overrides, &CancellationToken::new())
        })
        .await??;
        let folder = tempfile::tempdir()?;
        let (broker_address, clickhouse_address) = (free_address()?, free_address()?);
        let broker = async {
            let child = engines.broker.child(&folder.path().join("broker"), listens(broker_address)).await?;
            anyhow::Ok(broker::start(child.through(&gitpulse, &["engine", "exec"])).await?)
        };
        let clickhouse = embedded_clickhouse::child(
            &gitpulse,
            &engines.libchdb,
            &folder.path().join("clickhouse"),
            listens(clickhouse_address),
        );
        let (broker, clickhouse) = tokio::join!(broker, embedded_clickhouse::start(clickhouse));
        Ok(Installation {
            folder,
            gitpulse,
            kafka_properties,
            broker: broker?,
            broker_address,
            clickhouse: clickhouse?,
            clickhouse_address,
        })
    }

    /// Stops the engines, ClickHouse last, and removes their data.
    pub(crate) async fn stop(self) {
        // Whether they stop in time or are killed, their data is removed.
        let _ = self.broker.stop(GRACE).await;
        let _ = self.clickhouse.stop(GRACE).await;
    }

    /// Settings of Kafka clients.
    pub(crate) fn kafka(&self, prefix: &str) -> anyhow::Result<KafkaConfig> {
        Ok(KafkaConfig {
            brokers: self.broker_address.to_string(),
            properties: self.kafka_properties.parse().map_err(anyhow::Error::msg)?,
            topic_prefix: prefix.parse()?,
            partitions: 6,
            replication_factor: 0,
        })
    }

    /// A client of one database.
    pub(crate) fn clickhouse(&self, database: &str) -> ClickHouse {
        self.clickhouse_at(self.clickhouse_address, database)
    }

    /// A client of one database that reaches ClickHouse through another address.
    pub(crate) fn clickhouse_at(&self, address: SocketAddr, database: &str) -> ClickHouse {
        ClickHouse::new(&ClickHouseConfig {
            url: format!("http://{address}"),
            database: database.to_owned(),
            user: "default".to_owned(),
            password: Secret::new(""),
            cluster: None,
        })
    }

    /// ClickHouse's address.
    pub(crate) fn clickhouse_address(&self) -> SocketAddr {
        self.clickhouse_address
    }

    /// Creates topics and tables, both under one name.
    pub(crate) async fn migrate(&self, name: &str) -> anyhow::Result<()> {
        self.topics(name).await?;
        migrate::tables(&self.clickhouse(name)).await?;
        Ok(())
    }

    /// Creates the tables of a database.
    pub(crate) async fn tables(&self, database: &str) -> anyhow::Result<()> {
        migrate::tables(&self.clickhouse(database)).await?;
        Ok(())
    }

    /// Creates topics.
    pub(crate) async fn topics(&self, prefix: &str) -> anyhow::Result<()> {
        let config = self.kafka(prefix)?;
        migrate::topics(&Kafka::new(&config)?, &config).await?;
        Ok(())
    }

    /// The engines' process ids.
    pub(crate) fn pids(&self) -> Vec<(&'static str, u32)> {
        let broker = self.broker.pid().map(|pid| ("broker", pid));
        let clickhouse = self.clickhouse.pid().map(|pid| ("clickhouse", pid));
        broker.into_iter().chain(clickhouse).collect()
    }

    /// `gitpulse ingest`.
    pub(crate) async fn ingest(&self, prefix: &str, database: &str) -> anyhow::Result<Service> {
        let (address, admin) = (free_address()?, free_address()?);
        let mut environment = self.settings(prefix, database, admin);
        environment.push(("GITPULSE_LISTEN", address.to_string().into()));
        environment.push(("GITLAB_WEBHOOK_SIGNING_TOKEN", SIGNING_TOKEN.into()));
        environment.push(("GITLAB_URL", "https://gitlab.example.com".into()));
        let arguments = vec!["ingest".into()];
        self.service("ingest", self.gitpulse.clone(), arguments, environment, address, (admin, "/readyz"))
            .await
    }

    /// `gitpulse processor`; its address is that of its metrics.
    pub(crate) async fn processor(&self, prefix: &str, database: &str) -> anyhow::Result<Service> {
        let admin = free_address()?;
        let environment = self.settings(prefix, database, admin);
        let arguments = vec!["processor".into()];
        self.service("processor", self.gitpulse.clone(), arguments, environment, admin, (admin, "/healthz"))
            .await
    }

    /// Warp that reads bodies and answers 200.
    pub(crate) async fn bare_http(&self) -> anyhow::Result<Service> {
        let address = free_address()?;
        let arguments = vec![bare::ROLE.into(), address.to_string().into()];
        let program = std::env::current_exe()?;
        self.service("bare-http", program, arguments, Vec::new(), address, (address, "/healthz")).await
    }

    /// `gitpulse simulate --serve-api`: a GitLab with this many projects, and a history of this many days.
    pub(crate) async fn simulated_gitlab(&self, projects: u32, days: u32) -> anyhow::Result<Service> {
        let address = free_address()?;
        let arguments = [
            "simulate",
            "--serve-api",
            &address.to_string(),
            "--projects",
            &projects.to_string(),
            "--api-days",
            &days.to_string(),
        ];
        let arguments = arguments.map(OsString::from).to_vec();
        self.service("gitlab", self.gitpulse.clone(), arguments, Vec::new(), address, (address, "")).await
    }

    /// A GitLab of nothing but jobs.
    pub(crate) async fn face_of_jobs(&self, jobs: Jobs) -> anyhow::Result<Service> {
        let address = free_address()?;
        let arguments =
            [face::ROLE, &address.to_string(), &jobs.projects.to_string(), &jobs.objects.to_string()];
        let arguments = arguments.map(OsString::from).to_vec();
        let program = std::env::current_exe()?;
        self.service("gitlab", program, arguments, Vec::new(), address, (address, "")).await
    }

    /// A command of gitpulse on these engines, with topics and tables of this name.
    pub(crate) fn gitpulse(&self, name: &str) -> anyhow::Result<std::process::Command> {
        let mut command = std::process::Command::new(&self.gitpulse);
        command.current_dir(self.folder.path()).envs(self.settings(name, name, free_address()?));
        Ok(command)
    }

    fn settings(&self, prefix: &str, database: &str, admin: SocketAddr) -> Vec<(&'static str, OsString)> {
        vec![
            ("GITPULSE_KAFKA_BROKERS", self.broker_address.to_string().into()),
            ("GITPULSE_KAFKA_TOPIC_PREFIX", prefix.into()),
            ("GITPULSE_KAFKA_PROPERTIES", (&self.kafka_properties).into()),
            ("GITPULSE_CLICKHOUSE_URL", format!("http://{}", self.clickhouse_address).into()),
            ("GITPULSE_CLICKHOUSE_DATABASE", database.into()),
            ("GITPULSE_ADMIN_LISTEN", admin.to_string().into()),
        ]
    }

    async fn service(
        &self,
        name: &'static str,
        program: PathBuf,
        arguments: Vec<OsString>,
        environment: Vec<(&'static str, OsString)>,
        address: SocketAddr,
        ready: (SocketAddr, &'static str),
    ) -> anyhow::Result<Service> {
        let folder = self.folder.path();
        let command = Command { program, arguments, environment };
        start_service(&self.gitpulse, folder, name, command, address, ready).await
    }
}

/// How a process under measurement is started.
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// Starts a process through `gitpulse`, so that it dies with this one, and waits until it is ready.
pub(crate) async fn start_service(
    gitpulse: &Path,
    folder: &Path,
    name: &'static str,
    command: Command,
    address: SocketAddr,
    ready: (SocketAddr, &'static str),
) -> anyhow::Result<Service> {
    let folder = folder.join(name);
    let child = ChildSpec {
        name,
        program: command.program,
        arguments: command.arguments,
        log_file: folder.join("log"),
        folder,
        environment: Environment::Only(command.environment),
        listens: listens(address),
        ready_within: READY_WITHIN,
        gives_up: GivesUp::AfterShortRuns,
    };
    let child = child.through(gitpulse, &["engine", "exec"]);
    let (asked, path) = ready;
    let is_ready = move || async move {
        // A service that requires a token is ready when it listens.
        match path {
            "" => TcpStream::connect(asked).await.map(drop),
            path => probe::http(asked, path).await,
        }
    };
    let supervisor = Supervisor::start(child, is_ready).await?;
    let pid = supervisor.pid().context("a service ended at once")?;
    Ok(Service { supervisor, pid, address })
}

fn listens(address: SocketAddr) -> Listens {
    Listens { address, setting: SETTING }
}

/// An unused loopback port.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
