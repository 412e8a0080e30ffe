//! Encoded rows. In: rows, stored by the processor's own code through a recording proxy. Out: the bodies of its INSERTs, byte for byte, to be sent
//! again without encoding.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use processor::insert::{Destination, Store};
use processor::rows::Rows;
use prometheus::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::installation::Installation;

const INSERT_TIMEOUT: Duration = Duration::from_secs(60);

/// One INSERT as the processor sends it.
pub(crate) struct Recorded {
    /// Path and query, with the statement.
    target: String,
    body: Bytes,
    /// The database that the target names.
    database: String,
}

type Log = Arc<Mutex<Vec<(String, Bytes)>>>;

/// Encodes batches as the processor does; nothing is stored.
pub(crate) async fn record(
    installation: &Installation,
    database: &str,
    batches: Vec<Rows>,
) -> anyhow::Result<Vec<Recorded>> {
    let log = Log::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let client = installation.clickhouse_at(listener.local_addr()?, database).client;
    let _proxy =
        AbortOnDropHandle::new(tokio::spawn(proxy(listener, installation.clickhouse_address(), log.clone())));
    let metrics = processor::Metrics::register(&Registry::new())?;
    let store =
        Store { client: &client, destination: Destination::Live, timeout: INSERT_TIMEOUT, metrics: &metrics };
    for rows in &batches {
        store.insert(rows).await?;
    }
    let log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    let recorded =
        log.into_iter().map(|(target, body)| Recorded { target, body, database: database.to_owned() });
    Ok(recorded.collect())
}

/// Sends recorded INSERTs to the tables of another database, one after another, and returns the time it took.
pub(crate) async fn replay(
    installation: &Installation,
    database: &str,
    inserts: &[Recorded],
) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for insert in inserts {
        let target =
            insert.target.replace(&format!("database={}", insert.database), &format!("database={database}"));
        let request = Request::post(target).body(Full::new(insert.body.clone()))?;
        let (status, answer) = exchange(installation.clickhouse_address(), request).await?;
        anyhow::ensure!(
            status.is_success(),
            "an encoded insert answers {status}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(started.elapsed())
}

/// One GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    exchange(address, Request::get(path).body(Full::default())?).await
}

async fn proxy(listener: TcpListener, clickhouse: SocketAddr, log: Log) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let log = log.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, clickhouse, log.clone()));
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        });
    }
}

/// Keeps an INSERT and answers that it was stored; forwards everything else.
async fn answer(
    request: Request<Incoming>,
    clickhouse: SocketAddr,
    log: Log,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    if target.contains("query=INSERT") {
        log.lock().unwrap_or_else(PoisonError::into_inner).push((target, body));
        return Ok(Response::new(Full::default()));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method;
    *request.uri_mut() = parts.uri;
    let (status, body) = exchange(clickhouse, request).await?;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

/// One request on a connection of its own.
async fn exchange(
    address: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    request.headers_mut().insert("host", address.to_string().parse().context("a host header")?);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(connection);
    Ok((status, body))
}
