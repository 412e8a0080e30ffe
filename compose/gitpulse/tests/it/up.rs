//! `gitpulse up` for a newcomer: an empty folder, one command, and again after everything was killed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::delivery::{Answer, client};
use crate::deployment::{Deployment, Role, TOKEN, eventually};
use crate::engines::free_address;

/// Settings for an `up` on ports of its own, in a data folder.
pub(crate) fn settings(data: &Path) -> Deployment {
    let clickhouse_url = format!("http://{}", free_address());
    let environment = [
        ("GITPULSE_DATA_DIR", data.to_str().unwrap().to_owned()),
        ("GITPULSE_KAFKA_BROKERS", free_address().to_string()),
        ("GITPULSE_CLICKHOUSE_URL", clickhouse_url.clone()),
        ("GITPULSE_LISTEN", free_address().to_string()),
        ("GITPULSE_ADMIN_LISTEN", free_address().to_string()),
    ];
    Deployment {
        environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        client: clickhouse::Client::default().with_url(clickhouse_url).with_database("gitpulse"),
        _folder: None,
    }
}

fn up(settings: &Deployment) -> Role {
    Role::start(settings.command(&["up"]), "serving /metrics")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn webhooks(settings: &Deployment) -> String {
    format!("http://{}/api/v1/webhooks/gitlab", settings.environment["GITPULSE_LISTEN"])
}

/// Sends one push to a branch with `gitpulse send`, and waits until it can be queried.
pub(crate) async fn push(settings: &Deployment, folder: &Path, branch: &str) {
    let file = folder.join(format!("{branch}.json"));
    let body = format!(
        r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/{branch}","before":"0000","after":"a1"}}"#
    );
    std::fs::write(&file, body).unwrap();
    let (file, url) = (file.to_str().unwrap().to_owned(), webhooks(settings));
    eventually("up receives", async || {
        let sent = settings.command(&["send", &file, "--url", &url]).output().unwrap();
        if sent.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&sent.stderr).into_owned()) }
    })
    .await;
    settings.until_count(&format!("SELECT count() FROM pushes WHERE name = '{branch}'"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_begins_on_an_empty_folder_and_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("dätä, mit Komma");
    let settings = settings(&data);
    let mut first = up(&settings);
    push(&settings, folder.path(), "first").await;
    let token = data.join("webhook-token");
    assert_eq!(mode(&token), 0o600, "the token is for its owner alone");
    assert_eq!(mode(&data), 0o700, "payloads are for their owner alone");
    assert!(
        !first.log().contains(std::fs::read_to_string(&token).unwrap().trim()),
        "the token is in the log"
    );

    let second = settings.command(&["up"]).output().unwrap();
    assert!(String::from_utf8_lossy(&second.stderr).contains("another `gitpulse up` uses"), "{second:?}");

    // Its engines end with it, and their data is still there.
    first.kill();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut again = up(&settings);
    assert_eq!(mode(&data), 0o700, "a folder that an earlier version left open is closed");
    push(&settings, folder.path(), "again").await;
    assert_eq!(settings.value::<u64>("SELECT count() FROM pushes").await, 2);
    let of_no_log =
        "SELECT countIf(cluster = '' OR first_at IS NULL OR latest_at < first_at) FROM consumed_ranges";
    assert_eq!(settings.value::<u64>(of_no_log).await, 0, "each range says which log it is of");
    assert_eq!(again.terminate(), Some(0), "{}", again.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn up_receives_while_its_processor_cannot_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("letter"), "somebody else's").unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = settings(&data);
    let mut up = up(&settings);
    assert_eq!(mode(&data), 0o755, "a folder that is shared is left as it is");
    push(&settings, folder.path(), "before").await;

    // A missing table is a fault that time does not cure, so the processor gives up at once.
    settings.client.query("RENAME TABLE push_facts TO away").execute().await.unwrap();
    let during = folder.path().join("during.json");
    let body =
        r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/during","before":"0","after":"b2"}"#;
    std::fs::write(&during, body).unwrap();
    let (during, url) = (during.to_str().unwrap().to_owned(), webhooks(&settings));
    settings.output(&["send", &during, "--url", &url]);
    let mut said = String::new();
    eventually("the processor gives up", async || {
        said.push_str(&up.log());
        if said.contains("the processor gave up") { Ok(()) } else { Err(said.clone()) }
    })
    .await;
    settings.output(&["send", &during, "--url", &url]);

    settings.client.query("RENAME TABLE away TO push_facts").execute().await.unwrap();
    settings.until_count("SELECT count() FROM pushes WHERE name = 'during'", 1).await;
    assert_eq!(up.terminate(), Some(0), "{}", up.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_that_panics_inside_up_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        settings(&folder.path().join("data")).with("FAILPOINTS", "processor::before_insert=1*panic");
    let mut up = up(&settings);
    push(&settings, folder.path(), "before").await;
    let said = up.log();
    assert!(said.contains("the processor gave up"), "{said}");
    assert_eq!(up.terminate(), Some(0), "{}", up.log());
}

/// Puts a program into a folder that prints its version when asked, and otherwise writes down its process id and keeps running.
fn endless_program(folder: &Path, name: &str) -> PathBuf {
    let (program, id) = (folder.join(name), folder.join(format!("{name}.pid")));
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in -version|--version) echo 'openjdk version \"21.0.1\"' >&2; exit;; esac\n\
         echo $$ > '{id}.new' && mv '{id}.new' '{id}'\nsleep 1000\n",
        id = id.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_during_the_first_installation_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let ids = ["npm", "mvn"].map(|name| endless_program(&programs, name));
    endless_program(&programs, "java");
    let usual = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&usual))).unwrap();
    let settings = settings(&folder.path().join("data"))
        .with("PATH", path.to_str().unwrap())
        .with("GITPULSE_CACHE_DIR", folder.path().join("cache").to_str().unwrap())
        .with("GITPULSE_BROKER", "kafka");
    let mut command = settings.command(&["up"]);
    for name in ["CHDB_LIBRARY", "GITPULSE_KAFKA_DIR", "GITPULSE_JAVA", "JAVA_HOME"] {
        command.env_remove(name);
    }
    let mut up = Role::start(command, "installing chDB");
    let mut running = Vec::new();
    for id in ids {
        eventually("both installers run", async || match std::fs::read_to_string(&id) {
            Ok(id) => {
                running.push(PathBuf::from("/proc").join(id.trim()));
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        })
        .await;
    }
    assert!(running.iter().all(|program| program.exists()));
    assert_eq!(up.terminate(), Some(0), "{}", up.log());
    assert!(!running.iter().any(|program| program.exists()), "an installer outlives whoever started it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_event_travels_the_whole_way_and_tells_its_times() {
    let deployment = Deployment::new("test_event");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let url = format!("http://{}/api/v1/webhooks/test", ingest.address);
    let report = client().post(&url).header("x-gitlab-token", TOKEN).send().await.unwrap();
    assert_eq!(report.status(), 200);
    let report: serde_json::Value = serde_json::from_str(&report.text().await.unwrap()).unwrap();
    assert_eq!(report["status"], "visible");
    assert!(report["published_ms"].as_u64() <= report["visible_ms"].as_u64(), "{report}");
    let id = report["id"].as_str().unwrap();
    let kind = format!("SELECT name FROM events WHERE id = toUUID('{id}')");
    assert_eq!(deployment.value::<String>(&kind).await, "gitpulse_test");
    let unknown = client().post(&url).send().await.unwrap();
    assert_eq!(unknown.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_processor_counts_adds_up() {
    let deployment = Deployment::new("sums");
    let (ingest, processor) = (deployment.ingest(), deployment.processor());
    let client = client();
    for (id, body) in [("1", "{}"), ("2", "[]"), ("3", r#"{"object_kind":"push"}"#)] {
        let answer = crate::delivery::send(&client, &ingest.webhooks(), id, body.as_bytes().to_vec()).await;
        assert_eq!(answer, Answer::Status(200));
    }
    deployment.until_count("SELECT count() FROM dead_letters", 2).await;
    let metric = async |name: &str| {
        let text = client
            .get(format!("http://{}/metrics", processor.address))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let values = text
            .lines()
            .filter(|line| line.starts_with(name))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        values.sum::<f64>()
    };
    eventually("consumed is the sum of the outcomes", async || {
        let consumed = metric("gitpulse_processor_consumed_total").await;
        let outcomes = metric("gitpulse_processor_records_total").await;
        // Three events and two dead letters.
        if consumed == 5.0 && outcomes == 5.0 { Ok(()) } else { Err(format!("{consumed} and {outcomes}")) }
    })
    .await;
    assert_eq!(metric("gitpulse_processor_dead_letters_total").await, 2.0);
    let ready = client.get(format!("http://{}/readyz", processor.address)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
}
