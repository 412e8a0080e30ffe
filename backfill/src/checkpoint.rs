//! What was read, remembered in ClickHouse, where every replica finds it. In: the state of a list, after Kafka acknowledged a page. Out: the state
//! that was saved last. Losing one means that a page is read twice, which changes nothing.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;
use crate::list::List;

/// Checkpoints could not be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// ClickHouse did not do it.
    #[error("the table backfill_checkpoints cannot be used")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// What was saved is not what this build saves.
    #[error("the checkpoint of {list} of project {project_id} cannot be read")]
    State {
        /// Name of the list.
        list: String,
        /// The project.
        project_id: u64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// How far a list is.
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

/// Checkpoints of one instance.
#[derive(Clone)]
pub struct Checkpoints {
    client: Client,
    instance: String,
}

#[derive(Row, Deserialize)]
struct Saved {
    project_id: u64,
    list: String,
    state: String,
}

#[derive(Row, Serialize)]
struct NewRow<'a> {
    instance: &'a str,
    project_id: u64,
    list: &'a str,
    state: &'a str,
    requests: u64,
    objects: u64,
    outcome: &'a str,
    message: &'a str,
}

/// What was counted of a list in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests.
    pub requests: u64,
    /// Objects that Kafka acknowledged.
    pub objects: u64,
}

impl Checkpoints {
    /// Those of an instance, in its one form.
    pub fn new(client: Client, instance: &str) -> Checkpoints {
        Checkpoints { client, instance: instance.to_owned() }
    }

    /// All that were saved.
    pub async fn load(&self) -> Result<BTreeMap<(u64, List), Coverage>, CheckpointError> {
        let sql = "SELECT project_id, list, state FROM backfill_checkpoints FINAL WHERE instance = ?";
        let rows: Vec<Saved> = self.client.query(sql).bind(&self.instance).fetch_all().await?;
        let mut coverages = BTreeMap::new();
        for Saved { project_id, list, state } in rows {
            // One that only a newer build has.
            let Some(known) = List::from_name(&list) else { continue };
            let coverage = serde_json::from_str(&state).map_err(|source| CheckpointError::State {
                list,
                project_id,
                source,
            })?;
            coverages.insert((project_id, known), coverage);
        }
        Ok(coverages)
    }

    /// Saves the state of a list.
    pub async fn save(
        &self,
        project_id: u64,
        list: List,
        coverage: &Coverage,
        counted: Counted,
        outcome: Outcome,
        message: &str,
    ) -> Result<(), CheckpointError> {
        let state = serde_json::to_string(coverage).map_err(|source| CheckpointError::State {
            list: list.as_str().to_owned(),
            project_id,
            source,
        })?;
        let mut insert = self.client.insert::<NewRow<'_>>("backfill_checkpoints").await?;
        insert
            .write(&NewRow {
                instance: &self.instance,
                project_id,
                list: list.as_str(),
                state: &state,
                requests: counted.requests,
                objects: counted.objects,
                outcome: outcome.as_str(),
                message,
            })
            .await?;
        insert.end().await?;
        Ok(())
    }
}
