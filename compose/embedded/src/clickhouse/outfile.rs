//! A query's result through a pipe, for formats that the engine cannot produce piece by piece: JSON, Arrow, Parquet, Pretty. In: a query, a
//! connection, a receiver of bytes. Out: the bytes as the engine writes them, then the counts. Never: a file, and never more of a result in memory
//! than the pipe and one piece.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;

use super::ffi::Connection;
use super::interface::{Counts, EngineError, Statement};
use super::reply::Gone;

/// Largest piece read from the pipe at once.
const PIECE: usize = 256 << 10;
/// The folder in which a process finds its open files by number.
const OPEN_FILES: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };

/// Why a result is incomplete.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutfileError {
    /// The system has no pipe or no thread left.
    #[error("no pipe for the result")]
    Pipe(#[from] io::Error),
    /// The engine's error.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The receiver is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// A query that the engine writes into a pipe.
pub(super) struct Outfile {
    reader: PipeReader,
    /// Kept open until the engine has answered, so that a query that fails before it writes does not look like the end of the result.
    writer: PipeWriter,
    sql: Vec<u8>,
}

impl Outfile {
    /// `sql` ends with its own clauses at `end`, where INTO OUTFILE belongs; `format` is the name of its format, which it may name itself.
    ///
    /// # Errors
    /// The system has no pipe left.
    pub(super) fn new(sql: &[u8], end: usize, format: Option<&str>) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let (query, tail) = sql.split_at(end.min(sql.len()));
        // A pipe cannot be truncated, but the word keeps the engine from insisting on a new file.
        let into = format!("\nINTO OUTFILE '{OPEN_FILES}/{}' TRUNCATE ", writer.as_raw_fd());
        let format = format.map(|format| format!("FORMAT {format}\n")).unwrap_or_default();
        let sql = [query, into.as_bytes(), format.as_bytes(), tail].concat();
        Ok(Self { reader, writer, sql })
    }

    /// Runs the query and passes its bytes to `take`, which can end it by an error; `kill` then ends a query that writes nothing for long.
    ///
    /// # Errors
    /// The engine's error, after the bytes that it wrote before; or the receiver is gone.
    pub(super) fn run(
        self,
        connection: &mut Connection,
        parameters: &[(String, String)],
        mut take: impl FnMut(&[u8]) -> Result<(), Gone>,
        kill: impl FnOnce(),
    ) -> Result<Counts, OutfileError> {
        let Self { mut reader, writer, sql } = self;
        std::thread::scope(|scope| {
            let engine =
                std::thread::Builder::new().name("outfile".to_owned()).spawn_scoped(scope, move || {
                    let result = connection.run(Statement { sql: &sql, format: "Null", parameters });
                    drop(writer);
                    result
                })?;
            let taken = pass_on(&mut reader, &mut take);
            // Without a reader, further writes of the engine fail.
            drop(reader);
            if taken.is_err() {
                kill();
            }
            let result = engine.join().unwrap_or_else(|_| Err(EngineError::nothing()));
            taken?;
            Ok(result?.counts)
        })
    }
}

fn pass_on(
    reader: &mut PipeReader,
    take: &mut impl FnMut(&[u8]) -> Result<(), Gone>,
) -> Result<(), OutfileError> {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => take(piece.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
