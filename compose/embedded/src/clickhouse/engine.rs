//! The running engine. In: the library, a data directory, limits; then requests. Out: connections prepared for one request each. Never: lets one
//! request's settings reach the next, and never runs more statements at once than the limit.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::{Fault, Refusal};
use super::ffi::{Connection, Library};
use super::interface::{LoadError, Options, Statement};
use super::request::{Access, Request};
use super::rights;
use super::session::{Lease, Sessions, lock};
use super::sql::{execute, quote, quote_identifier};

/// Memory for the marks of parts; the engine's default of 5 GiB suits servers.
const MARK_CACHE_BYTES: u64 = 64 << 20;
/// Free disk space that inserts must leave: an engine on a full disk can create parts that nobody can read.
const FREE_DISK_BYTES: u64 = 64 << 20;

/// The engine with its data directory open.
#[derive(Debug)]
pub(super) struct Engine {
    library: Library,
    arguments: Vec<String>,
    /// The engine stops when its last connection closes; this one keeps it running.
    keeper: Mutex<Option<Connection>>,
    slots: Arc<Semaphore>,
    concurrent: u32,
    /// Sessions of clients that asked for one.
    pub(super) sessions: Sessions,
    /// The engine's version, `26.7.2.1`.
    pub(super) version: String,
    /// The server's time zone.
    pub(super) timezone: String,
}

impl Engine {
    /// Loads the library and opens the data directory. Blocks for some tenths of a second.
    ///
    /// # Errors
    /// When the library or the data directory cannot be used.
    pub(super) fn start(library: &Path, data: &Path, options: &Options) -> Result<Self, LoadError> {
        let library = Library::load(library)?;
        let memory = options.memory_bytes;
        let arguments = vec![
            format!("--path={}", data.display()),
            format!("--config-file={}", rights::config_file(data).display()),
            // As on a server; the library's own defaults are those of clickhouse-local.
            "--implicit_select=0".to_owned(),
            "--allow_introspection_functions=0".to_owned(),
            "--async_insert=0".to_owned(),
            format!("--min_free_disk_bytes_to_perform_insert={FREE_DISK_BYTES}"),
            format!("--max_threads={}", options.threads),
            format!("--max_memory_usage={}", memory / 4 * 3),
        ];
        let mut first = arguments.clone();
        first.extend([
            format!("--max_server_memory_usage={memory}"),
            format!("--mark_cache_size={MARK_CACHE_BYTES}"),
            format!("--background_pool_size={}", options.threads),
            "--background_common_pool_size=2".to_owned(),
            "--background_schedule_pool_size=4".to_owned(),
            "--background_move_pool_size=1".to_owned(),
            "--background_fetches_pool_size=1".to_owned(),
        ]);
        let mut keeper = library.open(&first)?;
        let about =
            keeper.run(Statement { sql: b"SELECT version(), timezone()", format: "TSV", parameters: &[] });
        let about = about.map_err(|_| LoadError::Connect)?.bytes;
        let about = String::from_utf8_lossy(&about);
        let (version, timezone) = about.trim_end().split_once('\t').unwrap_or((&about, "UTC"));
        let concurrent = options.concurrent_queries.max(1);
        Ok(Self {
            library,
            arguments,
            keeper: Mutex::new(Some(keeper)),
            slots: Arc::new(Semaphore::new(concurrent as usize)),
            concurrent,
            sessions: Sessions::default(),
            version: version.to_owned(),
            timezone: timezone.to_owned(),
        })
    }

    /// Waits for the right to run a statement. `None` once the engine is stopping.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.slots.clone().acquire_owned().await.ok()
    }

    /// A connection with the request's database and settings.
    ///
    /// # Errors
    /// The session is busy or gone; the engine refuses a setting or the database.
    pub(super) fn lease(&self, request: &Request) -> Result<Lease<'_>, Fault> {
        let mut lease = self.sessions.lease(request.session.as_ref(), || self.open())?;
        // Before the request's settings, because one of them may be readonly.
        let external = request.external.iter().try_for_each(|table| table.create(&mut lease));
        match external.and_then(|()| prepare(&mut lease, request)) {
            Ok(()) => Ok(lease),
            Err(fault) => {
                lease.release();
                Err(fault)
            }
        }
    }

    /// Ends a query whose client is gone, or every statement if no id is given. Blocks.
    pub(super) fn kill(&self, query_id: Option<&str>) {
        let Ok(mut connection) = self.open() else { return };
        let condition = match query_id {
            // Like ClickHouse, which lets a statement that writes continue without its client.
            Some(id) => format!("query_kind = 'Select' AND Settings['log_comment'] = {}", quote(id)),
            None => "query_id != queryID()".to_owned(),
        };
        let sql = format!("KILL QUERY WHERE {condition} ASYNC");
        if let Err(error) = execute(&mut connection, &sql) {
            tracing::warn!(%error, "a statement could not be ended");
        }
    }

    /// Closes the engine after the last statement; nothing runs afterwards. False if a statement does not end, or tables cannot be closed in time;
    /// then the engine is left as it is.
    pub(super) async fn stop(self: &Arc<Self>, patience: Duration) -> bool {
        let all = self.slots.clone().acquire_many_owned(self.concurrent);
        let Ok(Ok(_slots)) = tokio::time::timeout(patience, all).await else {
            return false;
        };
        self.slots.close();
        let engine = self.clone();
        let closing = tokio::task::spawn_blocking(move || {
            engine.sessions.clear();
            // Dropping the last connection flushes and closes the tables.
            drop(lock(&engine.keeper).take());
            if !engine.library.shutdown() {
                // Idle workers of its pools, which end with the process.
                tracing::debug!("the ClickHouse engine left threads running");
            }
        });
        tokio::time::timeout(patience, closing).await.is_ok()
    }

    fn open(&self) -> Result<Connection, Fault> {
        // Held while opening: a connection after the keeper is gone would start the engine again.
        let keeper = lock(&self.keeper);
        if keeper.is_none() {
            return Err(Fault::refuse(Refusal::ShuttingDown, "the embedded ClickHouse is shutting down"));
        }
        self.library.open(&self.arguments).map_err(|error| Fault::refuse(Refusal::ShuttingDown, error))
    }
}

/// Applies the request's database and settings to the connection.
fn prepare(lease: &mut Lease<'_>, request: &Request) -> Result<(), Fault> {
    let mut settings: Vec<(&str, &str)> =
        request.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if request.setting("log_comment").is_none() {
        // The library does not accept a query's id; this mark identifies a statement when it has to be ended.
        settings.push(("log_comment", &request.query_id));
    }
    let is_open = request.setting("readonly").is_none_or(|value| value == "0");
    if request.access == Access::Read && is_open && request.session.is_none() {
        // A session could not turn readonly off again; there, only the statement's class decides.
        settings.push(("readonly", "2"));
    }
    lease.remember(&settings, request.database.as_deref())?;
    if let Some(database) = &request.database {
        execute(lease.connection(), &format!("USE {}", quote_identifier(database)))?;
    }
    let list: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name} = {}", quote(value))).collect();
    execute(lease.connection(), &format!("SET {}", list.join(", ")))?;
    Ok(())
}
