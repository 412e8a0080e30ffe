//! The receiving role without Kafka: its answers, its readiness, and what it leaves to the next one.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::{GITPULSE, free_address};

const PUSH: &str =
    r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main","before":"0000","after":"a1"}"#;

/// Ingest with a Kafka that does not exist.
fn without_kafka(name: &str) -> (Deployment, Deployment) {
    let deployment = Deployment::new(name).with("GITPULSE_ADMIN_LISTEN", &free_address().to_string());
    let away = deployment
        .clone()
        .with("GITPULSE_KAFKA_BROKERS", &free_address().to_string())
        .with("GITPULSE_PUBLISH_TIMEOUT_MS", "200");
    (deployment, away)
}

/// Status and text of `/readyz`.
async fn readiness(deployment: &Deployment) -> (u16, String) {
    let url = format!("http://{}/readyz", deployment.environment["GITPULSE_ADMIN_LISTEN"]);
    let answer = client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_is_ready_while_the_spool_takes_events_and_says_that_it_is_degraded() {
    let (deployment, away) = without_kafka("degraded");
    let mut ingest = away.ingest();
    for id in ["1", "2"] {
        let answer = send(&client(), &ingest.webhooks(), id, PUSH.into()).await;
        assert_eq!(answer, Answer::Status(200));
    }
    let (status, text) = readiness(&away).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("degraded: spooling: 2 events on disk"), "{text}");
    let second = away.clone().with("GITPULSE_ADMIN_LISTEN", "127.0.0.1:0");
    let second = second.command(&["ingest"]).output().unwrap();
    assert!(String::from_utf8_lossy(&second.stderr).contains("another process uses the spool"), "{second:?}");
    assert_eq!(ingest.terminate(), Some(0), "{}", ingest.log());

    let ingest = deployment.ingest();
    let _processor = deployment.clone().with("GITPULSE_ADMIN_LISTEN", "127.0.0.1:0").processor();
    deployment.until_count("SELECT count() FROM events", 2).await;
    eventually("nothing waits on disk", async || match readiness(&deployment).await {
        (200, text) if text == "ready\n" => Ok(()),
        (status, text) => Err(format!("{status} {text} {}", ingest.log())),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_takes_stops_neither_deliveries_nor_the_end() {
    let (_, away) = without_kafka("unheard");
    let address = free_address().to_string();
    let away = away.with("GITPULSE_LISTEN", &address);
    let mut ingest = Role::unheard(away.command(&["ingest"]), &address);
    eventually("a delivery is kept", async || {
        match send(&client(), &ingest.webhooks(), "1", PUSH.into()).await {
            Answer::Status(200) => Ok(()),
            answer => Err(format!("{answer:?}, ended: {:?}", ingest.ended())),
        }
    })
    .await;
    ingest.signal(Signal::TERM);
    eventually("it ends", async || match ingest.ended() {
        Some(status) if status.success() => Ok(()),
        status => Err(format!("{status:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_takes_the_file_descriptors_that_the_system_allows_and_says_if_they_are_few() {
    let (_, away) = without_kafka("limited");
    let limited = |ulimit: &str, announcement: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{ulimit} && exec \"$0\" ingest"), GITPULSE]).envs(&away.environment);
        Role::start(command, announcement)
    };
    let ingest = limited("ulimit -Sn 256", "receiving webhooks");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", ingest.pid().as_raw_nonzero())).unwrap();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut numbers = open_files.split_whitespace();
    assert_eq!(numbers.next(), numbers.next());
    drop(ingest);
    limited("ulimit -n 1000", "the limit of open files is below what GITPULSE_MAX_CONNECTIONS may need");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_what_waits_in_the_spool_and_takes_nothing_out_of_it() {
    let (deployment, away) = without_kafka("inspected");
    let folder = std::path::PathBuf::from(&deployment.environment["GITPULSE_SPOOL_DIR"]);
    let doctor = || {
        let output = deployment.command(&["doctor"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = doctor();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("is not there; `ingest` makes it"), "{text}");

    let mut ingest = away.ingest();
    for id in ["1", "2"] {
        let answer = send(&client(), &ingest.webhooks(), id, PUSH.into()).await;
        assert_eq!(answer, Answer::Status(200));
    }
    let (code, text) = doctor();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ingest uses") && text.contains("/readyz"), "{text}");
    assert_eq!(ingest.terminate(), Some(0), "{}", ingest.log());

    std::fs::write(folder.join("00000000000000000000.damaged"), "noise").unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, text) = doctor();
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "2 event(s) wait in",
        "remedy: start `gitpulse ingest`",
        "00000000000000000000.damaged among them",
        "remedy: `chmod 700",
        "3 of ",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }
    std::fs::remove_file(folder.join("00000000000000000000.damaged")).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();

    let _ingest = deployment.ingest();
    let _processor = deployment.clone().with("GITPULSE_ADMIN_LISTEN", "127.0.0.1:0").processor();
    deployment.until_count("SELECT count() FROM events", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_keeps_nothing_deliveries_are_503_and_ingest_is_not_ready() {
    let (_, away) = without_kafka("fsync");
    // The first is the delivery's, the others are retries.
    let away = away.with("FAILPOINTS", "spool::sync=3*return->off");
    let ingest = away.ingest();
    assert_eq!(send(&client(), &ingest.webhooks(), "1", PUSH.into()).await, Answer::Status(503));
    let (status, text) = readiness(&away).await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("the spool cannot be written"), "{text}");
    eventually("the disk works again", async || match readiness(&away).await {
        (200, _) => Ok(()),
        (status, text) => Err(format!("{status} {text}")),
    })
    .await;
    assert_eq!(send(&client(), &ingest.webhooks(), "2", PUSH.into()).await, Answer::Status(200));
}
