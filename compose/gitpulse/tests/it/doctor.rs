//! `gitpulse doctor` as users run it. In: an installation, with or without faults. Out: its findings, and the exit code. A few routes stand in for
//! GitLab.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use schemas::TopicPrefix;
use warp::Filter;
use warp::http::StatusCode;

use crate::deployment::{Deployment, eventually};
use crate::engines::{GITPULSE, free_address};

/// GitLab's user and token endpoints, and the requests to them.
async fn gitlab() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let routes = warp::path::full().and(warp::header::optional("authorization")).map(
        move |path: warp::path::FullPath, authorization: Option<String>| {
            seen.lock().unwrap().push(format!(
                "{} {}",
                path.as_str(),
                authorization.as_deref().unwrap_or("-")
            ));
            let known = authorization.as_deref() == Some("Bearer good-token");
            let (status, body) = match (path.as_str(), known) {
                ("/api/v4/user", true) => (StatusCode::OK, r#"{"id":7,"username":"ada"}"#),
                ("/api/v4/personal_access_tokens/self", true) => {
                    (StatusCode::OK, r#"{"scopes":["read_api"],"expires_at":"2027-01-01"}"#)
                }
                (_, false) => (StatusCode::UNAUTHORIZED, r#"{"message":"401 Unauthorized"}"#),
                (_, true) => (StatusCode::NOT_FOUND, "{}"),
            };
            let reply = warp::reply::with_status(body, status);
            warp::reply::with_header(reply, "content-type", "application/json")
        },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    (address, asked)
}

fn doctor(deployment: &Deployment) -> (Option<i32>, String) {
    let output = deployment.command(&["doctor"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_everything_well() {
    let (address, asked) = gitlab().await;
    let deployment = Deployment::new("doctor")
        .with("GITLAB_URL", &format!("http://{address}/"))
        .with("GITLAB_TOKEN", "good-token");
    let (code, text) = doctor(&deployment);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("knows the token as ada")
            && text.contains("may read the API")
            && text.contains("replication settings of topics suit")
            && text.contains("all is well"),
        "{text}"
    );
    assert!(!text.contains("good-token") && !text.contains("test-token"));
    assert_eq!(asked.lock().unwrap()[0], "/api/v4/user Bearer good-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_each_fault_and_its_remedy() {
    let (address, _) = gitlab().await;
    let deployment = Deployment::new("sick")
        .with("GITLAB_URL", &format!("http://{address}"))
        .with("GITLAB_TOKEN", "bad-token")
        .with("GITPULSE_CLICKHOUSE_DATABASE", "nobody_migrated_this")
        .with("GITPULSE_KAFKA_TOPIC_PREFIX", "nobody-made-these");
    let (code, text) = doctor(&deployment);
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        "does not know the token",
        "36 topics are missing",
        "has no tables",
        "remedy: run `gitpulse migrate`",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }
    assert!(!text.contains("bad-token"));
}

/// A secret that no header can carry makes a hook unusable; a signing token without an instance may split one GitLab in two.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_a_secret_that_matches_nothing_and_an_instance_that_nobody_knows() {
    let mut deployment = Deployment::new("spaced").with("GITLAB_WEBHOOK_TOKEN", "hello\n");
    let (code, text) = doctor(&deployment);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("white space") && text.contains("remove it") && !text.contains("hello"), "{text}");

    deployment.environment.remove("GITLAB_URL");
    let deployment =
        deployment.with("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert!(doctor(&deployment).1.contains("set GITLAB_URL"));
    let named = deployment.with("GITLAB_URL", "https://gitlab.example.com");
    assert!(!doctor(&named).1.contains("set GITLAB_URL, or"));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_of_each_token_who_it_is() {
    let (address, asked) = gitlab().await;
    let deployment = Deployment::new("tokens")
        .with("GITLAB_URL", &format!("http://{address}"))
        .with("GITLAB_TOKEN", "good-token, bad-token");
    let (code, text) = doctor(&deployment);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("knows token 1 as ada") && text.contains("does not know token 2"), "{text}");
    assert_eq!(asked.lock().unwrap().last().unwrap(), "/api/v4/user Bearer bad-token");
}

/// Topics that somebody else created, with Kafka's defaults.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_topics_that_would_lose_events() {
    let deployment = Deployment::new("foreign_topics");
    let prefix: TopicPrefix = "foreign-topics".parse().unwrap();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &deployment.environment["GITPULSE_KAFKA_BROKERS"])
        .create()
        .unwrap();
    let topics = prefix.all();
    let made = topics.iter().map(|topic| {
        NewTopic::new(&topic.name, 1, TopicReplication::Fixed(1))
            .set("cleanup.policy", "compact")
            .set("message.timestamp.type", "CreateTime")
            .set("max.message.bytes", "1048588")
    });
    let made = Vec::from_iter(made);
    for topic in admin.create_topics(&made, &AdminOptions::new()).await.unwrap() {
        topic.unwrap();
    }
    // The controller has them before the broker reports them.
    eventually("the topics are known", async || {
        let metadata = admin.inner().fetch_metadata(None, std::time::Duration::from_secs(5)).unwrap();
        let known =
            metadata.topics().iter().filter(|topic| topic.name().starts_with("foreign-topics.")).count();
        if known == topics.len() { Ok(()) } else { Err(format!("{known} of {}", topics.len())) }
    })
    .await;
    let (code, text) = doctor(&deployment.with("GITPULSE_KAFKA_TOPIC_PREFIX", "foreign-topics"));
    let all = topics.len();
    assert_eq!(code, Some(1), "{text}");
    for expected in [
        format!("{all} topics need cleanup.policy=delete"),
        format!("{all} topics need message.timestamp.type=LogAppendTime"),
        "--entity-name foreign-topics.push --add-config max.message.bytes=41943040".to_owned(),
        "--entity-name foreign-topics.gitpulse.dead_letters --add-config max.message.bytes=42991616"
            .to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected:?} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_never_follows_a_redirect_with_the_token() {
    let (elsewhere, asked) = gitlab().await;
    let target: warp::http::Uri = format!("http://{elsewhere}/api/v4/user").parse().unwrap();
    let routes = warp::any().map(move || warp::redirect::temporary(target.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    let deployment = Deployment::new("redirect")
        .with("GITLAB_URL", &format!("http://{address}"))
        .with("GITLAB_TOKEN", "good-token");
    let (code, text) = doctor(&deployment);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("answers 307"), "{text}");
    assert!(asked.lock().unwrap().is_empty(), "the token went to another host");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_a_refusal_from_silence() {
    let routes = warp::any().map(|| {
        let answer = "Code: 516. DB::Exception: default: Authentication failed. (AUTHENTICATION_FAILED)";
        warp::reply::with_status(answer, StatusCode::FORBIDDEN)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    let run = |clickhouse: SocketAddr| {
        let output = std::process::Command::new(GITPULSE)
            .arg("doctor")
            .env("GITPULSE_CLICKHOUSE_URL", format!("http://{clickhouse}"))
            .env("GITPULSE_KAFKA_BROKERS", free_address().to_string())
            .current_dir(std::env::temp_dir())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let started = std::time::Instant::now();
    let text = run(address);
    assert!(started.elapsed() < std::time::Duration::from_secs(9), "Kafka is asked once: {text}");
    assert!(text.contains("refuses: Code: 516.") && text.contains("GITPULSE_CLICKHOUSE_PASSWORD"), "{text}");
    let text = run(free_address());
    assert!(text.contains("ClickHouse: http://") && !text.contains("refuses:"), "{text}");
    assert_eq!(text.matches("does not answer").count(), 2, "{text}");
}
