//! The service under test, with its own port and its own Kafka. In: command line flags. Out: an address, and the metrics. Ends with the test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Parser;
use ingest::config::TenantConfig;
use ingest::credential::SigningKey;
use ingest::tenant::Tenants;
use ingest::test_event::TestEvents;
use ingest::{Ingest, IngestConfig, Metrics};
use prometheus::{Registry, TextEncoder};
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use runtime::kafka::KafkaConfig;
use runtime::outbox::Draining;
use runtime::publisher::PublisherConfig;
use runtime::spool::SpoolConfig;
use runtime::{Outbox, Publisher, Secret, Spool};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Connection, post, within};
use crate::kafka::TestKafka;

/// The path for deliveries of all tenants.
pub(crate) const SHARED: &str = "/api/v1/webhooks/gitlab";
/// The token of tenant `acme`, whose instance is configured.
pub(crate) const ACME_TOKEN: &str = "acme-t0ken-9f3b";
/// The instance of tenant `acme`.
pub(crate) const ACME: &str = "https://gitlab.acme.example";
/// The signing token of tenant `globex`.
pub(crate) const GLOBEX_KEY: &str = "whsec_Z2xvYmV4LWtleS1nbG9iZXgta2V5LWdsb2JleC0wMTI=";
/// The token of tenant `fenced`, which may only send from 203.0.113.0/24.
pub(crate) const FENCED_TOKEN: &str = "fenced-t0ken-51ac";
/// The token of tenant `bound`, which may only report project 42 of its GitLab.
pub(crate) const BOUND_TOKEN: &str = "bound-t0ken-88ce";
/// The instance of tenant `bound`.
pub(crate) const BOUND: &str = "https://gitlab.bound.example";
/// The admin token.
pub(crate) const ADMIN_TOKEN: &str = "admin-t0ken-77e0";
/// A minimal push.
pub(crate) const PUSH: &str = r#"{"object_kind":"push","project_id":42,"ref":"refs/heads/main"}"#;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    ingest: IngestConfig,
    #[command(flatten)]
    kafka: KafkaConfig,
    #[command(flatten)]
    publisher: PublisherConfig,
    #[command(flatten)]
    spool: SpoolConfig,
    #[command(flatten)]
    clickhouse: ClickHouseConfig,
}

/// A running service.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) kafka: TestKafka,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    _draining: Draining,
    spool: TempDir,
    registry: Registry,
}

impl TestServer {
    /// Starts the service with tenants `acme`, `globex` and `fenced`.
    pub(crate) async fn start(flags: &[&str]) -> TestServer {
        let kafka = TestKafka::start();
        let brokers = kafka.brokers();
        // Nothing listens on port 1: test events are published, but never seen in ClickHouse.
        let fixed = ["ingest", "--kafka-brokers", &brokers, "--clickhouse-url", "http://127.0.0.1:1"];
        // A new client needs time: the default timeout is long, and tests of short ones set their own.
        let patient = match flags.contains(&"--publish-timeout-ms") {
            true => &[][..],
            false => &["--publish-timeout-ms", "6000"],
        };
        let fixed = [&fixed[..], &["--admin-token", ADMIN_TOKEN], patient, flags].concat();
        let settings = Settings::try_parse_from(fixed).unwrap();
        let registry = Registry::new();
        let publisher = Publisher::new(&settings.kafka, &settings.publisher, &registry).unwrap();
        let spool = tempfile::tempdir().unwrap();
        let opened = Spool::open(&spool.path().join("spool"), settings.spool.spool_max_mib, &registry);
        let (outbox, draining) = Outbox::start(
            publisher.clone(),
            opened.unwrap(),
            settings.spool.answer_after.unwrap_or_default(),
        );
        let config = settings.ingest;
        let ingest = Ingest::new(
            &config,
            Tenants::new(&tenants()).unwrap(),
            outbox,
            publisher,
            settings.kafka.topic_prefix.clone(),
            TestEvents::new(ClickHouse::new(&settings.clickhouse), config.admin_token.clone()),
            Metrics::register(&registry).unwrap(),
        );
        let listener = runtime::http::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let routes = ingest::routes(Arc::new(ingest));
        let serving =
            tokio::spawn(runtime::http::serve(listener, config.http_limits(), routes, shutdown.clone()));
        TestServer { address, kafka, shutdown, serving, _draining: draining, spool, registry }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends a request on a new connection and reads the response.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.connect().await;
        connection.send(request).await;
        connection.answer().await
    }

    /// Sends a body to a path with a token.
    pub(crate) async fn deliver(&self, path: &str, token: &str, body: impl AsRef<[u8]>) -> Answer {
        self.exchange(post(path, &[("X-Gitlab-Token", token)], body)).await
    }

    /// All metrics, in Prometheus' format.
    pub(crate) fn metrics(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    /// The value of a series, as `gitpulse_ingest_received_total`.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let metrics = self.metrics();
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("there is no {series}")).parse().unwrap()
    }

    /// How many requests ended in `outcome`.
    #[track_caller]
    pub(crate) fn outcome(&self, outcome: &str) -> u64 {
        self.metric(&format!("gitpulse_ingest_outcomes_total{{outcome=\"{outcome}\"}}"))
    }

    /// The number of requests by outcome, without zeros.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, u64> {
        let metrics = self.metrics();
        let lines =
            metrics.lines().filter_map(|line| line.strip_prefix("gitpulse_ingest_outcomes_total{outcome=\""));
        let counts = lines.map(|line| {
            let (outcome, count) = line.split_once("\"} ").unwrap();
            (outcome.to_owned(), count.parse().unwrap())
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Waits until `series` has this value.
    pub(crate) async fn until(&self, series: &str, value: u64) {
        within(async {
            let mut polls = tokio::time::interval(std::time::Duration::from_millis(2));
            while self.metric(series) != value {
                polls.tick().await;
            }
        })
        .await;
    }

    /// Waits until this many requests have ended, in any outcome.
    pub(crate) async fn until_ended(&self, count: u64) {
        within(async {
            let mut polls = tokio::time::interval(std::time::Duration::from_millis(2));
            while self.outcomes().values().sum::<u64>() != count {
                polls.tick().await;
            }
        })
        .await;
    }

    /// Makes the spool's disk fail.
    pub(crate) fn break_spool(&self) {
        std::fs::rename(self.spool.path().join("spool"), self.spool.path().join("away")).unwrap();
    }

    /// Repairs it.
    pub(crate) fn mend_spool(&self) {
        std::fs::rename(self.spool.path().join("away"), self.spool.path().join("spool")).unwrap();
    }

    /// Checks that nothing was published.
    #[track_caller]
    pub(crate) fn check_nothing_published(&self) {
        assert!(self.kafka.records().is_empty());
    }
}

fn tenants() -> Vec<TenantConfig> {
    let tenant = |name: &str, tokens: &[&str], signing_tokens: &[&str]| TenantConfig {
        name: name.to_owned(),
        tokens: tokens.iter().map(|token| Secret::new(*token)).collect(),
        signing_tokens: signing_tokens.iter().map(|token| Secret::new(*token)).collect(),
        all_projects: true,
        ..TenantConfig::default()
    };
    let acme = TenantConfig { instance: Some(ACME.to_owned()), ..tenant("acme", &[ACME_TOKEN], &[]) };
    let networks = vec!["203.0.113.0/24".parse().unwrap()];
    let fenced = TenantConfig { allowed_networks: networks, ..tenant("fenced", &[FENCED_TOKEN], &[]) };
    let bound = TenantConfig {
        instance: Some(BOUND.to_owned()),
        projects: vec![42],
        all_projects: false,
        ..tenant("bound", &[BOUND_TOKEN], &[])
    };
    vec![acme, tenant("globex", &[], &[GLOBEX_KEY]), fenced, bound]
}

/// Seconds since 1970, `offset` from now, in GitLab's format.
#[expect(clippy::disallowed_methods, reason = "the edge: a signature carries the time of sending")]
pub(crate) fn timestamp(offset: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(offset).unwrap().to_string()
}

/// The value of `webhook-signature` for a delivery.
pub(crate) fn signature(key: &str, id: &str, timestamp: &str, body: impl AsRef<[u8]>) -> String {
    let key = SigningKey::new(&Secret::new(key)).unwrap();
    format!("v1,{}", BASE64.encode(key.sign(id, timestamp, body.as_ref())))
}

/// A signed delivery of tenant `globex`.
pub(crate) fn signed(path: &str, id: &str, timestamp: &str, body: &str) -> Vec<u8> {
    let signature = signature(GLOBEX_KEY, id, timestamp, body);
    let headers = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", &signature)];
    post(path, &headers, body)
}
