//! ClickHouse's own compression over HTTP (`compress=1`, `decompress=1`).
//! In: plain bytes, or a stream of blocks. Out: blocks (checksum, method, two lengths, LZ4), or the plain bytes.
//! Never: a method other than LZ4, zstd or none, and never a block above the size limit.

use std::io::{self, Read};

/// Largest block accepted, compressed or not. ClickHouse writes 1 MiB, clients 256 KiB.
const MAX_BLOCK: usize = 64 << 20;
const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
const NONE: u8 = 0x02;

/// Packs bytes into one LZ4 block.
#[must_use]
pub(super) fn pack(plain: &[u8]) -> Vec<u8> {
    let compressed = lz4_flex::block::compress(plain);
    let mut block = Vec::with_capacity(CHECKSUM + HEADER + compressed.len());
    block.extend_from_slice(&[0; CHECKSUM]);
    block.push(LZ4);
    block.extend_from_slice(&length(HEADER + compressed.len()));
    block.extend_from_slice(&length(plain.len()));
    block.extend_from_slice(&compressed);
    let sum = checksum(&block[CHECKSUM..]);
    block[..CHECKSUM].copy_from_slice(&sum);
    block
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Reads the plain bytes out of a stream of blocks.
#[derive(Debug)]
pub(super) struct BlockReader<R> {
    source: R,
    plain: Vec<u8>,
    at: usize,
}

impl<R: Read> BlockReader<R> {
    /// Starts at a block's first byte.
    pub(super) fn new(source: R) -> Self {
        Self { source, plain: Vec::new(), at: 0 }
    }

    /// Reads the next block. False at a clean end.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let mut filled = 0;
        while filled < head.len() {
            match self.source.read(&mut head[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(broken("a compressed block ends within its header")),
                read => filled += read,
            }
        }
        let number = |at: usize| {
            head.get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok())
                .map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize)
        };
        let (packed, unpacked) = (number(CHECKSUM + 1), number(CHECKSUM + 5));
        if !(HEADER..=MAX_BLOCK).contains(&packed) || unpacked > MAX_BLOCK {
            return Err(broken("a compressed block is empty or above 64 MiB"));
        }
        let mut block = head[CHECKSUM..].to_vec();
        block.resize(packed, 0);
        self.source.read_exact(&mut block[HEADER..])?;
        if checksum(&block)[..] != head[..CHECKSUM] {
            return Err(broken("checksum of a compressed block does not match"));
        }
        self.plain = match block[0] {
            LZ4 => lz4_flex::block::decompress(&block[HEADER..], unpacked)
                .map_err(|error| broken(&format!("cannot decompress an LZ4 block: {error}")))?,
            ZSTD => zstd::bulk::decompress(&block[HEADER..], unpacked)
                .map_err(|error| broken(&format!("cannot decompress a zstd block: {error}")))?,
            NONE => block[HEADER..].to_vec(),
            method => {
                return Err(broken(&format!(
                    "compression method 0x{method:02x} of a block is not supported, only LZ4 (0x82), zstd (0x90) and none (0x02)"
                )));
            }
        };
        self.at = 0;
        Ok(true)
    }
}

fn broken(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl<R: Read> Read for BlockReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.plain.len() - self.at);
        buffer[..length].copy_from_slice(&self.plain[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
