//! The public HTTP interface. In: requests. Out: responses; 200 only once the event is in Kafka, or on disk if Kafka is unavailable. Never a
//! redirect, which GitLab would count as delivered, and never a reason that helps to guess a secret.

mod reply;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use chrono::Utc;
use fail::fail_point;
use futures_util::Stream;
use ipnet::IpNet;
use runtime::fault::chain;
use runtime::http::{Peer, Seat};
use runtime::outbox::Stored;
use runtime::{LogLimit, Outbox, Publisher};
use schemas::envelope::Wrapped;
use schemas::{Envelope, TopicPrefix};
use uuid::Uuid;
use warp::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use warp::http::{HeaderMap, HeaderValue, StatusCode};
use warp::reply::Response;
use warp::{Filter, Reply};

use self::reply::{Refusal, error, rejected};
use crate::body::{BodyError, BodyLimits, Sender, discard};
use crate::config::IngestConfig;
use crate::delivery::{DeliveryHeaders, RawDelivery, client_address};
use crate::envelope::wrap;
use crate::metrics::Metrics;
use crate::project_limit::ProjectLimit;
use crate::tenant::Tenants;
use crate::test_event::{TestEvents, TestRefused};
use crate::verify::{Admission, VerifiedDelivery, VerifyError};

/// The shortest interval between two log lines about deliveries answered 503.
const UNAVAILABLE_EVERY: Duration = Duration::from_secs(10);
/// Bodies above this size, in bytes, are verified and wrapped on a blocking thread.
const LARGE_BODY: usize = 256 * 1024;

/// Everything needed to respond to a request.
pub struct Ingest {
    tenants: Tenants,
    outbox: Outbox,
    project_limit: ProjectLimit,
    /// Only for test events, which have to show whether Kafka accepts them.
    publisher: Publisher,
    prefix: TopicPrefix,
    bodies: BodyLimits,
    tolerance_seconds: u64,
    trusted_proxies: Vec<IpNet>,
    tests: TestEvents,
    metrics: Metrics,
    /// A full disk would log thousands of lines per second.
    unavailable: LogLimit,
    outside: LogLimit,
}

impl Ingest {
    /// Assembles the service.
    pub fn new(
        config: &IngestConfig,
        tenants: Tenants,
        outbox: Outbox,
        publisher: Publisher,
        prefix: TopicPrefix,
        tests: TestEvents,
        metrics: Metrics,
    ) -> Ingest {
        let bodies = BodyLimits::new(
            config.body_limit_bytes as usize,
            Duration::from_millis(config.body_timeout_ms),
            config.body_buffer_mib,
            metrics.buffered_bytes().clone(),
        );
        Ingest {
            tenants,
            outbox,
            project_limit: ProjectLimit::new(config.project_concurrency as usize),
            publisher,
            prefix,
            bodies,
            tolerance_seconds: config.signature_tolerance_seconds,
            trusted_proxies: config.trusted_proxies.clone(),
            tests,
            metrics,
            unavailable: LogLimit::new(UNAVAILABLE_EVERY, say_unavailable),
            outside: LogLimit::new(UNAVAILABLE_EVERY, say_outside),
        }
    }
}

/// The sender of a request and its connection.
struct Caller {
    peer: Peer,
    seat: Seat,
}

/// All public routes.
pub fn routes(
    ingest: Arc<Ingest>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync + 'static {
    let state = warp::any().map(move || ingest.clone());
    let request = warp::post()
        .and(state)
        .and(warp::ext::get::<Peer>().and(warp::ext::get::<Seat>()).map(|peer, seat| Caller { peer, seat }))
        .and(warp::header::headers_cloned())
        .and(warp::body::stream());
    let tests = warp::path!("api" / "v1" / "webhooks" / "test").and(request.clone()).then(test);
    let shared = warp::path!("api" / "v1" / "webhooks" / "gitlab")
        .and(request.clone())
        .then(|ingest, caller, headers, stream| deliveries(None, ingest, caller, headers, stream));
    let tenant = warp::path!("api" / "v1" / "webhooks" / "gitlab" / String).and(request).then(
        |tenant, ingest, caller, headers, stream| deliveries(Some(tenant), ingest, caller, headers, stream),
    );
    let healthz = warp::path!("healthz").and(warp::get()).map(|| "ok\n".into_response());
    tests.or(shared).unify().or(tenant).unify().or(healthz).unify().recover(rejected).unify()
}

async fn deliveries<S, B>(
    tenant: Option<String>,
    ingest: Arc<Ingest>,
    caller: Caller,
    headers: HeaderMap,
    stream: S,
) -> Response
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    let request = ingest.metrics.request();
    let result = ingest.deliver(tenant.as_deref(), &caller, &headers, stream).await;
    let (outcome, response) = ingest.reply(result);
    request.ended(outcome);
    response
}

impl Ingest {
    /// Takes a delivery from its headers to Kafka or to the disk.
    async fn deliver<S, B>(
        &self,
        tenant: Option<&str>,
        caller: &Caller,
        headers: &HeaderMap,
        stream: S,
    ) -> Result<(Uuid, Stored), Refusal>
    where
        S: Stream<Item = Result<B, warp::Error>> + Send,
        B: Buf,
    {
        let mut stream = std::pin::pin!(stream);
        let address = client_address(caller.peer.0, headers, &self.trusted_proxies);
        let read = self.read(tenant, caller, address, headers, stream.as_mut()).await;
        let (admission, delivery, body) = match read {
            Ok(read) => read,
            Err(refusal) => {
                // A client that waits for a 100 before it sends the body has sent nothing yet.
                if !headers.contains_key(EXPECT)
                    && !matches!(refusal, Refusal::Body(BodyError::Timeout | BodyError::Broken(_)))
                {
                    discard(stream).await;
                }
                return Err(refusal);
            }
        };
        let raw = RawDelivery { headers: delivery, body: body.bytes.clone(), received_at: now() };
        let large = raw.body.len() > LARGE_BODY;
        let prove = move || admission.verify(raw).map(|delivery| (wrap(&delivery), delivery));
        // The body is complete: whatever it proves to be, only our own work remains.
        caller.seat.keeps();
        let proven = match large {
            // Milliseconds of hashing and parsing must not delay other responses.
            true => tokio::task::spawn_blocking(prove).await.map_err(|_| Refusal::Lost)?,
            false => prove(),
        };
        let (wrapped, delivery) = proven.map_err(|error| self.unauthorized(error))?;
        // Only here: without the secret, allowed and forbidden networks must look the same.
        if !delivery.tenant().allows(address) {
            return Err(Refusal::Forbidden);
        }
        self.check_binding(&delivery, &wrapped)?;
        self.metrics.wrapped(&wrapped);
        let (id, kind) = (wrapped.envelope.id(), wrapped.envelope.kind());
        fail_point!("ingest::before_publish", |_| std::process::abort());
        let stored = self.store(&wrapped.envelope).await?;
        fail_point!("ingest::after_publish", |_| std::process::abort());
        self.metrics.accepted(kind);
        Ok((id, stored))
    }

    /// Checks that the tenant may report the entities in its delivery.
    fn check_binding(&self, delivery: &VerifiedDelivery, wrapped: &Wrapped) -> Result<(), Refusal> {
        let Some(named) = &wrapped.named else { return Ok(()) };
        let tenant = delivery.tenant().identity.name();
        if self.tenants.bindings().may_tell(tenant, wrapped.envelope.source(), named) {
            return Ok(());
        }
        let what = format!("tenant {tenant}, project {}, group {}", named.project_id, named.group_id);
        self.outside.note(what);
        Err(Refusal::Outside)
    }

    /// Sends an event to Kafka once its project has a permit. If that takes too long or Kafka is unavailable, the event goes to the spool.
    async fn store(&self, envelope: &Envelope) -> Result<Stored, Refusal> {
        let record = envelope.to_record(&self.prefix).map_err(Refusal::Envelope)?;
        let stored = if self.outbox.is_spooling() {
            // The event goes to disk without waiting for Kafka, so no permit is needed.
            self.outbox.send(record).await
        } else {
            match self.project_limit.acquire(envelope.source(), envelope.subject()).await {
                Some(_turn) => self.outbox.send(record).await,
                None => {
                    self.metrics.late_turn();
                    self.outbox.send_by_spool(record).await
                }
            }
        };
        stored.map_err(Refusal::Store)
    }

    /// Checks everything that needs no body, then reads the body.
    async fn read<S, B>(
        &self,
        tenant: Option<&str>,
        caller: &Caller,
        address: IpAddr,
        headers: &HeaderMap,
        stream: S,
    ) -> Result<(Admission, DeliveryHeaders, crate::body::Body), Refusal>
    where
        S: Stream<Item = Result<B, warp::Error>> + Send,
        B: Buf,
    {
        let delivery = DeliveryHeaders::read(headers);
        let admission = Admission::new(&self.tenants, tenant, &delivery, now(), self.tolerance_seconds)
            .map_err(|error| self.unauthorized(error))?;
        let identity = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(CONTENT_ENCODING).iter().all(identity) {
            return Err(Refusal::UnsupportedEncoding);
        }
        // hyper only decodes chunks; any other coding would be taken for the body.
        let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !headers.get_all(TRANSFER_ENCODING).iter().all(chunked) {
            return Err(Refusal::UnsupportedEncoding);
        }
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let sender = admission.sender(address);
        if sender == Sender::Proven {
            caller.seat.keeps();
        }
        let body = self.bodies.read(stream, announced, sender).await?;
        self.metrics.body(body.bytes.len());
        Ok((admission, delivery, body))
    }

    /// Whether a request may send a test event: with the admin token, or with a token whose hooks may send real events.
    fn may_test(&self, headers: &HeaderMap) -> bool {
        let delivery = DeliveryHeaders::read(headers);
        let admission = Admission::new(&self.tenants, None, &delivery, now(), self.tolerance_seconds);
        self.tests.is_admin(headers) || matches!(admission, Ok(Admission::Token(_)))
    }

    fn unauthorized(&self, error: VerifyError) -> Refusal {
        self.metrics.unauthorized(error);
        Refusal::Unauthorized(error)
    }
}

/// Logs that deliveries were about something that their tenant is not bound to.
fn say_outside(count: u64, what: &str) {
    tracing::warn!(
        count,
        what,
        "deliveries were answered 403: their tenant may not report these projects or groups; correct `projects` and `groups` in gitpulse.toml, or the hook"
    );
}

/// Logs that deliveries are lost.
fn say_unavailable(count: u64, error: &str) {
    tracing::warn!(count, error, "deliveries were answered 503: GitLab will not send them again");
}

async fn test<S, B>(ingest: Arc<Ingest>, _: Caller, headers: HeaderMap, stream: S) -> Response
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    if !headers.contains_key(EXPECT) {
        discard(stream).await;
    }
    let tested = match ingest.may_test(&headers) {
        true => ingest.tests.run(&ingest.publisher, &ingest.prefix).await,
        false => Err(TestRefused::Unauthorized),
    };
    match tested {
        Ok(report) => warp::reply::json(&report).into_response(),
        Err(refused @ TestRefused::Unauthorized) => {
            error(StatusCode::UNAUTHORIZED, "unauthorized", &refused.to_string())
        }
        Err(refused @ TestRefused::Busy) => {
            error(StatusCode::TOO_MANY_REQUESTS, "busy", &refused.to_string())
        }
        Err(refused) => {
            tracing::warn!(error = &refused as &dyn std::error::Error, "a test event failed");
            error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &chain(&refused))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: a delivery is dated here, once")]
fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}
