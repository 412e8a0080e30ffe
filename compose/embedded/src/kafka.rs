//! In: an installed Apache Kafka and a data folder. Out: one real broker on this machine, for tests
//! whose results depend on what a real broker does. Never listens beyond the loopback interface.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::process::Command;

use crate::{
    child::{ChildSpec, Environment, GivesUp, Listens},
    probe,
    supervisor::{SuperviseError, Supervisor},
};

/// Any well-formed id does: every cluster of ours is alone on its ports.
const CLUSTER_ID: &str = "Z2l0cHVsc2UtdGVzdHMxMQ";

/// A Kafka broker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// No free port, or the data folder cannot be written.
    #[error("cannot prepare {} for Kafka", path.display())]
    Prepare {
        /// The data folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Java is not on this machine.
    #[error(
        "cannot run `java`: install Java 17 or newer (Debian: `apt-get install openjdk-17-jre-headless`)"
    )]
    Java(#[source] io::Error),
    /// Kafka refused the data folder or its settings.
    #[error("Kafka cannot format {} ({status}): {output}", path.display())]
    Format {
        /// The data folder.
        path: PathBuf,
        /// How the formatting ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
}

/// The two ports of a node, kept over its restarts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KafkaPorts {
    /// Where clients connect.
    pub broker: u16,
    /// Where the controller listens.
    pub controller: u16,
}

impl KafkaPorts {
    /// Two ports that nobody listens on at this moment.
    ///
    /// # Errors
    ///
    /// When the system has none to give.
    pub fn free() -> io::Result<Self> {
        let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let controller = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self { broker: broker.local_addr()?.port(), controller: controller.local_addr()?.port() })
    }
}

/// One node that is broker and controller in one.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The folder that holds `libs`, see [`provide_kafka`](crate::provide::provide_kafka).
    pub installation: PathBuf,
    /// The folder for its records and its log.
    pub folder: PathBuf,
    /// Its ports; a restart on the same folder takes the ones it had before.
    pub ports: KafkaPorts,
}

impl Kafka {
    /// What clients connect to (`bootstrap.servers`).
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.broker)
    }

    /// How it is started, its folder being formatted when it is new; takes two seconds.
    ///
    /// # Errors
    ///
    /// When `java` is missing or the folder cannot be used.
    pub async fn child(&self) -> Result<ChildSpec, KafkaError> {
        let folder = std::path::absolute(&self.folder).map_err(prepare(&self.folder))?;
        let properties = folder.join("server.properties");
        fs::create_dir_all(&folder).map_err(prepare(&folder))?;
        fs::write(&properties, server_properties(&folder, self.ports)).map_err(prepare(&folder))?;
        let libs =
            std::path::absolute(&self.installation).map_err(prepare(&self.installation))?.join("libs/*");
        format(&libs, &folder, &properties).await?;
        Ok(ChildSpec {
            name: "kafka",
            program: "java".into(),
            arguments: vec![
                "-Xmx512m".into(),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".into(),
                "-cp".into(),
                libs.into(),
                "kafka.Kafka".into(),
                properties.into(),
            ],
            log_file: folder.join("kafka.log"),
            folder,
            environment: Environment::Inherited,
            listens: Listens {
                address: (Ipv4Addr::LOCALHOST, self.ports.broker).into(),
                setting: "the broker port",
            },
            ready_within: Duration::from_secs(60),
            gives_up: GivesUp::AfterShortRuns,
        })
    }

    /// Supervises the node as `child`, which is [`Kafka::child`], perhaps
    /// [`through`](ChildSpec::through) another program; without one, a node outlives a killed test.
    ///
    /// # Errors
    ///
    /// Those of [`Supervisor::start`].
    pub async fn start(child: ChildSpec) -> Result<Supervisor, SuperviseError> {
        let address = child.listens.address;
        Supervisor::start(child, move || probe::kafka(address)).await
    }
}

/// Gives the folder its cluster id; a folder that has one keeps it.
async fn format(libs: &Path, data: &Path, properties: &Path) -> Result<(), KafkaError> {
    let output = Command::new("java")
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .arg("-cp")
        .arg(libs)
        .args(["kafka.tools.StorageTool", "format", "--standalone"])
        .args(["--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config"])
        .arg(properties)
        .current_dir(data)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(KafkaError::Java)?;
    if output.status.success() {
        return Ok(());
    }
    Err(KafkaError::Format {
        path: data.to_owned(),
        status: output.status,
        output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    })
}

/// Message sizes stay at Kafka's defaults: what our topics ask for must suffice. The session timeout
/// is short because a killed node may not come back before its old session is over.
fn server_properties(data: &Path, ports: KafkaPorts) -> String {
    let KafkaPorts { broker, controller } = ports;
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}/log
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"
    )
}

fn prepare(path: &Path) -> impl FnOnce(io::Error) -> KafkaError + '_ {
    move |source| KafkaError::Prepare { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
