//! The engines that all tests of this program share: one broker, one ClickHouse. Started at the first use, gone with the process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use embedded::broker::{Broker, RETENTION_SWEEP_EVERY};
use embedded::child::{ChildSpec, Environment, GivesUp, Listens};
use embedded::kafka::{Kafka, KafkaPorts};
use embedded::probe;
use embedded::provide::{Cache, Engines, Overrides};
use embedded::supervisor::Supervisor;
use futures_util::future::join_all;

/// The program under test.
pub(crate) const GITPULSE: &str = env!("CARGO_BIN_EXE_gitpulse");

/// Where the engines listen.
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

/// The engines' programs; the first call on a machine builds and fetches them.
pub(crate) fn provided() -> &'static Engines {
    static PROVIDED: OnceLock<Engines> = OnceLock::new();
    PROVIDED.get_or_init(|| Engines::provide(&cache(), &Overrides::default()).unwrap())
}

fn cache() -> Cache {
    match std::env::var_os("GITPULSE_CACHE_DIR") {
        Some(folder) => Cache::at(PathBuf::from(folder)),
        None => Cache::default_location().unwrap(),
    }
}

/// The installation of Apache Kafka to test against, if there is one.
pub(crate) fn kafka_installation() -> Option<PathBuf> {
    std::env::var_os("GITPULSE_TEST_KAFKA").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// How a broker in `folder` is started, and what clients connect to.
pub(crate) async fn broker_child(folder: &Path) -> (ChildSpec, String) {
    if let Some(installation) = kafka_installation() {
        let (mut children, brokers) = kafka_children(installation, folder, 1).await;
        return (children.remove(0), brokers);
    }
    let address = free_address();
    let program = tokio::task::spawn_blocking(|| provided().nisshi.clone()).await.unwrap();
    let listens = Listens { address, setting: "the test's port" };
    let broker =
        Broker { program, folder: folder.to_owned(), listens, retention_sweep_every: RETENTION_SWEEP_EVERY };
    (killable(broker.child().unwrap()), address.to_string())
}

/// A broker in `folder`, and what clients connect to.
pub(crate) async fn start_broker(folder: &Path) -> (Supervisor, String) {
    let (child, brokers) = broker_child(folder).await;
    (start_broker_child(child).await, brokers)
}

/// Starts a broker, and waits until it answers.
pub(crate) async fn start_broker_child(child: ChildSpec) -> Supervisor {
    let address = child.listens.address;
    Supervisor::start(child, move || probe::kafka(address)).await.unwrap()
}

/// How so many nodes of Apache Kafka in `folder` are started, the first of which is broker 1, and what clients connect to.
pub(crate) async fn kafka_children(
    installation: PathBuf,
    folder: &Path,
    nodes: usize,
) -> (Vec<ChildSpec>, String) {
    let ports = || KafkaPorts { broker: free_address().port(), controller: free_address().port() };
    let nodes = std::iter::repeat_with(ports).take(nodes).collect();
    let kafka = Kafka { installation, folder: folder.to_owned(), nodes };
    let children = kafka.children().await.unwrap();
    (children.into_iter().map(killable).collect(), kafka.bootstrap_servers())
}

/// So many nodes of Apache Kafka in `folder`.
pub(crate) async fn start_kafka(
    installation: PathBuf,
    folder: &Path,
    nodes: usize,
) -> (Vec<Supervisor>, String) {
    let (children, brokers) = kafka_children(installation, folder, nodes).await;
    // Side by side: a node is ready when most of the cluster is there.
    (join_all(children.into_iter().map(start_broker_child)).await, brokers)
}

/// Dies with the test, and comes back however often it is killed.
fn killable(child: ChildSpec) -> ChildSpec {
    ChildSpec { gives_up: GivesUp::Never, ..child }.through(Path::new(GITPULSE), &["engine", "exec"])
}

/// How a ClickHouse in `folder` is started. It works where its tables are, the one place where it may find a config.xml.
pub(crate) async fn clickhouse_child(folder: &Path) -> ChildSpec {
    let address = free_address();
    let library = tokio::task::spawn_blocking(|| provided().libchdb.clone()).await.unwrap();
    ChildSpec {
        name: "clickhouse",
        program: GITPULSE.into(),
        arguments: vec![
            "engine".into(),
            "clickhouse".into(),
            "--library".into(),
            library.into(),
            "--data".into(),
            folder.join("tables").into(),
            "--listen".into(),
            address.to_string().into(),
        ],
        folder: folder.join("tables"),
        environment: Environment::Only(Vec::new()),
        log_file: folder.join("clickhouse.log"),
        listens: Listens { address, setting: "the test's port" },
        ready_within: std::time::Duration::from_secs(60),
        gives_up: GivesUp::Never,
    }
}

/// Starts a ClickHouse, and waits until it answers.
pub(crate) async fn start_clickhouse_child(child: ChildSpec) -> Supervisor {
    let address = child.listens.address;
    Supervisor::start(child, move || probe::http(address, "/ping")).await.unwrap()
}

/// A ClickHouse in `folder`, and its URL.
pub(crate) async fn start_clickhouse(folder: &Path) -> (Supervisor, String) {
    let child = clickhouse_child(folder).await;
    let url = format!("http://{}", child.listens.address);
    (start_clickhouse_child(child).await, url)
}

/// An address on this machine that nobody listens on, and that is given to nobody else: below the ports that the kernel hands out by
/// itself, counted up from one that depends on the process.
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
