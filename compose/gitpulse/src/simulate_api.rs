//! `gitpulse simulate --serve-api`. In: an address, a seed and a size. Out: the API of an invented GitLab, until it is stopped. Its history ends when
//! it starts, and never changes.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use runtime::shutdown;
use simulator::api::{self, Clock, Limits, Options, Version};
use simulator::gitlab::{World, WorldConfig};
use tokio::net::TcpListener;

/// The token that it accepts. Anyone who reaches the address may read the invented data.
const TOKEN: &str = "glpat-simulated";
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// The API to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeApiArgs {
    /// Sends nothing; serves the API of an invented GitLab at this address, as 127.0.0.1:8929
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) serve_api: Option<SocketAddr>,

    /// Days of history that the API has, up to now
    #[arg(long, default_value_t = 365, value_name = "N", requires = "serve_api", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    api_days: u32,

    /// GitLab version of the API: 16, 18 or 19 (17 is served as 16)
    #[arg(long, default_value_t = 19, value_name = "VERSION", requires = "serve_api", value_parser = clap::value_parser!(u8).range(16..=19))]
    api_version: u8,

    /// Applies the rate limits of GitLab.com
    #[arg(long, requires = "serve_api")]
    api_limits: bool,
}

/// Serves until it is stopped, and prints which requests were made.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn run(
    args: &ServeApiArgs,
    address: SocketAddr,
    seed: u64,
    projects: u32,
    now: DateTime<Utc>,
) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let now = now.timestamp_millis();
    let mut config = WorldConfig::new(seed, projects, args.api_days);
    config.url = format!("http://{address}");
    config.began_at = (now / DAY - i64::from(args.api_days)) * DAY;
    let world = Arc::new(World::new(config));
    let mut options = Options::new(&world, TOKEN);
    options.clock = Clock::at(now);
    options.started_at = now;
    options.version = match args.api_version {
        16 | 17 => Version::V16,
        18 => Version::V18,
        _ => Version::V19,
    };
    if args.api_limits {
        options.limits = Limits::saas();
    }
    let requests = options.requests.clone();
    println!("GITLAB_URL=http://{address}");
    println!("GITLAB_TOKEN={TOKEN}");
    println!("{projects} projects in group 1 (factory), with ids from {}; seed {seed}", world.project(0).id);
    api::serve(world, options, listener, shutdown::on_signal()?).await;
    for ((endpoint, status), count) in requests.all() {
        let endpoint = endpoint.map_or_else(|| "unknown".to_owned(), |endpoint| format!("{endpoint:?}"));
        println!("{count} {endpoint} {status}");
    }
    Ok(ExitCode::SUCCESS)
}
