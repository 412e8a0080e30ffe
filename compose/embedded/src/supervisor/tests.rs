use std::{fs, future, net::Ipv4Addr, os::unix::process::ExitStatusExt, path::Path};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{backoff::Backoff, *};
use crate::child::{Environment, GivesUp};

fn shell(folder: &Path, script: &str) -> ChildSpec {
    ChildSpec {
        name: "shell",
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        folder: folder.to_owned(),
        environment: Environment::Only(vec![("GREETING", "hello".into())]),
        log_file: folder.join("shell.log"),
        listens: Listens { address: (Ipv4Addr::LOCALHOST, 0).into(), setting: "SHELL_LISTEN" },
        ready_within: Duration::from_secs(20),
        gives_up: GivesUp::AfterShortRuns,
    }
}

/// A child is ready when the process whose id its script has written into its folder is alive.
fn has_started(folder: &Path) -> impl Fn() -> future::Ready<io::Result<()>> + use<> {
    let started = folder.join("started");
    move || {
        let alive = fs::read_to_string(&started).and_then(|written| {
            let written = written.trim().parse().map_err(io::Error::other)?;
            test_kill_process(pid(written)).map_err(io::Error::from)
        });
        future::ready(alive)
    }
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.try_into().unwrap()).unwrap()
}

#[test]
fn pauses_grow_and_end() {
    let mut backoff = Backoff::new(GivesUp::AfterShortRuns);
    let short: Vec<_> = (0..5).map(|_| backoff.after(Duration::from_secs(1))).collect();
    let milliseconds = |pause: &Option<Duration>| pause.map(|pause| pause.as_millis());
    let pauses: Vec<_> = short.iter().map(milliseconds).collect();
    assert_eq!(pauses, [Some(100), Some(400), Some(1600), Some(5000), None]);
}

#[test]
fn a_good_run_starts_the_count_anew() {
    let mut backoff = Backoff::new(GivesUp::AfterShortRuns);
    for _ in 0..4 {
        backoff.after(Duration::from_secs(1));
    }
    assert_eq!(backoff.after(Duration::from_secs(30)), Some(Duration::from_millis(100)));
    assert_eq!(backoff.after(Duration::from_secs(1)), Some(Duration::from_millis(100)));
    assert_eq!(backoff.after(Duration::from_secs(1)), Some(Duration::from_millis(400)));
}

#[tokio::test]
async fn a_killed_child_is_restarted_and_a_stopped_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let spec = shell(folder.path(), "echo $GREETING; echo $$ > started; exec sleep 1000");
    let supervisor = Supervisor::start(spec, has_started(folder.path())).await.unwrap();
    let first = supervisor.pid().unwrap();

    kill_process(pid(first), Signal::KILL).unwrap();
    let again = |state: &ChildState| matches!(state, ChildState::Ready { pid } if *pid != first);
    supervisor.state().wait_for(again).await.unwrap();
    let second = supervisor.pid().unwrap();

    let status = supervisor.stop(Duration::from_secs(20)).await.unwrap();
    assert_eq!(status.signal(), Some(15));
    assert!(test_kill_process(pid(second)).is_err(), "it still runs");
    let log = fs::read_to_string(folder.path().join("shell.log")).unwrap();
    assert_eq!(log, "hello\nhello\n");
}

#[tokio::test]
async fn a_child_that_ignores_the_request_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo $$ > started; while :; do sleep 1000; done";
    let supervisor =
        Supervisor::start(shell(folder.path(), script), has_started(folder.path())).await.unwrap();
    let status = supervisor.stop(Duration::from_millis(50)).await.unwrap();
    assert_eq!(status.signal(), Some(9));
}

#[tokio::test]
async fn a_child_that_ends_while_starting_shows_its_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let spec = shell(folder.path(), "echo disk is full; exit 3");
    let error = Supervisor::start(spec, has_started(folder.path())).await.unwrap_err();
    assert!(matches!(error, SuperviseError::EndedBeforeReady { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("exit status: 3") && error.contains("disk is full"), "{error}");
}

#[tokio::test]
async fn a_child_that_never_answers_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = shell(folder.path(), "exec sleep 1000");
    spec.ready_within = Duration::from_millis(10);
    let error = Supervisor::start(spec, has_started(folder.path())).await.unwrap_err();
    assert!(matches!(error, SuperviseError::NotReady { .. }), "{error}");
}

#[tokio::test]
async fn a_child_that_keeps_ending_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = "[ -e started ] && echo broken && exit 4; touch started; exec sleep 1000";
    // Ready from the first start on, so that every end is caused by the script.
    let started = folder.path().join("started");
    let ready = move || future::ready(fs::metadata(&started).map(|_| ()));
    let mut supervisor = Supervisor::start(shell(folder.path(), script), ready).await.unwrap();
    tokio::time::pause();
    kill_process(pid(supervisor.pid().unwrap()), Signal::KILL).unwrap();
    let error = supervisor.gave_up().await;
    assert!(matches!(error, SuperviseError::GaveUp { ends: 5, .. }), "{error}");
    assert!(error.to_string().ends_with("ends with: broken"), "{error}");
}

#[tokio::test]
async fn a_taken_address_is_found_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut spec = shell(folder.path(), "echo $$ > started; exec sleep 1000");
    spec.listens.address = taken.local_addr().unwrap();
    let error = Supervisor::start(spec, has_started(folder.path())).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("127.0.0.1:") && error.ends_with("change SHELL_LISTEN"), "{error}");
    assert!(!folder.path().join("started").exists());
}

#[tokio::test]
async fn a_dropped_supervisor_kills_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let spec = shell(folder.path(), "echo $$ > started; exec sleep 1000");
    let supervisor = Supervisor::start(spec, has_started(folder.path())).await.unwrap();
    let mut state = supervisor.state();
    let child = pid(supervisor.pid().unwrap());
    drop(supervisor);
    while state.changed().await.is_ok() {}
    // The signal was sent; the process is gone or about to be reaped.
    while test_kill_process(child).is_ok() && !is_zombie(child) {
        tokio::task::yield_now().await;
    }
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}
