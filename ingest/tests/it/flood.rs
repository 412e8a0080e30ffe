//! F-30: far more connections than places, from a client without a secret. Deliveries with a secret are still answered within a second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::client::{head, post};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer, signed, timestamp};

const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
/// Connections on which nothing is sent.
const IDLE: usize = 10_000;
/// Connections with a head and one byte of a body.
const UNFINISHED: usize = 1_000;
/// Deliveries that are measured, two at a time.
const DELIVERIES: usize = 300;

/// Connections of a client that reopens each as soon as it is closed. Ends on drop.
struct Flood {
    _openers: Vec<AbortOnDropHandle<()>>,
}

impl Flood {
    /// Opens this many connections from one address, sends this on each, and waits until all have been open once.
    async fn start(server: SocketAddr, from: [u8; 4], count: usize, send: Vec<u8>) -> Flood {
        const OPENERS: usize = 20;
        let mut opened = JoinSet::new();
        let openers = (0..OPENERS).map(|_| {
            let send = send.clone();
            let (done, first) = tokio::sync::oneshot::channel();
            opened.spawn(async move { first.await.unwrap() });
            AbortOnDropHandle::new(tokio::spawn(async move {
                let mut connections = Vec::new();
                for _ in 0..count / OPENERS {
                    connections.push(open(server, from, &send).await);
                }
                done.send(()).unwrap();
                loop {
                    for connection in &mut connections {
                        if is_closed(connection) {
                            *connection = open(server, from, &send).await;
                        }
                    }
                    tokio::task::yield_now().await;
                }
            }))
        });
        let openers = openers.collect();
        opened.join_all().await;
        Flood { _openers: openers }
    }
}

async fn open(server: SocketAddr, from: [u8; 4], send: &[u8]) -> TcpStream {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        // There are more connections than free ports between two addresses.
        socket.set_zero_linger().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let Ok(stream) = socket.connect(server).await else { continue };
        let _ = stream.try_write(send);
        return stream;
    }
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0; 1];
    !matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Sends deliveries alternately with token and with signature; returns the response times, sorted.
async fn deliver(server: &TestServer) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..DELIVERIES / 2 {
        let by_token = async {
            let began = Instant::now();
            server.exchange(post(SHARED, &[TOKEN], PUSH)).await.accepted_id();
            began.elapsed()
        };
        let by_signature = async {
            let began = Instant::now();
            let request = signed(SHARED, &format!("flood-{number}"), &timestamp(0), PUSH);
            server.exchange(request).await.accepted_id();
            began.elapsed()
        };
        let (one, other) = tokio::join!(by_token, by_signature);
        times.extend([one, other]);
    }
    times.sort_unstable();
    times
}

fn check(what: &str, times: &[Duration]) {
    let p99 = times[times.len() * 99 / 100];
    println!("{what}: p50 {:?}, p99 {p99:?}, max {:?}", times[times.len() / 2], times[times.len() - 1]);
    assert!(p99 < Duration::from_secs(1), "{what}: {:?}", &times[times.len() * 95 / 100..]);
}

fn forged() -> Vec<u8> {
    let timestamp = timestamp(0);
    let headers = [
        ("webhook-id", "msg-1"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Content-Length", "300000"),
    ];
    [head(SHARED, &headers), b"{".to_vec()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_and_unfinished_connections_keep_no_delivery_waiting() {
    runtime::descriptors::make_room_for(IDLE + UNFINISHED + 2_000);
    let server = TestServer::start(&[]).await;
    check("nobody else", &deliver(&server).await);
    // From the same address, as behind a proxy, and from another one.
    for (what, from) in [("the same address", [127, 0, 0, 1]), ("another address", [127, 0, 0, 2])] {
        let idle = Flood::start(server.address, from, IDLE, Vec::new()).await;
        let unfinished = Flood::start(server.address, from, UNFINISHED, forged()).await;
        check(
            &format!("{IDLE} idle and {UNFINISHED} unfinished connections of {what}"),
            &deliver(&server).await,
        );
        drop((idle, unfinished));
    }
}

/// Bodies that lack their last byte hold the most memory for the least.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_without_their_last_byte_refuse_no_signed_delivery() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let server = TestServer::start(&["--body-buffer-mib", "64"]).await;
    let timestamp = timestamp(0);
    let length = LENGTH.to_string();
    let headers = [
        ("webhook-id", "msg-1"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Content-Length", length.as_str()),
    ];
    let request = [head(SHARED, &headers), vec![b'x'; LENGTH - 1]].concat();
    let mut held = Vec::new();
    // As many as half of the memory holds, which unproven bodies share.
    for _ in 0..4 {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(&request).await.unwrap();
        held.push(connection);
    }
    for number in 0..10 {
        let body = format!("{}{}\"}}", &PUSH[..PUSH.len() - 2], "x".repeat(60_000));
        server.exchange(signed(SHARED, &format!("large-{number}"), &timestamp, &body)).await.accepted_id();
    }
    assert_eq!(server.outcome("unavailable"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_of_forged_bodies_refuse_no_signed_delivery() {
    runtime::descriptors::make_room_for(2_000);
    let server = TestServer::start(&["--body-buffer-mib", "64"]).await;
    let _unfinished = Flood::start(server.address, [127, 0, 0, 2], UNFINISHED, forged()).await;
    for number in 0..20 {
        let body = format!("{}{}\"}}", &PUSH[..PUSH.len() - 2], "x".repeat(2_000_000));
        server.exchange(signed(SHARED, &format!("large-{number}"), &timestamp(0), &body)).await.accepted_id();
    }
    assert_eq!(server.outcome("unavailable"), 0);
}
