//! The admin listener. In: a registry and checks. Out: `/metrics`, `/readyz`, `/healthz`. Never public: it listens on loopback
//! unless configured otherwise.

use std::time::Duration;

use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use warp::http::StatusCode;
use warp::{Filter, Reply};

use crate::clickhouse::ClickHouse;
use crate::http::{self, HttpLimits};
use crate::kafka::Kafka;

/// How long one readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

const LIMITS: HttpLimits = HttpLimits {
    max_connections: 64,
    header_timeout: Duration::from_secs(10),
    drain_timeout: Duration::from_secs(2),
};

/// What a role needs to do its work, asked by `/readyz`.
#[derive(Clone, Default)]
pub struct Readiness {
    /// Kafka, for roles that read or write it.
    pub kafka: Option<Kafka>,
    /// ClickHouse, for roles that write it.
    pub clickhouse: Option<ClickHouse>,
}

/// Serves the admin endpoints until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    readiness: Readiness,
    shutdown: CancellationToken,
) {
    let metrics = warp::path!("metrics").and(warp::get()).map(move || metrics(&registry));
    let healthz = warp::path!("healthz").and(warp::get()).map(|| "ok\n");
    let readyz = warp::path!("readyz").and(warp::get()).then(move || {
        let readiness = readiness.clone();
        async move { ready(&readiness).await }
    });
    let routes = metrics
        .or(healthz)
        .or(readyz)
        .or(warp::any().map(|| warp::reply::with_status("not found\n", StatusCode::NOT_FOUND)));
    http::serve(listener, LIMITS, routes, shutdown).await;
}

fn metrics(registry: &Registry) -> warp::reply::Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => {
            warp::reply::with_header(text, "content-type", "text/plain; version=0.0.4; charset=utf-8")
                .into_response()
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn ready(readiness: &Readiness) -> warp::reply::Response {
    let mut faults = Vec::new();
    if let Some(kafka) = &readiness.kafka {
        match kafka.missing_topics(CHECK_TIMEOUT).await {
            Ok(missing) if missing.is_empty() => (),
            Ok(missing) => {
                faults.push(format!("kafka: {} topics are missing: run `gitpulse migrate`", missing.len()))
            }
            Err(error) => faults.push(format!("kafka: {error}")),
        }
    }
    if let Some(clickhouse) = &readiness.clickhouse
        && let Err(error) = clickhouse.ping(CHECK_TIMEOUT).await
    {
        faults.push(format!("clickhouse: {error}"));
    }
    match faults.as_slice() {
        [] => "ready\n".into_response(),
        faults => warp::reply::with_status(faults.join("\n") + "\n", StatusCode::SERVICE_UNAVAILABLE)
            .into_response(),
    }
}
