//! Things to ask about one by one, such as the commits of a merge request or the notes of an issue. In: things that lists found, with their versions.
//! Out: those whose version was not asked about yet, newest first. Stored in ClickHouse, so that none is lost when a process is killed.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use crate::list::List;
use crate::save::{SaveError, Saver};

/// Pending things could not be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// ClickHouse could not return them.
    #[error("the table backfill_pending cannot be read")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// ClickHouse could not store them.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// A thing to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The list that needs it.
    pub list: List,
    /// The id for the request: the iid of a merge request or an issue, the id of a pipeline or a deployment.
    pub id: u64,
    /// Its version: it is asked about again when the version changes.
    pub version: String,
    /// When it changed last: the newest come first.
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Row, Serialize, Deserialize)]
struct PendingRow {
    instance: String,
    project_id: u64,
    list: String,
    id: u64,
    version: String,
    /// Milliseconds since 1970.
    changed_at: i64,
    is_done: bool,
}

#[derive(Row, Deserialize)]
struct Known {
    id: u64,
    version: String,
    /// Milliseconds since 1970.
    changed_at: i64,
    is_done: bool,
}

/// The known parts of a list: hash of the last noted version of each.
type Versions = HashMap<u64, u64>;

/// The pending parts of an instance. Clones share it.
#[derive(Clone)]
pub struct Pending {
    client: Client,
    saver: Saver<PendingRow>,
    instance: String,
    /// By project and list, loaded when they are needed.
    known: Arc<Mutex<HashMap<(u64, List), Versions>>>,
}

impl Pending {
    /// Pending parts of an instance, given in its normal form.
    pub fn new(client: Client, instance: &str) -> Pending {
        Pending {
            saver: Saver::start(client.clone(), "backfill_pending"),
            client,
            instance: instance.to_owned(),
            known: Arc::default(),
        }
    }

    /// Notes those parts of a project whose version was not noted before.
    pub async fn add(&self, project_id: u64, parts: Vec<Part>) -> Result<(), PendingError> {
        let (mut rows, mut noted) = (Vec::new(), Vec::new());
        for part in parts {
            let key = (project_id, part.list);
            if !self.is_loaded(key) {
                let versions = self.load(key).await?;
                self.with_known(|known| known.entry(key).or_insert(versions).len());
            }
            let version = hash(&part.version);
            let is_known = self.with_known(|known| {
                known.get(&key).is_some_and(|versions| versions.get(&part.id) == Some(&version))
            });
            if !is_known {
                noted.push((key, part.id, version));
                rows.push(self.row(project_id, part, false));
            }
        }
        self.saver.save(rows).await?;
        self.with_known(|known| {
            for (key, id, version) in noted {
                known.entry(key).or_default().insert(id, version);
            }
        });
        Ok(())
    }

    /// The newest parts of a list that are not done, up to `limit`, and `without` these ids.
    pub async fn newest(
        &self,
        project_id: u64,
        list: List,
        without: &[u64],
        limit: u64,
    ) -> Result<Vec<Part>, PendingError> {
        let sql = "SELECT id, version, changed_at, is_done FROM backfill_pending FINAL \
                   WHERE instance = ? AND project_id = ? AND list = ? AND NOT is_done AND id NOT IN ? \
                   ORDER BY changed_at DESC, id DESC LIMIT ?";
        // Nothing has the id 0, and an empty list has no type.
        let without = [&[0], without].concat();
        let query = self.client.query(sql).bind(&self.instance).bind(project_id).bind(list.as_str());
        let query = query.bind(without).bind(limit);
        let rows: Vec<Known> = query.fetch_all().await?;
        let part = |known: Known| Part {
            list,
            id: known.id,
            version: known.version,
            changed_at: DateTime::from_timestamp_millis(known.changed_at).unwrap_or_default(),
        };
        Ok(rows.into_iter().filter(|known| !known.is_done).map(part).collect())
    }

    /// Records that these versions are done.
    pub async fn done(&self, project_id: u64, parts: Vec<Part>) -> Result<(), PendingError> {
        let rows = parts.into_iter().map(|part| self.row(project_id, part, true)).collect();
        Ok(self.saver.save(rows).await?)
    }

    /// Drops the memory of a project that was read: what was noted is in the table.
    pub fn forget(&self, project_id: u64) {
        self.with_known(|known| known.retain(|(project, _), _| *project != project_id));
    }

    fn row(&self, project_id: u64, part: Part, is_done: bool) -> PendingRow {
        PendingRow {
            instance: self.instance.clone(),
            project_id,
            list: part.list.as_str().to_owned(),
            id: part.id,
            version: part.version,
            changed_at: part.changed_at.timestamp_millis(),
            is_done,
        }
    }

    fn is_loaded(&self, key: (u64, List)) -> bool {
        self.with_known(|known| known.contains_key(&key))
    }

    async fn load(&self, (project_id, list): (u64, List)) -> Result<Versions, PendingError> {
        let sql = "SELECT id, version, changed_at, is_done FROM backfill_pending FINAL WHERE instance = ? AND project_id = ? AND list = ?";
        let query = self.client.query(sql).bind(&self.instance).bind(project_id).bind(list.as_str());
        let rows: Vec<Known> = query.fetch_all().await?;
        Ok(rows.into_iter().map(|known| (known.id, hash(&known.version))).collect())
    }

    /// A panic under the lock cannot leave the map half changed.
    fn with_known<T>(&self, work: impl FnOnce(&mut HashMap<(u64, List), Versions>) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Stable within a process, which is as long as it is kept.
fn hash(version: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    hasher.finish()
}
