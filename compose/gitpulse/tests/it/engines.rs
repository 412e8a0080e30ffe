//! The engines that all tests of this program share: one broker, one ClickHouse. Started at the first use, stopped with the process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use embedded::broker::{self, BrokerProgram};
use embedded::child::{ChildSpec, GivesUp, Listens};
use embedded::clickhouse;
use embedded::kafka::{Kafka, KafkaNode};
use embedded::provide::{Cache, Engines, Overrides};
use embedded::supervisor::Supervisor;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

/// The program under test.
pub(crate) const GITPULSE: &str = env!("CARGO_BIN_EXE_gitpulse");

/// The engines' addresses.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) brokers: String,
    pub(crate) clickhouse_url: String,
}

/// The shared engines.
pub(crate) fn shared() -> &'static Addresses {
    static SHARED: OnceLock<Addresses> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (ready, addresses) = std::sync::mpsc::channel();
        // A thread that never ends, because engines die with the thread that started them.
        std::thread::spawn(move || {
            let folder = tempfile::tempdir().unwrap();
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let broker = start_broker(&folder.path().join("broker")).await;
                let clickhouse = start_clickhouse(&folder.path().join("clickhouse")).await;
                ready.send(Addresses { brokers: broker.1, clickhouse_url: clickhouse.1 }).unwrap();
                std::future::pending::<()>().await;
                drop((broker.0, clickhouse.0));
            });
        });
        addresses.recv().expect("the engines start")
    })
}

/// Installations per shared broker. Each has some sixty partitions with two memory maps each, and Linux allows a process 65,530 (`vm.max_map_count`):
/// a broker that needs more ends.
const INSTALLATIONS: usize = 100;

/// The shared engines for one more installation: the same ClickHouse, and another broker per [`INSTALLATIONS`].
pub(crate) fn with_room() -> Addresses {
    static BROKERS: Mutex<(usize, Option<String>)> = Mutex::new((0, None));
    let Addresses { brokers, clickhouse_url } = shared().clone();
    let mut used = BROKERS.lock().unwrap_or_else(PoisonError::into_inner);
    used.0 += 1;
    if used.0.is_multiple_of(INSTALLATIONS) {
        used.1 = Some(another_broker());
    }
    Addresses { brokers: used.1.clone().unwrap_or(brokers), clickhouse_url }
}

/// A broker that runs until the process ends.
fn another_broker() -> String {
    let (ready, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let broker = start_broker(&folder.path().join("broker")).await;
            ready.send(broker.1).unwrap();
            std::future::pending::<()>().await;
            drop(broker.0);
        });
    });
    address.recv().expect("the broker starts")
}

/// The engines' programs; the first call on a machine fetches them. Apache Kafka is the broker if this machine has Java and Maven; `GITPULSE_BROKER`,
/// `GITPULSE_JAVA` and `GITPULSE_KAFKA_DIR` work as for `up`.
pub(crate) fn provided() -> &'static Engines {
    static PROVIDED: OnceLock<Engines> = OnceLock::new();
    PROVIDED.get_or_init(|| {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let broker = named("GITPULSE_BROKER").map(|name| name.to_str().unwrap().parse().unwrap());
        let overrides = Overrides {
            broker,
            java: named("GITPULSE_JAVA"),
            kafka_dir: named("GITPULSE_KAFKA_DIR"),
            nisshi: named("NISSHI_BIN"),
            libchdb: named("CHDB_LIBRARY"),
        };
        // On a thread without a runtime, because an installation may need one of its own.
        std::thread::scope(|scope| {
            scope
                .spawn(|| Engines::provide(&cache(), &overrides, &CancellationToken::new()).unwrap())
                .join()
                .unwrap()
        })
    })
}

pub(crate) fn cache() -> Cache {
    match std::env::var_os("GITPULSE_CACHE_DIR") {
        Some(folder) => Cache::at(PathBuf::from(folder)),
        None => Cache::default_location().unwrap(),
    }
}

/// How a broker in `folder` is started, and its address for clients.
pub(crate) async fn broker_child(folder: &Path) -> (ChildSpec, String) {
    broker_child_of(&provided().broker, folder).await
}

/// How a broker of this program is started in `folder`, and its address for clients.
pub(crate) async fn broker_child_of(program: &BrokerProgram, folder: &Path) -> (ChildSpec, String) {
    let child = program.child(folder, listens()).await.unwrap();
    let address = child.listens.address.to_string();
    (killable(child), address)
}

/// A broker in `folder`, and its address for clients.
pub(crate) async fn start_broker(folder: &Path) -> (Supervisor, String) {
    let (child, brokers) = broker_child(folder).await;
    (start_broker_child(child).await, brokers)
}

/// Starts a broker, and waits until it answers.
pub(crate) async fn start_broker_child(child: ChildSpec) -> Supervisor {
    broker::start(child).await.unwrap()
}

/// The commands that start this many nodes of Apache Kafka in `folder`, the first of which is broker 1, and their addresses for clients; `None` if
/// the broker is not Kafka.
pub(crate) async fn kafka_children(folder: &Path, nodes: usize) -> Option<(Vec<ChildSpec>, String)> {
    let BrokerProgram::Kafka(program) = &provided().broker else { return None };
    let node = || KafkaNode { listens: listens(), controller_port: free_address().port() };
    let nodes = std::iter::repeat_with(node).take(nodes).collect();
    let kafka = Kafka { program: program.clone(), folder: folder.to_owned(), nodes };
    let children = kafka.children().await.unwrap();
    Some((children.into_iter().map(killable).collect(), kafka.bootstrap_servers()))
}

/// This many nodes of Apache Kafka in `folder`; `None` if the broker is not Kafka.
pub(crate) async fn start_kafka(folder: &Path, nodes: usize) -> Option<(Vec<Supervisor>, String)> {
    let (children, brokers) = kafka_children(folder, nodes).await?;
    // Concurrently: a node is ready when most of the cluster is there.
    Some((join_all(children.into_iter().map(start_broker_child)).await, brokers))
}

/// Ends with the test, and is restarted however often it is killed.
fn killable(child: ChildSpec) -> ChildSpec {
    ChildSpec { gives_up: GivesUp::Never, ..child }.through(Path::new(GITPULSE), &["engine", "exec"])
}

/// How a ClickHouse in `folder` is started.
pub(crate) async fn clickhouse_child(folder: &Path) -> ChildSpec {
    let child = clickhouse::child(Path::new(GITPULSE), &provided().libchdb, folder, listens());
    ChildSpec { gives_up: GivesUp::Never, ..child }
}

/// Starts a ClickHouse, and waits until it answers.
pub(crate) async fn start_clickhouse_child(child: ChildSpec) -> Supervisor {
    clickhouse::start(child).await.unwrap()
}

/// A ClickHouse in `folder`, and its URL.
pub(crate) async fn start_clickhouse(folder: &Path) -> (Supervisor, String) {
    let child = clickhouse_child(folder).await;
    let url = format!("http://{}", child.listens.address);
    (start_clickhouse_child(child).await, url)
}

fn listens() -> Listens {
    Listens { address: free_address(), setting: "the test's port" }
}

/// An unused address on this machine that no other test gets: below the ports that the kernel assigns, counted up from one that depends on the
/// process.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let port = 12_000 + (std::process::id() * 37 + NEXT.fetch_add(1, Ordering::Relaxed)) % 18_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
