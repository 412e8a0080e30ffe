//! Checkpoints: how far each list was read, saved in ClickHouse, where every replica finds it. In: the state of a list, after Kafka acknowledged a
//! page. Out: the state that was saved last. If one is lost, a page is read twice, which changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use crate::list::List;
use crate::save::{SaveError, Saver};
use crate::state::State;

/// Checkpoints could not be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// ClickHouse could not return them.
    #[error("the table backfill_checkpoints cannot be read")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// ClickHouse could not store one.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// It cannot be serialized.
    #[error("the checkpoint of {list} of {owner_id} cannot be written")]
    State {
        /// Name of the list.
        list: &'static str,
        /// The project or group.
        owner_id: u64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// The state of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is being read, or was when it was interrupted.
    Reading,
    /// All that was asked for was read.
    Complete,
    /// GitLab does not show it to this token, or the project has the feature switched off.
    Skipped,
    /// It could not be read to its end.
    Failed,
}

impl Outcome {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Reading => "reading",
            Outcome::Complete => "complete",
            Outcome::Skipped => "skipped",
            Outcome::Failed => "failed",
        }
    }
}

/// Checkpoints of one instance. Clones share it.
#[derive(Clone)]
pub struct Checkpoints {
    client: Client,
    saver: Saver<CheckpointRow>,
    instance: String,
}

#[derive(Row, Deserialize)]
struct SavedRow {
    owner_id: u64,
    list: String,
    state: String,
    is_complete: bool,
    /// Microseconds since 1970.
    saved_at: i64,
}

/// The checkpoint of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Up to where it was read.
    pub state: State,
    /// When a run ended with nothing left to read; `None` if the last one did not.
    pub completed_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Row, Serialize, Deserialize)]
struct CheckpointRow {
    instance: String,
    owner_id: u64,
    list: String,
    state: String,
    requests: u64,
    objects: u64,
    outcome: String,
    message: String,
}

/// Counters of a list in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests.
    pub requests: u64,
    /// Objects that Kafka acknowledged.
    pub objects: u64,
}

/// Which run set the position of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An earlier run: GitLab may not know the position any more.
    Kept,
    /// This run; or none, because the list starts.
    Own,
}

/// A list of a project or group, and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The project, or the group if the list is a group's.
    pub owner_id: u64,
    /// The list.
    pub list: List,
    /// What was read.
    pub state: State,
    /// Which run set its position.
    pub origin: Origin,
    /// Counters of this run.
    pub counted: Counted,
}

impl Checkpoints {
    /// Checkpoints of an instance, given in its normal form.
    pub fn new(client: Client, instance: &str) -> Checkpoints {
        let saver = Saver::start(client.clone(), "backfill_checkpoints");
        Checkpoints { client, saver, instance: instance.to_owned() }
    }

    /// The time by the clock that dates checkpoints.
    pub async fn now(&self) -> Result<DateTime<Utc>, CheckpointError> {
        let now: i64 = self.client.query("SELECT now64(6)").fetch_one().await?;
        Ok(DateTime::from_timestamp_micros(now).unwrap_or_default())
    }

    /// Checkpoints of some projects and groups. One that this build cannot parse is left out: its list is read again, which changes nothing.
    pub async fn load(&self, owner_ids: &[u64]) -> Result<BTreeMap<(u64, List), Saved>, CheckpointError> {
        let sql = "SELECT owner_id, list, state, outcome = 'complete' AS is_complete, saved_at FROM backfill_checkpoints FINAL \
                   WHERE instance = ? AND owner_id IN ?";
        let query = self.client.query(sql).bind(&self.instance).bind(owner_ids);
        let rows: Vec<SavedRow> = query.fetch_all().await?;
        let mut saved = BTreeMap::new();
        for SavedRow { owner_id, list, state, is_complete, saved_at } in rows {
            // A list that only a newer build has.
            let Some(known) = List::from_name(&list) else { continue };
            match serde_json::from_str(&state) {
                Ok(state) => {
                    let completed_at = DateTime::from_timestamp_micros(saved_at).filter(|_| is_complete);
                    saved.insert((owner_id, known), Saved { state, completed_at });
                }
                Err(error) => {
                    tracing::warn!(owner_id, list, %error, "a checkpoint cannot be read; the list is read from its beginning");
                }
            }
        }
        Ok(saved)
    }

    /// Saves the state of a list.
    pub async fn save(
        &self,
        progress: &Progress,
        outcome: Outcome,
        message: &str,
    ) -> Result<(), CheckpointError> {
        let Progress { owner_id, list, state, counted, .. } = progress;
        let state = serde_json::to_string(state).map_err(|source| CheckpointError::State {
            list: list.as_str(),
            owner_id: *owner_id,
            source,
        })?;
        let row = CheckpointRow {
            instance: self.instance.clone(),
            owner_id: *owner_id,
            list: list.as_str().to_owned(),
            state,
            requests: counted.requests,
            objects: counted.objects,
            outcome: outcome.as_str().to_owned(),
            message: message.to_owned(),
        };
        Ok(self.saver.save(vec![row]).await?)
    }
}
