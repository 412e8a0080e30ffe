//! The live runs: ingest and processor as processes, on a broker and a ClickHouse of their own, compared with limits measured in the same run. Run
//! with `cargo bench -p benches --bench live`. Never contacts another machine, and never counts a run that lost or doubled an event as a result.
#![expect(clippy::print_stdout, reason = "the table is the command's output")]

mod bare;
mod check;
mod face;
mod history;
mod installation;
mod jobs;
mod latency;
mod load;
mod meter;
mod peer;
mod plot;
mod processing;
mod reading;
mod receiving;
mod recorder;
mod report;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use benches::built;
use clap::Parser;
use embedded::provide::BrokerKind;

use crate::face::Jobs;
use crate::installation::Installation;
use crate::report::Report;

/// Benches ingest and processor and prints events per second beside their limits
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo bench -p benches --bench live --")]
struct Options {
    /// One short repeat: shows that it works, measures little
    #[arg(long)]
    quick: bool,

    /// Repeats of each run, interleaved; the medians are reported
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    repeats: u32,

    /// Deliveries that ingest takes in one run
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(500..=500_000))]
    deliveries: u64,

    /// Records that the processor stores in one run
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(2_000..=500_000))]
    records: u64,

    /// Connections of the load generator
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=512))]
    connections: u64,

    /// Deliveries per second of the latency run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: u64,

    /// Seconds of the latency run
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,

    /// Events to store before the queries are timed
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(20_000..=20_000_000))]
    events: u64,

    /// Projects of the GitLab whose history is read
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    projects: u32,

    /// Days of history of that GitLab
    #[arg(long, default_value_t = 84, value_parser = clap::value_parser!(u32).range(14..=3_650))]
    days: u32,

    /// Jobs to read instead of events, in `--projects` invented projects, to see how much memory they take; ten million take an hour
    #[arg(long, value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    objects: Option<u64>,

    /// Runs only this part
    #[arg(long, value_enum)]
    only: Option<Part>,

    /// Broker of all runs: kafka or nisshi; by default the one that `up` runs here
    #[arg(long, value_name = "kafka|nisshi")]
    broker: Option<BrokerKind>,

    /// Properties of librdkafka for every client and service, as key=value,key=value
    #[arg(long, default_value = "", value_name = "LIST")]
    kafka_properties: String,

    /// A gitpulse binary to measure instead of the one beside this bench
    #[arg(long, value_name = "FILE")]
    gitpulse: Option<PathBuf>,

    /// Another gitpulse binary: `up` of both is measured alternately
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Measures FastAPI and Redis beside `up`, in turns; needs Python, with venv, and redis-server
    #[arg(long)]
    peer: bool,

    /// GITPULSE_ANSWER_AFTER of `up`; not of the build that it is measured beside
    #[arg(long, value_name = "kafka|disk")]
    answer_after: Option<String>,

    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Webhook to Kafka
    Ingest,
    /// Kafka to ClickHouse
    Processor,
    /// Answered to visible
    Latency,
    /// What queries cost
    Reading,
    /// All of `up` in a burst, with its broker and ClickHouse
    Up,
    /// Pages of GitLab's API to Kafka
    History,
}

impl Options {
    fn runs(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next();
    let mut argument = || arguments.next().context("an argument is missing");
    match role.as_deref() {
        Some(bare::ROLE) => {
            let address = argument()?.parse()?;
            return runtime.block_on(bare::serve(address)).map(|()| ExitCode::SUCCESS);
        }
        Some(face::ROLE) => {
            let address = argument()?.parse()?;
            let jobs = Jobs { projects: argument()?.parse()?, objects: argument()?.parse()? };
            return runtime.block_on(face::serve(address, jobs)).map(|()| ExitCode::SUCCESS);
        }
        _ => (),
    }
    let mut options = Options::parse();
    if !options.bench {
        println!("live runs are started by `cargo bench -p benches --bench live`; nothing was measured");
        return Ok(ExitCode::SUCCESS);
    }
    if options.quick {
        options.repeats = 1;
        options.deliveries = 4_000;
        options.records = 24_000;
        options.seconds = options.seconds.min(4);
        options.events = 40_000;
        (options.projects, options.days) = (6, 14);
    }
    let report = runtime.block_on(run(options))?;
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn run(options: Options) -> anyhow::Result<Report> {
    let target = built::target_folder()?;
    let gitpulse = match &options.gitpulse {
        Some(file) => std::path::absolute(file)?,
        None => built::gitpulse(&target)?,
    };
    let mut report = Report::new(&options);
    if options.runs(Part::Up) {
        up::measure(gitpulse.clone(), &options, &mut report).await?;
    }
    if options.only != Some(Part::Up) {
        let installation =
            Installation::start(gitpulse, options.broker, options.kafka_properties.clone()).await?;
        let measured = measure(&installation, &options, &mut report).await;
        installation.stop().await;
        measured?;
    }

    report.summarize();
    println!("\n{}", report.table());
    let folder = target.join("bench-live");
    std::fs::create_dir_all(&folder)?;
    let (json, svg) = (folder.join("result.json"), folder.join("plot.svg"));
    std::fs::write(&json, serde_json::to_string_pretty(&report)?)?;
    std::fs::write(&svg, plot::svg(&report))?;
    println!("{}\n{}", json.display(), svg.display());
    Ok(report)
}

async fn measure(installation: &Installation, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if options.runs(Part::Ingest) {
        receiving::measure(installation, options, report).await?;
    }
    if options.runs(Part::Processor) {
        processing::measure(installation, options, report).await?;
    }
    if options.runs(Part::Latency) {
        latency::measure(installation, options, report).await?;
    }
    if options.runs(Part::Reading) {
        reading::measure(installation, options, report).await?;
    }
    if options.runs(Part::History) {
        match options.objects {
            None => history::measure(installation, options, report).await?,
            Some(objects) => jobs::measure(installation, options, objects, report).await?,
        }
    }
    Ok(())
}
