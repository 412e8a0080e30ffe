//! Why a step of reconcile failed. In: what happened. Out: one line, and how the run continues.

use gitlab::FetchError;

use crate::page::PageError;
use crate::publish::BackfillPublishError;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// GitLab did not answer as expected.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An object has no readable id.
    #[error("an object of {path} has no id that can be read")]
    Object {
        /// Where it was listed.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The pages of a list do not lead on.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Kafka did not accept it.
    #[error(transparent)]
    Publish(#[from] BackfillPublishError),
    /// A query to ClickHouse failed.
    #[error("a query to ClickHouse failed")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// The state to save cannot be serialized.
    #[error("the state of the run cannot be saved")]
    State(#[source] serde_json::Error),
    /// The run has used its budget of requests.
    #[error("the budget of requests is spent: run it again, or raise --budget")]
    Spent,
    /// The command was stopped.
    #[error("stopped")]
    Stopped,
}

impl ReconcileError {
    /// Whether GitLab does not show it to this token: the project lacks the feature, or the user the role. This is reported, and the run continues.
    pub fn is_hidden(&self) -> bool {
        matches!(self, ReconcileError::Fetch(error) if error.is_absent() || error.is_forbidden())
    }

    /// Whether GitLab answers that there is no such thing, or none that this token may see.
    pub fn is_absent(&self) -> bool {
        matches!(self, ReconcileError::Fetch(error) if error.is_absent())
    }

    /// What a person has to do about it, if that is known.
    pub fn needs_attention(&self) -> Option<String> {
        let remedy = match self {
            ReconcileError::Fetch(error) if error.is_transient() => {
                return error
                    .needs_attention()
                    .or_else(|| Some("run it again later; it continues where it stopped".to_owned()));
            }
            ReconcileError::Fetch(error) => return error.needs_attention(),
            ReconcileError::Object { .. } | ReconcileError::Page(_) => {
                "look at what stands between here and GitLab: such answers are not GitLab's"
            }
            ReconcileError::ClickHouse(_) => {
                "check that it runs and that GITPULSE_CLICKHOUSE_URL is its address"
            }
            ReconcileError::Publish(_)
            | ReconcileError::State(_)
            | ReconcileError::Spent
            | ReconcileError::Stopped => return None,
        };
        Some(remedy.to_owned())
    }

    /// Whether nothing else of the run can succeed either.
    pub fn ends_the_run(&self) -> bool {
        match self {
            ReconcileError::Stopped | ReconcileError::ClickHouse(_) | ReconcileError::Publish(_) => true,
            ReconcileError::Fetch(error) => matches!(error, FetchError::Unauthorized { .. }),
            ReconcileError::Object { .. }
            | ReconcileError::Page(_)
            | ReconcileError::State(_)
            | ReconcileError::Spent => false,
        }
    }
}
