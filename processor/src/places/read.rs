//! Reads what is known of projects, and stores their places. In: projects of one GitLab. Out: one row of `project_places` per project.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::{Client, Row, RowOwned, RowRead};
use runtime::clickhouse::Insertion;
use serde::{Deserialize, Serialize};

use super::{Deployed, Merged, Move, Places, Spoken, Told, places};

/// Places of projects could not be computed.
#[derive(Debug, thiserror::Error)]
#[error("ClickHouse refused while it {doing}")]
pub struct PlacesError {
    /// The step.
    pub doing: &'static str,
    /// The error of ClickHouse.
    #[source]
    pub source: clickhouse::error::Error,
}

#[derive(Row, Deserialize)]
struct MergedRow {
    project_id: u64,
    iid: u64,
    branch: String,
    source: String,
    second: i64,
    head: String,
    merge_commit: String,
    squash_commit: String,
    is_listed: bool,
    tenants: Vec<String>,
}

#[derive(Row, Deserialize)]
struct DeployedRow {
    project_id: u64,
    sha: String,
    reference: String,
    tier: String,
    tenants: Vec<String>,
}

#[derive(Row, Deserialize)]
struct MoveRow {
    project_id: u64,
    branch: String,
    before: String,
    after: String,
    second: i64,
}

#[derive(Row, Deserialize)]
struct SpokenRow {
    project_id: u64,
    sha: String,
    refs: Vec<String>,
    reverts: Vec<String>,
    picks: Vec<String>,
}

#[derive(Row, Deserialize)]
struct ListedRow {
    project_id: u64,
    sha: String,
    iids: Vec<u64>,
}

#[derive(Row, Deserialize)]
struct PairRow {
    project_id: u64,
    first: String,
    second: String,
}

/// A row of `project_places`.
#[derive(Row, Serialize)]
struct PlacesRow<'p> {
    instance: &'p str,
    project_id: u64,
    generation: u64,
    requests: Vec<RequestTuple<'p>>,
    shas: Vec<ShaTuple<'p>>,
    tenants: &'p [String],
}

/// iid, branch, place, landing SHA, is_tie, is_promotion, rewritten_at, reverts, picks, tenants.
type RequestTuple<'p> = (u64, &'p str, i64, &'p str, bool, bool, i64, &'p [u64], &'p [u64], &'p [String]);
/// SHA, branch, place, iid, word.
type ShaTuple<'p> = (&'p str, &'p str, i64, u64, &'p str);

const MERGED: &str = "SELECT project_id, iid, ifNull(target_branch, '') AS branch, \
    if(ifNull(source_project_id, project_id) = project_id, ifNull(source_branch, ''), '') AS source, \
    toInt64(toUnixTimestamp(assumeNotNull(merge_requests.merged_at))) AS second, ifNull(head_sha, '') AS head, \
    ifNull(merge_commit_sha, '') AS merge_commit, ifNull(squash_commit_sha, '') AS squash_commit, has(origins, 'api') AS is_listed, tenants \
    FROM merge_requests WHERE instance = ? AND project_id IN ? AND merge_requests.merged_at IS NOT NULL";

const DEPLOYED: &str = "SELECT project_id, \
    if(ifNull(deployments.sha, '') = '', ifNull(deployments.short_sha, ''), assumeNotNull(deployments.sha)) AS sha, ifNull(ref, '') AS reference, \
    ifNull(environment_tier, '') AS tier, groupUniqArrayArray(deployments.tenants) AS tenants FROM deployments \
    WHERE instance = ? AND project_id IN ? AND status = 'success' GROUP BY project_id, sha, reference, tier";

const MOVES: &str = "SELECT project_id, substring(ref, 12) AS branch, if(startsWith(before, '0000000000'), '', ref_moves.before) AS before, after, \
    toInt64(toUnixTimestamp(max(pushed_at))) AS second FROM ref_moves WHERE instance = ? AND project_id IN ? AND startsWith(ref, 'refs/heads/') \
    AND NOT startsWith(after, '0000000000') AND (project_id, ref) IN \
    (SELECT project_id, concat('refs/heads/', ifNull(target_branch, '')) FROM merge_requests WHERE instance = ? AND project_id IN ? \
    UNION DISTINCT SELECT project_id, concat('refs/heads/', ifNull(deployments.ref, '')) FROM deployments WHERE instance = ? AND project_id IN ?) \
    GROUP BY project_id, branch, before, after";

const SPOKEN: &str = "SELECT project_id, sha, refs, \
    arrayConcat(arrayMap(part -> lower(part), extractAll(ifNull(message, ''), 'This reverts commit ([0-9a-fA-F]{8,64})')), \
    arrayMap(part -> concat('!', part), extractAll(ifNull(message, ''), 'This reverts merge request [^ !]*!([0-9]+)'))) AS reverts, \
    arrayMap(part -> lower(part), extractAll(ifNull(message, ''), 'cherry picked from commit ([0-9a-fA-F]{8,64})')) AS picks \
    FROM commits WHERE instance = ? AND project_id IN ? \
    AND (position(ifNull(message, ''), 'This reverts ') > 0 OR position(ifNull(message, ''), 'cherry picked from commit ') > 0)";

const LISTED: &str = "SELECT project_id, sha, groupUniqArray(merge_request_iid) AS iids FROM merge_request_commits \
    WHERE instance = ? AND project_id IN ? AND sha IN ? GROUP BY project_id, sha";

const BRANCHES: &str = "SELECT project_id, ifNull(default_branch, '') AS first, '' AS second FROM projects WHERE instance = ? AND project_id IN ?";

const PARENTS: &str = "SELECT project_id, sha AS first, parents[1] AS second FROM commits WHERE instance = ? AND project_id IN ? AND notEmpty(parents)";

/// Computes the places of projects of one GitLab from the current views, and stores them under their generations.
///
/// # Errors
///
/// ClickHouse refuses; then either none or all of them are stored.
pub async fn compute(client: &Client, instance: &str, projects: &[(u64, u64)]) -> Result<(), PlacesError> {
    let ids: Vec<u64> = projects.iter().map(|(project, _)| *project).collect();
    let told = told(client, instance, &ids).await?;
    let (mut told, mut computed, with_gaps) = aside(move || {
        let mut computed: BTreeMap<u64, Places> = BTreeMap::new();
        let mut with_gaps = Vec::new();
        for (id, told) in &told {
            let (places, has_gap) = places(told);
            computed.insert(*id, places);
            if has_gap {
                with_gaps.push(*id);
            }
        }
        (told, computed, with_gaps)
    })
    .await;
    if !with_gaps.is_empty() {
        let parents: Vec<PairRow> = all(client, PARENTS, instance, &with_gaps, "listed parents").await?;
        for row in parents {
            told.entry(row.project_id).or_default().parents.push((row.first, row.second));
        }
        (told, computed) = aside(move || {
            for id in with_gaps {
                let places = told.get(&id).map(|told| places(told).0);
                computed.insert(id, places.unwrap_or_default());
            }
            (told, computed)
        })
        .await;
    }
    let failed = |source| PlacesError { doing: "stored places", source };
    let rows: Vec<PlacesRow<'_>> = projects
        .iter()
        .filter_map(|(project, generation)| {
            let (places, told) = (computed.get(project)?, told.get(project)?);
            Some(row(instance, *project, *generation, places, &told.tenants))
        })
        .collect();
    Insertion::into(client, "project_places").rows::<PlacesRow<'_>>(&rows).await.map_err(failed)
}

/// Computes on a blocking thread: a project with tens of thousands of merge requests takes a while.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panicked)) => std::panic::resume_unwind(panicked),
        // The process is ending.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// What is known of each project.
async fn told(client: &Client, instance: &str, ids: &[u64]) -> Result<BTreeMap<u64, Told>, PlacesError> {
    let mut told: BTreeMap<u64, Told> = ids.iter().map(|id| (*id, Told::default())).collect();
    let mut tenants: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    let merged: Vec<MergedRow> = all(client, MERGED, instance, ids, "listed merge requests").await?;
    for row in merged {
        tenants.entry(row.project_id).or_default().extend(row.tenants.iter().cloned());
        let MergedRow {
            project_id,
            iid,
            branch,
            source,
            second,
            head,
            merge_commit,
            squash_commit,
            is_listed,
            tenants,
        } = row;
        let merged =
            Merged { iid, branch, source, second, head, merge_commit, squash_commit, is_listed, tenants };
        told.entry(project_id).or_default().merged.push(merged);
    }
    let deployed: Vec<DeployedRow> = all(client, DEPLOYED, instance, ids, "listed deployments").await?;
    for DeployedRow { project_id, sha, reference, tier, tenants: told_by } in deployed {
        tenants.entry(project_id).or_default().extend(told_by);
        told.entry(project_id).or_default().deployed.push(Deployed { sha, reference, tier });
    }
    let moves =
        client.query(MOVES).bind(instance).bind(ids).bind(instance).bind(ids).bind(instance).bind(ids);
    let moves = moves.fetch_all::<MoveRow>().await;
    for row in moves.map_err(|source| PlacesError { doing: "listed pushes", source })? {
        let MoveRow { project_id, branch, before, after, second } = row;
        told.entry(project_id).or_default().moves.push(Move { branch, before, after, second });
    }
    for row in all::<PairRow>(client, BRANCHES, instance, ids, "listed projects").await? {
        told.entry(row.project_id).or_default().default_branch = row.first;
    }
    let spoken: Vec<SpokenRow> = all(client, SPOKEN, instance, ids, "read messages of commits").await?;
    let shas: Vec<&str> = spoken.iter().map(|row| row.sha.as_str()).collect();
    let mut iids: BTreeMap<(u64, String), Vec<u64>> = BTreeMap::new();
    if !shas.is_empty() {
        let listed = client.query(LISTED).bind(instance).bind(ids).bind(&shas).fetch_all::<ListedRow>().await;
        for row in
            listed.map_err(|source| PlacesError { doing: "listed commits of merge requests", source })?
        {
            iids.insert((row.project_id, row.sha), row.iids);
        }
    }
    for SpokenRow { project_id, sha, refs, reverts, picks } in spoken {
        let iids = iids.remove(&(project_id, sha.clone())).unwrap_or_default();
        told.entry(project_id).or_default().spoken.push(Spoken { sha, refs, iids, reverts, picks });
    }
    for (project, tenants) in tenants {
        told.entry(project).or_default().tenants = tenants.into_iter().collect();
    }
    Ok(told)
}

/// All rows of a query about projects.
async fn all<T: RowOwned + RowRead>(
    client: &Client,
    query: &str,
    instance: &str,
    ids: &[u64],
    doing: &'static str,
) -> Result<Vec<T>, PlacesError> {
    let rows = client.query(query).bind(instance).bind(ids).fetch_all::<T>().await;
    rows.map_err(|source| PlacesError { doing, source })
}

fn row<'p>(
    instance: &'p str,
    project_id: u64,
    generation: u64,
    places: &'p Places,
    tenants: &'p [String],
) -> PlacesRow<'p> {
    let requests = places.requests.iter().map(|request| {
        let super::RequestPlace {
            iid,
            branch,
            place,
            sha,
            is_tie,
            is_promotion,
            rewritten_at,
            reverts,
            picks,
            tenants,
        } = request;
        let (branch, sha) = (branch.as_str(), sha.as_str());
        (*iid, branch, *place, sha, *is_tie, *is_promotion, *rewritten_at, &**reverts, &**picks, &**tenants)
    });
    let shas = places
        .shas
        .iter()
        .map(|stand| (stand.sha.as_str(), stand.branch.as_str(), stand.place, stand.iid, stand.word));
    PlacesRow {
        instance,
        project_id,
        generation,
        requests: requests.collect(),
        shas: shas.collect(),
        tenants,
    }
}
