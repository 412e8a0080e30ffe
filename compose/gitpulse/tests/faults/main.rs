//! The faults that prove the promises (`docs/RELIABILITY.md`): each is staged under load, on real engines, with real processes, and judged by
//! `gitpulse check`. In: a seed. Out: a test a fault, and a table: what was held, lost, doubled, how long answers and recovery took.
//!
//! `cargo test` runs every fault for a few seconds; `--full` as long as it says, `--seed` repeats a run. `stage` sets up and judges, `engine`
//! holds a broker or a ClickHouse by its process, `proxy` is a network that fails; the other files hold the faults, in the order of the data.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

mod broker;
mod clickhouse;
#[path = "../it/deployment.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod deployment;
mod engine;
#[path = "../it/engines.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod engines;
mod mock;
mod processor;
mod proxy;
mod report;
mod stage;
mod system;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::report::{Outcome, Report};
use crate::stage::{Length, Scene};

/// What is staged.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    arguments: Arguments,
    /// Each fault lasts as long as docs/RELIABILITY.md says; without it, a few seconds
    #[arg(long)]
    full: bool,
    /// Repeats the choices of a run
    #[arg(long, env = "GITPULSE_TEST_SEED")]
    seed: Option<u64>,
    /// Requests a second under which faults are staged
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let seed = flags.seed.unwrap_or_else(rand::random);
    // Every client of ours uses it; that it is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let length = if flags.full { Length::Full } else { Length::Short };
    let report = Arc::new(Mutex::new(Report::default()));
    let faults = Faults { seed, length, rate: f64::from(flags.rate), report: report.clone() };
    let trials = faults.all();
    if !flags.arguments.list {
        println!("GITPULSE_TEST_SEED={seed} repeats the choices of this run");
    }
    let conclusion = libtest_mimic::run(&flags.arguments, trials);
    if !flags.arguments.list {
        println!("{}", report.lock().unwrap().table());
    }
    conclusion.exit_code()
}

/// What all faults have in common.
struct Faults {
    seed: u64,
    length: Length,
    rate: f64,
    report: Arc<Mutex<Report>>,
}

impl Faults {
    /// A fault by its number in the docs and what happens.
    fn fault<F>(&self, name: &'static str, run: fn(Scene) -> F) -> Trial
    where
        F: Future<Output = Outcome> + 'static,
    {
        let scene = Scene { name, seed: self.seed, length: self.length, rate: self.rate };
        let report = self.report.clone();
        Trial::test(name.replace(' ', "_"), move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let outcome = runtime.unwrap().block_on(run(scene));
            let faults = outcome.faults.join("\n");
            report.lock().unwrap().add(name, outcome);
            if faults.is_empty() { Ok(()) } else { Err(Failed::from(faults)) }
        })
    }

    fn all(&self) -> Vec<Trial> {
        vec![
            self.fault("F-01 broker killed and back", broker::killed),
        ]
    }
}
