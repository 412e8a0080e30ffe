//! The HTTP side: connections, routes, headers, and an orderly end.
//! In: a listener on a loopback address. Out: ClickHouse's HTTP answers.
//! Never: answers a browser's page, and never closes the engine while a statement runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::body::{Framing, receive};
use super::encoding::Encoding;
use super::engine::Engine;
use super::fault::{Fault, Refusal};
use super::form::Form;
use super::interface::Counts;
use super::reply::{Answer, ReplyBody, Sink, framed};
use super::request::Request;
use super::watch::Watch;
use super::{form, format, run, visitor};

/// How often idle sessions are checked.
const SESSION_SWEEP: Duration = Duration::from_secs(5);
/// The name that the server reports.
pub(super) const DISPLAY_NAME: &str = "embedded";

/// Accepts connections until `shutdown`, then lets running requests end for at most `drain`.
pub(super) async fn accept(
    engine: Arc<Engine>,
    listener: TcpListener,
    drain: Duration,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SESSION_SWEEP);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let engine = engine.clone();
                    let service = service_fn(move |request| answer(engine.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    let connection = graceful.watch(connection);
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a connection ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = sweep.tick() => engine.sessions.expire(Instant::now()),
            Some(_) = connections.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests are still running; they are ended now");
        let killer = engine.clone();
        let killing = tokio::task::spawn_blocking(move || killer.kill(None));
        let _ = tokio::time::timeout(drain, killing).await;
        connections.shutdown().await;
    }
}

async fn answer(
    engine: Arc<Engine>,
    request: hyper::Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut response = match route(&parts) {
        Route::Ok => plain(StatusCode::OK, "Ok.\n"),
        Route::NotFound => plain(StatusCode::NOT_FOUND, &not_found(&parts)),
        Route::Foreign => plain(StatusCode::FORBIDDEN, visitor::REFUSAL),
        Route::Method => plain(StatusCode::NOT_IMPLEMENTED, "Only GET, HEAD and POST are supported.\n"),
        Route::Query => query(engine, &parts, body).await,
    };
    response.headers_mut().insert("X-ClickHouse-Server-Display-Name", HeaderValue::from_static(DISPLAY_NAME));
    Ok(response)
}

enum Route {
    Ok,
    NotFound,
    Foreign,
    Method,
    Query,
}

fn route(parts: &Parts) -> Route {
    if !visitor::is_welcome(&parts.headers) {
        return Route::Foreign;
    }
    let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
    match parts.uri.path() {
        "/ping" | "/replicas_status" if is_read => Route::Ok,
        "/" if is_read && parts.uri.query().is_none_or(str::is_empty) => Route::Ok,
        "/" if is_read || parts.method == Method::POST => Route::Query,
        "/" => Route::Method,
        _ => Route::NotFound,
    }
}

fn not_found(parts: &Parts) -> String {
    format!(
        "There is no handle {}\nUse / or /ping for health checks.\n\
         Send queries from your program with POST method or GET /?query=...\n",
        parts.uri.path()
    )
}

/// Reads the request, runs it on a thread of its own, and answers with ClickHouse's status.
async fn query(engine: Arc<Engine>, parts: &Parts, body: Incoming) -> Response<ReplyBody> {
    let mut request = match Request::parse(parts) {
        Ok(request) => request,
        Err(fault) => return failed(&engine, None, &fault),
    };
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let reader = match form::boundary(content_type) {
        Some(boundary) => match read_form(body, boundary).await.and_then(|form| {
            form.fields.into_iter().try_for_each(|(name, value)| request.set(name, value))?;
            form.files.into_iter().try_for_each(|(name, rows)| request.attach(name, rows))
        }) {
            Ok(()) => None,
            Err(fault) => return failed(&engine, Some(&request), &fault),
        },
        None => Some(body),
    };
    if let Err(fault) = request.settle() {
        return failed(&engine, Some(&request), &fault);
    }
    let Some(slot) = engine.slot().await else {
        let fault = Fault::refuse(Refusal::ShuttingDown, "the embedded ClickHouse is shutting down");
        return failed(&engine, Some(&request), &fault);
    };
    let (sink, head) = Sink::new(request.delivery, request.answer, &engine.version);
    let request = Arc::new(request);
    let frames = receive(reader);
    let started = Instant::now();
    let (watch, running) = Watch::new(engine.clone(), request.query_id.clone());
    let job = (engine.clone(), request.clone());
    tokio::task::spawn_blocking(move || {
        run::run(&job.0, &job.1, frames, sink);
        drop((slot, running));
    });
    let head = head.await;
    let body_watch = match &head {
        Ok(Answer::Streaming { .. }) => Some(watch),
        _ => {
            watch.answered();
            None
        }
    };
    match head {
        Ok(Answer::Failed(fault)) => failed(&engine, Some(&request), &fault),
        Ok(Answer::Complete { format, counts, encoding, body }) => {
            let head = Head { format, counts, encoding, tag: None, elapsed: started.elapsed() };
            succeeded(&engine, &request, head, ReplyBody::Full(Some(body)))
        }
        Ok(Answer::Streaming { format, counts, encoding, tag, body }) => {
            let head = Head { format, counts, encoding, tag: Some(tag), elapsed: started.elapsed() };
            succeeded(&engine, &request, head, body.watched(body_watch))
        }
        Err(_) => {
            let fault = Fault::refuse(Refusal::ShuttingDown, "the statement ended without a result");
            failed(&engine, Some(&request), &fault)
        }
    }
}

async fn read_form(body: Incoming, boundary: &str) -> Result<Form, Fault> {
    let body = Limited::new(body, form::MAX_FORM).collect().await.map_err(|error| {
        let limit = form::MAX_FORM >> 20;
        Fault::refuse(
            Refusal::TooLarge,
            format_args!("multipart/form-data above {limit} MiB, or cut off: {error}"),
        )
    })?;
    form::read(&body.to_bytes(), boundary)
}

struct Head {
    format: Option<String>,
    counts: Counts,
    encoding: Encoding,
    tag: Option<String>,
    elapsed: Duration,
}

fn succeeded(engine: &Engine, request: &Request, head: Head, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let content_type = head.format.as_deref().map_or("text/plain; charset=UTF-8", format::content_type);
    set(&mut response, "Content-Type", content_type);
    if let Some(format) = &head.format {
        set(&mut response, "X-ClickHouse-Format", format);
    }
    if let Some(encoding) = head.encoding.name() {
        set(&mut response, "Content-Encoding", encoding);
    }
    if let Some(tag) = &head.tag {
        set(&mut response, "X-ClickHouse-Exception-Tag", tag);
    }
    set(&mut response, "X-ClickHouse-Query-Id", &request.query_id);
    set(
        &mut response,
        "X-ClickHouse-Timezone",
        request.setting("session_timezone").unwrap_or(&engine.timezone),
    );
    let counts = head.counts;
    let summary = format!(
        "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\"written_bytes\":\"{}\",\
         \"total_rows_to_read\":\"0\",\"result_rows\":\"{}\",\"result_bytes\":\"{}\",\"elapsed_ns\":\"{}\"}}",
        counts.read_rows,
        counts.read_bytes,
        counts.written_rows,
        counts.written_bytes,
        counts.result_rows,
        counts.result_bytes,
        head.elapsed.as_nanos(),
    );
    set(&mut response, "X-ClickHouse-Summary", &summary);
    response
}

fn failed(engine: &Engine, request: Option<&Request>, fault: &Fault) -> Response<ReplyBody> {
    // Like ClickHouse, which checks credentials before it looks at the requested format.
    let framing = request
        .filter(|_| !fault.is_authentication())
        .map_or(Framing::Plain, |request| request.answer.framing);
    let body = framed(fault.body(&engine.version).into_bytes(), framing);
    let mut response = Response::new(ReplyBody::Full(Some(body)));
    *response.status_mut() = fault.status();
    set(&mut response, "Content-Type", "text/plain; charset=UTF-8");
    set(&mut response, "X-ClickHouse-Exception-Code", &fault.code.to_string());
    set(&mut response, "X-ClickHouse-Timezone", &engine.timezone);
    if let Some(request) = request {
        set(&mut response, "X-ClickHouse-Query-Id", &request.query_id);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Full(Some(Bytes::copy_from_slice(text.as_bytes()))));
    *response.status_mut() = status;
    set(&mut response, "Content-Type", "text/html; charset=UTF-8");
    response
}

/// Sets a header, unless a client's text in it is not a valid value.
fn set(response: &mut Response<ReplyBody>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
