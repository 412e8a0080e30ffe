//! State that is saved between runs. In: what a run has done, after Kafka acknowledged it. Out: what earlier runs have done. If it is lost, more is
//! requested, which changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clickhouse::{Client, Row};
use runtime::clickhouse::Insertion;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::ReconcileError;
use super::numbers::Numbers;

/// The saved state of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProjectState {
    /// By list: everything that was updated before this time was read.
    #[serde(default)]
    pub read_until: BTreeMap<String, DateTime<Utc>>,
    /// By list: numbers that GitLab does not have, or does not show to the token.
    #[serde(default)]
    pub absent: BTreeMap<String, Numbers>,
    /// When a thing was reread, by its path within the project.
    #[serde(default)]
    pub looked_at: BTreeMap<String, DateTime<Utc>>,
}

/// The saved state of a hook's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogState {
    /// The log was read up to the entry of this id.
    #[serde(default)]
    pub read_to: u64,
    /// An interrupted reading.
    #[serde(default)]
    pub open: Option<OpenLog>,
}

/// A reading of a log that did not reach the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLog {
    /// The newest entry when it began.
    pub newest: u64,
    /// The page to continue with. New entries push older ones to later pages, so nothing is skipped.
    pub page: u32,
}

/// The saved states of one instance.
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

/// All saved states, by place and name.
#[derive(Debug, Default)]
pub struct Remembered(BTreeMap<(String, String), String>);

impl Remembered {
    /// One saved state; the default if there is none, or another build wrote it.
    pub fn of<T: DeserializeOwned + Default>(&self, place: &str, name: &str) -> T {
        let Some(state) = self.0.get(&(place.to_owned(), name.to_owned())) else { return T::default() };
        serde_json::from_str(state).unwrap_or_else(|error| {
            tracing::warn!(place, name, %error, "the saved state of a project cannot be read; it is found out again");
            T::default()
        })
    }
}

impl States {
    /// States of an instance, given in its normal form.
    pub fn new(client: Client, instance: &str) -> States {
        States { client, instance: instance.to_owned() }
    }

    /// Loads all states.
    pub async fn load(&self) -> Result<Remembered, ReconcileError> {
        let sql = "SELECT place, name, state FROM reconcile_states FINAL WHERE instance = ?";
        let rows: Vec<Saved> = self.client.query(sql).bind(&self.instance).fetch_all().await?;
        Ok(Remembered(rows.into_iter().map(|row| ((row.place, row.name), row.state)).collect()))
    }

    /// Saves one state.
    pub async fn save<T: Serialize>(&self, place: &str, name: &str, state: &T) -> Result<(), ReconcileError> {
        let state = serde_json::to_string(state).map_err(ReconcileError::State)?;
        let row = NewRow { instance: &self.instance, place, name, state: &state };
        Ok(Insertion::into(&self.client, "reconcile_states").rows::<NewRow<'_>>(&[row]).await?)
    }
}
