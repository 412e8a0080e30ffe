//! The embedded ClickHouse: its engine as a library behind the HTTP interface that ClickHouse's clients use. In: the library's path, a data
//! directory, a listener on a loopback address. Out: ClickHouse over HTTP. Never: other users than `default`, other addresses than loopback, two
//! engines in one process.
//!
//! A request travels `server` -> `request` (and `form`, `external`) -> `session` -> `run`, which reads the `statement` from the `body` (`encoding`,
//! `block`) and drives the engine through `ffi`; the result travels back through `outfile` or piece by piece, and `reply`.

mod block;
mod body;
mod confine;
mod encoding;
mod engine;
mod external;
mod fault;
mod ffi;
mod form;
mod format;
mod hello;
mod interface;
mod outfile;
mod reply;
mod request;
mod rewrite;
mod rights;
mod run;
mod server;
mod session;
mod sql;
mod statement;
mod tokens;
mod visitor;
mod watch;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::child::{ChildSpec, Environment, GivesUp, Listens};
use crate::probe;
use crate::supervisor::{SuperviseError, Supervisor};

pub use confine::{ConfineError, Confinement, confine};
pub use interface::{LoadError, Options};

/// Why ClickHouse is not served, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There are no passwords, so other machines are kept out.
    #[error("the embedded ClickHouse has no passwords and listens on loopback addresses only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The listener's address or the data directory cannot be used.
    #[error("the embedded ClickHouse cannot use its listener or its data directory")]
    Io(#[from] io::Error),
    /// The engine did not start.
    #[error("the embedded ClickHouse did not start")]
    Engine(#[from] LoadError),
    /// A statement did not end in time, so the engine was not closed. Its threads continue, and only [`child::end`] ends the process.
    ///
    /// [`child::end`]: crate::child::end
    #[error("a statement did not end, so the embedded ClickHouse was left without closing it")]
    Stuck,
}

/// How `gitpulse engine clickhouse` is started as a child: `executable` is that program, `folder` is for its tables and its log.
pub fn child(executable: &Path, library: &Path, folder: &Path, listens: Listens) -> ChildSpec {
    let (tables, address) = (folder.join("tables"), listens.address.to_string());
    let arguments: [OsString; 8] = [
        "engine".into(),
        "clickhouse".into(),
        "--library".into(),
        library.into(),
        "--data".into(),
        tables.clone().into(),
        "--listen".into(),
        address.into(),
    ];
    ChildSpec {
        name: "clickhouse",
        program: executable.to_owned(),
        arguments: arguments.into(),
        log_file: folder.join("clickhouse.log"),
        // The only place where it can find a config.xml, because it is confined to it.
        folder: tables,
        // It does not need the secrets in our environment.
        environment: Environment::Only(Vec::new()),
        listens,
        ready_within: Duration::from_secs(60),
        gives_up: GivesUp::NeverOnceReady,
    }
}

/// Lowers the priority of ClickHouse: senders of webhooks wait for an answer, while tables may be some seconds late.
///
/// # Errors
///
/// When the system refuses.
pub fn give_way() -> io::Result<()> {
    const NICENESS: i32 = 5;
    // For this thread, and those that it starts.
    rustix::process::setpriority_process(None, NICENESS)?;
    Ok(())
}

/// Supervises ClickHouse as [`child`]; ready when it answers.
///
/// # Errors
///
/// Those of [`Supervisor::start`].
pub async fn start(child: ChildSpec) -> Result<Supervisor, SuperviseError> {
    let address = child.listens.address;
    Supervisor::start(child, move || probe::http(address, "/ping")).await
}

/// Serves ClickHouse over HTTP until `shutdown`, then closes the engine. One call per process: the engine is global.
///
/// Returns only once every request has been answered or ended and the engine is closed; leaving the process earlier can crash it.
///
/// # Errors
/// The address is not loopback, the engine does not start, or a statement does not end.
pub async fn serve(
    library: &Path,
    data: &Path,
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    tokio::fs::create_dir_all(data).await?;
    let (library, data) = (library.to_owned(), data.to_owned());
    let started = tokio::task::spawn_blocking(move || engine::Engine::start(&library, &data, &options));
    let engine = Arc::new(started.await.map_err(io::Error::other)??);
    tracing::info!(%address, version = engine.version, "ClickHouse is ready");
    server::accept(engine.clone(), listener, options.drain, shutdown).await;
    if engine.stop(options.drain).await { Ok(()) } else { Err(ServeError::Stuck) }
}

#[cfg(test)]
mod tests;
