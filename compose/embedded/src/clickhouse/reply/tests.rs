use http_body_util::BodyExt;

use super::{Answer, EARLY, Sink, exception};
use crate::clickhouse::body::Framing;
use crate::clickhouse::fault::{Fault, Refusal};
use crate::clickhouse::interface::Counts;
use crate::clickhouse::request::Delivery;

fn fault() -> Fault {
    Fault::refuse(Refusal::Syntax, "no")
}

#[test]
fn exceptions_in_a_body_are_framed_as_clickhouse_does() {
    let message = "Code: 1. DB::Exception: no (version 1)\n";
    let expected = format!(
        "\r\n__exception__\r\nabcdefghijklmnop\r\n{message}{} abcdefghijklmnop\r\n__exception__\r\n",
        message.len()
    );
    assert_eq!(exception(message, "abcdefghijklmnop"), expected);
}

#[test]
fn a_small_answer_comes_whole_with_its_counts() {
    let (mut sink, head) = Sink::new(Delivery::Early, Framing::Plain, "1");
    let counts = Counts { read_rows: 2, ..Counts::default() };
    sink.push(b"1\n", counts).unwrap();
    sink.push(b"2\n", counts).unwrap();
    sink.finish();
    match head.blocking_recv().unwrap() {
        Answer::Complete { counts, body, .. } => {
            assert_eq!((counts.read_rows, &body[..]), (4, &b"1\n2\n"[..]))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failure_before_the_first_byte_is_nothing_but_the_failure() {
    let (mut sink, head) = Sink::new(Delivery::AtTheEnd, Framing::Plain, "1");
    sink.push(&vec![b'x'; EARLY + 1], Counts::default()).unwrap();
    sink.fail(fault());
    assert!(matches!(head.blocking_recv().unwrap(), Answer::Failed(failed) if failed == fault()));
}

#[test]
fn a_client_that_left_is_noticed() {
    let (mut sink, head) = Sink::new(Delivery::Early, Framing::Plain, "1");
    drop(head);
    assert!(sink.push(b"1", Counts::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_stream_is_the_last_thing_in_it_and_cuts_it() {
    let (mut sink, head) = Sink::new(Delivery::Early, Framing::Plain, "1");
    let writer = tokio::task::spawn_blocking(move || {
        sink.push(&vec![b'x'; EARLY + 1], Counts::default()).unwrap();
        sink.fail(fault());
    });
    let Answer::Streaming { tag, mut body, .. } = head.await.unwrap() else { panic!("not a stream") };
    let mut text = Vec::new();
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => text.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    writer.await.unwrap();
    assert_eq!(error.to_string(), "the result broke off");
    assert!(text.ends_with(exception(&fault().body("1"), &tag).as_bytes()));
}
