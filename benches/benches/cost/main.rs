//! The cost of delivery metrics. In: a year of invented facts, made by SQL. Out: the time of each view and each rollup, the cost of a batch while the
//! tables grow, the cost of computing a project, each beside its goal. Run with `cargo bench -p benches --bench cost`. Nothing is mocked: the views,
//! the rollups and the inserts are those of the processor, on the embedded ClickHouse.
#![expect(clippy::print_stdout, reason = "the table is the command's output")]

mod batch;
mod compute;
mod engine;
mod facts;
mod plot;
mod question;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use benches::built;
use clap::Parser;

use crate::engine::Engine;
use crate::facts::Facts;
use crate::question::{Scope, ask_all};
use crate::report::Report;

/// Stores a year of facts and measures what metrics cost
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo bench -p benches --bench cost --")]
struct Options {
    /// Merge requests of the year; there are ten times as many jobs, and all else in proportion
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    merge_requests: u64,

    /// Projects that they belong to; the first has 7 % of all
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(20..=10_000))]
    projects: u64,

    /// How often each question is asked; the median is reported
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    repeats: u32,

    /// A gitpulse binary whose engine is used, instead of the one beside this bench
    #[arg(long, value_name = "FILE")]
    gitpulse: Option<PathBuf>,

    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if !options.bench {
        println!("the costs are measured by `cargo bench -p benches --bench cost`; nothing was measured");
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run(&options))?;
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn run(options: &Options) -> anyhow::Result<Report> {
    let target = built::target_folder()?;
    let gitpulse = match &options.gitpulse {
        Some(file) => std::path::absolute(file)?,
        None => built::gitpulse(&target)?,
    };
    let engine = Engine::start(&gitpulse).await?;
    let mut report = Report::new(options.merge_requests, options.projects, options.repeats);
    let measured = measure(&engine, options, &mut report).await;
    engine.stop().await;
    measured?;

    println!("\n{}", report.table());
    let folder = target.join("bench-cost");
    std::fs::create_dir_all(&folder)?;
    let (json, svg) = (folder.join("result.json"), folder.join("batch.svg"));
    std::fs::write(&json, serde_json::to_string_pretty(&report)?)?;
    std::fs::write(&svg, plot::svg(&report.batches))?;
    println!("{}\n{}", json.display(), svg.display());
    Ok(report)
}

async fn measure(engine: &Engine, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let facts = Facts { merge_requests: options.merge_requests, projects: options.projects };
    facts.names(engine).await?;
    // Every hundredth merge request, then every tenth, then all: each step has ten times as many facts, of the same year and projects.
    for stride in facts::STRIDES {
        facts.store(engine, stride, report).await?;
        batch::measure(engine, stride, options, report).await?;
    }
    facts.settle(engine, report).await?;
    compute::all(engine, options, report).await?;
    for scope in [Scope::Middle, Scope::Forked, Scope::Largest, Scope::All] {
        ask_all(engine, scope, options, report).await?;
    }
    Ok(())
}
