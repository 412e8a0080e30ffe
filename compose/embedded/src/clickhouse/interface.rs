//! The values that go into the engine and come out of it. In: nothing; these are types. Out: limits, statements, results, counts and errors for
//! `ffi`. Never: a pointer.

use std::ffi::NulError;
use std::path::PathBuf;
use std::time::Duration;

/// Limits of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Memory limit of the engine, in bytes; one statement gets at most three quarters of it.
    pub memory_bytes: u64,
    /// Threads a statement may use, and threads for merges.
    pub threads: u32,
    /// Concurrent statements; more have to wait.
    pub concurrent_queries: u32,
    /// How long running requests may continue after shutdown is asked for.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, threads: 2, concurrent_queries: 32, drain: Duration::from_secs(10) }
    }
}

/// Why the engine could not be loaded or a connection opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing, is not a library, or lacks a function of the interface.
    #[error("cannot load the ClickHouse engine from {}", path.display())]
    Library {
        /// The path of the library.
        path: PathBuf,
        /// The loader's error.
        #[source]
        source: libloading::Error,
    },
    /// The engine refused to open its data directory; it prints the reason itself, if any.
    #[error("the ClickHouse engine did not start; is another process using its data directory?")]
    Connect,
    /// An argument holds a zero byte.
    #[error("an argument of the ClickHouse engine holds a zero byte")]
    Argument(#[from] NulError),
}

/// An error in the engine's own words: `Code: 60. DB::Exception: ...`.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct EngineError {
    /// The engine's message, unchanged.
    pub(super) text: String,
}

impl EngineError {
    /// The engine returned a null pointer where it promises a handle.
    pub(super) fn nothing() -> Self {
        Self { text: "Code: 1001. DB::Exception: the engine gave no result.".to_owned() }
    }
}

/// The parser's analysis of a text, without running it. The layout is the C interface's.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Analysis {
    /// Size of this struct, which the engine reads.
    pub(super) struct_size: u32,
    /// Executable statements in the text; 0 when it does not parse.
    pub(super) statements: u32,
    pub(super) flags: u32,
    pub(super) class: u32,
}

impl Analysis {
    /// Whether the text parses and changes nothing, not even the session.
    #[must_use]
    pub(super) fn is_read_only(&self) -> bool {
        self.statements > 0 && self.class == 0
    }

    /// Whether the text changes the session (SET, USE, a temporary table) or the server rather than tables.
    #[must_use]
    pub(super) fn is_control(&self) -> bool {
        self.class == 3
    }
}

/// Rows and bytes a statement touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Rows of the result.
    pub(super) result_rows: u64,
    /// Bytes of the result, before formatting.
    pub(super) result_bytes: u64,
    /// Rows read from tables.
    pub(super) read_rows: u64,
    /// Bytes read from tables.
    pub(super) read_bytes: u64,
    /// Rows written, materialized views included.
    pub(super) written_rows: u64,
    /// Bytes written, before compression.
    pub(super) written_bytes: u64,
}

/// One formatted result, or one piece of a streamed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Bytes in the output format.
    pub(super) bytes: Vec<u8>,
    /// What was read and written to produce them.
    pub(super) counts: Counts,
}

/// A statement with its output (or input) format and the values of its `{name:Type}` placeholders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    /// The SQL, any bytes.
    pub(super) sql: &'a [u8],
    /// Name of the format, unless the SQL names one itself.
    pub(super) format: &'a str,
    /// Names and values of placeholders.
    pub(super) parameters: &'a [(String, String)],
}

impl Counts {
    /// Adds the counts of another piece.
    pub(super) fn add(&mut self, other: Self) {
        self.result_rows += other.result_rows;
        self.result_bytes += other.result_bytes;
        self.read_rows += other.read_rows;
        self.read_bytes += other.read_bytes;
        self.written_rows += other.written_rows;
        self.written_bytes += other.written_bytes;
    }
}
