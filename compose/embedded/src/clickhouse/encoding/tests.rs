use std::io::Read;

use super::{Decoded, Encoder, Encoding};

const ALL: [Encoding; 6] =
    [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Lz4, Encoding::Brotli, Encoding::Zstd];

fn decode(bytes: &[u8], encoding: Encoding) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Decoded::new(bytes, encoding)?.read_to_end(&mut plain).map(|_| plain)
}

#[test]
fn what_is_encoded_is_decoded() {
    let rows = b"1\tx\n2\ty\n".repeat(100_000);
    for encoding in ALL {
        let mut encoder = Encoder::new(encoding).unwrap();
        let mut sent = Vec::new();
        for piece in rows.chunks(300_001) {
            sent.extend(encoder.piece(piece).unwrap());
        }
        sent.extend(encoder.finish().unwrap());
        assert_eq!(decode(&sent, encoding).unwrap(), rows, "{encoding:?}");
    }
}

#[test]
fn a_piece_can_be_read_before_the_next_comes() {
    for encoding in ALL {
        let sent = Encoder::new(encoding).unwrap().piece(b"first").unwrap();
        let mut first = [0; 5];
        Decoded::new(&sent[..], encoding).unwrap().read_exact(&mut first).unwrap();
        assert_eq!(&first, b"first", "{encoding:?}");
    }
}

#[test]
fn a_cut_off_encoding_is_an_error() {
    for encoding in ALL.into_iter().filter(|encoding| *encoding != Encoding::Identity) {
        let mut encoder = Encoder::new(encoding).unwrap();
        let mut sent = encoder.piece(b"some rows, and others").unwrap();
        sent.extend(encoder.finish().unwrap());
        // LZ4 can be decoded without its last four bytes, which only mark the end.
        assert!(decode(&sent[..sent.len() - 5], encoding).is_err(), "{encoding:?}");
    }
}

fn check_accepted(value: &str, expected: Encoding) {
    assert_eq!(Encoding::accepted(value), expected, "{value}");
}

#[test]
fn the_answer_is_encoded_as_the_client_accepts_it() {
    check_accepted("", Encoding::Identity);
    check_accepted("identity", Encoding::Identity);
    check_accepted("gzip", Encoding::Gzip);
    check_accepted("gzip, deflate, br, zstd", Encoding::Brotli);
    check_accepted("br;q=0, ZSTD;q=1.0, gzip ; q=0", Encoding::Zstd);
    check_accepted("*", Encoding::Identity);
    check_accepted("xz, snappy", Encoding::Identity);
}

#[test]
fn unknown_encodings_are_refused_by_name() {
    let fault = Encoding::parse("xz").unwrap_err();
    assert_eq!(fault.code, 779);
    assert!(fault.to_string().contains("'xz'"));
    assert_eq!(Encoding::parse(""), Ok(Encoding::Identity));
    assert_eq!(Encoding::parse("zstd"), Ok(Encoding::Zstd));
}
