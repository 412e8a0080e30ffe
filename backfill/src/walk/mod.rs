//! Reads some pages of one list. In: its position. Out: its new position, with everything before it in Kafka. The position only moves after Kafka's
//! acknowledgement, so that a killed process repeats at most one page.

mod each;
mod found;
mod given_up;
mod keys;
mod updated;
mod whole;

use chrono::{DateTime, Utc};
use gitlab::{Client, FetchError, GraphQlFault};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{CheckpointError, Checkpoints, Origin, Outcome, Progress};
use crate::face::Face;
use crate::graphql::TellError;
use crate::list::Way;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::page::PageError;
use crate::pending::{Part, Pending, PendingError};
use crate::publish::{BackfillPublishError, Destination, Item};
use crate::scope::Owner;

pub use given_up::GivenUp;

/// Pages that are read of a list before others are read.
const PAGES_OF_A_TURN: u32 = 10;

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// GitLab did not answer as expected.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer of GraphQL is unusable.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// An object lacks a field that the walk needs.
    #[error("an object of {path} lacks what it is walked by")]
    Object {
        /// The list's path.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The pages do not lead on.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Kafka did not accept it.
    #[error(transparent)]
    Publish(#[from] BackfillPublishError),
    /// The checkpoint could not be saved.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The pending things could not be saved.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// The command was stopped, or another process reads the project; progress is saved.
    #[error("stopped")]
    Stopped,
}

impl WalkError {
    /// The outcome of a list that ended with this error.
    pub fn outcome(&self) -> Outcome {
        match self {
            WalkError::Stopped | WalkError::Publish(BackfillPublishError::Stopped) => Outcome::Reading,
            WalkError::Fetch(error) if error.is_absent() || error.is_forbidden() => Outcome::Skipped,
            WalkError::Tell(TellError::Hidden | TellError::NoProject) => Outcome::Skipped,
            _ => Outcome::Failed,
        }
    }

    /// Whether GitLab refuses the request, possibly because of the position in the list.
    fn is_of_place(&self) -> bool {
        matches!(
            self,
            WalkError::Fetch(
                FetchError::Absent { .. }
                    | FetchError::Refused { .. }
                    | FetchError::GraphQl { fault: GraphQlFault::Other, .. }
            )
        )
    }

    /// Whether a request for another thing of the same list may succeed.
    fn is_of_one_thing(&self) -> bool {
        match self {
            // For example, too large for Kafka.
            WalkError::Object { .. } | WalkError::Publish(BackfillPublishError::Refused(_)) => true,
            WalkError::Fetch(error) => matches!(
                error,
                FetchError::Server { .. }
                    | FetchError::Stalled { .. }
                    | FetchError::Broken { .. }
                    | FetchError::Refused { .. }
                    | FetchError::TooLarge { .. }
                    | FetchError::Malformed(_)
                    | FetchError::Shape { .. }
                    | FetchError::Endless { .. }
            ),
            _ => false,
        }
    }
}

/// The span of time that a run reads.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// The beginning.
    pub since: DateTime<Utc>,
    /// The end.
    pub until: DateTime<Utc>,
    /// When the run began, by GitLab's clock.
    pub now: DateTime<Utc>,
}

/// The connections and state of walks.
pub struct Walk {
    /// GitLab.
    pub client: Client,
    /// Kafka.
    pub destination: Destination,
    /// Progress that was saved.
    pub checkpoints: Checkpoints,
    /// Things to ask about one by one.
    pub pending: Pending,
    /// The capabilities of this GitLab.
    pub face: Face,
    /// Things whose requests failed in this run.
    pub given_up: GivenUp,
    /// Counts, for Prometheus.
    pub metrics: Metrics,
    /// Counters, for display.
    pub live: Live,
    /// Ends the walk between two pages.
    pub shutdown: CancellationToken,
}

/// The content of a page.
struct Batch {
    items: Vec<Item>,
    parts: Vec<Part>,
    read_at: DateTime<Utc>,
}

impl Walk {
    /// Reads some pages; `false` when the list was read to its end. No page is begun after `ending`.
    pub async fn turn(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        goal: &Goal,
        ending: &CancellationToken,
    ) -> Result<bool, WalkError> {
        for _ in 0..PAGES_OF_A_TURN {
            if self.shutdown.is_cancelled() || ending.is_cancelled() {
                return Err(WalkError::Stopped);
            }
            let is_more = match self.page(owner, progress, goal, ending).await {
                Err(error) if progress.origin == Origin::Kept && error.is_of_place() => {
                    self.anew(owner, progress, goal, ending, error).await?
                }
                is_more => is_more?,
            };
            if !is_more {
                self.checkpoints.save(progress, Outcome::Complete, "").await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads a page; `false` if none was left to read.
    async fn page(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        goal: &Goal,
        ending: &CancellationToken,
    ) -> Result<bool, WalkError> {
        match progress.list.way() {
            Way::Updated => self.updated(owner, progress, goal).await,
            Way::Keys => self.keys(progress, goal).await,
            Way::Whole => self.whole(owner, progress, goal).await,
            Way::Each => self.each(progress, goal, ending).await,
        }
    }

    /// Reads a page of a list whose saved position GitLab refuses: starts where the list was last read to its end. If GitLab refuses that too, it
    /// refuses the list, and the position is kept for a later try.
    async fn anew(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        goal: &Goal,
        ending: &CancellationToken,
        refused: WalkError,
    ) -> Result<bool, WalkError> {
        let Some(anew) = progress.state.anew() else { return Err(refused) };
        progress.origin = Origin::Own;
        let kept = std::mem::replace(&mut progress.state, anew);
        let read = self.page(owner, progress, goal, ending).await;
        match &read {
            Ok(_) => tracing::warn!(
                list = progress.list.as_str(),
                path = owner.path,
                error = &refused as &dyn std::error::Error,
                "GitLab refuses the page that a run before would have read next; what was not read to its end is read anew"
            ),
            Err(_) => progress.state = kept,
        }
        read
    }

    /// Publishes a page to Kafka, and saves the things to ask about further.
    async fn keep(&self, progress: &mut Progress, batch: Batch) -> Result<(), WalkError> {
        let Batch { items, parts, read_at } = batch;
        self.destination.publish(&items, read_at, &self.shutdown).await?;
        if !parts.is_empty() {
            self.pending.add(progress.owner_id, parts).await?;
        }
        progress.origin = Origin::Own;
        let count = items.len() as u64;
        progress.counted.objects += count;
        self.metrics.published(progress.list, count);
        self.live.objects(count);
        Ok(())
    }

    fn asked(&self, progress: &mut Progress) {
        progress.counted.requests += 1;
        self.live.request();
    }
}

/// Parses the fields that a walk needs of each object.
fn read<'o, T: serde::Deserialize<'o>>(
    path: &str,
    objects: &'o [Box<serde_json::value::RawValue>],
) -> Result<Vec<T>, WalkError> {
    let read = objects.iter().map(|object| serde_json::from_str(object.get()));
    read.collect::<Result<_, _>>().map_err(|source| WalkError::Object { path: path.to_owned(), source })
}
