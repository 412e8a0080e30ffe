//! A stage for a fault: engines of its own, ingest, a processor, and a load that never stops. In: a fault's name, a seed. Out: processes that a fault
//! may do anything to. Roles that end are restarted, as by a service manager.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use embedded::child::ChildSpec;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simulator::history::Run;
use simulator::load::{Connections, Counts, Credentials, Target};
use simulator::world::WorldConfig;
use simulator::{Load, LoadConfig, World};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::deployment::{Deployment, Role, TOKEN};
use crate::disk::Disk;
use crate::engine::{Engine, Held};
use crate::engines::{Addresses, broker_child, clickhouse_child, free_address};

/// Pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Timeout for any condition; only a guard against hanging. The partitions of a killed processor alone wait for ten seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Limit of requests per load; also a guard.
const MOST_REQUESTS: u64 = 2_000_000;
/// The first project of a load.
const PROJECTS_BEGIN: u64 = 1_000;
/// Name of the spool's folder.
const SPOOL: &str = "spool";

/// Duration of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// A tenth, but at least two seconds: what `cargo test` has time for.
    Short,
    /// The full duration.
    Full,
}

/// A fault to stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) length: Length,
    pub(crate) rate: f64,
}

impl Scene {
    /// The duration of something that takes this many seconds in full.
    pub(crate) fn lasts(&self, seconds: u64) -> Duration {
        match self.length {
            Length::Full => Duration::from_secs(seconds),
            Length::Short => Duration::from_secs_f64((seconds as f64 / 10.0).max(2.0)),
        }
    }

    /// The number of the fault, as a word.
    pub(crate) fn slug(&self) -> String {
        let number = self.name.split(' ').next().unwrap();
        number.to_lowercase().replace('-', "_")
    }
}

/// A stage.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) random: StdRng,
    /// Nodes of one cluster; none if the fault uses a broker of its own.
    pub(crate) brokers: Vec<Held>,
    pub(crate) clickhouse: Held,
    /// Settings of roles that are started from now on.
    pub(crate) deployment: Deployment,
    pub(crate) ingest_admin: SocketAddr,
    pub(crate) ingest: Option<Role>,
    pub(crate) processors: Vec<Role>,
    /// The target of the load.
    pub(crate) target: watch::Sender<Target>,
    pub(crate) load: Option<(Load, CancellationToken)>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) history: PathBuf,
    pub(crate) recovery: Option<Duration>,
    pub(crate) restarts: u32,
    pub(crate) notes: Vec<String>,
    /// Unmounted after the engines are gone, and before the folder is removed.
    pub(crate) disk: Option<Disk>,
    pub(crate) folder: TempDir,
}

impl Stage {
    /// Starts the engines and makes topics and tables.
    pub(crate) async fn prepare(scene: Scene) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let (broker, brokers) = broker_child(&folder.path().join("broker")).await;
        let clickhouse = clickhouse_child(&folder.path().join("clickhouse")).await;
        Stage::on(scene, folder, vec![broker], brokers, clickhouse).await
    }

    /// The same on other engines.
    pub(crate) async fn on(
        scene: Scene,
        folder: TempDir,
        children: Vec<ChildSpec>,
        bootstrap_servers: String,
        clickhouse: ChildSpec,
    ) -> Stage {
        let brokers = join_all(children.into_iter().map(|child| Held::start(Engine::Broker, child)));
        let (brokers, clickhouse) = tokio::join!(brokers, Held::start(Engine::ClickHouse, clickhouse));
        let clickhouse_url = format!("http://{}", clickhouse.address());
        let addresses = Addresses { brokers: bootstrap_servers, clickhouse_url };
        let deployment = Deployment::on(&addresses, &scene.slug());
        Stage::with_deployment(scene, folder, brokers, clickhouse, deployment)
    }

    /// A stage whose topics and tables exist.
    pub(crate) fn with_deployment(
        scene: Scene,
        folder: TempDir,
        brokers: Vec<Held>,
        clickhouse: Held,
        deployment: Deployment,
    ) -> Stage {
        let deployment = deployment
            .with("GITPULSE_SPOOL_DIR", folder.path().join(SPOOL).to_str().unwrap())
            .with("GITPULSE_PUBLISH_TIMEOUT_MS", "1000")
            .with("GITPULSE_BATCH_MAX_AGE_MS", "400")
            .with("GITPULSE_LISTEN", &free_address().to_string());
        let url = webhooks(&deployment);
        let (target, _) = watch::channel(Target { url, credentials: Credentials::Token(TOKEN.to_owned()) });
        Stage {
            scene,
            random: StdRng::seed_from_u64(scene.seed),
            history: folder.path().join("history.jsonl"),
            folder,
            brokers,
            clickhouse,
            deployment,
            ingest_admin: free_address(),
            ingest: None,
            processors: Vec::new(),
            target,
            load: None,
            counts: Arc::default(),
            recovery: None,
            restarts: 0,
            notes: Vec::new(),
            disk: None,
        }
    }

    /// The same with another setting for roles that are started from now on.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Stage {
        self.deployment = self.deployment.with(name, value);
        self
    }

    /// Starts ingest, a processor and the load, and waits until the first events are in their tables.
    pub(crate) async fn open(mut self) -> Stage {
        self.start_ingest();
        self.processors.push(self.deployment.processor());
        self.start_load();
        let some = self.sent() + 50;
        self.until("deliveries are answered", async |stage| stage.has_sent(some)).await;
        self.until("the first events are in their tables", async |stage| {
            let count = stage.deployment.client.query("SELECT count() FROM events").fetch_one::<u64>().await;
            if count.unwrap_or(0) > 0 { Ok(()) } else { Err("none".to_owned()) }
        })
        .await;
        self
    }

    /// Starts ingest, replacing one that has ended.
    pub(crate) fn start_ingest(&mut self) {
        let deployment = self.deployment.clone();
        self.ingest = None;
        self.ingest = Some(deployment.with("GITPULSE_ADMIN_LISTEN", &self.ingest_admin.to_string()).ingest());
    }

    /// Starts another ingest beside the running one, which is returned with the address of its metrics.
    pub(crate) fn replace_ingest(&mut self) -> (Role, SocketAddr) {
        let admin = std::mem::replace(&mut self.ingest_admin, free_address());
        let old = self.ingest.take().unwrap();
        self.start_ingest();
        (old, admin)
    }

    /// Stops sending, and waits until everything sent is answered.
    pub(crate) async fn pause(&mut self) {
        self.load.as_ref().unwrap().0.pause();
        let counts = self.counts.clone();
        self.until("what was sent is answered", async |_| match (counts.sent(), counts.answered()) {
            (sent, answered) if sent == answered => Ok(()),
            (sent, answered) => Err(format!("{answered} of {sent}")),
        })
        .await;
    }

    /// Continues sending.
    pub(crate) fn resume(&self) {
        self.load.as_ref().unwrap().0.resume();
    }

    /// Begins to send.
    pub(crate) fn start_load(&mut self) {
        let load = self.load_of(&self.scene.slug(), PROJECTS_BEGIN, WorldConfig::USUAL_POISON, &self.history);
        self.counts = load.counts().clone();
        self.load = Some((load, CancellationToken::new()));
    }

    /// A load with a name, projects and a history of its own, part of which cannot be decoded.
    #[expect(clippy::disallowed_methods, reason = "the edge: the invented world begins now")]
    pub(crate) fn load_of(&self, name: &str, first_project: u64, poison: f64, history: &Path) -> Load {
        let world = WorldConfig {
            seed: self.scene.seed,
            instance: "https://gitlab.example.com".to_owned(),
            first_project,
            projects: 20,
            body_bytes: 1_000,
            poison,
            began_at: chrono::DateTime::<chrono::Utc>::from(SystemTime::now()).timestamp_millis(),
        };
        let run = Run { id: name.to_owned(), world: world.clone() };
        let config = LoadConfig {
            target: self.target.subscribe(),
            rate: self.scene.rate,
            requests: MOST_REQUESTS,
            under_way: 256,
            connections: Connections::Fresh,
        };
        Load::start(World::new(world), run, history, config).unwrap()
    }

    /// The only broker.
    pub(crate) fn broker(&mut self) -> &mut Held {
        self.brokers.first_mut().expect("the stage has a broker")
    }

    /// Lets the load continue for so long.
    pub(crate) async fn go_on(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        self.until(
            "time passes",
            async |_| {
                if Instant::now() >= end { Ok(()) } else { Err("it has not".to_owned()) }
            },
        )
        .await;
    }

    /// Requests sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.counts.sent()
    }

    fn has_sent(&self, count: u64) -> Result<(), String> {
        if self.sent() >= count { Ok(()) } else { Err(format!("{} of {count}", self.sent())) }
    }

    /// Waits until `condition` holds, and keeps roles running meanwhile.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut condition: impl AsyncFnMut(&mut Stage) -> Result<(), String>,
    ) {
        let started = Instant::now();
        loop {
            self.keep_running();
            let looked = Instant::now();
            match condition(self).await {
                Ok(()) => return,
                Err(state) => assert!(
                    started.elapsed() < PATIENCE.max(self.scene.lasts(600)),
                    "{what}: {state}\n{}",
                    self.logs()
                ),
            }
            // Polling must not slow down what is polled.
            tokio::time::sleep(POLL_INTERVAL.max(looked.elapsed() * 4)).await;
        }
    }

    /// Restarts roles that have ended.
    fn keep_running(&mut self) {
        let deployment = self.deployment.clone();
        for processor in &mut self.processors {
            if processor.ended().is_some() {
                self.restarts += 1;
                *processor = deployment.processor();
            }
        }
        if self.ingest.as_mut().is_some_and(|ingest| ingest.ended().is_some()) {
            self.restarts += 1;
            self.start_ingest();
        }
    }

    /// The folder of the spool.
    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join(SPOOL)
    }

    /// The last log lines of roles.
    pub(crate) fn logs(&self) -> String {
        let roles = self.ingest.iter().chain(&self.processors);
        let last = |role: &Role| {
            let log = role.log();
            // Lines that each load causes are of no interest.
            let is_usual = |line: &&str| {
                !line.contains("does not know yet") && !line.contains("is dead-lettered reason")
            };
            let lines: Vec<&str> = log.lines().filter(is_usual).collect();
            lines[lines.len().saturating_sub(40)..].join("\n")
        };
        Vec::from_iter(roles.map(last)).join("\n---\n")
    }

    /// Ends the load, and waits for the last answers.
    pub(crate) async fn stop_load(&mut self) {
        let (load, stop) = self.load.take().unwrap();
        stop.cancel();
        load.finish(&stop).await.unwrap();
    }
}

/// Where a deployment receives webhooks.
pub(crate) fn webhooks(deployment: &Deployment) -> String {
    format!("http://{}/api/v1/webhooks/gitlab", deployment.environment["GITPULSE_LISTEN"])
}

/// A random number, the same for the same seed.
pub(crate) fn between(random: &mut StdRng, from: u64, to: u64) -> u64 {
    random.random_range(from..=to)
}

/// The newest file in a folder with this ending.
pub(crate) fn newest(folder: &Path, ending: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().ends_with(ending)).max()
}
