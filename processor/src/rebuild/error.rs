//! Why a rebuild stopped. In: errors of ClickHouse. Out: an error that names the step.

use uuid::Uuid;

use crate::insert::InsertError;

/// Why tables could not be rebuilt. The live tables are unchanged or, after the swap, `gitpulse rebuild` continues where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// ClickHouse refused or is unavailable.
    #[error("ClickHouse refused the rebuild while it {doing}")]
    ClickHouse {
        /// The step.
        doing: &'static str,
        /// The error of ClickHouse.
        #[source]
        source: clickhouse::error::Error,
    },
    /// Rows could not be stored.
    #[error(transparent)]
    Insert(#[from] InsertError),
    /// Another rebuild began and has not ended.
    #[error(
        "another rebuild, {id}, began at {began} UTC and has not ended; if it is no longer running, --abandon it"
    )]
    Open {
        /// Its id.
        id: Uuid,
        /// When it began.
        began: String,
    },
}
