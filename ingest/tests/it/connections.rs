//! Connections: several requests on one, more than allowed, and their end when the process is stopped.

use std::time::Instant;

use tokio::net::TcpStream;

use crate::client::{GUARD, head, post, within};
use crate::server::{ACME_TOKEN, PUSH, SHARED, TestServer};

const TOKEN: (&str, &str) = ("X-Gitlab-Token", ACME_TOKEN);
const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let server = TestServer::start(&[]).await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        connection.send(post(SHARED, &[TOKEN], PUSH)).await;
        connection.answer().await.accepted_id();
        connection.send(post(SHARED, &[("X-Gitlab-Token", "wrong")], PUSH)).await;
        connection.answer().await.check_error(401, "unauthorized");
        connection.send(HEALTHZ).await;
        assert_eq!(connection.answer().await.status, 200);
        connection.send(post("/nowhere", &[], "")).await;
        connection.answer().await.check_error(404, "not_found");
    }
    assert_eq!(server.kafka.records().len(), 3);
}

#[tokio::test]
async fn a_connection_ends_when_the_client_asks_for_it() {
    let server = TestServer::start(&[]).await;
    let mut connection = server.connect().await;
    connection.send(post(SHARED, &[TOKEN, ("Connection", "close")], PUSH)).await;
    let answers = connection.answers().await;
    assert_eq!(answers.len(), 1);
    answers[0].accepted_id();
}

#[tokio::test]
async fn whoever_closes_its_sending_side_behind_the_body_is_answered_and_counted() {
    let server = TestServer::start(&[]).await;
    for _ in 0..60 {
        let mut connection = server.connect().await;
        connection.send(post(SHARED, &[TOKEN], PUSH)).await;
        connection.finish_sending().await;
        connection.answer().await.accepted_id();
        assert!(connection.answers().await.is_empty());
    }
    assert_eq!(server.outcomes(), [("accepted".to_owned(), 60)].into());
    assert_eq!(server.kafka.records().len(), 60);
}

#[tokio::test]
async fn whoever_waits_for_100_continue_gets_it_and_then_the_answer() {
    let server = TestServer::start(&[]).await;
    let length = PUSH.len().to_string();
    let mut connection = server.connect().await;
    connection.send(head(SHARED, &[TOKEN, ("Expect", "100-continue"), ("Content-Length", &length)])).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.send(PUSH).await;
    connection.answer().await.accepted_id();
    assert_eq!(server.kafka.record().json(), PUSH);
}

#[tokio::test]
async fn whoever_waits_for_100_continue_is_refused_without_it() {
    let server = TestServer::start(&["--body-limit-bytes", "1024"]).await;
    let refused = [
        ([("X-Gitlab-Token", "wrong"), ("Content-Length", "100")], 401, "unauthorized"),
        ([TOKEN, ("Content-Length", "1025")], 413, "too_large"),
    ];
    for (headers, status, code) in refused {
        let mut connection = server.connect().await;
        connection.send(head(SHARED, &[&headers[..], &[("Expect", "100-continue")]].concat())).await;
        connection.answer().await.check_error(status, code);
        assert!(connection.answers().await.is_empty());
    }
    server.check_nothing_published();
}

#[tokio::test]
async fn a_connection_over_the_limit_takes_the_place_of_the_oldest_idle_one() {
    let server = TestServer::start(&["--max-connections", "2"]).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    for connection in [&mut first, &mut second] {
        connection.send(HEALTHZ).await;
        assert_eq!(connection.answer().await.status, 200);
    }
    let mut third = server.connect().await;
    third.send(post(SHARED, &[TOKEN], PUSH)).await;
    third.answer().await.accepted_id();
    assert!(first.answers().await.is_empty());
    second.send(HEALTHZ).await;
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn a_connection_waits_while_all_others_send_what_is_proven() {
    let server = TestServer::start(&["--max-connections", "2", "--body-timeout-ms", "60000"]).await;
    let length = PUSH.len().to_string();
    let mut busy = Vec::new();
    for number in 1..=2 {
        let mut connection = server.connect().await;
        connection
            .send([head(SHARED, &[TOKEN, ("Content-Length", &length)]), PUSH[..20].into()].concat())
            .await;
        server.until("gitpulse_ingest_received_total", number).await;
        busy.push(connection);
    }
    let mut third = server.connect().await;
    third.send(post(SHARED, &[TOKEN], PUSH)).await;
    busy[0].send(&PUSH[20..]).await;
    busy[0].answer().await.accepted_id();
    // Between two requests a connection gives up its place.
    third.answer().await.accepted_id();
    busy[1].send(&PUSH[20..]).await;
    busy[1].answer().await.accepted_id();
}

#[tokio::test]
async fn a_body_that_nothing_proves_gives_its_place_away() {
    let server = TestServer::start(&["--max-connections", "2", "--body-timeout-ms", "60000"]).await;
    let refused = head(SHARED, &[("X-Gitlab-Token", "wrong"), ("Content-Length", "1000")]);
    let mut forged = Vec::new();
    for number in 1..=2 {
        let mut connection = server.connect().await;
        connection.send(&refused).await;
        server.until("gitpulse_ingest_received_total", number).await;
        forged.push(connection);
    }
    server.deliver(SHARED, ACME_TOKEN, PUSH).await.accepted_id();
    server.until_ended(2).await;
    let outcomes = server.outcomes();
    assert_eq!(outcomes.get("accepted"), Some(&1), "{outcomes:?}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_after_the_shutdown_and_no_new_one_is() {
    let server = TestServer::start(&["--drain-timeout-ms", "60000"]).await;
    let mut idle = server.connect().await;
    idle.send(HEALTHZ).await;
    assert_eq!(idle.answer().await.status, 200);
    let length = PUSH.len().to_string();
    let (one, two) = PUSH.split_at(20);
    let mut under_way = server.connect().await;
    under_way.send([head(SHARED, &[TOKEN, ("Content-Length", &length)]), one.into()].concat()).await;
    server.until("gitpulse_ingest_received_total", 1).await;
    server.shutdown.cancel();
    assert!(idle.answers().await.is_empty());
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!server.serving.is_finished());
    under_way.send(two).await;
    under_way.answer().await.accepted_id();
    assert!(under_way.answers().await.is_empty());
    within(server.serving).await.unwrap();
    assert_eq!(server.kafka.record().json(), PUSH);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_drain_deadline() {
    let flags = ["--drain-timeout-ms", "200", "--body-timeout-ms", "60000"];
    let server = TestServer::start(&flags).await;
    let mut stuck = server.connect().await;
    stuck.send(head(SHARED, &[TOKEN, ("Content-Length", "100")])).await;
    server.until("gitpulse_ingest_received_total", 1).await;
    let started = Instant::now();
    server.shutdown.cancel();
    within(server.serving).await.unwrap();
    assert!(stuck.answers().await.is_empty());
    assert!(started.elapsed() < GUARD / 4);
}

#[tokio::test]
async fn a_server_at_its_limit_of_connections_can_still_be_stopped() {
    let server = TestServer::start(&["--max-connections", "1"]).await;
    let mut only = server.connect().await;
    only.send(HEALTHZ).await;
    assert_eq!(only.answer().await.status, 200);
    let mut waiting = server.connect().await;
    waiting.send(HEALTHZ).await;
    server.shutdown.cancel();
    within(server.serving).await.unwrap();
    assert!(only.answers().await.is_empty());
}
