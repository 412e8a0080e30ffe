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
use crate::outbox::{Outbox, OutboxStatus};

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
    /// The spool, for roles that receive: they are ready while Kafka or the spool takes events.
    pub outbox: Option<Outbox>,
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
    let mut degraded = Vec::new();
    if let Some(kafka) = &readiness.kafka {
        match kafka.missing_topics(CHECK_TIMEOUT).await {
            Ok(missing) if missing.is_empty() => (),
            Ok(missing) => {
                faults.push(format!("kafka: {} topics are missing: run `gitpulse migrate`", missing.len()))
            }
            Err(error) => faults.push(format!("kafka: {error}")),
        }
    }
    if let Some(outbox) = &readiness.outbox {
        let OutboxStatus { is_spooling, spool } = outbox.status();
        let waiting =
            format!("{} events on disk, the oldest {} s old", spool.records, spool.oldest.as_secs());
        match spool.refuses {
            // Whatever Kafka is up to, deliveries are taken.
            None if is_spooling || !faults.is_empty() => {
                degraded.append(&mut faults);
                degraded.push(format!("spooling: {waiting}"));
            }
            None if spool.records > 0 => degraded.push(format!("spool: {waiting}")),
            None => (),
            Some(error) if is_spooling || !faults.is_empty() => faults
                .push(format!("kafka does not acknowledge, and the spool takes nothing: {error}; {waiting}")),
            Some(error) => degraded.push(format!("spool: {error}; {waiting}")),
        }
    }
    if let Some(clickhouse) = &readiness.clickhouse
        && let Err(error) = clickhouse.ping(CHECK_TIMEOUT).await
    {
        faults.push(format!("clickhouse: {error}"));
    }
    let lines = |prefix: &str, lines: &[String]| -> String {
        lines.iter().map(|line| format!("{prefix}{line}\n")).collect()
    };
    let told = lines("", &faults) + &lines("degraded: ", &degraded);
    match faults.is_empty() {
        true => format!("ready\n{told}").into_response(),
        false => warp::reply::with_status(told, StatusCode::SERVICE_UNAVAILABLE).into_response(),
    }
}
