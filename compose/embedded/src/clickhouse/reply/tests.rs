use std::io::Read;

use http_body_util::BodyExt;

use super::{Answer, EARLY, Packing, Sink, exception};
use crate::clickhouse::encoding::{Decoded, Encoding};
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
    let (mut sink, head) = Sink::new(Delivery::Early, Packing::default(), "1");
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
    let (mut sink, head) = Sink::new(Delivery::AtTheEnd, Packing::default(), "1");
    sink.push(&vec![b'x'; EARLY + 1], Counts::default()).unwrap();
    sink.fail(fault());
    assert!(matches!(head.blocking_recv().unwrap(), Answer::Failed(failed) if failed == fault()));
}

#[test]
fn a_client_that_left_is_noticed() {
    let (mut sink, head) = Sink::new(Delivery::Early, Packing::default(), "1");
    drop(head);
    assert!(sink.push(b"1", Counts::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_stream_is_the_last_thing_in_it_and_cuts_it() {
    let (mut sink, head) = Sink::new(Delivery::Early, Packing::default(), "1");
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

#[tokio::test]
async fn a_stream_is_encoded_to_its_end() {
    let packing = Packing { encoding: Encoding::Gzip, ..Packing::default() };
    let (mut sink, head) = Sink::new(Delivery::Early, packing, "1");
    let rows = b"1\tx\n".repeat(EARLY / 2);
    let sent = rows.clone();
    let writer = tokio::task::spawn_blocking(move || {
        for piece in sent.chunks(100_000) {
            sink.push(piece, Counts::default()).unwrap();
        }
        sink.finish();
    });
    let Answer::Streaming { encoding, body, .. } = head.await.unwrap() else { panic!("not a stream") };
    let packed = body.collect().await.unwrap().to_bytes();
    writer.await.unwrap();
    let mut plain = Vec::new();
    Decoded::new(&packed[..], encoding).unwrap().read_to_end(&mut plain).unwrap();
    assert!(plain == rows && packed.len() < rows.len() / 10, "{} bytes of {}", plain.len(), rows.len());
}

#[test]
fn an_answer_without_a_body_has_no_encoding() {
    let packing = Packing { encoding: Encoding::Zstd, ..Packing::default() };
    let (sink, head) = Sink::new(Delivery::Early, packing, "1");
    sink.finish();
    let Answer::Complete { encoding, body, .. } = head.blocking_recv().unwrap() else { panic!("not whole") };
    assert!(encoding == Encoding::Identity && body.is_empty());
}
