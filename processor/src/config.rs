//! Settings of the processor. In: flags, environment, file. Out: typed values with units in their names.

use std::time::Duration;

use clap::Args;

use crate::batch::BatchLimits;

/// How records become rows.
#[derive(Debug, Clone, Args)]
pub struct ProcessorConfig {
    /// Number of rows at which a batch is inserted
    #[arg(long, env = "GITPULSE_BATCH_MAX_ROWS", default_value_t = 50_000, value_name = "ROWS",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub batch_max_rows: u64,

    /// Size of the records at which a batch is inserted, in MiB
    #[arg(long, env = "GITPULSE_BATCH_MAX_MIB", default_value_t = 48, value_name = "MIB",
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub batch_max_mib: u64,

    /// Age of its first record at which a batch is inserted, in milliseconds
    #[arg(long, env = "GITPULSE_BATCH_MAX_AGE_MS", default_value_t = 400, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub batch_max_age_ms: u64,

    /// Timeout of one INSERT, in seconds; it is then repeated
    #[arg(long, env = "GITPULSE_INSERT_TIMEOUT_SECONDS", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=120))]
    pub insert_timeout_seconds: u64,

    /// How long a batch is retried before the process stops with an error, in seconds; Kafka keeps its records
    #[arg(long, env = "GITPULSE_INSERT_RETRY_SECONDS", default_value_t = 150, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(0..=150))]
    pub insert_retry_seconds: u64,

    /// How rows become metrics.
    #[command(flatten)]
    pub rollups: RollupConfig,

    /// Which business series are exported.
    #[command(flatten)]
    pub series: SeriesConfig,
}

/// How rows become metrics.
#[derive(Debug, Clone, Args)]
pub struct RollupConfig {
    /// Whether this processor computes rollups, and the places in branches that lead times need; if no processor does, they stay pending
    #[arg(long, env = "GITPULSE_ROLLUPS", default_value_t = true, value_name = "BOOL", action = clap::ArgAction::Set)]
    pub rollups: bool,

    /// Minimum time between the starts of two computations of a project, as a multiple of the last one's duration: 10 uses a tenth of the time
    #[arg(long, env = "GITPULSE_ROLLUP_TIMES_COST", default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub rollup_times_cost: u32,
}

/// Which business series are exported to Prometheus.
#[derive(Debug, Clone, Args)]
pub struct SeriesConfig {
    /// Maximum number of business series on /metrics; the busiest projects have their own, the others are added up as project "other". 0 for none
    #[arg(long, env = "GITPULSE_SERIES_MAX", default_value_t = 20_000, value_name = "N",
          value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub series_max: u64,

    /// Window of the business series, in days up to now
    #[arg(long, env = "GITPULSE_SERIES_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS",
          value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub series_window_days: u64,

    /// Interval between two reads of the business series, in seconds
    #[arg(long, env = "GITPULSE_SERIES_REFRESH_SECONDS", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub series_refresh_seconds: u64,
}

impl ProcessorConfig {
    /// When a batch is due.
    pub fn batch_limits(&self) -> BatchLimits {
        BatchLimits {
            max_rows: self.batch_max_rows as usize,
            max_bytes: self.batch_max_mib as usize * 1024 * 1024,
            max_age: Duration::from_millis(self.batch_max_age_ms),
        }
    }
}
