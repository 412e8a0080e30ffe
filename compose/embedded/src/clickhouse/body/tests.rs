use std::io::{Read, Write};

use super::{Body, Framing};
use crate::clickhouse::block;
use crate::clickhouse::encoding::Encoding;

fn check(sent: &[u8], encoding: Encoding, framing: Framing, expected: &[u8]) {
    let mut plain = Vec::new();
    Body::new(sent, encoding, framing).unwrap().read_to_end(&mut plain).unwrap();
    assert_eq!(plain, expected);
}

#[test]
fn every_encoding_is_undone() {
    let rows = b"1\tx\n2\ty\n".repeat(1000);
    check(&rows, Encoding::Identity, Framing::Plain, &rows);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&rows).unwrap();
    check(&gzip.finish().unwrap(), Encoding::Gzip, Framing::Plain, &rows);
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(&rows).unwrap();
    check(&deflate.finish().unwrap(), Encoding::Deflate, Framing::Plain, &rows);
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&rows).unwrap();
    check(&lz4.finish().unwrap(), Encoding::Lz4, Framing::Plain, &rows);
    check(&block::pack(&rows), Encoding::Identity, Framing::Blocks, &rows);
}

#[test]
fn a_body_is_read_up_to_a_limit_and_goes_on_from_there() {
    let mut body = Body::new(&b"0123456789"[..], Encoding::Identity, Framing::Plain).unwrap();
    let mut text = b"ab".to_vec();
    body.fill(&mut text, 5).unwrap();
    assert_eq!(text, b"ab012");
    body.fill(&mut text, 5).unwrap();
    assert_eq!(text, b"ab012");
    let mut rest = Vec::new();
    body.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"3456789");
}

#[test]
fn a_cut_off_encoding_is_an_error() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"rows").unwrap();
    let sent = gzip.finish().unwrap();
    let mut body = Body::new(&sent[..sent.len() - 4], Encoding::Gzip, Framing::Plain).unwrap();
    assert_eq!(body.fill(&mut Vec::new(), 100).map_err(|fault| fault.code), Err(33));
}
