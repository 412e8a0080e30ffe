//! In: an installed Apache Kafka, a data folder and the ports of one node or more. Out: a real cluster
//! on this machine, for tests whose results depend on what real brokers do, and what they do when one
//! of them is lost. Never listens beyond the loopback interface.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::future::try_join_all;
use tokio::process::Command;

use crate::{
    child::{ChildSpec, Environment, GivesUp, Listens},
    probe,
    supervisor::{SuperviseError, Supervisor},
};

/// Any well-formed id does: every cluster of ours is alone on its ports.
const CLUSTER_ID: &str = "Z2l0cHVsc2UtdGVzdHMxMQ";

/// Replicas of what Kafka keeps for itself, where there are nodes enough; our topics are made alike.
const MAX_REPLICAS: usize = 3;

/// Enough for a record of 40 MiB, and three nodes fit beside a build.
const HEAP: &str = "-Xmx384m";

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

/// A cluster of nodes, each of which is broker and controller in one; a single broker is a cluster of one.
///
/// Three nodes keep working without one of them: they hold three replicas of everything, and two
/// suffice for an acknowledgement and for electing a controller.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The folder that holds `libs`, see [`provide_kafka`](crate::provide::provide_kafka).
    pub installation: PathBuf,
    /// The folder for its records and logs; each node has a folder of its own in it.
    pub folder: PathBuf,
    /// The ports of its nodes, the first of which has the broker id 1; a restart on the same folder
    /// takes the ones it had before.
    pub nodes: Vec<KafkaPorts>,
}

impl Kafka {
    /// What clients connect to (`bootstrap.servers`).
    pub fn bootstrap_servers(&self) -> String {
        let addresses = self.nodes.iter().map(|ports| format!("127.0.0.1:{}", ports.broker));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// How its nodes are started, in the order of their ids, their folders being formatted when they
    /// are new; takes a few seconds.
    ///
    /// # Errors
    ///
    /// When `java` is missing or a folder cannot be used.
    pub async fn children(&self) -> Result<Vec<ChildSpec>, KafkaError> {
        try_join_all((1..=self.nodes.len()).map(|id| self.child(id))).await
    }

    async fn child(&self, id: usize) -> Result<ChildSpec, KafkaError> {
        let folder = self.folder.join(format!("node-{id}"));
        let folder = std::path::absolute(&folder).map_err(prepare(&folder))?;
        let properties = folder.join("server.properties");
        fs::create_dir_all(&folder).map_err(prepare(&folder))?;
        fs::write(&properties, self.server_properties(id, &folder)).map_err(prepare(&folder))?;
        let libs =
            std::path::absolute(&self.installation).map_err(prepare(&self.installation))?.join("libs/*");
        format(&libs, &folder, &properties).await?;
        Ok(ChildSpec {
            name: "kafka",
            program: "java".into(),
            arguments: vec![
                HEAP.into(),
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
                address: (Ipv4Addr::LOCALHOST, self.nodes[id - 1].broker).into(),
                setting: "the broker port",
            },
            ready_within: Duration::from_secs(60),
            gives_up: GivesUp::AfterShortRuns,
        })
    }

    /// Supervises a node as `child`, which is one of [`Kafka::children`], perhaps
    /// [`through`](ChildSpec::through) another program; without one, a node outlives a killed test.
    ///
    /// A node is ready when most of the cluster is there, so the nodes of one are started side by side.
    ///
    /// # Errors
    ///
    /// Those of [`Supervisor::start`].
    pub async fn start(child: ChildSpec) -> Result<Supervisor, SuperviseError> {
        let address = child.listens.address;
        Supervisor::start(child, move || probe::kafka(address)).await
    }

    /// Message sizes stay at Kafka's defaults: what our topics ask for must suffice. The session
    /// timeout is short for two reasons: it is how long partitions wait for another leader when a
    /// node is lost, and a killed node may not come back before its old session is over.
    fn server_properties(&self, id: usize, folder: &Path) -> String {
        let KafkaPorts { broker, controller } = self.nodes[id - 1];
        let voters = self.nodes.iter().enumerate();
        let voters = voters.map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller));
        let voters = voters.collect::<Vec<_>>().join(",");
        let replicas = self.nodes.len().min(MAX_REPLICAS);
        let in_sync = if replicas == MAX_REPLICAS { 2 } else { 1 };
        let folder = folder.display();
        format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=5000
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
"
        )
    }
}

/// Gives the folder its cluster id; a folder that has one keeps it.
async fn format(libs: &Path, data: &Path, properties: &Path) -> Result<(), KafkaError> {
    let output = Command::new("java")
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .arg("-cp")
        .arg(libs)
        .args(["kafka.tools.StorageTool", "format"])
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

fn prepare(path: &Path) -> impl FnOnce(io::Error) -> KafkaError + '_ {
    move |source| KafkaError::Prepare { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
