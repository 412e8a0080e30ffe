//! Logs. In: what to show. Out: lines on standard error. Never bodies, headers or secrets: those are not logged anywhere.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// What is logged, and how.
#[derive(Debug, Clone, Args)]
pub struct TelemetryConfig {
    /// What to log: a level (error, warn, info, debug, trace), or targets with levels as in ingest=debug,info
    #[arg(long, env = "GITPULSE_LOG", default_value = "info", global = true, value_name = "FILTER", value_parser = filter)]
    pub log: String,

    /// Format of log lines: text for people, json for programs
    #[arg(long, env = "GITPULSE_LOG_FORMAT", default_value = "text", global = true, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard error. Once per process.
pub fn start(config: &TelemetryConfig) {
    // librdkafka logs much from which it recovers by itself; our metrics and errors show what matters.
    let filter = EnvFilter::new(format!("librdkafka=warn,rdkafka=error,{}", config.log));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Such errors would be printed to standard error, and printing panics if that cannot be written (its reader is gone, its disk is full): the
        // task that logs would end, such as a request or the drain of the spool.
        .log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(error, "logging was started before");
    }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
