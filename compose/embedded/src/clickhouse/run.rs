//! One statement, from its text to its last row. Runs on a blocking thread. In: a request, the reader of its body, a prepared connection. Out: pieces
//! of a result in the sink, or a fault. Never: commits rows of a body that was cut off, and never more of a body or a result in memory than a few
//! pieces, except for SHOW, DESCRIBE, EXPLAIN and the like, up to a limit.

use std::io::Read;

use super::body::{Body, FrameReader};
use super::engine::Engine;
use super::fault::{Fault, Refusal};
use super::ffi::Connection;
use super::format::{self, Joining};
use super::hello::{self, Server};
use super::interface::{Counts, EngineError, Statement as EngineStatement};
use super::outfile::{Outfile, OutfileError};
use super::reply::Sink;
use super::request::{Access, Request};
use super::rewrite::{self, SetReadonly};
use super::server::DISPLAY_NAME;
use super::session::{Effect, Lease};
use super::sql::execute;
use super::statement::{self, Statement};
use super::tokens::Tokens;

/// ClickHouse's default for `max_query_size`.
const QUERY_BYTES: usize = 256 << 10;
/// Limit of a statement in memory, whatever `max_query_size` is.
const MAX_QUERY_BYTES: usize = 64 << 20;
/// Rows are handed to the engine in pieces of this size.
const APPEND_BYTES: usize = 256 << 10;
/// Largest result, in the engine's own columns, of a statement that returns all rows at once.
const WHOLE_BYTES: usize = 128 << 20;

/// Why a statement ended early.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Gone(#[from] super::reply::Gone),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<OutfileError> for Stop {
    fn from(error: OutfileError) -> Self {
        match error {
            OutfileError::Gone(gone) => Self::Gone(gone),
            OutfileError::Engine(error) => error.into(),
            OutfileError::Pipe(error) => {
                let text =
                    format!("Code: 1001. DB::Exception: no pipe for the result: {error}. (STD_EXCEPTION)");
                EngineError { text }.into()
            }
        }
    }
}

/// Runs the request's statement and ends the sink.
pub(super) fn run(engine: &Engine, request: &Request, body: FrameReader, mut sink: Sink) {
    if sink.is_unwanted() {
        // Its client left while it waited for a slot.
        return;
    }
    match lease_and_run(engine, request, body, &mut sink) {
        Ok(()) => sink.finish(),
        Err(Stop::Fault(fault)) => sink.fail(fault),
        Err(Stop::Gone(gone)) => {
            tracing::debug!(query_id = request.query_id, %gone, "a result was not read to its end")
        }
    }
}

fn lease_and_run(engine: &Engine, request: &Request, body: FrameReader, sink: &mut Sink) -> Result<(), Stop> {
    let mut body = Body::new(body, request.encoding, request.body_framing)?;
    let mut text = request.query.clone().into_bytes();
    if !text.is_empty() {
        // The body continues the query on a new line.
        text.push(b'\n');
    }
    let limit = request.setting("max_query_size").and_then(|size| size.parse().ok()).unwrap_or(QUERY_BYTES);
    let limit = limit.clamp(text.len().max(1), MAX_QUERY_BYTES);
    if text.is_empty() || !statement::is_complete_insert(&text) {
        body.fill(&mut text, limit)?;
    }
    match Statement::read(&text)? {
        Statement::Insert { head, format, rows } => {
            if request.access == Access::Read {
                return Err(read_only().into());
            }
            let mut lease = engine.lease(request)?;
            if lease.readonly() > 0 {
                lease.release();
                return Err(session_read_only().into());
            }
            let statement =
                EngineStatement { sql: &text[..head], format: &format, parameters: &request.parameters };
            let inserted = insert(lease.connection(), statement, &text[rows..], &mut body);
            // The session is released before the client gets the answer and sends its next request.
            lease.release();
            sink.push(&[], inserted?)?;
        }
        Statement::Other { format, output } => {
            // One byte more shows whether a statement fits exactly or was cut off.
            body.fill(&mut text, limit + 1)?;
            if text.len() > limit {
                let reason =
                    format_args!("Syntax error: Max query size exceeded ({limit} bytes, see max_query_size)");
                return Err(Fault::refuse(Refusal::Syntax, reason).into());
            }
            let asked = format.as_deref().or(request.default_format.as_deref()).unwrap_or("TabSeparated");
            if request.protocol > 0 && asked == "Native" {
                let server =
                    Server { name: DISPLAY_NAME, version: &engine.version, timezone: &engine.timezone };
                if let Some(block) = hello::answer(&text, request.protocol, server) {
                    sink.format = Some(asked.to_owned());
                    return Ok(sink.push(&block, Counts::default())?);
                }
            }
            let rewritten = rewrite::kill(&text);
            let sql = rewritten.as_deref().unwrap_or(&text);
            let statement = EngineStatement { sql, format: asked, parameters: &request.parameters };
            let output = output.map(|end| Output { end, is_named: format.is_some() });
            let mut lease = engine.lease(request)?;
            let done = other(engine, &mut lease, statement, output, request, sink);
            lease.release();
            done?;
        }
    }
    Ok(())
}

/// A query's clauses about its output.
#[derive(Debug, Clone, Copy)]
struct Output {
    /// Position at which they begin.
    end: usize,
    /// Whether they name the format.
    is_named: bool,
}

/// Runs a statement that takes no rows.
fn other(
    engine: &Engine,
    lease: &mut Lease<'_>,
    statement: EngineStatement<'_>,
    output: Option<Output>,
    request: &Request,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let analysis = lease.connection().classify(statement.sql);
    if analysis.statements > 1 {
        let reason = "Syntax error (Multi-statements are not allowed)";
        return Err(Fault::refuse(Refusal::Syntax, reason).into());
    }
    let changes = analysis.statements > 0 && !analysis.is_read_only();
    if request.access == Access::Read && changes {
        return Err(read_only().into());
    }
    let first = Tokens::new(statement.sql).next();
    let is = |word| first.is_some_and(|first| first.is(statement.sql, word));
    if request.session.is_some()
        && let Some(set) = rewrite::set_readonly(statement.sql)?
    {
        return set_readonly(lease, &set);
    }
    if changes && lease.readonly() > 0 && !is("USE") && !(is("SET") && lease.readonly() == 2) {
        return Err(session_read_only().into());
    }
    // A text that does not parse is treated as a query: it causes the engine's syntax error and runs nothing.
    if analysis.is_read_only() || analysis.statements == 0 {
        sink.format = Some(statement.format.to_owned());
        return select(engine, lease.connection(), statement, output, request, sink);
    }
    let result = lease.connection().run(statement)?;
    if analysis.is_control() {
        lease.changed(if is("USE") { Effect::Database } else { Effect::Settings });
    }
    if !result.bytes.is_empty() {
        sink.format = Some(statement.format.to_owned());
    }
    sink.push(&result.bytes, result.counts)?;
    Ok(())
}

fn read_only() -> Fault {
    Fault::refuse(
        Refusal::ReadOnly,
        "default: Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. \
         You should use method POST for modifying queries",
    )
}

fn session_read_only() -> Fault {
    Fault::refuse(
        Refusal::ReadOnly,
        "default: Cannot execute query in readonly mode: the session has SET readonly",
    )
}

/// A session's `readonly` can be raised but not lowered, as in ClickHouse; at 1 it allows no other settings.
fn set_readonly(lease: &mut Lease<'_>, set: &SetReadonly) -> Result<(), Stop> {
    let now = lease.readonly();
    if now > 0 && (set.level != now || (now == 1 && set.rest.is_some())) {
        let reason = "Cannot modify 'readonly' setting in readonly mode";
        return Err(Fault::refuse(Refusal::ReadOnly, reason).into());
    }
    if let Some(rest) = &set.rest {
        lease.connection().run(EngineStatement { sql: rest, format: "Null", parameters: &[] })?;
        lease.changed(Effect::Settings);
    }
    lease.set_readonly(set.level);
    Ok(())
}

/// Feeds rows until the body ends. Any error before that cancels the insert.
fn insert(
    connection: &mut Connection,
    statement: EngineStatement<'_>,
    rows: &[u8],
    body: &mut impl Read,
) -> Result<Counts, Fault> {
    let mut stream = connection.insert(statement)?;
    let mut source = rows.chain(body);
    let mut piece = Vec::with_capacity(APPEND_BYTES);
    loop {
        piece.clear();
        source
            .by_ref()
            .take(APPEND_BYTES as u64)
            .read_to_end(&mut piece)
            .map_err(|error| Fault::refuse(Refusal::BadBody, error))?;
        if piece.is_empty() {
            return Ok(stream.finish()?);
        }
        if let Err(error) = stream.append(&piece) {
            // The stream's own text is empty while the refusal is still on its way; the end of the insert has it.
            return Err(
                if error.text.is_empty() { stream.finish().err().unwrap_or(error) } else { error }.into()
            );
        }
    }
}

fn select(
    engine: &Engine,
    connection: &mut Connection,
    statement: EngineStatement<'_>,
    output: Option<Output>,
    request: &Request,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let names = request.settings.iter().map(|(name, _)| name.as_bytes());
    match format::joining(statement.format, names.chain([statement.sql])) {
        Joining::Whole => match output.filter(|_| format::is_name(statement.format)) {
            Some(output) => {
                let named = (!output.is_named).then_some(statement.format);
                let outfile = Outfile::new(statement.sql, output.end, named).map_err(OutfileError::from)?;
                let take = |bytes: &[u8]| sink.push(bytes, Counts::default());
                let kill = || engine.kill(Some(&request.query_id));
                let counts = outfile.run(connection, statement.parameters, take, kill)?;
                Ok(sink.push(&[], counts)?)
            }
            None => whole(connection, statement, request, sink),
        },
        joining => match streamed(connection, statement, joining, sink)? {
            Streamed::Done => Ok(()),
            Streamed::NotAStream => whole(connection, statement, request, sink),
        },
    }
}

/// Whether a query ran as a stream.
enum Streamed {
    Done,
    /// SHOW, DESCRIBE, EXPLAIN and the like return all rows at once; nothing has run yet.
    NotAStream,
}

/// Streams a query's rows, in a format that can be joined from pieces.
fn streamed(
    connection: &mut Connection,
    statement: EngineStatement<'_>,
    joining: Joining,
    sink: &mut Sink,
) -> Result<Streamed, Stop> {
    let mut rows = match connection.stream(statement) {
        Ok(rows) => rows,
        Err(error) if error.text.contains("Streaming query is not supported") => {
            return Ok(Streamed::NotAStream);
        }
        Err(error) => return Err(error.into()),
    };
    let mut header: Option<Vec<u8>> = None;
    while let Some(chunk) = rows.next_chunk()? {
        let mut bytes = chunk.bytes.as_slice();
        if let Joining::Header(shape) = joining {
            match &header {
                Some(header) => bytes = bytes.strip_prefix(header.as_slice()).unwrap_or(bytes),
                None => header = Some(bytes[..shape.length(bytes).unwrap_or_default()].to_vec()),
            }
        }
        sink.push(bytes, chunk.counts)?;
    }
    Ok(Streamed::Done)
}

/// Writes a result at once, for a statement that is not a query.
fn whole(
    connection: &mut Connection,
    statement: EngineStatement<'_>,
    request: &Request,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let is_limited = request.setting("max_result_bytes").is_some() || request.setting("readonly").is_some();
    if !is_limited {
        let limit = format!("SET max_result_bytes = {WHOLE_BYTES}, result_overflow_mode = 'throw'");
        execute(connection, &limit)?;
    }
    let result = connection.run(statement);
    if !is_limited && request.session.is_some() {
        execute(connection, "SET max_result_bytes = DEFAULT, result_overflow_mode = DEFAULT")?;
    }
    let result = result.map_err(|error| {
        let fault = Fault::from(error);
        // TOO_MANY_ROWS_OR_BYTES
        if is_limited || fault.code != 396 { fault } else { fault.advising(&whole_limit()) }
    })?;
    sink.push(&result.bytes, result.counts)?;
    Ok(())
}

fn whole_limit() -> String {
    format!(
        "The embedded ClickHouse holds the result of a statement that is no SELECT in memory, up to {} MiB; \
         the setting max_result_bytes allows more",
        WHOLE_BYTES >> 20
    )
}
