//! What is remembered between runs. In: what a run has done, after Kafka acknowledged it. Out: what the run before had done. Losing it means that
//! more is asked, which changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clickhouse::{Client, Row};
use runtime::clickhouse::Insertion;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::ReconcileError;
use super::numbers::Numbers;

/// What is remembered of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProjectState {
    /// By list: all that was updated before was read.
    #[serde(default)]
    pub read_until: BTreeMap<String, DateTime<Utc>>,
    /// By list: numbers that GitLab does not have, or does not show to the token.
    #[serde(default)]
    pub absent: BTreeMap<String, Numbers>,
    /// When a thing was looked at again, by its path within the project.
    #[serde(default)]
    pub looked_at: BTreeMap<String, DateTime<Utc>>,
}

/// What is remembered of the log of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogState {
    /// The log was read up to the entry of this id.
    #[serde(default)]
    pub read_to: u64,
    /// A reading that was interrupted.
    #[serde(default)]
    pub open: Option<OpenLog>,
}

/// A reading of a log that did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLog {
    /// The newest entry that it began with.
    pub newest: u64,
    /// The page to go on with. New entries push older ones to later pages, so that nothing is left out.
    pub page: u32,
}

/// What is remembered of one instance.
#[derive(Clone)]
pub struct States {
    client: Client,
    instance: String,
}

#[derive(Row, Deserialize)]
struct Saved {
    place: String,
    name: String,
    state: String,
}

#[derive(Row, Serialize)]
struct NewRow<'a> {
    instance: &'a str,
    place: &'a str,
    name: &'a str,
    state: &'a str,
}

/// All that was remembered, by place and name.
#[derive(Debug, Default)]
pub struct Remembered(BTreeMap<(String, String), String>);

impl Remembered {
    /// What is remembered of it; nothing where there is none, or another build wrote it.
    pub fn of<T: DeserializeOwned + Default>(&self, place: &str, name: &str) -> T {
        let Some(state) = self.0.get(&(place.to_owned(), name.to_owned())) else { return T::default() };
        serde_json::from_str(state).unwrap_or_else(|error| {
            tracing::warn!(place, name, %error, "the saved state of a project cannot be read; it is found out again");
            T::default()
        })
    }
}

impl States {
    /// Those of an instance, in its one form.
    pub fn new(client: Client, instance: &str) -> States {
        States { client, instance: instance.to_owned() }
    }

    /// All that were saved.
    pub async fn load(&self) -> Result<Remembered, ReconcileError> {
        let sql = "SELECT place, name, state FROM reconcile_states FINAL WHERE instance = ?";
        let rows: Vec<Saved> = self.client.query(sql).bind(&self.instance).fetch_all().await?;
        Ok(Remembered(rows.into_iter().map(|row| ((row.place, row.name), row.state)).collect()))
    }

    /// Saves one.
    pub async fn save<T: Serialize>(&self, place: &str, name: &str, state: &T) -> Result<(), ReconcileError> {
        let state = serde_json::to_string(state).map_err(ReconcileError::State)?;
        let row = NewRow { instance: &self.instance, place, name, state: &state };
        Ok(Insertion::into(&self.client, "reconcile_states").rows::<NewRow<'_>>(&[row]).await?)
    }
}
