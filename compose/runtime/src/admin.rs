//! The admin listener. In: a registry and checks. Out: `/metrics`, `/readyz`, `/healthz`. Never public: it listens on loopback
//! unless configured otherwise.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use warp::http::StatusCode;
use warp::http::uri::Authority;
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
    /// Whether the last write succeeded, for roles that write: a ClickHouse that answers may still refuse inserts.
    pub storing: Health,
}

/// Whether some work succeeds, as it last reported. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// The work succeeded.
    pub fn well(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The work failed, for this reason.
    pub fn failed(&self, why: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Why it failed, if the last attempt failed.
    pub fn fault(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
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
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let foreign = warp::header::optional::<String>("host").and_then(move |host: Option<String>| async move {
        match is_local && !host.is_none_or(|host| is_here(&host)) {
            true => Ok(warp::reply::with_status(FOREIGN, StatusCode::FORBIDDEN)),
            false => Err(warp::reject()),
        }
    });
    let routes = foreign
        .or(metrics)
        .or(healthz)
        .or(readyz)
        .or(warp::any().map(|| warp::reply::with_status("not found\n", StatusCode::NOT_FOUND)));
    http::serve(listener, LIMITS, routes, shutdown).await;
}

/// The answer to a page in a browser that reached this listener under another host name (DNS rebinding).
const FOREIGN: &str = "use this listener by an IP address or as localhost\n";

/// Whether a `Host` is an address or `localhost`.
fn is_here(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
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
            // Deliveries are accepted, whatever state Kafka is in.
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
    if let Some(fault) = readiness.storing.fault() {
        faults.push(format!("storing: {fault}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_resolves_to_this_machine_is_foreign() {
        for host in ["127.0.0.1:8001", "localhost:8001", "LocalHost", "[::1]:8001", "192.0.2.7"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["page.example.com:8001", "localhost.example.com", "", "127.0.0.1.example.com"] {
            assert!(!is_here(host), "{host}");
        }
    }

    #[tokio::test]
    async fn metrics_are_for_whoever_names_an_address() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Registry::new(), Readiness::default(), shutdown.clone()));
        for (host, expected) in [
            ("page.example.com", "HTTP/1.1 403"),
            ("localhost", "HTTP/1.1 200"),
            ("127.0.0.1:1", "HTTP/1.1 200"),
        ] {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(expected), "{host}: {answer}");
        }
        shutdown.cancel();
        serving.await.unwrap();
    }
}
