//! In: an installed Apache Kafka, a data folder and the addresses of one or more nodes. Out: a real cluster on this machine: the one broker of
//! `gitpulse up`, and the three brokers of tests that depend on the loss of one. Never listens beyond the addresses it is given.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::child::{ChildSpec, Environment, GivesUp, Listens};

/// Any well-formed id will do: each of our clusters is alone on its ports.
const CLUSTER_ID: &str = "Z2l0cHVsc2UtdGVzdHMxMQ";

/// Replicas of Kafka's internal topics if there are enough nodes; our topics have as many.
const MAX_REPLICAS: usize = 3;

/// Limits of Kafka's Java machine. Twelve records of 25 MiB, six at a time, went through with this heap; the strongest optimising compiler costs more
/// than it gains on two cores that are shared with everything else.
const JVM: [&str; 6] = [
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    // No statistics file in the temporary folder.
    "-XX:-UsePerfData",
    // A broker without memory ends and is restarted, instead of hanging.
    "-XX:+ExitOnOutOfMemoryError",
];

/// A Kafka node could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The data folder cannot be written.
    #[error("cannot prepare {} for Kafka", path.display())]
    Prepare {
        /// The data folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Java does not start.
    #[error("cannot run {}", program.display())]
    Java {
        /// The program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Kafka refused the data folder or its settings.
    #[error("Kafka cannot format {} ({status}): {output}", path.display())]
    Format {
        /// The data folder.
        path: PathBuf,
        /// The exit status of the formatting.
        status: ExitStatus,
        /// Its output.
        output: String,
    },
}

/// An installation of Apache Kafka on this machine.
#[derive(Clone, Debug)]
pub struct KafkaProgram {
    /// The `java` that runs it, version 17 or newer.
    pub java: PathBuf,
    /// The folder that holds `libs`.
    pub installation: PathBuf,
    /// The archive of Kafka's classes, and how to use it.
    pub archive: Option<ClassArchive>,
}

/// Kafka's classes, parsed and verified by Java in advance; with them a node starts in half the time
/// (<https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html>). Java ignores an archive of another Java.
#[derive(Clone, Debug)]
pub enum ClassArchive {
    /// This file is read.
    Read(PathBuf),
    /// This file is written when the node ends, which takes seconds.
    Write(PathBuf),
}

/// The addresses of one node, which stay the same over restarts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KafkaNode {
    /// Where clients connect.
    pub listens: Listens,
    /// The loopback port on which the cluster's controllers find each other.
    pub controller_port: u16,
}

/// A cluster of nodes, each of which is broker and controller in one; a single broker is a cluster of one.
///
/// Three nodes keep working without one of them: they hold three replicas of everything, and two suffice for an acknowledgement and for electing a
/// controller.
///
/// Acknowledged records survive a killed process, because the system has them by then. Nothing is fsynced before an acknowledgement: a power cut
/// loses the last seconds, unless another node has them.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// The program, see [`Engines::provide`](crate::provide::Engines::provide).
    pub program: KafkaProgram,
    /// The folder for its records and logs; each node has a folder of its own in it.
    pub folder: PathBuf,
    /// Its nodes, the first of which has the broker id 1; a restart on the same folder uses the same addresses.
    pub nodes: Vec<KafkaNode>,
}

impl Kafka {
    /// The addresses for clients (`bootstrap.servers`).
    pub fn bootstrap_servers(&self) -> String {
        let addresses = self.nodes.iter().map(|node| node.listens.address.to_string());
        addresses.collect::<Vec<_>>().join(",")
    }

    /// How its nodes are started, in the order of their ids.
    ///
    /// A node of more than one is ready when most of the cluster is there, so nodes are started side by side.
    ///
    /// # Errors
    ///
    /// Those of [`Kafka::child`].
    pub async fn children(&self) -> Result<Vec<ChildSpec>, KafkaError> {
        try_join_all((1..=self.nodes.len()).map(|id| self.child(id))).await
    }

    /// How the node with this id is started; a new folder is formatted, which takes a second or two.
    ///
    /// # Errors
    ///
    /// When Java does not start or the folder cannot be used.
    pub async fn child(&self, id: usize) -> Result<ChildSpec, KafkaError> {
        let node = self.nodes[id - 1];
        let folder = self.node_folder(id);
        let folder = std::path::absolute(&folder).map_err(prepare(&folder))?;
        let properties = folder.join("server.properties");
        fs::create_dir_all(&folder).map_err(prepare(&folder))?;
        fs::write(&properties, self.server_properties(id)).map_err(prepare(&folder))?;
        let mut spec = ChildSpec {
            name: "kafka",
            program: self.program.java.clone(),
            arguments: Vec::new(),
            log_file: folder.join("kafka.log"),
            folder: folder.clone(),
            // It needs neither the secrets in our environment nor options for other Java programs. Without a locale, Java cannot read paths with
            // non-ASCII characters.
            environment: Environment::Only(vec![("LC_ALL", "C.UTF-8".into())]),
            listens: node.listens,
            ready_within: Duration::from_secs(60),
            gives_up: GivesUp::NeverOnceReady,
        };
        if !is_formatted(&folder) {
            let format = ["--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config"];
            let tool = ["kafka.tools.StorageTool", "format"].iter().chain(&format);
            let read =
                self.program.archive.as_ref().filter(|archive| matches!(archive, ClassArchive::Read(_)));
            spec.arguments = self.arguments(read, "error", tool.copied(), &properties)?;
            run_to_its_end(&spec).await?;
        }
        let archive = self.program.archive.as_ref();
        spec.arguments = self.arguments(archive, "warn", ["kafka.Kafka"], &properties)?;
        Ok(spec)
    }

    /// The folder of a node's records, properties and log.
    fn node_folder(&self, id: usize) -> PathBuf {
        self.folder.join(format!("node-{id}"))
    }

    fn arguments<'m>(
        &self,
        archive: Option<&ClassArchive>,
        log_level: &str,
        main: impl IntoIterator<Item = &'m str>,
        properties: &Path,
    ) -> Result<Vec<OsString>, KafkaError> {
        let installation = &self.program.installation;
        let libs = std::path::absolute(installation).map_err(prepare(installation))?.join("libs/*");
        let mut arguments: Vec<OsString> = JVM.map(Into::into).into();
        arguments.extend(archive.map(|archive| {
            let (option, file) = match archive {
                ClassArchive::Read(file) => ("-XX:SharedArchiveFile=", file),
                ClassArchive::Write(file) => ("-XX:ArchiveClassesAtExit=", file),
            };
            let mut argument = OsString::from(option);
            argument.push(file);
            argument
        }));
        arguments.push(format!("-Dorg.slf4j.simpleLogger.defaultLogLevel={log_level}").into());
        arguments.extend(["-cp".into(), libs.into()]);
        arguments.extend(main.into_iter().map(Into::into));
        arguments.push(properties.into());
        Ok(arguments)
    }

    /// The log is named relative to the folder of the node, because a path may contain characters with a meaning in this file. Message sizes stay at
    /// Kafka's defaults: the settings of our topics must suffice.
    ///
    /// The session timeout decides how long a killed node waits when it comes back, because it may only register after its old session is over; and,
    /// in a cluster, how long partitions wait for another leader.
    fn server_properties(&self, id: usize) -> String {
        let KafkaNode { listens, controller_port } = self.nodes[id - 1];
        let broker = listens.address;
        let voters = self.nodes.iter().enumerate();
        let voters = voters.map(|(index, node)| format!("{}@127.0.0.1:{}", index + 1, node.controller_port));
        let voters = voters.collect::<Vec<_>>().join(",");
        let replicas = self.nodes.len().min(MAX_REPLICAS);
        let in_sync = if replicas == MAX_REPLICAS { 2 } else { 1 };
        let (session_ms, heartbeat_ms) = if self.nodes.len() == 1 { (1000, 250) } else { (3000, 500) };
        format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{broker},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=log
num.network.threads=1
num.io.threads=2
auto.create.topics.enable=false
broker.session.timeout.ms={session_ms}
broker.heartbeat.interval.ms={heartbeat_ms}
replica.lag.time.max.ms=5000
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=1
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
"
        )
    }
}

/// Whether the folder of a node has its cluster id; Kafka writes that file last.
pub fn is_formatted(node_folder: &Path) -> bool {
    node_folder.join("log/meta.properties").is_file()
}

async fn run_to_its_end(spec: &ChildSpec) -> Result<(), KafkaError> {
    let not_started = |source| KafkaError::Java { program: spec.program.clone(), source };
    let mut command = spec.command().map_err(not_started)?;
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = timeout(spec.ready_within, output).await;
    let output = output.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(not_started)?;
    if output.status.success() {
        return Ok(());
    }
    Err(KafkaError::Format {
        path: spec.folder.clone(),
        status: output.status,
        output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    })
}

fn prepare(path: &Path) -> impl FnOnce(io::Error) -> KafkaError + '_ {
    move |source| KafkaError::Prepare { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
