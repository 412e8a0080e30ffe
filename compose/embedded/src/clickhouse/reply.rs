//! The answer, from the thread that runs the statement to the socket.
//! In: pieces of a result, counts, at the end success or a fault. Out: a complete answer when it is small or failed
//! early, else a stream; a fault after the first byte goes into the stream the way ClickHouse writes it.
//! Never: a clean end for a result that is not complete.

use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use super::block;
use super::body::Framing;
use super::encoding::{Encoder, Encoding};
use super::fault::Fault;
use super::interface::Counts;
use super::request::Delivery;
use super::watch::Watch;

/// Pieces between the engine and the socket.
const PIECES: usize = 4;
/// An answer below this size is sent at once, with its length and its final counts.
const EARLY: usize = 1 << 20;
/// With `wait_end_of_query=1` an answer is held back up to this size; a larger one streams all the same.
const AT_THE_END: usize = 64 << 20;
/// Size of the pieces of a stream.
const PIECE: usize = 256 << 10;
/// Time for the socket to send an exception before the connection is cut.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How an answer is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Packing {
    /// `compress=1`.
    pub(super) framing: Framing,
    /// `Accept-Encoding`.
    pub(super) encoding: Encoding,
}

/// The first result of a statement, for the HTTP side.
#[derive(Debug)]
pub(super) enum Answer {
    /// It failed before anything was sent.
    Failed(Fault),
    /// A complete answer.
    Complete {
        /// Output format, if the statement has a result.
        format: Option<String>,
        /// What it read and wrote.
        counts: Counts,
        /// How the result is encoded.
        encoding: Encoding,
        /// The result.
        body: Bytes,
    },
    /// More than fits; the rest follows.
    Streaming {
        /// Output format.
        format: Option<String>,
        /// What it has read and written so far.
        counts: Counts,
        /// Marks an exception within the body.
        tag: String,
        /// How the result is encoded.
        encoding: Encoding,
        /// The result.
        body: ReplyBody,
    },
}

/// The client is gone; nobody reads the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub(super) struct Gone;

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// The writing end, on the engine's thread.
pub(super) struct Sink {
    answer: Option<oneshot::Sender<Answer>>,
    pieces: Option<mpsc::Sender<Piece>>,
    buffered: Vec<u8>,
    limit: usize,
    packing: Packing,
    /// The encoder of a stream.
    encoder: Option<Encoder>,
    tag: String,
    version: String,
    /// Output format, once known.
    pub(super) format: Option<String>,
    /// What the statement has read and written so far.
    pub(super) counts: Counts,
}

impl Sink {
    /// An answer that has not begun, and the receiver of its head.
    #[must_use]
    pub(super) fn new(
        delivery: Delivery,
        packing: Packing,
        version: &str,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, receiver) = oneshot::channel();
        let limit = match delivery {
            Delivery::Early => EARLY,
            Delivery::AtTheEnd => AT_THE_END,
        };
        let tag =
            uuid::Uuid::new_v4().into_bytes().map(|byte| char::from(b'a' + byte % 26)).into_iter().collect();
        let sink = Self {
            answer: Some(answer),
            pieces: None,
            buffered: Vec::new(),
            limit,
            packing,
            encoder: None,
            tag,
            version: version.to_owned(),
            format: None,
            counts: Counts::default(),
        };
        (sink, receiver)
    }

    /// Whether nobody waits for the answer any more, and nothing of it was sent.
    pub(super) fn is_unwanted(&self) -> bool {
        self.answer.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Adds a piece of the result; blocks while the client is slow.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) fn push(&mut self, bytes: &[u8], counts: Counts) -> Result<(), Gone> {
        self.counts.add(counts);
        self.buffered.extend_from_slice(bytes);
        if self.is_unwanted() {
            return Err(Gone);
        }
        if self.buffered.len() > self.limit && self.pieces.is_none() {
            self.begin_stream()?;
        }
        if self.pieces.is_some() && self.buffered.len() >= PIECE {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the answer successfully.
    pub(super) fn finish(mut self) {
        if self.pieces.is_some() {
            if self.flush().is_ok() && self.end_encoding().is_ok() {
                let _ = self.send(Piece::End);
            }
        } else if let Some(answer) = self.answer.take() {
            let body = framed(std::mem::take(&mut self.buffered), self.packing.framing);
            // An empty body needs no encoding, and a body that cannot be encoded is sent as it is.
            let (body, encoding) = encoded(&body, self.packing.encoding)
                .map_or((body, Encoding::Identity), |packed| (packed, self.packing.encoding));
            let (format, counts) = (self.format, self.counts);
            let _ = answer.send(Answer::Complete { format, counts, encoding, body });
        }
    }

    /// Ends the answer with a fault.
    pub(super) fn fail(mut self, fault: Fault) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(Answer::Failed(fault));
            return;
        }
        // Without a regular end: the HTTP side cuts the connection after the exception.
        if self.flush().is_ok() {
            let text = exception(&fault.body(&self.version), &self.tag);
            if self.send_packed(text.into_bytes()).is_ok() {
                let _ = self.end_encoding();
            }
        }
    }

    fn begin_stream(&mut self) -> Result<(), Gone> {
        let (sender, pieces) = mpsc::channel(PIECES);
        self.pieces = Some(sender);
        self.encoder = Some(Encoder::new(self.packing.encoding).map_err(|_| Gone)?);
        let answer = Answer::Streaming {
            format: self.format.clone(),
            counts: self.counts,
            tag: self.tag.clone(),
            encoding: self.packing.encoding,
            body: ReplyBody::Stream { pieces: Pieces(pieces), cut: None, watch: None },
        };
        self.answer.take().ok_or(Gone)?.send(answer).map_err(|_| Gone)
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let buffered = std::mem::take(&mut self.buffered);
        if buffered.is_empty() {
            return Ok(());
        }
        self.send_packed(buffered)
    }

    fn send_packed(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let framed = framed(bytes, self.packing.framing);
        let encoder = self.encoder.as_mut().ok_or(Gone)?;
        let packed = encoder.piece(&framed).map_err(|_| Gone)?;
        self.send(Piece::Bytes(packed.into()))
    }

    fn end_encoding(&mut self) -> Result<(), Gone> {
        let last = self.encoder.take().ok_or(Gone)?.finish().map_err(|_| Gone)?;
        if last.is_empty() { Ok(()) } else { self.send(Piece::Bytes(last.into())) }
    }

    fn send(&self, piece: Piece) -> Result<(), Gone> {
        self.pieces.as_ref().ok_or(Gone)?.blocking_send(piece).map_err(|_| Gone)
    }
}

/// An exception within a body, as ClickHouse has written it since 25.11.
fn exception(message: &str, tag: &str) -> String {
    let mut text = format!("\r\n__exception__\r\n{tag}\r\n{message}");
    let _ = write!(text, "{} {tag}\r\n__exception__\r\n", message.len());
    text
}

/// Packs an answer into blocks when the client asked for them.
#[must_use]
pub(super) fn framed(bytes: Vec<u8>, framing: Framing) -> Bytes {
    match framing {
        Framing::Plain => bytes.into(),
        Framing::Blocks => bytes.chunks(EARLY).flat_map(block::pack).collect::<Vec<u8>>().into(),
    }
}

/// An encoded body; `None` if it is better left as it is.
fn encoded(body: &Bytes, encoding: Encoding) -> Option<Bytes> {
    if body.is_empty() || encoding == Encoding::Identity {
        return None;
    }
    let mut encoder = Encoder::new(encoding).ok()?;
    let mut packed = encoder.piece(body).ok()?;
    packed.extend(encoder.finish().ok()?);
    Some(packed.into())
}

/// A response body.
#[derive(Debug)]
pub(super) enum ReplyBody {
    /// All of it at once; `None` once it is taken.
    Full(Option<Bytes>),
    /// Pieces from the engine's thread.
    Stream {
        /// The receiver of the pieces.
        pieces: Pieces,
        /// Set when the stream was interrupted and the connection is about to be cut.
        cut: Option<Pin<Box<Sleep>>>,
        /// Ends the statement if the client leaves early.
        watch: Option<Watch>,
    },
}

impl ReplyBody {
    /// A stream whose statement ends with it.
    #[must_use]
    pub(super) fn watched(mut self, watching: Option<Watch>) -> Self {
        if let Self::Stream { watch, .. } = &mut self {
            *watch = watching;
        }
        self
    }
}

/// The receiving end of a stream.
#[derive(Debug)]
pub(super) struct Pieces(mpsc::Receiver<Piece>);

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))),
            ),
            Self::Stream { pieces, cut, watch } => {
                if cut.is_none() {
                    match pieces.0.poll_recv(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Some(Piece::Bytes(bytes))) => {
                            return Poll::Ready(Some(Ok(Frame::data(bytes))));
                        }
                        Poll::Ready(Some(Piece::End)) => {
                            if let Some(watch) = watch.take() {
                                watch.answered();
                            }
                            return Poll::Ready(None);
                        }
                        Poll::Ready(None) => {}
                    }
                }
                // Pending first, so that written bytes reach the socket before the error drops the connection.
                let sleep = cut.get_or_insert_with(|| Box::pin(tokio::time::sleep(LAST_WORDS)));
                sleep
                    .as_mut()
                    .poll(context)
                    .map(|()| Some(Err(std::io::Error::other("the result broke off"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests;
