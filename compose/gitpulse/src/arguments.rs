//! Arguments that several commands share. In: the command line, by way of clap. Out: typed values. Arguments of a single command are in its own file.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use runtime::clickhouse::ClickHouseConfig;
use runtime::kafka::KafkaConfig;

/// Where Kafka and ClickHouse are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    pub(crate) kafka: KafkaConfig,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseConfig,
}

/// How long the audit log is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditArgs {
    /// Days that the audit log keeps a call of GitLab's API; `migrate` and `up` apply it
    #[arg(long, env = "GITPULSE_AUDIT_RETENTION_DAYS", default_value_t = 400, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) audit_retention_days: u32,
}

/// The admin listener.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminArgs {
    /// Address for metrics and readiness
    #[arg(long, env = "GITPULSE_ADMIN_LISTEN", default_value = "127.0.0.1:8001", value_name = "ADDRESS")]
    pub(crate) admin_listen: SocketAddr,
}

/// The listener for metrics of `backfill`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MetricsArgs {
    /// Address for metrics while it runs; by default none are served
    #[arg(long, env = "GITPULSE_METRICS_LISTEN", value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// A span of time as 90s, 5m, 2h or 1d.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let expected = || "expected a span of time as 90s, 5m, 2h or 1d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    match Duration::from_secs(u64::from(number) * unit) {
        Duration::ZERO => Err("a span of time must be longer than 0".to_owned()),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        let seconds = |text| span(text).map(|span| span.as_secs()).ok();
        assert_eq!(["90s", "5m", "2h", "1d"].map(seconds), [Some(90), Some(300), Some(7_200), Some(86_400)]);
        for wrong in ["", "5", "m", "-5m", "5 m", "0s", "99999999999d", "5ü"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
