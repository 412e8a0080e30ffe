//! The whole run. In: projects and lists. Out: what was read, skipped and failed. Newest windows first: every list is read a window at a time,
//! and an older one only when all have their newest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use gitlab::Client;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{CheckpointError, Checkpoints, Counted, Outcome};
use crate::list::List;
use crate::metrics::Metrics;
use crate::publish::Destination;
use crate::scope::Project;
use crate::walk::{Progress, Walk, WalkError};

/// Lists that are read at the same time.
const AT_A_TIME: usize = 8;

/// What a run reads, and what it talks to.
pub struct Backfill {
    /// GitLab.
    pub client: Client,
    /// Kafka.
    pub destination: Destination,
    /// What was read before.
    pub checkpoints: Checkpoints,
    /// Counts.
    pub metrics: Metrics,
    /// Objects that are in Kafka, for whoever shows progress.
    pub objects: Arc<AtomicU64>,
}

/// How a list ended.
#[derive(Debug)]
pub struct Ended {
    /// The project.
    pub project: Project,
    /// The list.
    pub list: List,
    /// What this run did.
    pub counted: Counted,
    /// Why it was not read to its end, if it was not.
    pub error: Option<WalkError>,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every list, in the order of their ends.
    pub lists: Vec<Ended>,
}

impl Ended {
    /// How it ended, in one word.
    pub fn outcome(&self) -> Outcome {
        match &self.error {
            None => Outcome::Complete,
            Some(WalkError::Stopped) => Outcome::Reading,
            Some(WalkError::Fetch(error)) if error.is_absent() || error.is_forbidden() => Outcome::Skipped,
            Some(_) => Outcome::Failed,
        }
    }
}

impl Summary {
    /// How many lists ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lists.iter().filter(|ended| ended.outcome() == outcome).count()
    }

    /// All requests and objects of the run.
    pub fn counted(&self) -> Counted {
        let sum = |of: fn(&Counted) -> u64| self.lists.iter().map(|ended| of(&ended.counted)).sum();
        Counted { requests: sum(|counted| counted.requests), objects: sum(|counted| counted.objects) }
    }
}

impl Backfill {
    /// Reads lists of projects, from `since` to `now`; what an earlier run read is not read again.
    pub async fn run(
        &self,
        projects: &[Project],
        lists: &[List],
        since: DateTime<Utc>,
        now: DateTime<Utc>,
        shutdown: &CancellationToken,
    ) -> Result<Summary, CheckpointError> {
        let mut known = self.checkpoints.load().await?;
        let mut pending: Vec<(Project, Progress)> = Vec::new();
        for project in projects {
            for list in lists {
                let coverage = known.remove(&(project.id, *list)).unwrap_or_default();
                let progress =
                    Progress { project_id: project.id, list: *list, coverage, counted: Counted::default() };
                pending.push((project.clone(), progress));
            }
        }
        let walk = Walk {
            client: &self.client,
            destination: &self.destination,
            checkpoints: &self.checkpoints,
            metrics: &self.metrics,
            shutdown,
        };
        let mut summary = Summary::default();
        while !pending.is_empty() {
            let walk = &walk;
            let windows = stream::iter(pending.drain(..)).map(|(project, mut progress)| async move {
                let before = progress.counted.objects;
                let left = walk.window(&mut progress, since, now).await;
                self.objects.fetch_add(progress.counted.objects - before, Ordering::Relaxed);
                (project, progress, left)
            });
            let read: Vec<_> = windows.buffer_unordered(AT_A_TIME).collect().await;
            for (project, progress, left) in read {
                let error = match left {
                    Ok(true) => {
                        pending.push((project, progress));
                        continue;
                    }
                    Ok(false) => None,
                    Err(error) => Some(error),
                };
                let ended = Ended { project, list: progress.list, counted: progress.counted, error };
                self.remember(&ended, &progress).await?;
                summary.lists.push(ended);
            }
        }
        Ok(summary)
    }

    /// Saves why a list was not read to its end.
    async fn remember(&self, ended: &Ended, progress: &Progress) -> Result<(), CheckpointError> {
        let Some(error) = &ended.error else { return Ok(()) };
        let Progress { project_id, list, coverage, counted } = progress;
        let message = error.to_string();
        self.checkpoints.save(*project_id, *list, coverage, *counted, ended.outcome(), &message).await
    }
}
