//! A network that fails. In: connections, an upstream address. Out: bytes in both directions, or what the fault leaves of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// A TCP proxy that can lose replies; it ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// One in this many connections loses its replies; 0 for none.
    lose: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Forwards everything to `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lose, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let shared = (lose.clone(), lost.clone());
        let task = tokio::spawn(async move {
            for number in 1.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let (lose, lost) = shared.clone();
                tokio::spawn(async move {
                    let nth = lose.load(Ordering::Relaxed);
                    if nth > 0 && number % nth == 0 {
                        lose_reply(client, upstream, &lost).await;
                    } else {
                        pass(client, upstream, &lose).await;
                    }
                });
            }
        });
        Proxy { address, lose, lost, _task: AbortOnDropHandle::new(task) }
    }

    /// From now on, one in this many connections forwards its requests, waits for the reply and loses it; 0 for none. Open connections are closed at
    /// their next reply.
    pub(crate) fn lose_replies(&self, nth: u64) {
        self.lose.store(nth, Ordering::Relaxed);
    }

    /// How many replies were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Forwards bytes in both directions until either side ends, or, while replies are being lost, until the first of them.
async fn pass(client: TcpStream, upstream: SocketAddr, lose: &AtomicU64) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let replies = async {
        let mut bytes = [0; 16 * 1024];
        loop {
            match from_server.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(count) if to_client.write_all(&bytes[..count]).await.is_err() => return,
                Ok(_) if lose.load(Ordering::Relaxed) > 0 => return,
                Ok(_) => (),
            }
        }
    };
    // Whichever ends first ends the connection; clients retry.
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => (),
        () = replies => (),
    }
}

/// Forwards requests, waits for the first bytes of a reply, and closes without them.
async fn lose_reply(client: TcpStream, upstream: SocketAddr, lost: &AtomicU64) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let ((mut from_client, _to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let mut byte = [0; 1];
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => (),
        read = from_server.read(&mut byte) => if matches!(read, Ok(1..)) {
            lost.fetch_add(1, Ordering::Relaxed);
        },
    }
}
