//! Serves the API over HTTP. In: a listener. Out: answers. Never reads more of a request than an API client sends.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Api, Request};
use super::options::Options;
use crate::gitlab::{Millis, World};

/// Limit of a body in bytes: GitLab accepts GraphQL queries of 10,000 characters, and variables.
const MAX_BODY: usize = 1024 * 1024;

/// Serves the API of a world until `shutdown`, which cuts off requests under way.
pub async fn serve(world: Arc<World>, options: Options, listener: TcpListener, shutdown: CancellationToken) {
    let api = Arc::new(Api::new(world, options));
    let started = Instant::now();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return,
        };
        // A connection that cannot be accepted is up to its peer: a test notices the missing answer.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (api, shutdown) = (api.clone(), shutdown.clone());
        let service = service_fn(move |request| {
            let (api, elapsed) = (api.clone(), started.elapsed());
            async move { Ok::<_, Infallible>(reply(&api, elapsed.as_millis(), request).await) }
        });
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // A peer that disconnects needs no answer.
            let _ = shutdown.run_until_cancelled_owned(connection).await;
        });
    }
}

async fn reply(api: &Api, elapsed: u128, request: hyper::Request<Incoming>) -> http::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return response(Answer { status: 413, headers: Vec::new(), body: Vec::new() });
    };
    let asked = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        token: token(&head.headers),
        body: body.to_bytes().to_vec(),
    };
    let at = api.options().started_at.saturating_add(Millis::try_from(elapsed).unwrap_or(Millis::MAX));
    let answer = api.answer(&asked, at);
    if answer.status == 0 {
        // The peer has to give up.
        std::future::pending::<()>().await;
    }
    let mut response = response(answer);
    let date = api.options().date.as_ref().and_then(|clock| date(clock.now()));
    if let Some(date) = date {
        response.headers_mut().insert(http::header::DATE, date);
    }
    response
}

/// A time in the format of headers.
fn date(at: Millis) -> Option<http::HeaderValue> {
    let at = DateTime::from_timestamp_millis(at)?.format("%a, %d %b %Y %H:%M:%S GMT");
    http::HeaderValue::from_str(&at.to_string()).ok()
}

/// The token of a request, from whichever header (<https://docs.gitlab.com/api/rest/authentication/>).
fn token(headers: &HeaderMap) -> Option<String> {
    let private = headers.get("private-token").and_then(|value| value.to_str().ok());
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    private.or(bearer).map(ToOwned::to_owned)
}

fn response(answer: Answer) -> http::Response<Full<Bytes>> {
    let mut built = http::Response::new(Full::new(Bytes::from(answer.body)));
    *built.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(&value)) {
            built.headers_mut().append(name, value);
        }
    }
    built
}
