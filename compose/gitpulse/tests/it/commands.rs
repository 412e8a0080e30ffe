//! The tools: settings, SQL, `send` and `simulate`.

use std::sync::{Arc, Mutex};

use testing::skipped;
use warp::Filter;
use warp::http::StatusCode;

use crate::deployment::Deployment;
use crate::engines::{GITPULSE, free_address, start_clickhouse};

#[test]
fn config_shows_values_origins_and_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("gitpulse.toml"),
        "[kafka]\nbrokers = 'file:9092'\ntopic-prefix = 'from-file'\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "GITLAB_URL=https://gitlab.example.com\nGITLAB_TOKEN=hunter2\n",
    )
    .unwrap();
    let output = std::process::Command::new(GITPULSE)
        .args(["config", "--kafka-partitions", "3"])
        .env("GITPULSE_KAFKA_BROKERS", "environment:9092")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is missing in {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("kafka-brokers"), "kafka-brokers environment:9092 environment GITPULSE_KAFKA_BROKERS");
    assert!(line("kafka-topic-prefix").contains("from-file gitpulse.toml:3"));
    assert!(line("kafka-partitions").contains("3 command line"));
    assert!(line("gitlab-url").contains("https://gitlab.example.com .env:1"));
    assert!(line("gitlab-token").contains("*** .env:2"));
    assert!(line("listen").contains("0.0.0.0:8000 default"));
    assert!(!text.contains("hunter2"));
}

#[test]
fn faulty_settings_are_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = |toml: &str, dot_env: &str, arguments: &[&str]| {
        std::fs::write(folder.path().join("gitpulse.toml"), toml).unwrap();
        std::fs::write(folder.path().join(".env"), dot_env).unwrap();
        let output =
            std::process::Command::new(GITPULSE).args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let check = |toml, dot_env, arguments: &[&str], expected: &str| {
        let (code, message) = run(toml, dot_env, arguments);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    check("\nlistn = 'x'", "", &["config"], "gitpulse.toml:2: unknown key `listn`");
    check("", "A=1\nGITPULSE_LISTN=x", &["config"], ".env:2: unknown variable `GITPULSE_LISTN`");
    check("", "GITPULSE_LISTEN=here", &["config"], ".env:1: `GITPULSE_LISTEN`: invalid value 'here'");
    check("", "", &["config", "--listen", "here"], "invalid value 'here' for '--listen");
    check("", "", &["config", "--gitlab-token", "hunter2"], "GITLAB_TOKEN");
    check("", "", &["config", "--config", "nowhere.toml"], "nowhere.toml");
    let misspelt =
        std::process::Command::new(GITPULSE).arg("config").env("GITPULSE_LISTN", "x").output().unwrap();
    assert!(String::from_utf8_lossy(&misspelt.stderr).contains("GITPULSE_LISTN"), "{misspelt:?}");
    let (_, message) = run("", "", &["config", "--gitlab-token", "hunter2"]);
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn faulty_variables_are_named_and_secrets_are_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let check = |variable: &str, value: &str, expected: &str| {
        let output = std::process::Command::new(GITPULSE)
            .arg("config")
            .env(variable, value)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected) && !message.contains("hunter2"), "{message}");
    };
    check("GITPULSE_LISTEN", "here", "error: GITPULSE_LISTEN: invalid value 'here'");
    let properties = "sasl.password=hunter2,acks=0";
    check("GITPULSE_KAFKA_PROPERTIES", properties, "GITPULSE_KAFKA_PROPERTIES: GitPulse sets acks itself");
    check("GITPULSE_KAFKA_PROPERTIES", "hunter2", "GITPULSE_KAFKA_PROPERTIES: properties are written");
    let misspelt = "GITPULSE_KAFKA_PROPERTIES: librdkafka has no property sasl.pasword";
    check("GITPULSE_KAFKA_PROPERTIES", "sasl.pasword=hunter2", misspelt);
    check("GITLAB_URL", "https://ada:hunter2@gitlab.example.com", "GITLAB_URL (environment): holds a user");
    check("GITLAB_URL", "ada:hunter2@gitlab.example.com", "GITLAB_URL (environment): holds a user");
    check("GITPULSE_KAFKA_BROKERS", "", "GITPULSE_KAFKA_BROKERS (environment): names no broker");
    check("GITPULSE_CLICKHOUSE_URL", "host:8123", "GITPULSE_CLICKHOUSE_URL (environment): must begin with");
    check("GITPULSE_CLICKHOUSE_URL", "http://ada:hunter2@host", "GITPULSE_CLICKHOUSE_PASSWORD");

    let help =
        std::process::Command::new(GITPULSE).arg("--help").env("GITPULSE_LISTEN", "here").output().unwrap();
    assert!(help.status.success(), "{help:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_reaches_no_file_and_no_address_outside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, url) = start_clickhouse(&folder.path().join("engine")).await;
    let log = std::fs::read_to_string(folder.path().join("engine/clickhouse.log")).unwrap();
    if !log.contains("is confined to its data folder") {
        return skipped("this kernel has no Landlock");
    }
    let client = clickhouse::Client::default().with_url(&url);
    let run = async |sql: &str| client.query(sql).execute().await.map_err(|error| error.to_string());
    let secret = folder.path().join("secret.csv");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let (secret, written) = (secret.display(), folder.path().join("written.csv"));
    for denied in [
        "CREATE TABLE t0 ENGINE = Memory AS SELECT * FROM file('/etc/passwd', 'LineAsString')".to_owned(),
        format!("CREATE TABLE t1 ENGINE = Memory AS SELECT * FROM file('{secret}', 'LineAsString')"),
        format!("INSERT INTO FUNCTION file('{}', 'CSV', 'a String') SELECT 'x'", written.display()),
    ] {
        let message = run(&denied).await.expect_err(&denied);
        assert!(message.contains("Not enough privileges"), "{denied}: {message}");
    }
    assert!(!written.exists());
    let nearby = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    nearby.set_nonblocking(true).unwrap();
    let address = nearby.local_addr().unwrap();
    let call = format!(
        "CREATE TABLE t2 ENGINE = Memory AS SELECT * FROM url('http://{address}/', 'LineAsString') SETTINGS http_max_tries = 1"
    );
    assert!(run(&call).await.is_err());
    assert!(nearby.accept().is_err(), "it connected");

    // What an engine is for still works: tables, merges, moves between folders, sorting on disk.
    for allowed in [
        "CREATE TABLE t (a UInt64, b String) ENGINE = ReplacingMergeTree ORDER BY a",
        "INSERT INTO t SELECT number, 'x' FROM numbers(1000)",
        "INSERT INTO t SELECT number, 'y' FROM numbers(1000)",
        "OPTIMIZE TABLE t FINAL",
        "ALTER TABLE t UPDATE b = 'z' WHERE a = 1 SETTINGS mutations_sync = 2",
        "ALTER TABLE t DETACH PARTITION tuple()",
        "ALTER TABLE t ATTACH PARTITION tuple()",
        "RENAME TABLE t TO u",
        "CREATE DATABASE d",
        "CREATE TABLE d.sorted ENGINE = MergeTree ORDER BY n AS SELECT number AS n, toString(n) AS t FROM numbers(300000) ORDER BY t DESC SETTINGS max_bytes_before_external_sort = 1000000",
        "DROP DATABASE d SYNC",
    ] {
        run(allowed).await.unwrap_or_else(|error| panic!("{allowed}: {error}"));
    }
    assert_eq!(client.query("SELECT count() FROM u").fetch_one::<u64>().await.unwrap(), 1000);
    run("DROP TABLE u SYNC").await.unwrap();
}

#[test]
fn deliveries_without_an_answer_have_no_latency() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("push.json"), "{}").unwrap();
    let output = std::process::Command::new(GITPULSE)
        .args(["send", "push.json", "--url", &format!("http://{}/", free_address())])
        .env("GITLAB_WEBHOOK_TOKEN", "test-token")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no answer") && !text.contains("p50"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_there_receives_is_sent_once_and_not_thousands_of_times() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let routes = warp::path::full().map(move |path: warp::path::FullPath| {
        seen.lock().unwrap().push(path.as_str().to_owned());
        warp::reply::with_status("", StatusCode::NOT_FOUND)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("push.json"), "{}").unwrap();
    for arguments in [
        &["send", "push.json", "--hooks", "100", "--retry", "100"][..],
        &["simulate", "--requests", "10000", "--rate", "1000"],
        &["simulate", "--world", "--projects", "2", "--days", "5"],
    ] {
        asked.lock().unwrap().clear();
        let mut command = std::process::Command::new(GITPULSE);
        command
            .args(arguments)
            // The listener of ingest, on all addresses.
            .env("GITPULSE_LISTEN", format!("0.0.0.0:{}", address.port()))
            .env("GITLAB_WEBHOOK_TOKEN", "test-token")
            .current_dir(folder.path());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains("stopped") && text.contains("answers 404"), "{arguments:?}: {text}");
        let asked = asked.lock().unwrap();
        assert!((1..=600).contains(&asked.len()), "{arguments:?}: {} requests", asked.len());
        assert!(asked.iter().all(|path| path == "/api/v1/webhooks/gitlab"), "{arguments:?}: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_without_topics_say_what_to_do() {
    let deployment =
        Deployment::new("topicless").with("GITPULSE_KAFKA_TOPIC_PREFIX", "nobody-made-these-either");
    for role in ["ingest", "processor"] {
        let output = deployment.command(&[role]).output().unwrap();
        assert!(!output.status.success(), "{role}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("run `gitpulse migrate`"),
            "{role}: {output:?}"
        );
    }
}
