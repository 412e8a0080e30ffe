use std::io::Read;

use super::{BlockReader, CHECKSUM, HEADER, ZSTD, checksum, length, pack};

fn unpack(blocks: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    BlockReader::new(blocks).read_to_end(&mut plain).map(|_| plain)
}

fn check(pieces: &[&[u8]]) {
    let blocks: Vec<u8> = pieces.iter().flat_map(|piece| pack(piece)).collect();
    assert_eq!(unpack(&blocks).unwrap(), pieces.concat());
}

#[test]
fn what_is_packed_unpacks() {
    check(&[]);
    check(&[b"1\n"]);
    check(&[b"first", b"", b"second"]);
    check(&[&[7; 100_000], b"end"]);
}

#[test]
fn a_block_of_another_implementation_unpacks() {
    // From the tests of the clickhouse crate.
    let block = [
        245_u8, 5, 222, 235, 225, 158, 59, 108, 225, 31, 65, 215, 66, 66, 36, 92, 0x82, 34, 0, 0, 0, 23, 0,
        0, 0, 240, 8, 1, 0, 2, 255, 255, 255, 255, 0, 1, 1, 1, 115, 6, 83, 116, 114, 105, 110, 103, 3, 97,
        98, 99,
    ];
    let plain =
        [1_u8, 0, 2, 255, 255, 255, 255, 0, 1, 1, 1, 115, 6, 83, 116, 114, 105, 110, 103, 3, 97, 98, 99];
    assert_eq!(unpack(&block).unwrap(), plain);
    assert_eq!(pack(&plain), block);
}

#[test]
fn a_block_of_zstd_unpacks() {
    let plain = b"some rows, some rows, some rows";
    let packed = zstd::bulk::compress(plain, 1).unwrap();
    let mut block = vec![0; CHECKSUM];
    block.push(ZSTD);
    block.extend_from_slice(&length(HEADER + packed.len()));
    block.extend_from_slice(&length(plain.len()));
    block.extend_from_slice(&packed);
    let sum = checksum(&block[CHECKSUM..]);
    block[..CHECKSUM].copy_from_slice(&sum);
    assert_eq!(unpack(&block).unwrap(), plain);
}

#[test]
fn a_changed_byte_is_noticed() {
    let block = pack(b"some rows, some rows, some rows");
    for at in 0..block.len() {
        let mut changed = block.clone();
        changed[at] ^= 1;
        assert!(unpack(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_block_cut_off_is_noticed() {
    let block = pack(b"some rows");
    for end in 1..block.len() {
        assert!(unpack(&block[..end]).is_err(), "after {end} bytes");
    }
}
