//! The request body, from the socket to the thread that feeds the engine.
//! In: frames of the HTTP body, as they arrive. Out: a blocking reader of plain bytes, decompressed as the request says.
//! Never: more than a few frames in memory, and never a clean end for a body that was cut off.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::block::BlockReader;
use super::encoding::{Decoded, Encoding};
use super::fault::{Fault, Refusal};

/// Frames between the socket and the engine; a frame is at most some 400 KiB.
const FRAMES: usize = 4;
/// A body from which nothing arrives for so long is given up, so that it cannot hold the engine for ever.
const IDLE: Duration = Duration::from_secs(300);
/// Up to this many bytes of an unused body are read off the socket, so that the client gets to read the answer.
const DRAIN_BYTES: usize = 64 << 20;

/// `decompress=1`: whether the body is a stream of ClickHouse's compressed blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// The body is not framed.
    #[default]
    Plain,
    /// Checksummed blocks.
    Blocks,
}

/// The reading end of a body. Blocks; used on a thread of its own.
#[derive(Debug)]
pub(super) struct FrameReader {
    frames: mpsc::Receiver<Result<Bytes, String>>,
    current: Bytes,
}

/// Starts to read frames off the socket. Without a body there are none.
#[must_use]
pub(super) fn receive(body: Option<Incoming>) -> FrameReader {
    let (sender, frames) = mpsc::channel(FRAMES);
    if let Some(body) = body {
        tokio::spawn(pump(body, sender));
    }
    FrameReader { frames, current: Bytes::new() }
}

async fn pump(mut body: Incoming, sender: mpsc::Sender<Result<Bytes, String>>) {
    let mut unread = 0;
    loop {
        let frame = match tokio::time::timeout(IDLE, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return,
            Ok(Some(Err(error))) => {
                let _ = sender.send(Err(format!("the request body was cut off: {error}"))).await;
                return;
            }
            Err(_) => {
                let _ = sender.send(Err("the request body stood still for five minutes".to_owned())).await;
                return;
            }
        };
        let Ok(bytes) = frame.into_data() else { continue };
        let length = bytes.len();
        if sender.send(Ok(bytes)).await.is_err() {
            unread += length;
            if unread > DRAIN_BYTES {
                return;
            }
        }
    }
}

impl Read for FrameReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.frames.blocking_recv() {
                Some(Ok(bytes)) => self.current = bytes,
                Some(Err(reason)) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason)),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// The plain bytes of a request body.
pub(super) struct Body<R: Read>(Unframed<R>);

enum Unframed<R: Read> {
    Plain(Decoded<R>),
    Blocks(BlockReader<Decoded<R>>),
}

impl<R: Read> Body<R> {
    /// Undoes the encoding, then the framing.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new(source: R, encoding: Encoding, framing: Framing) -> Result<Self, Fault> {
        let decoded =
            Decoded::new(source, encoding).map_err(|error| Fault::refuse(Refusal::BadBody, error))?;
        Ok(Self(match framing {
            Framing::Plain => Unframed::Plain(decoded),
            Framing::Blocks => Unframed::Blocks(BlockReader::new(decoded)),
        }))
    }

    /// Reads until `buffer` holds `limit` bytes or the body ends.
    ///
    /// # Errors
    /// A body that was cut off or does not decompress.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<(), Fault> {
        let wanted = limit.saturating_sub(buffer.len());
        self.by_ref()
            .take(wanted as u64)
            .read_to_end(buffer)
            .map(drop)
            .map_err(|error| Fault::refuse(Refusal::BadBody, error))
    }
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Unframed::Plain(reader) => reader.read(buffer),
            Unframed::Blocks(reader) => reader.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests;
