//! Engines as child processes, for `up` and the tests. In: what to run. Out: a process that dies with its parent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use embedded::child;
use embedded::clickhouse::{self, Options};
use embedded::provide::{Cache, Engines, Overrides, provide_kafka};

/// Which engine.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, Subcommand)]
enum Engine {
    /// Becomes another program
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
        /// Where to listen
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Fetches and builds the embedded engines into the cache
    Provide,
    /// Fetches Apache Kafka into the cache and prints where it is
    ProvideKafka,
}

/// Runs an engine to its end.
#[expect(clippy::print_stdout, reason = "the path is the command's output")]
pub(crate) fn run(args: EngineArgs, runtime: &tokio::runtime::Runtime) -> anyhow::Result<ExitCode> {
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
            runtime.block_on(async {
                let shutdown = runtime::shutdown::on_signal()?;
                let listener = tokio::net::TcpListener::bind(listen)
                    .await
                    .with_context(|| format!("listening on {listen}"))?;
                clickhouse::serve(&library, &data, listener, Options::default(), shutdown).await?;
                anyhow::Ok(())
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Engine::Provide => {
            Engines::provide(&Cache::default_location()?, &Overrides::default())?;
            Ok(ExitCode::SUCCESS)
        }
        Engine::ProvideKafka => {
            println!("{}", provide_kafka(&Cache::default_location()?)?.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}
