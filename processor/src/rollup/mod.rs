//! Rollups: the results of metric views, computed in advance. In: marks of projects with new rows. Out: their rollup rows, in a new generation.
//! Never updates existing rows: a project is recomputed as a whole, so that late, repeated or corrected events leave nothing stale, and deleted
//! entities disappear.
//!
//! 1. The rows of a batch are stored and visible. Then, before its offsets are committed, its projects are marked in `rollup_generations`. A
//!    processor that is killed in between reads the batch again, and marks then.
//! 2. This task finds the projects of its share (`share.rs`) with more marks than their newest generation.
//! 3. The number of marks is the generation. It is read before the facts, so the facts include everything that was marked by then.
//! 4. The places of the project are computed ([`crate::places`]), each rollup is filled from its view, and then the generation is published. After
//!    a mark in the meantime the project is pending again.
//!
//! Marks are in ClickHouse, together with the rows that they are about: they are restored and lost together, `gitpulse rebuild` and
//! `gitpulse migrate`, which do not use Kafka, can mark, and recreating Kafka loses no mark. No clocks are compared: marks are counted. The work is
//! divided like the partitions of one topic, but correctness does not depend on it: if two processors compute a project, both do the same work, and
//! the later generation is shown.

mod fill;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use runtime::clickhouse::ClickHouse;
use schemas::rollup;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::fill::Fill;
pub use self::fill::RollupError;
use self::pace::{Lane, Pace, Project};
use crate::config::RollupConfig;
use crate::metrics::Metrics;
use crate::share::Share;

/// The interval between queries for marks of other processors; this process is notified of its own.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for further batches, so that a busy project is computed once for several.
const GATHER: Duration = Duration::from_millis(250);
/// The interval between checks for new bots.
const BOTS_EVERY: Duration = Duration::from_secs(60);

/// How many due projects are considered, starting with the oldest: enough for some groups. Their sizes are queried.
const CONSIDERED: usize = 2_000;

/// The task that computes rollups.
pub(crate) struct Rollups {
    client: Client,
    fill: Arc<Fill>,
    share: watch::Receiver<Share>,
    metrics: Metrics,
    touched: Arc<Notify>,
    pace: Pace,
    /// Whether the last query failed, so that an unavailable ClickHouse is logged only once.
    is_failing: bool,
}

/// The result of computing a group of projects.
struct Computed {
    lane: Lane,
    projects: Vec<(Project, u64)>,
    began: Instant,
    outcome: Result<(), RollupError>,
}

/// Computes the places and the rollups of projects of one GitLab immediately, as the task does for due projects, and publishes each with its number
/// of marks as the generation.
///
/// # Errors
///
/// ClickHouse refuses; then some rollups may be filled, but no generation is published.
pub async fn compute(
    clickhouse: &ClickHouse,
    instance: &str,
    projects: &[(u64, u64)],
) -> Result<(), RollupError> {
    let named = |(project_id, marks): &(u64, u64)| {
        (Project { instance: instance.to_owned(), project_id: *project_id }, *marks)
    };
    let group: Vec<(Project, u64)> = projects.iter().map(named).collect();
    Fill::new(clickhouse).compute(&group).await
}

impl Rollups {
    /// A task that computes its share of the projects. `touched` is notified when this process has marked any.
    pub(crate) fn new(
        clickhouse: &ClickHouse,
        config: &RollupConfig,
        share: watch::Receiver<Share>,
        metrics: Metrics,
        touched: Arc<Notify>,
    ) -> Rollups {
        Rollups {
            client: clickhouse.client.clone(),
            fill: Arc::new(Fill::new(clickhouse)),
            share,
            metrics,
            touched,
            pace: Pace::new(config.rollup_times_cost),
            is_failing: false,
        }
    }

    /// Computes until it is dropped. Faults are retried forever: nothing waits for rollups, and the views remain correct.
    pub(crate) async fn run(mut self) {
        let mut under_way: JoinSet<Computed> = JoinSet::new();
        let mut knows_all = false;
        let mut counted_bots: Option<Instant> = None;
        loop {
            tokio::select! {
                () = self.touched.notified() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(ASK_EVERY) => (),
                Some(computed) = under_way.join_next() => match computed {
                    Ok(computed) => self.computed(computed),
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                },
            }
            if !knows_all {
                let marked = async {
                    self.client.query(&rollup::mark_unknown()).execute().await?;
                    self.client.query(&rollup::mark_lost()).execute().await
                };
                let marked = marked.await;
                knows_all = self.noted("marked projects", marked).is_some();
            }
            let share = self.share.borrow().clone();
            if share.is_first() && counted_bots.is_none_or(|at| at.elapsed() > BOTS_EVERY) {
                counted_bots = Some(Instant::now());
                let counted = self.fill.mark_for_bots().await;
                self.noted("counted bots", counted);
            }
            if !share.is_empty() {
                self.begin_due(&share, &mut under_way).await;
            }
        }
    }

    /// Finds pending projects and starts computing those that are due.
    async fn begin_due(&mut self, share: &Share, under_way: &mut JoinSet<Computed>) {
        let found = self.fill.waiting(share).await;
        let Some(waiting) = self.noted("asked for marks", found) else { return };
        let now = Instant::now();
        self.pace.waits(waiting, now);
        self.metrics.rollups_waiting.set(self.pace.waiting() as i64);
        self.metrics.rollups_oldest.set(self.pace.oldest(now).as_secs() as i64);
        let mut due = self.pace.due(now);
        due.truncate(CONSIDERED);
        if due.is_empty() {
            return;
        }
        let sizes = self.fill.sizes(&due).await;
        let Some(sizes) = self.noted("counted rows", sizes) else { return };
        for (lane, group) in self.pace.groups(&due, &sizes, now) {
            let (fill, began) = (self.fill.clone(), Instant::now());
            self.pace.begun(lane, &group, &sizes);
            under_way.spawn(async move {
                let outcome = fill.compute(&group).await;
                Computed { lane, projects: group, began, outcome }
            });
        }
    }

    fn computed(&mut self, computed: Computed) {
        let Computed { lane, projects, began, outcome } = computed;
        let now = Instant::now();
        self.metrics.rollup_seconds.observe((now - began).as_secs_f64());
        match outcome {
            Ok(()) => {
                self.metrics.rollup_projects.inc_by(projects.len() as u64);
                for lag in self.pace.computed(lane, &projects, began, now) {
                    self.metrics.rollup_lag_seconds.observe(lag.as_secs_f64());
                }
            }
            Err(error) => {
                self.pace.failed(lane, &projects, now);
                self.metrics.rollup_failures.inc();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    projects = projects.len(),
                    "rollups could not be computed and will be retried"
                );
            }
        }
        // Marks may have been added during the computation.
        self.touched.notify_one();
    }

    /// The result of a step, or `None` if it failed. A failure is logged once until a step succeeds.
    fn noted<T, E: std::error::Error + 'static>(
        &mut self,
        doing: &'static str,
        outcome: Result<T, E>,
    ) -> Option<T> {
        match outcome {
            Ok(outcome) => {
                self.is_failing = false;
                Some(outcome)
            }
            Err(error) => {
                self.metrics.rollup_failures.inc();
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        doing,
                        "rollups are pending: ClickHouse refuses"
                    );
                }
                None
            }
        }
    }
}
