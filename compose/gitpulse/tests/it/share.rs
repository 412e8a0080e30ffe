//! Several runs of backfill share the projects of a GitLab by Kafka's group assignment: no project is read by two at the same time, projects that one
//! leaves go to the others, and all finish.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backfill::Share;
use backfill::share::Owner::{self, Project};
use backfill::share::{Lease, ShareError, part_of};
use runtime::kafka::KafkaConfig;
use tokio::task::JoinHandle;

use crate::deployment::{Deployment, eventually};
use crate::engines::{free_address, shared};

const INSTANCE: &str = "https://gitlab.example.com";
/// Every part has some projects.
const PROJECTS: u64 = 150;
/// Session timeout after which a silent process counts as dead; Kafka's minimum.
const SESSION: Duration = Duration::from_secs(6);
/// Duration of a page: longer than Kafka takes to reassign a part.
const PAGE: Duration = Duration::from_secs(3);
/// Tells a child of the test which group to join.
const GROUP_OF_CHILD: &str = "GITPULSE_TEST_SHARE";

fn kafka(brokers: &str, prefix: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: brokers.to_owned(),
        properties: format!("session.timeout.ms={}", SESSION.as_millis()).parse().unwrap(),
        topic_prefix: prefix.parse().unwrap(),
        partitions: 1,
        replication_factor: 0,
    }
}

fn kafka_of(deployment: &Deployment) -> KafkaConfig {
    let value = |name: &str| deployment.environment[name].as_str();
    kafka(value("GITPULSE_KAFKA_BROKERS"), value("GITPULSE_KAFKA_TOPIC_PREFIX"))
}

async fn join(kafka: &KafkaConfig, name: &str, projects: impl IntoIterator<Item = u64>) -> Share {
    Share::join(kafka, INSTANCE, projects.into_iter().map(Project), name).await.unwrap()
}

/// Who reads which project at the moment, as reported by the readers.
#[derive(Default)]
struct Readers {
    reading: Mutex<BTreeMap<Owner, &'static str>>,
    faults: Mutex<Vec<String>>,
}

impl Readers {
    fn begin(&self, project: Owner, name: &'static str) {
        if let Some(other) = self.reading.lock().unwrap().insert(project, name) {
            self.faults.lock().unwrap().push(format!("{project:?} by {other} and {name}"));
        }
    }

    /// The projects that somebody reads.
    fn reading(&self, name: &str) -> usize {
        self.reading.lock().unwrap().values().filter(|reader| **reader == name).count()
    }
}

/// One process: reads everything that it holds, page after page, until it is stopped.
struct Reader {
    share: Arc<Share>,
    reads: JoinHandle<()>,
}

impl Reader {
    async fn start(kafka: &KafkaConfig, name: &'static str, readers: &Arc<Readers>) -> Reader {
        let share = Arc::new(join(kafka, client_id(name), 0..PROJECTS).await);
        let (reading, readers) = (share.clone(), readers.clone());
        let reads = tokio::spawn(async move {
            let mut changes = reading.changes();
            loop {
                for project in reading.unfinished() {
                    if readers.reading.lock().unwrap().get(&project).is_none_or(|reader| *reader != name)
                        && let Some(lease) = reading.lease(project)
                    {
                        tokio::spawn(read(lease, project, name, readers.clone()));
                        tokio::task::yield_now().await;
                    }
                }
                if changes.next().await.is_err() {
                    return;
                }
            }
        });
        Reader { share, reads }
    }

    async fn leave(self) {
        self.reads.abort();
        let _ = self.reads.await;
        Arc::into_inner(self.share).unwrap().leave().await;
    }
}

async fn read(lease: Lease, project: Owner, name: &'static str, readers: Arc<Readers>) {
    readers.begin(project, name);
    lease.bounds().ending.cancelled().await;
    // The current page.
    tokio::time::sleep(PAGE).await;
    if lease.bounds().lost.is_cancelled() {
        readers.faults.lock().unwrap().push(format!("{project:?} was lost to {name}"));
    }
    readers.reading.lock().unwrap().remove(&project);
}

/// Waits until each of these reads some of the projects, and together all of them.
async fn until_all_are_read(readers: &Readers, names: &[&str]) {
    eventually("every project is read, and everybody reads", async || {
        let counts: Vec<usize> = names.iter().map(|name| readers.reading(name)).collect();
        match counts.iter().sum::<usize>() == PROJECTS as usize && !counts.contains(&0) {
            true => Ok(()),
            false => Err(format!("{counts:?} of {PROJECTS}")),
        }
    })
    .await;
}

/// The first two use the same tokens.
fn client_id(name: &str) -> &str {
    if name == "three" { "other tokens" } else { "tokens" }
}

/// Waits until this many members are known to have the same client id.
async fn until_counted(reader: &Reader, alike: u32) {
    eventually("those with the same tokens are counted", async || match reader.share.alike() {
        counted if counted == alike => Ok(()),
        counted => Err(format!("{counted}, and not {alike}")),
    })
    .await;
}

fn held(share: &Share) -> BTreeSet<Owner> {
    (0..PROJECTS).map(Project).filter(|project| share.holds(*project)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_share_the_projects_and_what_one_leaves_goes_to_the_others() {
    let kafka = kafka_of(&Deployment::new("share"));
    let readers = Arc::new(Readers::default());
    let one = Reader::start(&kafka, "one", &readers).await;
    until_all_are_read(&readers, &["one"]).await;
    let two = Reader::start(&kafka, "two", &readers).await;
    until_all_are_read(&readers, &["one", "two"]).await;
    until_counted(&one, 2).await;
    let three = Reader::start(&kafka, "three", &readers).await;
    until_all_are_read(&readers, &["one", "two", "three"]).await;
    let parts = |reader: &Reader| {
        held(&reader.share).into_iter().map(|project| part_of(INSTANCE, project)).collect::<BTreeSet<_>>()
    };
    let sizes = [&one, &two, &three].map(|reader| parts(reader).len());
    assert_eq!(sizes, [4, 4, 4]);
    until_counted(&one, 2).await;
    until_counted(&three, 1).await;
    two.leave().await;
    until_all_are_read(&readers, &["one", "three"]).await;
    until_counted(&one, 1).await;
    one.leave().await;
    until_all_are_read(&readers, &["three"]).await;
    three.leave().await;
    assert_eq!(*readers.faults.lock().unwrap(), Vec::<String>::new());
}

/// The child to kill is this test itself, run as another process.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_held_goes_to_the_others_after_the_session_timeout() {
    if let Some(group) = std::env::var_os(GROUP_OF_CHILD) {
        let (brokers, prefix) = group.to_str().unwrap().split_once(' ').unwrap();
        let _share = join(&kafka(brokers, prefix), "child", 0..PROJECTS).await;
        return std::future::pending().await;
    }
    let deployment = Deployment::new("share_killed");
    let kafka = kafka_of(&deployment);
    let one = join(&kafka, "one", 0..PROJECTS).await;
    let other = join(&kafka, "other", 0..PROJECTS).await;
    let until_held = async |what: &str, is_right: fn(usize) -> bool| {
        eventually(what, async || {
            let sizes = [held(&one).len(), held(&other).len()];
            let is_right = is_right(sizes.iter().sum()) && held(&one).is_disjoint(&held(&other));
            if is_right { Ok(()) } else { Err(format!("{sizes:?} of {PROJECTS}")) }
        })
        .await;
    };
    until_held("two hold all", |sum| sum == PROJECTS as usize).await;
    let mut child = Killed(
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "share::what_a_killed_process_held_goes_to_the_others_after_the_session_timeout",
            ])
            .env(GROUP_OF_CHILD, format!("{} {}", kafka.brokers, kafka.topic_prefix))
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // The child holds a third of the parts if none of the others has them.
    until_held("a child holds a third", |sum| sum < PROJECTS as usize * 3 / 4).await;
    let killed = Instant::now();
    child.0.kill().unwrap();
    until_held("the others hold all again", |sum| sum == PROJECTS as usize).await;
    let took = killed.elapsed();
    assert!(took < SESSION + Duration::from_secs(10), "{took:?}");
    eprintln!("what a killed process held was another's after {took:?}");
}

/// A child process that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_less_gets_it_and_leaves_it_to_who_wants_all() {
    let kafka = kafka_of(&Deployment::new("share_less"));
    let all = join(&kafka, "all", 0..PROJECTS).await;
    let before = held(&all);
    assert_eq!(before.len(), PROJECTS as usize);
    let some = join(&kafka, "some", [7]).await;
    eventually("the one project is held by who wants nothing else", async || {
        if some.holds(Project(7)) && !all.holds(Project(7)) {
            Ok(())
        } else {
            Err(format!("{}", held(&all).len()))
        }
    })
    .await;
    let others =
        before.iter().filter(|project| part_of(INSTANCE, **project) != part_of(INSTANCE, Project(7)));
    assert!(others.into_iter().all(|project| all.holds(*project)), "nothing else is moved");
    some.finish(Project(7));
    eventually(
        "it goes back",
        async || if all.holds(Project(7)) { Ok(()) } else { Err("not yet".to_owned()) },
    )
    .await;
    assert!(!some.holds(Project(7)));
}

/// Each finishes what it holds, without knowledge of the other, and is then assigned what the other held.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_finish_what_they_hold_come_both_to_an_end() {
    let kafka = kafka_of(&Deployment::new("share_end"));
    let (one, other) =
        tokio::join!(join(&kafka, "one", 0..PROJECTS), join(&kafka, "other", 40..PROJECTS + 40));
    let finish = async |share: Share| {
        let mut changes = share.changes();
        while !share.unfinished().is_empty() {
            let held: Vec<Owner> =
                share.unfinished().into_iter().filter(|project| share.holds(*project)).collect();
            if held.is_empty() {
                changes.next().await.unwrap();
            }
            held.into_iter().for_each(|project| share.finish(project));
            tokio::task::yield_now().await;
        }
        share.leave().await;
    };
    let both = async { tokio::join!(finish(one), finish(other)) };
    tokio::time::timeout(Duration::from_secs(90), both).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_or_topics_the_error_says_what_to_do() {
    let nobody = kafka(&free_address().to_string(), "nobody");
    let unmade = kafka(&shared().brokers, "nobody-made-this");
    let join =
        async |kafka: KafkaConfig| Share::join(&kafka, INSTANCE, [Project(1)], "test").await.err().unwrap();
    let (unreachable, missing) = tokio::join!(join(nobody), join(unmade));
    assert!(matches!(unreachable, ShareError::Unreachable { .. }), "{unreachable}");
    assert!(unreachable.to_string().contains("GITPULSE_KAFKA_BROKERS"), "{unreachable}");
    assert_eq!(
        missing.to_string(),
        "topic nobody-made-this.gitpulse.backfill.00 does not exist: run `gitpulse migrate`"
    );
}
