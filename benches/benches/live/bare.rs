//! The limits without any code of GitPulse in the path: warp that reads the body and answers 200, and a producer of ready records. Both use the
//! settings of the service that they are compared with.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Buf;
use futures_util::{Stream, StreamExt};
use rdkafka::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use runtime::http::HttpLimits;
use runtime::kafka::KafkaConfig;
use schemas::TopicRecord;
use tokio::net::TcpListener;
use warp::reply::Response;
use warp::{Filter, Reply};

/// The argument that makes this program the bare HTTP server.
pub(crate) const ROLE: &str = "bare-http";
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// Serves until a signal: reads each body, and answers 200 with as many bytes as ingest does.
pub(crate) async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let shutdown = runtime::shutdown::on_signal()?;
    let listener = TcpListener::bind(address).await?;
    let limits = HttpLimits {
        max_connections: 1024,
        header_timeout: Duration::from_secs(10),
        drain_timeout: Duration::from_secs(2),
    };
    let routes = warp::path!("api" / "v1" / "webhooks" / "gitlab")
        .and(warp::post())
        .and(warp::body::stream())
        .then(read)
        .or(warp::path!("healthz").map(|| "ok\n".into_response()))
        .unify()
        .recover(|_| async {
            Ok::<_, std::convert::Infallible>(warp::http::StatusCode::NOT_FOUND.into_response())
        });
    runtime::http::serve(listener, limits, routes, shutdown).await;
    Ok(())
}

async fn read<S, B>(stream: S) -> Response
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    let mut stream = std::pin::pin!(stream);
    let mut bytes = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        bytes += chunk.remaining();
    }
    let answer = format!("{{\"status\":\"accepted\",\"id\":\"{bytes:036}\"}}");
    warp::reply::with_header(answer, "content-type", "application/json").into_response()
}

/// Counts acknowledged records, and wakes the sender that waits for room.
struct Acknowledged {
    records: Arc<AtomicU64>,
    room: mpsc::Sender<()>,
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.records.fetch_add(1, Ordering::Relaxed);
        }
        // At the end nothing waits any more.
        let _ = self.room.send(());
    }
}

/// Publishes records as fast as the broker accepts them, `in_flight` at once, and returns the time until the last was acknowledged.
pub(crate) async fn produce(
    kafka: &KafkaConfig,
    records: Arc<Vec<TopicRecord>>,
    in_flight: usize,
) -> anyhow::Result<Duration> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (room, freed) = mpsc::channel();
    let producer: ThreadedProducer<Acknowledged> = kafka
        .producer()
        // Ingest refuses what waits too long; here everything is handed over at once and waits.
        .set("message.timeout.ms", "120000")
        .create_with_context(Acknowledged { records: acknowledged.clone(), room })?;
    tokio::task::spawn_blocking(move || {
        // The producer is connected, and has its id, before the clock runs.
        if let Some(first) = records.first() {
            producer.client().fetch_metadata(Some(&first.topic), Duration::from_secs(10))?;
        }
        let started = Instant::now();
        for (sent, record) in records.iter().enumerate() {
            if sent >= in_flight {
                freed.recv()?;
            }
            let headers = OwnedHeaders::new_with_capacity(1)
                .insert(Header { key: "content-type", value: Some("application/cloudevents+json") });
            let mut message =
                BaseRecord::to(&record.topic).key(&record.key).payload(&record.value).headers(headers);
            while let Err((error, refused)) = producer.send(message) {
                anyhow::ensure!(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), error);
                std::thread::sleep(Duration::from_millis(1));
                message = refused;
            }
        }
        producer.flush(FLUSH_TIMEOUT).context("the broker did not take all records")?;
        let took = started.elapsed();
        let taken = acknowledged.load(Ordering::Relaxed);
        anyhow::ensure!(
            taken == records.len() as u64,
            "the broker acknowledged {taken} of {} records",
            records.len()
        );
        Ok(took)
    })
    .await?
}
