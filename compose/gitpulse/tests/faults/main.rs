//! The faults that prove the guarantees (`docs/RELIABILITY.md`): each is staged under load, on real engines, with real processes, and judged by
//! `gitpulse check`. In: a seed. Out: one test per fault, and a table: what was accepted, lost, doubled, how long answers and recovery took.
//!
//! `cargo test` runs each fault for a few seconds; `--full` as long as the document says; `--seed` repeats a run. `stage` sets up, `judge` judges,
//! `engine` controls the process of a broker or a ClickHouse, `proxy` is a network that fails; the other files hold the faults, in the order of the
//! data's path.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod broker;
mod clickhouse;
#[path = "../it/deployment.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod deployment;
mod disk;
mod engine;
#[path = "../it/engines.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod engines;
mod judge;
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
use testing::skipped;

use crate::report::{Outcome, Report};
use crate::stage::{Length, Scene};

/// Faults that are staged at the same time.
const AT_A_TIME: usize = 4;

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
    /// Requests per second during each fault
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

fn main() -> ExitCode {
    let mut flags = Flags::parse();
    // Faults mostly wait.
    flags.arguments.test_threads.get_or_insert(AT_A_TIME);
    let seed = flags.seed.unwrap_or_else(rand::random);
    // Every client of ours uses it; if it is installed already, that is just as good.
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

/// Settings that all faults share.
struct Faults {
    seed: u64,
    length: Length,
    rate: f64,
    report: Arc<Mutex<Report>>,
}

impl Faults {
    /// A fault, named by its number in the docs and what happens.
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
            if let Some(why) = outcome.not_staged_because() {
                skipped(why);
            }
            report.lock().unwrap().add(name, outcome);
            if faults.is_empty() { Ok(()) } else { Err(Failed::from(faults)) }
        })
    }

    fn all(&self) -> Vec<Trial> {
        vec![
            self.fault("F-01 broker killed and back", broker::killed),
            self.fault("F-01 broker crashes at random", broker::crashed),
            self.fault("F-02 broker frozen", broker::frozen),
            self.fault("F-03 broker gone for long", broker::gone),
            self.fault("F-04 broker without disk", broker::disk_full),
            self.fault("F-05 topics made again at once", broker::topics_made_again_at_once),
            self.fault("F-05 topics made again later", broker::topics_made_again_later),
            self.fault("F-06 not enough replicas", mock::not_enough_replicas),
            self.fault("F-06 not the leader", mock::not_leader),
            self.fault("F-06 request timed out", mock::request_timed_out),
            self.fault("F-06 message too large", mock::message_too_large),
            self.fault("F-06 two of three brokers killed", broker::two_of_three_killed),
            self.fault("F-07 broker slow", mock::slow),
            self.fault("F-08 broker absent at the start", broker::absent_at_start),
            self.fault("F-09 producer failed for good", mock::producer_fatal),
            self.fault("F-10 ClickHouse down", clickhouse::down),
            self.fault("F-11 ClickHouse never answers", clickhouse::frozen),
            self.fault("F-12 replies of ClickHouse lost", clickhouse::replies_lost),
            self.fault("F-13 too many parts", clickhouse::too_many_parts),
            self.fault("F-13 memory limit", clickhouse::memory_limit),
            self.fault("F-13 read-only table", clickhouse::read_only),
            self.fault("F-13 column added", clickhouse::column_added),
            self.fault("F-13 column dropped", clickhouse::column_dropped),
            self.fault("F-14 ClickHouse without disk", clickhouse::disk_full),
            self.fault("F-15 ClickHouse crashes at random", clickhouse::crashed),
            self.fault("F-01 one of three brokers killed", broker::one_of_three_killed),
            self.fault("F-20 processor killed at each point", processor::killed_at_each_point),
            self.fault("F-21 members come and go", processor::members_come_and_go),
            self.fault("F-22 member stopped and back", processor::stopped_and_back),
            self.fault("F-23 poison of every sort", processor::poisoned),
            self.fault("F-24 flood of poison", processor::poison_flood),
            self.fault("F-50 SIGTERM under load", system::terminated),
            self.fault("F-51 no disk for the spool", system::no_disk_for_the_spool),
            self.fault("F-52 torn tail of the spool", system::torn_tail),
            self.fault("F-53 no file descriptors", system::no_file_descriptors),
            self.fault("F-54 memory with all dead", system::memory),
            self.fault("F-55 secrets rotated", system::secrets_rotated),
            self.fault("F-56 taken over by another version", system::taken_over),
            self.fault("F-57 fsync fails", system::fsync_fails),
            self.fault("F-50 SIGKILL of ingest under load", system::ingest_killed),
        ]
    }
}
