//! History inside `up`. In: projects and groups, a token. Out: their objects of GitLab's API, in Kafka, polled again and again. Never ends `up`,
//! whatever GitLab does, and never delays its answers: it runs on the threads of the processor.

use std::collections::BTreeSet;
use std::time::Duration;

use backfill::BackfillConfig;
use clap::Args;
use gitlab::{ApiConfig, Audit, Call, Client};
use prometheus::Registry;
use runtime::Publisher;
use runtime::kafka::KafkaConfig;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::demo::GROUP;
use crate::arguments::span;
use crate::audit::{self, AuditLog, Caller, Role};
use crate::backfill::{Session, Shown, TENANT, follow, line, line_of, unread};

/// Timeout for ClickHouse to report the progress: webhooks are not accepted meanwhile.
const ASKED_FOR: Duration = Duration::from_secs(1);
/// Time at the end to finish the current page.
const GRACE: Duration = Duration::from_secs(10);

/// What to read besides webhooks.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    backfill: BackfillConfig,

    /// Pause between two polls for new history, as 90s, 5m or 2h; for --project, --group, --instance and --demo
    #[arg(long, value_name = "PAUSE", default_value = "5m", value_parser = span)]
    follow: Duration,
}

/// A client of GitLab, if something is to be read.
pub(super) struct History {
    config: BackfillConfig,
    every: Duration,
    gitlab: Client,
    /// Calls of GitLab's API, which are written to the audit log once Kafka is there.
    calls: (Audit, mpsc::Receiver<Call>),
}

impl History {
    /// What to read; `None` if no project or group is named.
    ///
    /// # Errors
    /// Something is named, but GitLab's address or the token is missing or unusable.
    pub(super) fn of(args: &HistoryArgs, gitlab: &ApiConfig) -> anyhow::Result<Option<History>> {
        if !args.backfill.names_something() {
            return Ok(None);
        }
        let calls = audit::channel();
        let gitlab = Client::new(gitlab, calls.0.clone())?;
        Ok(Some(History { config: args.backfill.clone(), every: args.follow, gitlab, calls }))
    }

    /// History of an invented GitLab: its whole group, polled.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn demo(args: &HistoryArgs, gitlab: &ApiConfig) -> anyhow::Result<History> {
        let config = BackfillConfig { group: vec![GROUP.to_owned()], ..args.backfill.clone() };
        let calls = audit::channel();
        let gitlab = Client::new(gitlab, calls.0.clone())?;
        Ok(History { config, every: args.follow, gitlab, calls })
    }

    /// Finds out the progress before this start. Makes no request to GitLab yet.
    pub(super) async fn begin(
        self,
        clickhouse: clickhouse::Client,
        publisher: Publisher,
        kafka: KafkaConfig,
        registry: &Registry,
    ) -> anyhow::Result<Begun> {
        let metrics = gitlab::Metrics::register(registry)?;
        let gitlab = self.gitlab.with_metrics(metrics.clone());
        let session = Session::new(
            self.config,
            gitlab,
            clickhouse.clone(),
            publisher.clone(),
            kafka.clone(),
            registry,
        )?;
        let caller = Caller::new(Role::Backfill, session.instance(), TENANT);
        let log = AuditLog::start(self.calls, caller, publisher, kafka.topic_prefix, Some(metrics));
        let before = tokio::time::timeout(ASKED_FOR, line_of(&clickhouse, session.instance())).await;
        let before = match before {
            Ok(Ok(before)) => before,
            // Reading continues where it stopped in any case.
            Ok(Err(_)) | Err(_) => "ClickHouse does not say yet how far it is".to_owned(),
        };
        let announcement = format!("{} of {}   ({before})", session.what(), session.instance());
        Ok(Begun { session, every: self.every, announcement, log })
    }
}

/// History that is ready to be read.
pub(super) struct Begun {
    session: Session,
    every: Duration,
    announcement: String,
    log: AuditLog,
}

impl Begun {
    /// What is read, and the progress before this start.
    pub(super) fn announcement(&self) -> &str {
        &self.announcement
    }

    /// Reads, and polls for new history, until `shutdown`.
    pub(super) async fn keep_reading(self, shutdown: CancellationToken) {
        let Begun { session, every, log, .. } = self;
        let mut unread_before = BTreeSet::new();
        follow(&session, every, Shown::Logged, &shutdown, |run| match run {
            Ok(summary) => {
                tracing::info!("history is read as far as GitLab shows it: {}", line(summary));
                for unread in news(&mut unread_before, unread(summary).collect()) {
                    tracing::warn!(
                        "a list was not read to its end, and is tried again at each poll: {unread}"
                    );
                }
            }
            Err(fault) => tracing::warn!("history cannot be read, and is tried again: {fault}"),
        })
        .await;
        log.finish().await;
    }
}

/// Lines that are new since the last run, so that a lasting refusal is reported once. A fault that was fixed and returns is reported again.
fn news(before: &mut BTreeSet<String>, now: BTreeSet<String>) -> Vec<String> {
    let news = now.difference(before).cloned().collect();
    *before = now;
    news
}

/// Waits for a while until the current page is in Kafka and saved; otherwise the next start reads it again.
pub(super) async fn stop(mut reading: JoinHandle<()>) {
    if tokio::time::timeout(GRACE, &mut reading).await.is_err() {
        reading.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_unread_is_said_once() {
        let mut before = BTreeSet::new();
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(news(&mut before, of(&["jobs: 403", "issues: 403"])), ["issues: 403", "jobs: 403"]);
        assert!(news(&mut before, of(&["jobs: 403", "issues: 403"])).is_empty());
        assert_eq!(news(&mut before, of(&["jobs: 500"])), ["jobs: 500"]);
        assert_eq!(news(&mut before, of(&["issues: 403", "jobs: 500"])), ["issues: 403"]);
    }
}
