//! A query and an insert in progress. In: a connection, and what the engine calls the stream. Out: pieces of a result, or rows that are stored. Never
//! leaves one open: dropped, it is cancelled.

use super::{Connection, InsertHandle, ResultHandle, text};
use crate::clickhouse::interface::{Chunk, Counts, EngineError};

/// Whether a stream still needs to be cancelled when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamState {
    Open,
    Ended,
}

/// A query in progress. Dropping it early cancels it.
#[derive(Debug)]
pub(in crate::clickhouse) struct RowStream<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) result: ResultHandle,
    pub(super) state: StreamState,
}

impl RowStream<'_> {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The engine's error, which ends the stream.
    pub(in crate::clickhouse) fn next_chunk(&mut self) -> Result<Option<Chunk>, EngineError> {
        if self.state == StreamState::Ended {
            return Ok(None);
        }
        // SAFETY: the stream's handle is live and its connection is borrowed by us alone.
        let result = unsafe { (self.connection.library.fetch)(self.connection.handle, self.result) };
        let chunk = self.connection.library.take(result);
        match chunk {
            Ok(chunk) if chunk.bytes.is_empty() => {
                self.state = StreamState::Ended;
                Ok(None)
            }
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) => {
                self.state = StreamState::Ended;
                Err(error)
            }
        }
    }
}

impl Drop for RowStream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live; it is cancelled when the query still runs, and destroyed exactly once.
        unsafe {
            if self.state == StreamState::Open {
                (self.connection.library.cancel_stream)(self.connection.handle, self.result);
            }
            (self.connection.library.destroy_result)(self.result);
        }
    }
}

/// An insert in progress. Dropping it unfinished cancels it: rows not yet written as a block are forgotten.
#[derive(Debug)]
pub(in crate::clickhouse) struct InsertStream<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) handle: InsertHandle,
    pub(super) state: StreamState,
}

impl InsertStream<'_> {
    /// Appends bytes of the input format, split anywhere. Blocks while the engine is behind.
    ///
    /// # Errors
    /// The engine's error: an earlier row was refused.
    pub(in crate::clickhouse) fn append(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        // SAFETY: the bytes come with their length and are copied by the engine; the handle is live.
        let state =
            unsafe { (self.connection.library.append)(self.handle, bytes.as_ptr().cast(), bytes.len()) };
        if state == 0 { Ok(()) } else { Err(EngineError { text: self.failure().unwrap_or_default() }) }
    }

    /// Ends the insert; when this returns, the rows are in a part.
    ///
    /// # Errors
    /// The engine's error: a row was refused.
    pub(in crate::clickhouse) fn finish(mut self) -> Result<Counts, EngineError> {
        self.state = StreamState::Ended;
        // SAFETY: the handle is live; the returned result is ours, the stream itself is destroyed on drop.
        let result = unsafe { (self.connection.library.finish_insert)(self.handle) };
        self.connection.library.take(result).map(|chunk| chunk.counts)
    }

    /// Why the engine refused the insert, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        // SAFETY: the handle is live; the text belongs to it and is copied at once.
        unsafe { text((self.connection.library.insert_error)(self.handle)) }
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live; it is cancelled when unfinished, and destroyed exactly once.
        unsafe {
            if self.state == StreamState::Open {
                (self.connection.library.cancel_insert)(self.handle);
            }
            (self.connection.library.destroy_insert)(self.handle);
        }
    }
}
