//! One synthetic event through the whole pipeline. In: an authorized request. Out: how long each stage took. The event has the kind `other` and an
//! instance that cannot be a GitLab, so it appears in no metric and in no table but `events`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::Publisher;
use runtime::Secret;
use runtime::clickhouse::ClickHouse;
use runtime::publisher::PublishError;
use schemas::instance::TEST_INSTANCE;
use schemas::{Envelope, TopicPrefix};
use serde::Serialize;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;
use warp::http::HeaderMap;

/// How long an event may take to become visible.
const VISIBLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The interval between queries of ClickHouse.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Sends test events and waits until they are visible.
pub struct TestEvents {
    clickhouse: ClickHouse,
    admin_token: Option<Secret>,
    /// One at a time: each waits for seconds and polls ClickHouse.
    turn: Semaphore,
}

/// How long each stage took, in milliseconds since the request.
#[derive(Debug, Serialize)]
pub struct TestReport {
    /// Always `visible`.
    pub status: &'static str,
    /// Id of the event, to be found in `events`.
    pub id: Uuid,
    /// When all in-sync replicas of Kafka had it.
    pub published_ms: u64,
    /// The topic in Kafka.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When a query of `events` found it.
    pub visible_ms: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum TestRefused {
    /// The request has no token.
    #[error(
        "test events are sent with a secret token of a hook as X-Gitlab-Token, or with the admin token as bearer token"
    )]
    Unauthorized,
    /// Another test event is in progress.
    #[error("another test event is in progress; try again when it has finished")]
    Busy,
    /// The envelope could not be written.
    #[error("the event could not be written as JSON")]
    Envelope(#[source] serde_json::Error),
    /// It did not reach Kafka.
    #[error("the event did not reach Kafka")]
    Publish(#[source] PublishError),
    /// ClickHouse cannot be queried.
    #[error(
        "the event is in Kafka, but ClickHouse cannot be queried; is it running, and was `gitpulse migrate` run?"
    )]
    ClickHouse(#[source] clickhouse::error::Error),
    /// It did not arrive.
    #[error("the event is in Kafka, but not in ClickHouse after {0:?}; is a processor running?")]
    NotVisible(Duration),
}

impl TestEvents {
    /// Test events that are looked up in `clickhouse`.
    pub fn new(clickhouse: ClickHouse, admin_token: Option<Secret>) -> TestEvents {
        let admin_token = admin_token.filter(|token| !token.expose().is_empty());
        TestEvents { clickhouse, admin_token, turn: Semaphore::new(1) }
    }

    /// Sends one event and waits until a query finds it. The caller has checked the authorization.
    pub async fn run(&self, publisher: &Publisher, prefix: &TopicPrefix) -> Result<TestReport, TestRefused> {
        let _turn = self.turn.try_acquire().map_err(|_| TestRefused::Busy)?;
        let started = Instant::now();
        let id = Uuid::new_v4();
        let envelope = Envelope::test(id, now());
        let record = envelope.to_record(prefix).map_err(TestRefused::Envelope)?;
        let topic = record.topic.clone();
        let position = publisher.publish(&record).await.map_err(TestRefused::Publish)?;
        let published_ms = started.elapsed().as_millis() as u64;
        while !self.is_visible(id).await? {
            if started.elapsed() > VISIBLE_TIMEOUT {
                return Err(TestRefused::NotVisible(VISIBLE_TIMEOUT));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(TestReport {
            status: "visible",
            id,
            published_ms,
            topic,
            partition: position.partition,
            offset: position.offset,
            visible_ms: started.elapsed().as_millis() as u64,
        })
    }

    /// Whether the request has the admin token. Its address proves nothing: requests forwarded by a local proxy, or sent by a page in a local
    /// browser, also come from this machine.
    pub fn is_admin(&self, headers: &HeaderMap) -> bool {
        let given =
            headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match (given, &self.admin_token) {
            (Some(given), Some(token)) => bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())),
            (Some(_) | None, _) => false,
        }
    }

    async fn is_visible(&self, id: Uuid) -> Result<bool, TestRefused> {
        let query = "SELECT count() FROM events WHERE instance = ? AND project_id = 0 AND kind = 'other' AND id = toUUID(?)";
        let query = self.clickhouse.client.query(query).bind(TEST_INSTANCE).bind(id.to_string());
        let found = query.fetch_one::<u64>().await.map_err(TestRefused::ClickHouse)?;
        Ok(found > 0)
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: a test event is dated where it is made")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
