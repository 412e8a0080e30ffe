//! Queries the tables. In: a project and what GitLab listed of it. Out: what is missing, what is older, what never arrived. Only reads, and only the
//! analysts' views.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use clickhouse::{Client, Row};
use serde::Deserialize;
use uuid::Uuid;

use super::error::ReconcileError;
use super::numbers::Span;
use super::watched::{TableOf, Watched};

/// Tables of one instance.
#[derive(Clone)]
pub struct Stored {
    client: Client,
    instance: String,
}

/// The fields of a row that are compared with GitLab's list.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct StoredRow {
    /// Its key within the project.
    pub key: u64,
    /// State or status; empty if it was never reported.
    pub state: String,
    /// When GitLab had updated it, in whole seconds since 1970; 0 if that was never reported.
    pub updated_at: i64,
    /// Whether the table has it as deleted.
    pub is_deleted: bool,
}

/// The content of a table for a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Row, Deserialize)]
pub struct Known {
    /// Rows of things that are not deleted, as far as is known.
    pub rows: u64,
    /// The greatest number within the project; 0 for none.
    pub highest: u64,
    /// How many numbers there are, including deleted things.
    pub numbers: u64,
    /// When the newest was created, in seconds since 1970.
    pub newest: Option<i64>,
}

/// Numbers that a table lacks although it has greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The numbers.
    pub span: Span,
    /// When the thing before the gap was created.
    pub after: Option<DateTime<Utc>>,
    /// When the thing behind the gap was created: the missing ones were created before that.
    pub before: Option<DateTime<Utc>>,
}

/// A thing that is not deleted, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct There {
    /// Its key within the project.
    pub key: u64,
    /// The number or id for a request within its project.
    pub number: u64,
}

/// The change that a push made to one ref.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// Full name of the ref.
    pub ref_name: String,
    /// The commit before; empty if the ref is new.
    before: String,
    /// The commit after; empty if the ref was deleted.
    after: String,
}

impl Transition {
    /// Zeros of either length, or nothing, stand for no commit.
    pub fn new(ref_name: String, before: &str, after: &str) -> Transition {
        let sha = |text: &str| {
            text.trim_start_matches('0').is_empty().then(String::new).unwrap_or_else(|| text.to_owned())
        };
        Transition { ref_name, before: sha(before), after: sha(after) }
    }
}

#[derive(Row, Deserialize)]
struct GapRow {
    first: u64,
    last: u64,
    after: Option<i64>,
    before: Option<i64>,
}

impl Stored {
    /// Tables of an instance, given in its normal form.
    pub fn new(client: Client, instance: &str) -> Stored {
        Stored { client, instance: instance.to_owned() }
    }

    /// Rows with these keys.
    pub async fn rows(
        &self,
        watched: Watched,
        project_id: u64,
        keys: &[u64],
    ) -> Result<BTreeMap<u64, StoredRow>, ReconcileError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let table = watched.table();
        let sql = format!(
            "SELECT {key} AS key, ifNull({state}, '') AS state, ifNull(toUnixTimestamp(updated_at), 0)::Int64 AS updated_at, \
             (deleted_at IS NOT NULL)::Bool AS is_deleted FROM {view} WHERE instance = ? AND project_id = ? AND {key} IN ?",
            key = table.key,
            state = table.state,
            view = table.view,
        );
        let rows = self.client.query(&sql).bind(&self.instance).bind(project_id).bind(keys);
        let rows: Vec<StoredRow> = rows.fetch_all().await?;
        Ok(rows.into_iter().map(|row| (row.key, row)).collect())
    }

    /// The content of a table for a project.
    pub async fn known(&self, watched: Watched, project_id: u64) -> Result<Known, ReconcileError> {
        let table = watched.table();
        let sql = format!(
            "SELECT countIf(deleted_at IS NULL AND {listed}) AS rows, ifNull(max(iid), 0)::UInt64 AS highest, uniqExact(iid) AS numbers, \
             max(toUnixTimestamp(created_at))::Nullable(Int64) AS newest \
             FROM {view} WHERE instance = ? AND project_id = ?",
            listed = table.listed,
            view = table.view,
        );
        Ok(self.client.query(&sql).bind(&self.instance).bind(project_id).fetch_one().await?)
    }

    /// The gaps in the numbers of a project, below the greatest one.
    pub async fn gaps(&self, watched: Watched, project_id: u64) -> Result<Vec<Gap>, ReconcileError> {
        let sql = format!(
            "SELECT (below + 1)::UInt64 AS first, (number - 1)::UInt64 AS last, after, before FROM (\
             SELECT assumeNotNull(iid) AS number, toUnixTimestamp(created_at)::Nullable(Int64) AS before, \
             lagInFrame(number, 1, 0::UInt64) OVER w AS below, lagInFrame(before) OVER w AS after \
             FROM {view} WHERE instance = ? AND project_id = ? AND iid IS NOT NULL \
             WINDOW w AS (ORDER BY assumeNotNull(iid) ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) \
             WHERE number > below + 1 ORDER BY first",
            view = watched.table().view,
        );
        let rows: Vec<GapRow> =
            self.client.query(&sql).bind(&self.instance).bind(project_id).fetch_all().await?;
        let time = |seconds: Option<i64>| seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let gap = |row: GapRow| Gap {
            span: Span { first: row.first, last: row.last },
            after: time(row.after),
            before: time(row.before),
        };
        Ok(rows.into_iter().map(gap).collect())
    }

    /// Those of these events, by id, that arrived. Projects and kinds come first in the order of the table: without them the whole table is read.
    pub async fn arrived(
        &self,
        project_ids: &[u64],
        kinds: &[&str],
        ids: &[Uuid],
    ) -> Result<BTreeSet<Uuid>, ReconcileError> {
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT DISTINCT toString(id) FROM events WHERE instance = ? AND project_id IN ? AND kind IN ? AND id IN ?";
        let query = self.client.query(sql).bind(&self.instance).bind(project_ids).bind(kinds).bind(ids);
        let arrived: Vec<String> = query.fetch_all().await?;
        Ok(arrived.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The changes that pushes made to these refs of a project.
    pub async fn pushes(
        &self,
        project_id: u64,
        refs: &[String],
    ) -> Result<BTreeSet<Transition>, ReconcileError> {
        if refs.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT DISTINCT ref, before, after FROM pushes WHERE instance = ? AND project_id = ? AND ref IN ?";
        let query = self.client.query(sql).bind(&self.instance).bind(project_id).bind(refs);
        let rows: Vec<(String, String, String)> = query.fetch_all().await?;
        Ok(rows.into_iter().map(|(name, before, after)| Transition::new(name, &before, &after)).collect())
    }

    /// Things of a project that are not deleted, as far as is known, and were reported before a time.
    pub async fn there(
        &self,
        watched: Watched,
        project_id: u64,
        before: DateTime<Utc>,
    ) -> Result<Vec<There>, ReconcileError> {
        let table = watched.table();
        let sql = format!(
            "SELECT {key} AS key, assumeNotNull({number}) AS number FROM {view} WHERE instance = ? AND project_id = ? AND deleted_at IS NULL \
             AND {listed} AND first_received_at < fromUnixTimestamp64Milli(?) ORDER BY key",
            key = table.key,
            number = table.number,
            view = table.view,
            listed = table.listed,
        );
        let query = self.client.query(&sql).bind(&self.instance).bind(project_id);
        Ok(query.bind(before.timestamp_millis()).fetch_all().await?)
    }

    /// Keys of things of a project that a table has as deleted.
    pub async fn deleted(&self, watched: Watched, project_id: u64) -> Result<BTreeSet<u64>, ReconcileError> {
        let TableOf { key, view, .. } = watched.table();
        let sql = format!(
            "SELECT {key} AS key FROM {view} WHERE instance = ? AND project_id = ? AND deleted_at IS NOT NULL"
        );
        let query = self.client.query(&sql).bind(&self.instance).bind(project_id);
        Ok(query.fetch_all::<u64>().await?.into_iter().collect())
    }

    /// Those of these notes of a project that the table has.
    pub async fn notes(&self, project_id: u64, ids: &[u64]) -> Result<BTreeSet<u64>, ReconcileError> {
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT id FROM notes WHERE instance = ? AND project_id = ? AND id IN ?";
        let query = self.client.query(sql).bind(&self.instance).bind(project_id).bind(ids);
        Ok(query.fetch_all::<u64>().await?.into_iter().collect())
    }

    /// Pipelines of a project that the tables have as unfinished for longer than a day, or finished without a time, or with a job unfinished for that
    /// long: GitLab need not move `updated_at` for any of this. Newest first.
    pub async fn unfinished_pipelines(
        &self,
        project_id: u64,
        now: DateTime<Utc>,
        at_most: u64,
    ) -> Result<Vec<u64>, ReconcileError> {
        let sql = "\
            SELECT DISTINCT id FROM (\
            SELECT id FROM pipelines WHERE instance = ? AND project_id = ? AND deleted_at IS NULL AND (\
              (status IN ('created', 'waiting_for_resource', 'preparing', 'pending', 'running', 'canceling') \
                AND coalesce(updated_at, created_at, first_received_at) < fromUnixTimestamp(?)) \
              OR (status IN ('success', 'failed', 'canceled') AND finished_at IS NULL)) \
            UNION ALL \
            SELECT assumeNotNull(pipeline_id) AS id FROM jobs WHERE instance = ? AND project_id = ? AND pipeline_id IS NOT NULL \
              AND status IN ('created', 'waiting_for_resource', 'preparing', 'pending', 'running', 'canceling') \
              AND coalesce(started_at, created_at, first_received_at) < fromUnixTimestamp(?)\
            ) ORDER BY id DESC LIMIT ?";
        let day_ago = (now - TimeDelta::days(1)).timestamp();
        let query = self.client.query(sql);
        let query = query.bind(&self.instance).bind(project_id).bind(day_ago);
        let query = query.bind(&self.instance).bind(project_id).bind(day_ago).bind(at_most);
        Ok(query.fetch_all().await?)
    }

    /// Merge requests of a project that were merged or closed within this many days, but not within the last hour: an approval does not move
    /// `updated_at` by itself. Newest first.
    pub async fn finished_merge_requests(
        &self,
        project_id: u64,
        now: DateTime<Utc>,
        days: i64,
        at_most: u64,
    ) -> Result<Vec<u64>, ReconcileError> {
        let sql = "SELECT iid FROM merge_requests WHERE instance = ? AND project_id = ? AND deleted_at IS NULL \
            AND coalesce(merged_at, closed_at) BETWEEN fromUnixTimestamp(?) AND fromUnixTimestamp(?) ORDER BY iid DESC LIMIT ?";
        let (from, until) = (now - TimeDelta::days(days), now - TimeDelta::hours(1));
        let query = self.client.query(sql).bind(&self.instance).bind(project_id);
        let query = query.bind(from.timestamp()).bind(until.timestamp()).bind(at_most);
        Ok(query.fetch_all().await?)
    }
}
