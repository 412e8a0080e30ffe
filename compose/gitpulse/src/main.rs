//! The one binary: its subcommands are the roles and the tools.

mod arguments;
mod audit;
mod backfill;
mod check;
mod cli;
mod config;
mod credentials;
mod dead_letters;
mod doctor;
mod engine;
mod explain;
mod migrate;
mod progress;
mod rebuild;
mod reconcile;
mod report;
mod roles;
mod send;
mod settings;
mod simulate;
mod simulate_api;
mod simulate_world;
mod target;
mod tenants;
mod up;

use std::process::ExitCode;

/// Ingest allocates for each delivery: the C library's allocator took a quarter of the time of the threads that respond.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = match settings::load::<cli::Cli>() {
        Ok(settings) => settings,
        Err(error) => return error.report(),
    };
    runtime::telemetry::start(&settings.cli.telemetry);
    for variable in &settings.unknown_variables {
        tracing::warn!(
            variable,
            "an unknown variable is ignored; `gitpulse config` lists all that are known"
        );
    }
    // Only in builds for tests: the variable FAILPOINTS names the points at which a process dies.
    let _failpoints = fail::has_failpoints().then(fail::FailScenario::setup);
    match cli::run(settings) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
