//! The roles of one test, as processes. In: engines. Out: a URL to send to and a database to query.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clickhouse::{Client, RowOwned, RowRead};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::engines::{Addresses, GITPULSE, with_room};

/// The secret token of every test's default tenant.
pub(crate) const TOKEN: &str = "test-token";
/// The secret token of the default tenant in all tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// Settings of one test's installation.
#[derive(Clone)]
pub(crate) struct Deployment {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) client: Client,
    /// The spool of its ingest.
    pub(crate) _folder: Option<Arc<TempDir>>,
}

/// One role as a process, killed when it is dropped.
pub(crate) struct Role {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// Its address for webhooks, or, for the processor, for metrics.
    pub(crate) address: String,
}

impl Deployment {
    /// An installation on the shared engines, migrated.
    pub(crate) fn new(name: &str) -> Deployment {
        Deployment::on(&with_room(), name)
    }

    /// An installation on engines of the test's own, migrated.
    pub(crate) fn on(addresses: &Addresses, name: &str) -> Deployment {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("{name}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let deployment = Deployment::migrated(addresses, &unique);
        let output = deployment.command(&["migrate"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        deployment
    }

    /// An installation whose topics and tables exist already, under one name.
    pub(crate) fn migrated(addresses: &Addresses, unique: &str) -> Deployment {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let environment = [
            ("GITPULSE_SPOOL_DIR", spool.to_str().unwrap()),
            // The machine may be busy, and late events are repeated.
            ("GITPULSE_PUBLISH_TIMEOUT_MS", "6000"),
            ("GITPULSE_KAFKA_BROKERS", addresses.brokers.as_str()),
            ("GITPULSE_KAFKA_TOPIC_PREFIX", unique),
            ("GITPULSE_KAFKA_PARTITIONS", "2"),
            // The partitions of a killed processor are reassigned as soon as Kafka allows.
            ("GITPULSE_KAFKA_PROPERTIES", "session.timeout.ms=6000"),
            ("GITPULSE_CLICKHOUSE_URL", addresses.clickhouse_url.as_str()),
            ("GITPULSE_CLICKHOUSE_DATABASE", unique),
            ("GITPULSE_LISTEN", "127.0.0.1:0"),
            ("GITPULSE_ADMIN_LISTEN", "127.0.0.1:0"),
            ("GITPULSE_BATCH_MAX_AGE_MS", "100"),
            // Many processors share one ClickHouse here: only tests of metrics compute them.
            ("GITPULSE_ROLLUPS", "false"),
            ("GITPULSE_SERIES_MAX", "0"),
            ("GITLAB_URL", "https://gitlab.example.com"),
            ("GITLAB_WEBHOOK_TOKEN", TOKEN),
        ];
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let client = Client::default().with_url(&addresses.clickhouse_url).with_database(unique);
        Deployment { environment, client, _folder: Some(Arc::new(folder)) }
    }

    /// The same with another setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Deployment {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The program with this installation's settings, and no others.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(GITPULSE);
        // A folder without gitpulse.toml and .env.
        command
            .args(arguments)
            .envs(&self.environment)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null());
        command
    }

    /// The output of a command, which must succeed.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the receiving role.
    pub(crate) fn ingest(&self) -> Role {
        Role::start(self.command(&["ingest"]), "receiving webhooks")
    }

    /// Starts the storing role; it counts as ready when it serves metrics, before it has partitions.
    pub(crate) fn processor(&self) -> Role {
        Role::start(self.command(&["processor"]), "serving /metrics")
    }

    /// One value of a query.
    pub(crate) async fn value<T: RowOwned + RowRead>(&self, query: &str) -> T {
        self.client.query(query).fetch_one().await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Waits until a query that counts gives at least `expected`.
    pub(crate) async fn until_count(&self, query: &str, expected: u64) {
        eventually(query, async || {
            let count = self.client.query(query).fetch_one::<u64>().await.unwrap_or(0);
            if count >= expected { Ok(()) } else { Err(format!("{count}, expected {expected}")) }
        })
        .await;
    }
}

impl Role {
    pub(crate) fn start(mut command: Command, announcement: &str) -> Role {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have stopped reading.
                let _ = sender.send(line);
            }
        });
        let mut said = Vec::new();
        let address = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(announcement) => {
                    let address = line.rsplit("address=").next().unwrap();
                    break address.split_whitespace().next().unwrap().to_owned();
                }
                Ok(line) => said.push(line),
                Err(_) => panic!("the process did not say {announcement:?}, but:\n{}", said.join("\n")),
            }
        };
        Role { child, lines, address }
    }

    /// A role whose log is not read, on a given address.
    pub(crate) fn unheard(mut command: Command, address: &str) -> Role {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = command.stdout(Stdio::null()).stderr(full).spawn().unwrap();
        Role { child, lines: mpsc::channel().1, address: address.to_owned() }
    }

    /// Its URL for webhooks.
    pub(crate) fn webhooks(&self) -> String {
        format!("http://{}/api/v1/webhooks/gitlab", self.address)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }

    /// Sends a signal; the process must still be there.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The exit status, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it has logged since the last call.
    pub(crate) fn log(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds; fails with its last message.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> Result<(), String>) {
    let started = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(25));
    loop {
        pause.tick().await;
        match condition().await {
            Ok(()) => return,
            Err(state) => assert!(started.elapsed() < PATIENCE, "{what}: {state}"),
        }
    }
}
