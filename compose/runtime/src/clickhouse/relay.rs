//! Lets only ClickHouse's own answers through. In: requests of ClickHouse's client. Out: ClickHouse's answers; a 502 in place of a 200 that something
//! else gave. Never changes a request, and never an answer of ClickHouse.
//!
//! ClickHouse's client takes a status of 200 as proof that rows are stored, and exposes no headers. A login or maintenance page of a gateway also has
//! status 200, and the rows of that insert would be lost. So each connection of the client ends in this process, which forwards it to ClickHouse.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Connection as Outward, SendRequest, handshake};
use hyper::http::uri::Uri;
use hyper::http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::sync::Mutex;
use tower_service::Service;

/// Size of the buffer between the client and the relay, in bytes.
const BUFFER: usize = 256 * 1024;
/// Idle connections of this client are closed after this time, before ClickHouse closes them, which it does after some seconds.
const IDLE: Duration = Duration::from_secs(2);
/// Idle time after which the kernel checks that the peer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// ClickHouse's headers that name the statement that it ran, and the server.
const QUERY_ID: HeaderName = HeaderName::from_static("x-clickhouse-query-id");
const SERVER: HeaderName = HeaderName::from_static("x-clickhouse-server-display-name");
/// Header that says what the statement did; servers that hide their name send it too.
const SUMMARY: HeaderName = HeaderName::from_static("x-clickhouse-summary");

/// The body that replaces an answer that is not ClickHouse's. It has no code of ClickHouse, so it counts as a temporary fault.
const NOT_CLICKHOUSE: &str = "something in front of ClickHouse answered 200 in its place, without ClickHouse's headers, as a login or maintenance page \
                              does: nothing was stored; let the requests pass, or correct GITPULSE_CLICKHOUSE_URL";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A ClickHouse client that gets a 200 only from ClickHouse itself.
pub(super) fn client() -> clickhouse::Client {
    let mut connector = HttpConnector::new();
    connector.set_keepalive(Some(KEEP_ALIVE));
    let provider = rustls::crypto::ring::default_provider();
    match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider) {
        Ok(builder) => {
            connector.enforce_http(false);
            through(builder.https_or_http().enable_http1().wrap_connector(connector))
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "this machine has no certificates of authorities: ClickHouse can be reached by http:// only"
            );
            through(connector)
        }
    }
}

fn through<C>(connector: C) -> clickhouse::Client
where
    Relay<C>:
        Service<Uri, Response = Near, Error = Error, Future = Connecting> + Clone + Send + Sync + 'static,
{
    let client = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(Relay { connector });
    clickhouse::Client::with_http_client(client)
}

/// Whether ClickHouse gave the answer with these headers: they name the statement, and the server or a summary.
fn is_clickhouse(headers: &HeaderMap) -> bool {
    headers.contains_key(QUERY_ID) && (headers.contains_key(SERVER) || headers.contains_key(SUMMARY))
}

/// Opens connections to ClickHouse, each behind a relay.
#[derive(Clone)]
pub(super) struct Relay<C> {
    connector: C,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Near, Error>> + Send>>;

impl<C> Service<Uri> for Relay<C>
where
    C: Service<Uri>,
    C::Response: Read + Write + Unpin + Send + 'static,
    C::Error: Into<Error> + Send,
    C::Future: Send + 'static,
{
    type Response = Near;
    type Error = Error;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let connecting = self.connector.call(uri);
        Box::pin(async move {
            let (sender, connection) = handshake(connecting.await.map_err(Into::<Error>::into)?).await?;
            let (near, far) = tokio::io::duplex(BUFFER);
            tokio::spawn(pass(far, sender, connection));
            Ok(Near(TokioIo::new(near)))
        })
    }
}

/// Forwards the requests of one connection one after the other, until either side closes it.
async fn pass<S>(far: DuplexStream, sender: SendRequest<Incoming>, connection: Outward<S, Incoming>)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let sender = Arc::new(Mutex::new(sender));
    let service = service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let mut sender = sender.lock().await;
            sender.ready().await?;
            Ok::<_, hyper::Error>(examine(sender.send_request(request).await?))
        }
    });
    let serving = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(far), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        // The client is gone, so the connection is closed, and ClickHouse stops what it was asked.
        _ = serving.as_mut() => return,
        ended = connection => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection to ClickHouse ended early");
    }
    // An answer that has arrived may not have been read yet.
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

/// The answer itself, if it is ClickHouse's or an error status; else a refusal.
fn examine(answer: Response<Incoming>) -> Response<Either<Incoming, Full<Bytes>>> {
    if answer.status() != StatusCode::OK || is_clickhouse(answer.headers()) {
        return answer.map(Either::Left);
    }
    let mut refusal = Response::new(Either::Right(Full::from(NOT_CLICKHOUSE)));
    *refusal.status_mut() = StatusCode::BAD_GATEWAY;
    // The unread rest of the page would come before the next answer.
    refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    refusal
}

/// The client's end of a connection.
pub(super) struct Near(TokioIo<DuplexStream>);

impl Connection for Near {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Near {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
