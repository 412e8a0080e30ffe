use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::*;

/// A server that answers one connection with `response`.
async fn answering(response: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 19];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(response).await.unwrap();
    });
    address
}

#[tokio::test]
async fn a_server_that_answers_200_is_ready() {
    let ready = answering(b"HTTP/1.1 200 OK\r\n\r\n").await;
    http(ready, "/ping").await.unwrap();
    let starting = answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
    let error = http(starting, "/ping").await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test]
async fn a_cluster_without_a_broker_is_not_ready() {
    let one = answering(&[0, 0, 0, 50, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]).await;
    kafka(one).await.unwrap();
    let none = answering(&[0, 0, 0, 50, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).await;
    kafka(none).await.unwrap_err();
}

#[tokio::test]
async fn nobody_listening_is_not_ready() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    kafka(address).await.unwrap_err();
    http(address, "/ping").await.unwrap_err();
}
