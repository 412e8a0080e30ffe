//! In: an address. Out: whether the engine behind it answers. Never waits for long: the supervisor tries again.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Timeout for one answer; a slower engine is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks a Kafka broker for its cluster, and succeeds when the cluster has a live broker.
///
/// A listening socket alone is not enough: Apache Kafka listens before it can be used.
///
/// # Errors
///
/// When nobody listens, the answer does not come in time, or it names no broker.
pub async fn kafka(address: SocketAddr) -> io::Result<()> {
    // Metadata, version 7 (any broker since 2.1), correlation id 1, no client id, no topics, no
    // topic creation: https://kafka.apache.org/protocol.html#The_Messages_Metadata
    const REQUEST: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 7, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0];
    // Length, correlation id, throttle time, number of brokers: four bytes each.
    let mut response = [0; 16];
    within(async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&REQUEST).await?;
        stream.read_exact(&mut response).await?;
        Ok(())
    })
    .await?;
    let brokers = i32::from_be_bytes([response[12], response[13], response[14], response[15]]);
    if brokers > 0 { Ok(()) } else { Err(io::Error::other("the cluster has no broker yet")) }
}

/// Asks an HTTP server for `path`, and succeeds when it answers 200.
///
/// # Errors
///
/// When nobody listens, the answer does not come in time, or is another status.
pub async fn http(address: SocketAddr, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut status_line = [0; 12];
    within(async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.read_exact(&mut status_line).await?;
        Ok(())
    })
    .await?;
    if status_line.ends_with(b" 200") {
        Ok(())
    } else {
        let status = String::from_utf8_lossy(&status_line).into_owned();
        Err(io::Error::other(format!("it answers {status}")))
    }
}

async fn within(answer: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests;
