//! SIGKILL under load, at named points and at random ones: every delivery answered 200 is in `events`, once, and nothing is there that was never
//! sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use embedded::supervisor::{ChildState, Supervisor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::{Addresses, free_address, start_broker, start_clickhouse};

/// Concurrent senders.
const SENDERS: u64 = 4;

/// What was sent and its answer, by delivery id.
pub(crate) type Answers = BTreeMap<String, Answer>;

/// Sends deliveries to the current ingest until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    senders: Vec<tokio::task::JoinHandle<Answers>>,
}

impl Load {
    pub(crate) fn start(url: watch::Receiver<String>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicU64::new(0));
        let senders = (0..SENDERS)
            .map(|sender| {
                let (stop, accepted, url) = (stop.clone(), accepted.clone(), url.clone());
                tokio::spawn(async move {
                    let client = client();
                    let mut answers = Answers::new();
                    for number in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let id = format!("{sender}-{number}");
                        let target = url.borrow().clone();
                        let answer = send(&client, &target, &id, delivery(sender, number)).await;
                        if answer == Answer::Status(200) {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        } else {
                            // What was killed is being restarted.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        answers.insert(id, answer);
                    }
                    answers
                })
            })
            .collect();
        Load { stop, accepted, senders }
    }

    /// Waits until this many more deliveries were accepted.
    pub(crate) async fn until_accepted(&self, more: u64) {
        let target = self.accepted.load(Ordering::Relaxed) + more;
        eventually("deliveries are accepted", async || match self.accepted.load(Ordering::Relaxed) {
            accepted if accepted >= target => Ok(()),
            accepted => Err(format!("{accepted} of {target}")),
        })
        .await;
    }

    pub(crate) async fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let mut answers = Answers::new();
        for sender in self.senders {
            answers.extend(sender.await.unwrap());
        }
        answers
    }
}

/// A body of one of a few kinds, with an entity of its own.
fn delivery(sender: u64, number: u64) -> Vec<u8> {
    let id = 1 + sender * 1_000_000 + number;
    let text = match number % 3 {
        0 => format!(
            r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/b{id}","before":"a{id}","after":"b{id}","commits":[{{"id":"c{id}","timestamp":"2026-11-02T08:12:31Z"}}]}}"#
        ),
        1 => format!(
            r#"{{"object_kind":"merge_request","project":{{"id":42}},"object_attributes":{{"id":{id},"iid":{id},"target_project_id":42,"state":"opened","action":"open","created_at":"2026-11-02T08:12:31.204Z","updated_at":"2026-11-02T08:12:31.204Z"}}}}"#
        ),
        _ => format!(
            r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":{id},"status":"running","created_at":"2026-11-02T08:12:31.204Z"}},"builds":[{{"id":{id},"status":"running","created_at":"2026-11-02 08:12:31 UTC"}}]}}"#
        ),
    };
    text.into_bytes()
}

/// Waits until everything accepted is in `events`, then compares what was sent with what is there.
pub(crate) async fn check(deployment: &Deployment, processor: &mut Role, answers: &Answers) {
    let accepted: BTreeSet<&String> =
        answers.iter().filter(|(_, answer)| **answer == Answer::Status(200)).map(|(id, _)| id).collect();
    eventually("what was accepted is stored", async || {
        assert!(processor.ended().is_none(), "the processor has ended: {}", processor.log());
        let stored = stored(deployment).await.map_err(|error| error.to_string())?;
        let missing: Vec<&&String> = accepted.iter().filter(|id| !stored.contains_key(**id)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{} are missing, {:?}", missing.len(), missing.first()))
        }
    })
    .await;
    let stored = stored(deployment).await.unwrap();
    let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "stored more than once: {doubled:?}");
    let phantoms: Vec<_> = stored.keys().filter(|id| !answers.contains_key(*id)).collect();
    assert!(phantoms.is_empty(), "never sent: {phantoms:?}");
    assert_eq!(deployment.value::<u64>("SELECT count() FROM dead_letters").await, 0);
    // Each event made exactly one row of its own entity.
    for (name, kind) in [("pushes", "push"), ("merge_requests", "merge_request"), ("pipelines", "pipeline")] {
        let events = format!("SELECT count() FROM events WHERE kind = '{kind}'");
        let rows = format!("SELECT count() FROM {name}");
        assert_eq!(deployment.value::<u64>(&rows).await, deployment.value::<u64>(&events).await, "{name}");
    }
    eprintln!("{} sent, {} accepted, {} stored", answers.len(), accepted.len(), stored.len());
}

async fn stored(deployment: &Deployment) -> clickhouse::error::Result<BTreeMap<String, u64>> {
    let query = "SELECT delivery_id, count() FROM events GROUP BY delivery_id";
    let rows: Vec<(String, u64)> = deployment.client.query(query).fetch_all().await?;
    Ok(rows.into_iter().collect())
}

/// Starts a role that kills itself the `nth` time it reaches a point, and waits for that.
async fn dies_at(
    deployment: &Deployment,
    role: &str,
    point: &str,
    nth: u32,
    load: &Load,
    url: &watch::Sender<String>,
) {
    let deadly = deployment.clone().with("FAILPOINTS", &format!("{point}={nth}*off->return"));
    let mut victim = if role == "ingest" { deadly.ingest() } else { deadly.processor() };
    if role == "ingest" {
        url.send(victim.webhooks()).unwrap();
    } else {
        load.until_accepted(20).await;
    }
    eventually(point, async || if victim.ended().is_some() { Ok(()) } else { Err(victim.log()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_die_at_named_points_lose_and_double_nothing() {
    let deployment = Deployment::new("points");
    let mut ingest = deployment.ingest();
    let (url, target) = watch::channel(ingest.webhooks());
    let load = Load::start(target);
    for point in ["processor::before_insert", "processor::after_insert", "processor::after_commit"] {
        for nth in [0, 3] {
            dies_at(&deployment, "processor", point, nth, &load, &url).await;
        }
    }
    ingest.kill();
    for point in ["ingest::before_publish", "ingest::after_publish"] {
        for nth in [0, 25] {
            dies_at(&deployment, "ingest", point, nth, &load, &url).await;
        }
    }
    let (ingest, mut processor) = (deployment.ingest(), deployment.processor());
    url.send(ingest.webhooks()).unwrap();
    load.until_accepted(50).await;
    let answers = load.stop().await;
    check(&deployment, &mut processor, &answers).await;
}

/// The next ingest reads what the last one left, wherever it was killed; Kafka is only there for the last one.
#[tokio::test(flavor = "multi_thread")]
async fn ingest_that_is_killed_while_kafka_is_away_loses_nothing_that_it_accepted() {
    let deployment = Deployment::new("spooled");
    let away = deployment
        .clone()
        .with("GITPULSE_KAFKA_BROKERS", &free_address().to_string())
        .with("GITPULSE_PUBLISH_TIMEOUT_MS", "200");
    let mut ingest = away.ingest();
    let (url, target) = watch::channel(ingest.webhooks());
    let load = Load::start(target);
    load.until_accepted(30).await;
    ingest.kill();
    for point in ["spool::before_sync=return", "spool::before_sync=25*off->return"] {
        let mut victim = away.clone().with("FAILPOINTS", point).ingest();
        url.send(victim.webhooks()).unwrap();
        eventually(point, async || if victim.ended().is_some() { Ok(()) } else { Err(victim.log()) }).await;
    }
    let mut stopped = away.ingest();
    url.send(stopped.webhooks()).unwrap();
    load.until_accepted(30).await;
    assert_eq!(stopped.terminate(), Some(0), "{}", stopped.log());
    let (ingest, mut processor) = (deployment.ingest(), deployment.processor());
    url.send(ingest.webhooks()).unwrap();
    load.until_accepted(30).await;
    let answers = load.stop().await;
    check(&deployment, &mut processor, &answers).await;
}

/// Kills an engine and waits until its supervisor has restarted it.
pub(crate) async fn kill_engine(engine: &Supervisor) {
    let mut state = engine.state();
    let ChildState::Ready { pid } =
        *state.wait_for(|state| matches!(state, ChildState::Ready { .. })).await.unwrap()
    else {
        unreachable!("waited for it to be ready")
    };
    let process = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let back = state.wait_for(|state| matches!(state, ChildState::Ready { pid: now } if *now != pid));
    tokio::time::timeout(Duration::from_secs(90), back).await.expect("the engine comes back").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_random_kills_lose_and_double_nothing() {
    let seed = match std::env::var_os("GITPULSE_TEST_SEED") {
        Some(seed) => seed.to_str().unwrap().parse().unwrap(),
        None => rand::random::<u64>(),
    };
    eprintln!("GITPULSE_TEST_SEED={seed} repeats the choices of this run");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let (broker, brokers) = start_broker(&folder.path().join("broker")).await;
    let (clickhouse, clickhouse_url) = start_clickhouse(&folder.path().join("clickhouse")).await;
    // Short enough for the spool to be used.
    let deployment = Deployment::on(&Addresses { brokers, clickhouse_url }, "random")
        .with("GITPULSE_PUBLISH_TIMEOUT_MS", "50");
    let (mut ingest, mut processor) = (deployment.ingest(), deployment.processor());
    let (url, target) = watch::channel(ingest.webhooks());
    let load = Load::start(target);
    for _ in 0..50 {
        load.until_accepted(random.random_range(1..40)).await;
        match random.random_range(0..10) {
            0..4 => restart(&mut processor, || deployment.processor()),
            4..8 => {
                restart(&mut ingest, || deployment.ingest());
                url.send(ingest.webhooks()).unwrap();
            }
            8 => kill_engine(&clickhouse).await,
            _ => kill_engine(&broker).await,
        }
    }
    load.until_accepted(50).await;
    let answers = load.stop().await;
    check(&deployment, &mut processor, &answers).await;
    for mut role in [ingest, processor] {
        assert_eq!(role.terminate(), Some(0), "{}", role.log());
    }
    broker.stop(Duration::from_secs(20)).await.unwrap();
    clickhouse.stop(Duration::from_secs(20)).await.unwrap();
}

fn restart(role: &mut Role, start: impl FnOnce() -> Role) {
    role.kill();
    *role = start();
}
