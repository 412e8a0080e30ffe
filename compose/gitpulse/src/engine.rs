//! Engines as child processes, for `up` and the tests. In: what to run. Out: a process that dies with its parent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use embedded::child;
use embedded::clickhouse::{self, Confinement, Options, ServeError};
use embedded::provide::{BrokerKind, Cache, Engines, Overrides};

/// Which engine.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, Subcommand)]
enum Engine {
    /// Replaces this process by another program
    Exec {
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Serves the embedded ClickHouse over HTTP
    Clickhouse {
        /// libchdb.so
        #[arg(long)]
        library: PathBuf,
        /// Folder of the tables
        #[arg(long)]
        data: PathBuf,
        /// Address to listen on
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Fetches what the embedded engines need into the cache, and builds what must be built
    Provide {
        /// Only this broker
        #[arg(long, value_name = "kafka|nisshi")]
        broker: Option<BrokerKind>,
    },
}

/// Runs an engine to its end.
pub(crate) fn run(args: EngineArgs) -> anyhow::Result<ExitCode> {
    match args.engine {
        Engine::Exec { command } => {
            child::die_with_parent()?;
            let [program, arguments @ ..] = command.as_slice() else { anyhow::bail!("no program") };
            let program = PathBuf::from(program);
            Err(child::exec(&program, arguments))
                .with_context(|| format!("{} cannot be started", program.display()))
        }
        Engine::Clickhouse { library, data, listen } => {
            child::die_with_parent()?;
            serve_clickhouse(&library, &data, listen)?;
            Ok(ExitCode::SUCCESS)
        }
        Engine::Provide { broker } => provide(broker),
    }
}

/// Installs this broker only, or everything that `up` would run here; ends at a signal.
fn provide(broker: Option<BrokerKind>) -> anyhow::Result<ExitCode> {
    let cache = Cache::default_location()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = runtime::shutdown::on_signal()?;
        tokio::task::spawn_blocking(move || match broker {
            None => Engines::provide(&cache, &Overrides::default(), &stop).map(|_| ()),
            Some(_) => {
                let overrides = Overrides { broker, ..Overrides::default() };
                Engines::provide_broker(&cache, &overrides, &stop).map(|_| ())
            }
        })
        .await??;
        Ok(ExitCode::SUCCESS)
    })
}

/// Serves the embedded ClickHouse, confined to its data.
///
/// Binds the address first, because that is forbidden later. The confinement applies to threads that start after it, so the runtime comes last.
fn serve_clickhouse(library: &Path, data: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    listener.set_nonblocking(true)?;
    if let Err(error) = clickhouse::give_way() {
        tracing::warn!(%error, "ClickHouse keeps the priority of other processes");
    }
    match clickhouse::confine(library, data)? {
        Confinement::Full => tracing::info!("ClickHouse is confined to its data folder"),
        Confinement::Partial => {
            tracing::warn!("ClickHouse is confined to its data folder as far as this kernel can");
        }
        Confinement::None => {
            tracing::warn!(
                "this kernel cannot confine ClickHouse: SQL reads and writes the files of this user"
            );
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let shutdown = runtime::shutdown::on_signal()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        clickhouse::serve(library, data, listener, Options::default(), shutdown).await
    });
    if let Err(stuck @ ServeError::Stuck) = &served {
        tracing::error!("{stuck}; the process ends at once, as if it had been killed");
        child::end();
    }
    Ok(served?)
}
