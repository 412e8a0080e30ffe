//! The state of all lists, for people and scripts. In: the saved state in ClickHouse, of this process or others. Out: a report for each list. Changes
//! nothing, and makes no request to GitLab.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Outcome;
use crate::config::BackfillConfig;
use crate::list::List;
use crate::state::State;

/// One list of a project or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListReport {
    /// URL of the GitLab instance.
    pub instance: String,
    /// Id of the project or group.
    pub id: u64,
    /// Its path, if the tables have it already.
    pub path: Option<String>,
    /// Name of the list.
    pub list: String,
    /// How it ended: `reading`, `complete`, `skipped` or `failed`.
    pub outcome: String,
    /// Objects that the last run published to Kafka.
    pub objects: u64,
    /// Requests of the last run.
    pub requests: u64,
    /// The beginning of the span that was read; none if it was read from the start of the list, or not to its end.
    pub from: Option<DateTime<Utc>>,
    /// The end of the span that was read; none if it was not read to its end.
    pub until: Option<DateTime<Utc>>,
    /// Things that other lists have found for it and that are still pending.
    pub left: u64,
    /// Why it was skipped or failed.
    pub message: String,
    /// When this was saved.
    pub saved_at: DateTime<Utc>,
}

impl ListReport {
    /// Whether nothing is left to read that the token may read.
    pub fn is_complete(&self) -> bool {
        let ended = [Outcome::Complete, Outcome::Skipped].map(Outcome::as_str);
        ended.contains(&self.outcome.as_str()) && self.left == 0
    }
}

#[derive(Row, Deserialize)]
struct Saved {
    instance: String,
    owner_id: u64,
    list: String,
    state: String,
    requests: u64,
    objects: u64,
    outcome: String,
    message: String,
    saved_ms: i64,
}

#[derive(Row, Deserialize)]
struct Left {
    instance: String,
    project_id: u64,
    list: String,
    things: u64,
}

#[derive(Row, Deserialize)]
struct Named {
    instance: String,
    id: u64,
    path: String,
}

/// Reads the state of all lists, of one instance or of all.
///
/// # Errors
/// ClickHouse does not answer, or has no such tables yet.
pub async fn read(
    client: &Client,
    instance: Option<&str>,
) -> Result<Vec<ListReport>, clickhouse::error::Error> {
    let saved = "SELECT instance, owner_id, list, state, requests, objects, outcome, message, \
                 toUnixTimestamp64Milli(saved_at) AS saved_ms FROM backfill_checkpoints FINAL ORDER BY instance, owner_id, list";
    let saved: Vec<Saved> = client.query(saved).fetch_all().await?;
    let left = "SELECT instance, project_id, list, count() AS things FROM backfill_pending FINAL WHERE NOT is_done \
                GROUP BY instance, project_id, list";
    let left: Vec<Left> = client.query(left).fetch_all().await?;
    let mut left: BTreeMap<_, _> =
        left.into_iter().map(|left| ((left.instance, left.project_id, left.list), left.things)).collect();
    let projects = paths(client, "projects", "project_id").await?;
    let groups = paths(client, "groups", "group_id").await?;
    let mut lists = Vec::new();
    for row in saved.into_iter().filter(|row| instance.is_none_or(|instance| instance == row.instance)) {
        let known = List::from_name(&row.list);
        let names = if known.is_some_and(List::is_of_group) { &groups } else { &projects };
        let (from, until) = serde_json::from_str(&row.state).ok().as_ref().map_or((None, None), span);
        lists.push(ListReport {
            path: names.get(&(row.instance.clone(), row.owner_id)).cloned(),
            left: left.remove(&(row.instance.clone(), row.owner_id, row.list.clone())).unwrap_or(0),
            instance: row.instance,
            id: row.owner_id,
            list: row.list,
            outcome: row.outcome,
            objects: row.objects,
            requests: row.requests,
            from,
            until,
            message: row.message,
            saved_at: DateTime::from_timestamp_millis(row.saved_ms).unwrap_or_default(),
        });
    }
    Ok(lists)
}

async fn paths(
    client: &Client,
    view: &str,
    id: &str,
) -> Result<BTreeMap<(String, u64), String>, clickhouse::error::Error> {
    let sql = format!(
        "SELECT instance, {id} AS id, assumeNotNull(path) AS path FROM {view} WHERE path IS NOT NULL"
    );
    let named: Vec<Named> = client.query(&sql).fetch_all().await?;
    Ok(named.into_iter().map(|named| ((named.instance, named.id), named.path)).collect())
}

/// The span of a list that was read.
fn span(state: &State) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let (from, until) = match state {
        State::Updated(coverage) => {
            coverage.span.map_or((None, None), |span| (Some(span.from), Some(span.until)))
        }
        State::Keys(keys) => (keys.since, keys.read_at),
        State::Whole(whole) => (None, whole.read_at),
        State::Each(read_at) => (None, *read_at),
    };
    (from.filter(|from| *from > BackfillConfig::beginning()), until)
}

/// How many things of projects are still pending.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn left(
    client: &Client,
    instance: &str,
    projects: &[u64],
) -> Result<u64, clickhouse::error::Error> {
    let sql = "SELECT count() FROM backfill_pending FINAL WHERE instance = ? AND NOT is_done AND has(?, project_id)";
    client.query(sql).bind(instance).bind(projects).fetch_one().await
}
