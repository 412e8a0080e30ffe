//! Over HTTP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn answers_come_over_http_until_the_shutdown() {
    let world = Arc::new(World::new(WorldConfig::new(7, 2, 14)));
    let options = Options::new(&world, TOKEN);
    let requests = options.requests.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(world, options, listener, shutdown.clone()));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = format!(
        "GET /api/v4/groups/1/projects?include_subgroups=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("x-total: 3") && answer.contains("factory/service-0"), "{answer}");

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/v4/user HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!((requests.total(), requests.of(Endpoint::GroupProjects)), (2, 1));

    shutdown.cancel();
    server.await.unwrap();
}
