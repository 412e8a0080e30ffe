//! Faults of the machine and its operators: F-50 to F-57.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::Rng;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use simulator::load::{Credentials, Target};
use tokio::net::TcpStream;

use crate::deployment::{Role, TOKEN};
use crate::disk::Disk;
use crate::engines::free_address;
use crate::judge::{Allows, metric};
use crate::report::Outcome;
use crate::stage::{Scene, Stage, newest, webhooks};

/// Time limit of a stop: requests under way are answered (ten seconds at most), then Kafka gets eight more.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Memory limit of the roles while everything behind them is dead, in KiB.
const INGEST_KIB: u64 = 100 * 1024;
const PROCESSOR_KIB: u64 = 400 * 1024;
/// How much more memory ingest may use than after a fifth of an outage: that is what an allocator keeps, not what deliveries pile up.
const GROWTH_KIB: u64 = 16 * 1024;

/// F-50: SIGTERM under load, several times: each ends with 0 in time.
pub(crate) async fn terminated(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    let mut longest = Duration::ZERO;
    for _ in 0..3 {
        let started = Instant::now();
        let mut ingest = stage.ingest.take().unwrap();
        assert_eq!(ingest.terminate(), Some(0), "{}", ingest.log());
        longest = longest.max(started.elapsed());
        stage.start_ingest();
        stage.go_on(scene.lasts(10)).await;
        let started = Instant::now();
        let mut processor = stage.processors.remove(0);
        assert_eq!(processor.terminate(), Some(0), "{}", processor.log());
        longest = longest.max(started.elapsed());
        stage.processors.push(stage.deployment.processor());
        stage.go_on(scene.lasts(10)).await;
    }
    assert!(longest < STOP_WITHIN, "a stop took {longest:?}");
    stage.notes.push(format!("longest stop {:.1} s", longest.as_secs_f64()));
    stage.recover().await;
    stage.end(Allows::NoAnswer).await
}

/// Ingest is killed under load, with Kafka present and away: what it answered 200 is kept.
pub(crate) async fn ingest_killed(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    for round in 0..4 {
        if round == 2 {
            stage.broker().kill();
        }
        stage.go_on(scene.lasts(10)).await;
        stage.ingest.as_mut().unwrap().kill();
        stage.start_ingest();
    }
    stage.broker().restart().await;
    stage.recover().await;
    stage.end(Allows::NoAnswer).await
}

/// F-51: no disk for the spool: nothing changes while Kafka is there, 503 while it is away too, and 200 as soon as there is room.
pub(crate) async fn no_disk_for_the_spool(scene: Scene) -> Outcome {
    let stage = Stage::prepare(scene).await;
    let Some(disk) = Disk::mount(&stage.spool(), 16) else {
        return Outcome::not_staged("mounting a small file system needs root");
    };
    let mut stage = stage.open().await;
    disk.fill();
    stage.go_on(scene.lasts(20)).await;
    stage.broker().kill();
    stage.go_on(scene.lasts(20)).await;
    disk.free();
    stage
        .until("the spool takes events", async |stage| {
            match stage.ingest_metric("gitpulse_spool_records").await {
                0.0 => Err("none yet".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
    stage.broker().restart().await;
    stage.disk = Some(disk);
    stage.recover().await;
    refused(stage.end(Allows::Unavailable).await)
}

/// Checks that the fault had an effect: some deliveries were answered 503.
fn refused(mut outcome: Outcome) -> Outcome {
    if outcome.verdict.as_ref().is_some_and(|verdict| !verdict.answers.contains_key(&503)) {
        outcome.faults.push("nothing was answered 503: the fault was none".to_owned());
    }
    outcome
}

/// F-52: the spool's tail is torn: a half-written record of a crash, which was never acknowledged, is set aside, and everything before it arrives.
pub(crate) async fn torn_tail(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker().kill();
    for _ in 0..3 {
        stage.go_on(scene.lasts(10)).await;
        stage.ingest.as_mut().unwrap().kill();
        let segment = newest(&stage.spool(), ".segment").expect("something was spooled");
        let noise: Vec<u8> = (0..stage.random.random_range(1..500)).map(|_| stage.random.random()).collect();
        File::options().append(true).open(segment).unwrap().write_all(&noise).unwrap();
        stage.start_ingest();
    }
    let damaged = stage.ingest_metric("gitpulse_spool_damaged_total").await;
    stage.broker().restart().await;
    stage.recover().await;
    let mut outcome = stage.end(Allows::NoAnswer).await;
    if damaged < 1.0 {
        outcome.faults.push("the damage was not counted".to_owned());
    }
    outcome
}

/// F-53: ingest has no file descriptors left, with Kafka present and away: a few reserved ones serve connections and the spool.
pub(crate) async fn no_file_descriptors(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.with("GITPULSE_HEADER_TIMEOUT_MS", "60000").open().await;
    let pid = stage.ingest.as_ref().unwrap().pid();
    // The hard limit stays, so that the soft limit can be raised again.
    let before = prlimit_of(pid);
    for round in 0..2 {
        stage.pause().await;
        if round == 1 {
            stage.broker().kill();
        }
        // The limit applies to descriptor numbers: the reserved ones must be below it, and all others below it must be taken.
        let limit = held_back(pid).last().expect("something is held back") + 1;
        let taken = idle_connections(&stage, 8).await;
        stage
            .until("all numbers are taken", async |_| match first_free(pid) {
                free if free >= limit => Ok(()),
                free => Err(format!("{free} is free, below {limit}")),
            })
            .await;
        // Earlier log lines are of no interest.
        let _ = stage.ingest.as_ref().unwrap().log();
        prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(limit), ..before }).unwrap();
        stage.resume();
        stage.go_on(scene.lasts(20)).await;
        let log = stage.ingest.as_ref().unwrap().log();
        assert!(
            log.contains("no file descriptor is left"),
            "there were descriptors: the fault was none: {log}"
        );
        if round == 1 {
            stage.has_spooled().await;
        }
        prlimit(Some(pid), Resource::Nofile, before).unwrap();
        drop(taken);
        stage.go_on(scene.lasts(10)).await;
    }
    stage.broker().restart().await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// Connections to ingest on which nothing is sent.
async fn idle_connections(stage: &Stage, count: usize) -> Vec<TcpStream> {
    let address = &stage.deployment.environment["GITPULSE_LISTEN"];
    let connecting = (0..count).map(|_| TcpStream::connect(address));
    try_join_all(connecting).await.unwrap()
}

/// The file descriptors of a process, with their targets.
fn descriptors(pid: Pid) -> BTreeMap<u64, PathBuf> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).unwrap();
    // One that was just closed has no target.
    open.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, entry.path().read_link().ok()?))
    })
    .collect()
}

/// The descriptors that a process reserves.
fn held_back(pid: Pid) -> BTreeSet<u64> {
    let idle = |(number, of): (u64, PathBuf)| (number > 2 && of == Path::new("/dev/null")).then_some(number);
    descriptors(pid).into_iter().filter_map(idle).collect()
}

/// The lowest unused descriptor of a process.
fn first_free(pid: Pid) -> u64 {
    let open = descriptors(pid);
    (0..).find(|number| !open.contains_key(number)).unwrap()
}

/// The limit of file descriptors that a process has.
fn prlimit_of(pid: Pid) -> Rlimit {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut numbers = line.split_whitespace().map(|number| number.parse().ok());
    Rlimit { current: numbers.next().flatten(), maximum: numbers.next().flatten() }
}

/// F-54: with broker and ClickHouse dead, memory stays within its limits, and where it was after a fifth of the time.
pub(crate) async fn memory(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker().kill();
    stage.clickhouse.kill();
    let (early, _) = resident_over(&mut stage, scene.lasts(60)).await;
    let (ingest, processor) = resident_over(&mut stage, scene.lasts(240)).await;
    // The time for catching up must not depend on how much more arrives.
    stage.pause().await;
    stage.brokers[0].restart().await;
    stage.clickhouse.restart().await;
    stage.recover().await;
    stage.resume();
    stage.notes.push(format!(
        "ingest {} MiB, then {} MiB; processor {} MiB",
        early / 1024,
        ingest / 1024,
        processor / 1024
    ));
    let mut outcome = stage.end(Allows::No5xx).await;
    if ingest > INGEST_KIB || processor > PROCESSOR_KIB {
        outcome.faults.push(format!("ingest took {ingest} KiB, the processor {processor} KiB"));
    }
    if ingest > early + GROWTH_KIB {
        outcome.faults.push(format!("ingest took {early} KiB, then {ingest} KiB"));
    }
    outcome
}

/// Lets the load continue for so long. Returns the peak resident memory of ingest and of the processor, in KiB. A restarted role starts over, so it
/// is measured often.
async fn resident_over(stage: &mut Stage, duration: Duration) -> (u64, u64) {
    let end = Instant::now() + duration;
    let (mut ingest, mut processor) = (0, 0);
    while Instant::now() < end {
        stage.go_on(Duration::from_millis(500)).await;
        ingest = ingest.max(resident(stage.ingest.as_ref().unwrap()));
        processor = processor.max(resident(&stage.processors[0]));
    }
    (ingest, processor)
}

/// Peak resident memory of a role, in KiB; 0 if it has just ended.
fn resident(role: &Role) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", role.pid().as_raw_nonzero())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or(0, |peak| peak.trim().trim_end_matches(" kB").parse().unwrap())
}

/// F-55: the secret changes while deliveries arrive: for a while both are valid, then only the new one. A second ingest takes over each time.
pub(crate) async fn secrets_rotated(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.go_on(scene.lasts(10)).await;
    for (tokens, sent) in
        [(format!("['{TOKEN}', 'new-token']"), "new-token"), ("['new-token']".to_owned(), "new-token")]
    {
        let file = stage.folder.path().join("gitpulse.toml");
        let tenant = format!(
            "[[tenant]]\nname = 'default'\ninstance = 'https://gitlab.example.com'\ntokens = {tokens}\n"
        );
        std::fs::write(&file, tenant).unwrap();
        let next = stage
            .deployment
            .clone()
            .with("GITLAB_WEBHOOK_TOKEN", "")
            .with("GITPULSE_CONFIG", file.to_str().unwrap());
        // GitLab keeps using the old secret until somebody changes it there.
        let old = stage.target.borrow().credentials.clone();
        take_over(&mut stage, next, old).await;
        stage.go_on(scene.lasts(10)).await;
        let url = stage.target.borrow().url.clone();
        stage.target.send(Target { url, credentials: Credentials::Token(sent.to_owned()) }).unwrap();
        stage.go_on(scene.lasts(10)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-56: another version takes over with events in flight: the new roles run beside the old ones, which then stop.
pub(crate) async fn taken_over(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    for _ in 0..3 {
        stage.go_on(scene.lasts(10)).await;
        let (next, credentials) = (stage.deployment.clone(), stage.target.borrow().credentials.clone());
        stage.processors.push(next.processor());
        take_over(&mut stage, next, credentials).await;
        let mut old = stage.processors.remove(0);
        assert_eq!(old.terminate(), Some(0), "{}", old.log());
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// A new ingest on an address and a spool of its own; deliveries go there, and then the old one stops.
async fn take_over(stage: &mut Stage, next: crate::deployment::Deployment, credentials: Credentials) {
    let spool = stage.folder.path().join(format!("spool-{}", free_address().port()));
    stage.deployment = next
        .with("GITPULSE_LISTEN", &free_address().to_string())
        .with("GITPULSE_SPOOL_DIR", spool.to_str().unwrap());
    let (mut old, admin) = stage.replace_ingest();
    stage.target.send(Target { url: webhooks(&stage.deployment), credentials }).unwrap();
    // Deliveries that went to the old one have been answered, or are answered while it drains.
    stage.go_on(Duration::from_secs(1)).await;
    // Nobody uses its folder after it, so it has to be empty.
    stage
        .until("the old spool is empty", async |_| match metric(admin, "gitpulse_spool_records").await {
            0.0 => Ok(()),
            records => Err(format!("{records} records")),
        })
        .await;
    assert_eq!(old.terminate(), Some(0), "{}", old.log());
}

/// F-57: one in ten fsyncs fails, with Kafka away: deliveries answered 200 are kept all the same.
pub(crate) async fn fsync_fails(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.with("FAILPOINTS", "spool::sync=10%return").open().await;
    for _ in 0..2 {
        stage.broker().kill();
        stage.go_on(scene.lasts(20)).await;
        stage.broker().restart().await;
        stage.go_on(scene.lasts(10)).await;
    }
    stage.recover().await;
    refused(stage.end(Allows::Unavailable).await)
}
