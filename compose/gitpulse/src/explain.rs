//! `gitpulse explain`. In: one thing, and one of its numbers. Out: the rows behind the number in the order of time, with their events, and its rule;
//! or why there is no number, and what would change that. Prints only rows that the metric view used. Exits with 0 if the number is explained, with 1
//! if the thing is not on record, and with 2 if the question could not be asked.

mod chain;
mod change_failure;
mod cycle_time;
mod definitions;
mod flaky;
mod layout;
mod lead_time;
mod reasons;
mod thing;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};

use self::chain::Explained;
use crate::report::{Terminal, out};

/// The question could not be asked: an argument is wrong, or ClickHouse does not answer.
const NOT_ASKED: u8 = 2;

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    number: Number,
    /// Prints one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Number {
    /// Which deployment brought a merge request and how long that took, or why this is not known
    LeadTime(Asked<lead_time::LeadTimeArgs>),
    /// The stages of a merge request, from its first commit to its merge
    CycleTime(Asked<cycle_time::CycleTimeArgs>),
    /// Whether a deployment failed (by incident, rollback, status, rework), or which deployment an incident is blamed on
    ChangeFailure(Asked<change_failure::ChangeFailureArgs>),
    /// Whether jobs of a pipeline were flaky: failed, then passed
    Flaky(Asked<flaky::FlakyArgs>),
}

#[derive(Debug, Args)]
struct Asked<T: Args> {
    #[command(flatten)]
    own: T,
    #[command(flatten)]
    clickhouse: ClickHouseConfig,
}

/// Prints the explanation; the exit code says whether there was something to explain.
pub(crate) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let client = |config: &ClickHouseConfig| ClickHouse::new(config).client;
    let explained = match &args.number {
        Number::LeadTime(asked) => lead_time::explain(&client(&asked.clickhouse), &asked.own).await,
        Number::CycleTime(asked) => cycle_time::explain(&client(&asked.clickhouse), &asked.own).await,
        Number::ChangeFailure(asked) => change_failure::explain(&client(&asked.clickhouse), &asked.own).await,
        Number::Flaky(asked) => flaky::explain(&client(&asked.clickhouse), &asked.own).await,
    };
    match explained {
        Ok(Explained::By(explanation)) => {
            if args.json {
                out(&format!("{:#}\n", explanation.json()))?;
            } else {
                out(&explanation.text(Terminal::of_this_program()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(Explained::NotOnRecord(why)) => {
            tracing::warn!("{why}");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            tracing::error!("{error:#}");
            Ok(ExitCode::from(NOT_ASKED))
        }
    }
}
