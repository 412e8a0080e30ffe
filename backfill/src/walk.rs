//! Reads one window of one list. In: where it is. Out: where it is now, with everything before in Kafka. The state moves only after Kafka's
//! acknowledgement, so that a kill repeats a page at the most.

use chrono::{DateTime, Utc};
use gitlab::{Client, FetchError};
use schemas::api::subject::Context;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{CheckpointError, Checkpoints, Counted, Outcome};
use crate::coverage::Coverage;
use crate::list::List;
use crate::metrics::Metrics;
use crate::page::{Listed, PageError, step};
use crate::publish::{BackfillPublishError, Destination};

/// A list could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// GitLab did not answer as it should.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An object does not say what it is.
    #[error("an object of {path} has no id or no updated_at")]
    Object {
        /// The list's path.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Pages do not lead on.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Kafka did not take it.
    #[error(transparent)]
    Publish(#[from] BackfillPublishError),
    /// The checkpoint could not be saved.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The command was stopped; what was read is remembered.
    #[error("stopped")]
    Stopped,
}

/// What a walk talks to.
pub struct Walk<'w> {
    /// GitLab.
    pub client: &'w Client,
    /// Kafka.
    pub destination: &'w Destination,
    /// What was read.
    pub checkpoints: &'w Checkpoints,
    /// Counts.
    pub metrics: &'w Metrics,
    /// Ends it between two pages.
    pub shutdown: &'w CancellationToken,
}

/// One list of one project.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The project.
    pub project_id: u64,
    /// The list.
    pub list: List,
    /// What was read.
    pub coverage: Coverage,
    /// What this run did.
    pub counted: Counted,
}

impl Walk<'_> {
    /// Reads the next window; `false` when there is none left.
    pub async fn window(
        &self,
        progress: &mut Progress,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, WalkError> {
        let Progress { project_id, list, coverage, counted } = progress;
        let path = list.path(*project_id);
        loop {
            if self.shutdown.is_cancelled() {
                return Err(WalkError::Stopped);
            }
            let Some(window) = coverage.next(since, now) else {
                self.save(progress, Outcome::Complete).await?;
                return Ok(false);
            };
            let page = self.client.list(list.limit(), &path, &list.query(window)).await?;
            counted.requests += 1;
            let listed = page.items.iter().map(|object| serde_json::from_str(object.get()));
            let listed: Vec<Listed> = listed
                .collect::<Result<_, _>>()
                .map_err(|source| WalkError::Object { path: path.clone(), source })?;
            let step = step(&window.cursor, &listed, page.next.is_none())?;
            let new: Vec<&RawValue> = step.new.iter().map(|index| &*page.items[*index]).collect();
            let context = Context::project(*project_id);
            self.destination.publish(list.resource(), context, &new, page.read_at, self.shutdown).await?;
            counted.objects += new.len() as u64;
            self.metrics.published(*list, new.len() as u64);
            let is_read = step.next.is_none();
            coverage.advance(step.next);
            let state = Progress {
                project_id: *project_id,
                list: *list,
                coverage: coverage.clone(),
                counted: *counted,
            };
            self.save(&state, Outcome::Reading).await?;
            if is_read {
                return Ok(true);
            }
        }
    }

    async fn save(&self, progress: &Progress, outcome: Outcome) -> Result<(), CheckpointError> {
        let Progress { project_id, list, coverage, counted } = progress;
        self.checkpoints.save(*project_id, *list, coverage, *counted, outcome, "").await
    }
}
