//! Why a rebuild stopped. In: what ClickHouse said. Out: an error that names the step.

use uuid::Uuid;

use crate::insert::InsertError;

/// Why tables could not be rebuilt. The live ones are as they were, or, after the swap, `gitpulse rebuild` goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// ClickHouse refused or is not there.
    #[error("ClickHouse refused the rebuild while it {doing}")]
    ClickHouse {
        /// The step.
        doing: &'static str,
        /// What it said.
        #[source]
        source: clickhouse::error::Error,
    },
    /// Rows could not be stored.
    #[error(transparent)]
    Insert(#[from] InsertError),
    /// Another one has begun and not ended.
    #[error(
        "another rebuild, {id}, began at {began} UTC and has not ended; if nobody runs it any more, --abandon it"
    )]
    Open {
        /// The other.
        id: Uuid,
        /// When it began.
        began: String,
    },
}
