//! Accepts HTTP connections. In: a listener and warp routes. Out: answers. Never holds a connection for ever, as `warp::serve` would: it sets no
//! timer (hyper's header timeout does nothing without one), does not limit connections and drains without a deadline.

mod crowd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::{Filter, Reply};

use self::crowd::Crowd;
pub use self::crowd::Seat;
use crate::descriptors::{Spare, none_left};

/// Timeouts and the connection limit of a listener.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Connections open at the same time. At the limit, a new connection replaces the oldest one that still has to send a request, or a body whose
    /// sender is unproven; if there is none, it waits in the kernel's queue.
    pub max_connections: usize,
    /// From the connection, or the previous answer, to the last byte of the next request's headers; shorter when more than half of the connections
    /// are open.
    pub header_timeout: Duration,
    /// For requests that are under way when the shutdown comes.
    pub drain_timeout: Duration,
}

/// Headers a request may have. GitLab sends about twelve, and up to 20 custom ones.
const MAX_HEADERS: usize = 100;
/// Bytes of one connection that are buffered before its headers are complete.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Connections that may wait to be accepted. A SYN beyond that is sent again after a second. Linux allows at most `net.core.somaxconn`, 4096 since
/// version 5.4.
const BACKLOG: u32 = 4096;

/// Reserved file descriptors for connections that arrive when no other is left: answers take milliseconds, so a few serve many.
const SPARE: usize = 16;

/// Pause between two warnings that connections cannot be accepted as usual.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// The address of the client, as an extension of each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Binds an address. GitLab opens a connection for each delivery, so a burst of them must fit into the kernel's queue.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `routes` until `shutdown`. After that no connection is accepted any more, and requests under way are answered; those that are not answered
/// by the drain deadline are cut off.
pub async fn serve<F>(listener: TcpListener, limits: HttpLimits, routes: F, shutdown: CancellationToken)
where
    F: Filter<Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let mut acceptor = Acceptor {
        listener,
        crowd: Crowd::new(limits.max_connections, limits.header_timeout),
        unread_for: limits.header_timeout,
        spare: Spare::hold(SPARE),
        warned_at: None,
    };
    let connections = GracefulShutdown::new();
    let cut_off = CancellationToken::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        // A client may close its sending side after a request and still wait for the answer. A complete request counts even if the client does not
        // wait.
        .half_close(true)
        .max_headers(MAX_HEADERS)
        // The first limit is for a complete head, the second for an incomplete one.
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_HEADER_BYTES);
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, seat)) = accepted else {
            continue;
        };
        let ended = seat.ended();
        let service = warp::service(routes.clone());
        let connection = server.serve_connection(
            TokioIo::new(stream),
            service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                // A request with a body is unproven until its sender is authenticated.
                if request.body().is_end_stream() {
                    seat.keeps()
                } else {
                    seat.owes_body()
                }
                request.extensions_mut().insert(Peer(peer));
                request.extensions_mut().insert(seat.clone());
                let (mut service, seat) = (service.clone(), seat.clone());
                async move {
                    let answer = service.call(request).await;
                    seat.owes_next();
                    answer
                }
            }),
        );
        let connection = connections.watch(connection);
        let cut_off = cut_off.clone();
        tokio::spawn(async move {
            // A peer that closes early or breaks the protocol is not our fault: its request was counted, or was never complete.
            match cut_off.run_until_cancelled_owned(ended.run_until_cancelled_owned(connection)).await {
                Some(Some(Err(error))) => {
                    tracing::debug!(%peer, error = &error as &dyn std::error::Error, "connection ended early");
                }
                Some(None) => tracing::debug!(%peer, "connection ended to make room"),
                Some(Some(Ok(()))) | None => (),
            }
        });
    }
    drop(acceptor);
    if tokio::time::timeout(limits.drain_timeout, connections.shutdown()).await.is_err() {
        cut_off.cancel();
        tracing::warn!(
            seconds = limits.drain_timeout.as_secs(),
            "connections were cut off at the drain deadline"
        );
    }
}

type Accepted = (TcpStream, SocketAddr, Seat);

/// Accepts connections and registers each.
struct Acceptor {
    listener: TcpListener,
    crowd: Arc<Crowd>,
    /// Time that a peer may leave an answer unread.
    unread_for: Duration,
    spare: Spare,
    /// When the last warning was logged.
    warned_at: Option<Instant>,
}

impl Acceptor {
    async fn accept(&mut self) -> Option<Accepted> {
        self.spare.refill();
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small: waiting for more bytes would only add latency.
                    let _ = stream.set_nodelay(true);
                    give_up_on_silent_peer(&stream, self.unread_for);
                    let seat = self.crowd.admit(peer.ip()).await;
                    return Some((stream, peer, seat));
                }
                // This also happens when no connection waits: the kernel takes a descriptor before it reads the queue.
                Err(error) if none_left(&error) && self.spare.give_up() => self.warn(
                    &error,
                    "no file descriptor is left, connections are served by a few reserved ones; raise the limit of open files",
                ),
                Err(error) => {
                    self.warn(&error, "connections cannot be accepted now");
                    // The next try would fail at once too.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return None;
                }
            }
        }
    }

    /// Logs why connections have to wait, at most once per [`WARN_EVERY`].
    fn warn(&mut self, error: &std::io::Error, what: &str) {
        if self.warned_at.is_none_or(|at| at.elapsed() > WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(error = error as &dyn std::error::Error, "{what}");
        }
    }
}

/// Lets the kernel close the connection when the peer accepts no byte of an answer for this long. Hyper has timeouts for reading but not for writing,
/// so a peer that reads nothing would hold its slot for ever.
#[cfg(target_os = "linux")]
fn give_up_on_silent_peer(stream: &TcpStream, after: Duration) {
    let milliseconds = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    // The connection works without this option too.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds);
}

#[cfg(not(target_os = "linux"))]
fn give_up_on_silent_peer(_: &TcpStream, _: Duration) {}
