//! The C interface of the ClickHouse engine as a library (`libchdb.so`), made safe.
//! In: a path to the library, statements and bytes to insert. Out: owned results and the engine's own error texts.
//! Never: anything that knows HTTP, and never two statements at once on one connection.
#![expect(unsafe_code, reason = "the engine has a C interface; this file and those below it alone call it")]

mod stream;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use self::stream::{InsertStream, RowStream, StreamState};
use super::interface::{Analysis, Chunk, Counts, EngineError, LoadError, Statement};

/// What the C interface calls a connection: a pointer whose target the engine owns.
type ConnectionHandle = *mut c_void;
type ResultHandle = *mut c_void;
type InsertHandle = *mut c_void;
type Text = *const c_char;
/// Running a query, starting a stream and starting an insert take the same: statement, format, placeholders.
type Begin = unsafe extern "C" fn(
    ConnectionHandle,
    Text,
    usize,
    Text,
    usize,
    *const Text,
    *const usize,
    *const Text,
    *const usize,
    usize,
) -> *mut c_void;

/// The functions of the loaded engine. Loaded once per process and never unloaded: its threads outlive every handle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Library {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut ConnectionHandle,
    close: unsafe extern "C" fn(*mut ConnectionHandle),
    query: Begin,
    stream: Begin,
    fetch: unsafe extern "C" fn(ConnectionHandle, ResultHandle) -> ResultHandle,
    cancel_stream: unsafe extern "C" fn(ConnectionHandle, ResultHandle),
    insert: Begin,
    append: unsafe extern "C" fn(InsertHandle, *const c_void, usize) -> c_int,
    finish_insert: unsafe extern "C" fn(InsertHandle) -> ResultHandle,
    cancel_insert: unsafe extern "C" fn(InsertHandle),
    insert_error: unsafe extern "C" fn(InsertHandle) -> Text,
    destroy_insert: unsafe extern "C" fn(InsertHandle),
    destroy_result: unsafe extern "C" fn(ResultHandle),
    buffer: unsafe extern "C" fn(ResultHandle) -> Text,
    length: unsafe extern "C" fn(ResultHandle) -> usize,
    error: unsafe extern "C" fn(ResultHandle) -> Text,
    counters: [unsafe extern "C" fn(ResultHandle) -> u64; 6],
    classify: unsafe extern "C" fn(ConnectionHandle, Text, usize, Text, usize, *mut Analysis) -> c_int,
    shutdown: unsafe extern "C" fn() -> c_int,
}

/// Placeholders as the C interface needs them: four parallel arrays.
struct Arrays {
    names: Vec<Text>,
    name_lengths: Vec<usize>,
    values: Vec<Text>,
    value_lengths: Vec<usize>,
}

impl Arrays {
    fn of(parameters: &[(String, String)]) -> Self {
        Self {
            names: parameters.iter().map(|(name, _)| name.as_ptr().cast()).collect(),
            name_lengths: parameters.iter().map(|(name, _)| name.len()).collect(),
            values: parameters.iter().map(|(_, value)| value.as_ptr().cast()).collect(),
            value_lengths: parameters.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

impl Library {
    /// Loads the engine and keeps it from installing signal handlers.
    ///
    /// # Errors
    /// The file is not the expected library.
    pub(super) fn load(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Library { path: path.to_owned(), source };
        // SAFETY: the caller names the engine's library; its initialisers start no threads and touch no state of ours.
        let library = unsafe { libloading::Library::new(path) }.map_err(failed)?;
        // Leaked on purpose: the function pointers below are copied out and must stay valid for the whole process.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        // SAFETY: every name is looked up with the signature that the interface's header (chdb.h) declares for it.
        let loaded = unsafe {
            let signals: libloading::Symbol<'_, unsafe extern "C" fn(c_int)> =
                library.get(c"chdb_set_signal_handlers_enabled").map_err(failed)?;
            signals(0);
            Self {
                connect: *library.get(c"chdb_connect").map_err(failed)?,
                close: *library.get(c"chdb_close_conn").map_err(failed)?,
                query: *library.get(c"chdb_query_with_params_n").map_err(failed)?,
                stream: *library.get(c"chdb_stream_query_with_params_n").map_err(failed)?,
                fetch: *library.get(c"chdb_stream_fetch_result").map_err(failed)?,
                cancel_stream: *library.get(c"chdb_stream_cancel_query").map_err(failed)?,
                insert: *library.get(c"chdb_stream_insert_with_params_n").map_err(failed)?,
                append: *library.get(c"chdb_stream_append").map_err(failed)?,
                finish_insert: *library.get(c"chdb_stream_done").map_err(failed)?,
                cancel_insert: *library.get(c"chdb_stream_cancel_insert").map_err(failed)?,
                insert_error: *library.get(c"chdb_stream_insert_error").map_err(failed)?,
                destroy_insert: *library.get(c"chdb_destroy_insert_stream").map_err(failed)?,
                destroy_result: *library.get(c"chdb_destroy_query_result").map_err(failed)?,
                buffer: *library.get(c"chdb_result_buffer").map_err(failed)?,
                length: *library.get(c"chdb_result_length").map_err(failed)?,
                error: *library.get(c"chdb_result_error").map_err(failed)?,
                counters: [
                    *library.get(c"chdb_result_rows_read").map_err(failed)?,
                    *library.get(c"chdb_result_bytes_read").map_err(failed)?,
                    *library.get(c"chdb_result_storage_rows_read").map_err(failed)?,
                    *library.get(c"chdb_result_storage_bytes_read").map_err(failed)?,
                    *library.get(c"chdb_result_rows_written").map_err(failed)?,
                    *library.get(c"chdb_result_bytes_written").map_err(failed)?,
                ],
                classify: *library.get(c"chdb_classify_query_n").map_err(failed)?,
                shutdown: *library.get(c"chdb_shutdown").map_err(failed)?,
            }
        };
        Ok(loaded)
    }

    /// Opens a connection; the first one of the process starts the engine. `arguments` are `--name=value`.
    ///
    /// # Errors
    /// When the engine does not start.
    pub(super) fn open(&self, arguments: &[String]) -> Result<Connection, LoadError> {
        let mut arguments: Vec<CString> = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<_, _>>()?;
        let mut pointers: Vec<*mut c_char> =
            arguments.iter_mut().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
        // SAFETY: `pointers` holds `count` zero-terminated strings that outlive the call; the engine copies them.
        let pointer = unsafe { (self.connect)(count, pointers.as_mut_ptr()) };
        if pointer.is_null() {
            return Err(LoadError::Connect);
        }
        // SAFETY: a non-null return points at the connection handle, which stays valid until it is closed.
        let handle = unsafe { *pointer };
        if handle.is_null() {
            return Err(LoadError::Connect);
        }
        Ok(Connection { library: *self, pointer, handle })
    }

    /// Stops the engine's threads for good. False when a connection is open or a thread did not stop.
    #[must_use]
    pub(super) fn shutdown(&self) -> bool {
        // SAFETY: takes nothing, may be called from any thread, and refuses by itself while a connection is open.
        unsafe { (self.shutdown)() == 0 }
    }

    /// Takes ownership of a result and copies it out.
    fn take(&self, result: ResultHandle) -> Result<Chunk, EngineError> {
        if result.is_null() {
            return Err(EngineError::nothing());
        }
        // SAFETY: `result` is a live result that nobody else holds; its text and buffer are copied before it is
        // destroyed, exactly once, and a buffer is read only for the length the engine reports.
        unsafe {
            let taken = match text((self.error)(result)) {
                Some(text) => Err(EngineError { text }),
                None => {
                    let buffer = (self.buffer)(result);
                    let length = (self.length)(result);
                    let bytes = if buffer.is_null() || length == 0 {
                        Vec::new()
                    } else {
                        std::slice::from_raw_parts(buffer.cast::<u8>(), length).to_vec()
                    };
                    let [result_rows, result_bytes, read_rows, read_bytes, written_rows, written_bytes] =
                        self.counters.map(|counter| counter(result));
                    let counts = Counts {
                        result_rows,
                        result_bytes,
                        read_rows,
                        read_bytes,
                        written_rows,
                        written_bytes,
                    };
                    Ok(Chunk { bytes, counts })
                }
            };
            (self.destroy_result)(result);
            taken
        }
    }
}

/// A connection: its own session (database, settings, temporary tables). Closed when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    library: Library,
    pointer: *mut ConnectionHandle,
    handle: ConnectionHandle,
}

// SAFETY: the engine binds a connection to no thread; it asks only that one thread at a time uses it, and every
// method that talks to the engine takes `&mut self`.
unsafe impl Send for Connection {}

impl Connection {
    /// Runs a statement and waits for its whole result.
    ///
    /// # Errors
    /// The engine's error.
    pub(super) fn run(&mut self, statement: Statement<'_>) -> Result<Chunk, EngineError> {
        let result = self.begin(self.library.query, statement);
        self.library.take(result)
    }

    /// Starts a query whose result comes in pieces. Each piece is formatted separately, with its own header.
    ///
    /// # Errors
    /// The engine's error: the text does not parse, or is not a query that streams.
    pub(super) fn stream(&mut self, statement: Statement<'_>) -> Result<RowStream<'_>, EngineError> {
        let result = self.begin(self.library.stream, statement);
        if result.is_null() {
            return Err(EngineError::nothing());
        }
        // SAFETY: the result is live; the text is copied at once.
        if let Some(text) = unsafe { text((self.library.error)(result)) } {
            // SAFETY: the failed result is ours, and is destroyed exactly once, here.
            unsafe { (self.library.destroy_result)(result) };
            return Err(EngineError { text });
        }
        Ok(RowStream { connection: self, result, state: StreamState::Open })
    }

    /// Starts an insert to which rows are appended. The SQL ends before its FORMAT or VALUES.
    ///
    /// # Errors
    /// The engine's error: no such table, no such format.
    pub(super) fn insert(&mut self, statement: Statement<'_>) -> Result<InsertStream<'_>, EngineError> {
        let handle = self.begin(self.library.insert, statement);
        if handle.is_null() {
            return Err(EngineError::nothing());
        }
        let stream = InsertStream { connection: self, handle, state: StreamState::Open };
        match stream.failure() {
            Some(text) => Err(EngineError { text }),
            None => Ok(stream),
        }
    }

    /// Hands a statement to one of the functions that begin one.
    fn begin(&mut self, function: Begin, statement: Statement<'_>) -> *mut c_void {
        let arrays = Arrays::of(statement.parameters);
        // SAFETY: every pointer comes with its length and outlives the call, in which the engine copies what it keeps;
        // the handle is open and, by `&mut self`, ours alone.
        unsafe {
            function(
                self.handle,
                statement.sql.as_ptr().cast(),
                statement.sql.len(),
                statement.format.as_ptr().cast(),
                statement.format.len(),
                arrays.names.as_ptr(),
                arrays.name_lengths.as_ptr(),
                arrays.values.as_ptr(),
                arrays.value_lengths.as_ptr(),
                arrays.names.len(),
            )
        }
    }

    /// Asks the engine's parser what a text would do. Runs nothing.
    #[must_use]
    pub(super) fn classify(&mut self, sql: &[u8]) -> Analysis {
        let size = u32::try_from(size_of::<Analysis>()).unwrap_or_default();
        let unknown = Analysis { struct_size: size, statements: 0, flags: 0, class: 4 };
        let mut analysis = unknown;
        // SAFETY: the text comes with its length; the struct has the layout and the size that it declares.
        let state = unsafe {
            (self.library.classify)(
                self.handle,
                sql.as_ptr().cast(),
                sql.len(),
                std::ptr::null(),
                0,
                &raw mut analysis,
            )
        };
        if state == 0 { analysis } else { unknown }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once, and streams borrow the connection, so none is open.
        unsafe { (self.library.close)(self.pointer) };
    }
}

/// Copies a zero-terminated text out of the engine; `None` for null.
///
/// # Safety
/// `pointer` is null or points at a zero-terminated text that stays valid during the call.
unsafe fn text(pointer: Text) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
