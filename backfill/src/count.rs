//! Counts the things of projects. In: projects. Out: counts, with few requests: GraphQL counts those of many projects at once, and where it cannot, a
//! page of one row shows the length of a REST list. Publishes nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use gitlab::{Client, FetchError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::list::List;
use crate::plan::Counts;
use crate::scope::Owner;

/// Projects per query. Four counts of one project cost some 17 of the 250 that a query may cost
/// (<https://docs.gitlab.com/api/graphql/#maximum-query-complexity>).
const AT_ONCE: usize = 10;
/// Projects that are counted with REST at the same time.
const SIDE_BY_SIDE: usize = 8;
/// The highest count that GitLab gives (<https://docs.gitlab.com/api/rest/#other-pagination-headers>).
const COUNTED_UP_TO: u64 = 10_000;

/// The counts to ask for, by their names in GraphQL.
const BY_GRAPHQL: [&[&str]; 2] =
    [&["mergeRequests", "issues", "pipelines", "jobs"], &["mergeRequests", "pipelines"]];

/// What was counted.
#[derive(Debug, Default)]
pub struct Counted {
    /// By project.
    pub counts: BTreeMap<u64, Counts>,
    /// Requests that it took.
    pub requests: u64,
    /// Whether this GitLab has GraphQL for merge requests and pipelines.
    pub by_graphql: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(default)]
    merge_requests: Option<Count>,
    #[serde(default)]
    issues: Option<Count>,
    #[serde(default)]
    pipelines: Option<Count>,
    #[serde(default)]
    jobs: Option<Count>,
}

#[derive(Debug, Deserialize)]
struct Count {
    #[serde(default)]
    count: Option<u64>,
}

/// Counts the things of projects that are in one of `lists`.
///
/// # Errors
/// GitLab does not answer, or refuses the token.
pub async fn count(client: &Client, projects: &[Owner], lists: &[List]) -> Result<Counted, FetchError> {
    let mut counted = Counted::default();
    for fields in BY_GRAPHQL {
        match by_graphql(client, projects, fields, &mut counted).await {
            Ok(()) => {
                counted.by_graphql = true;
                break;
            }
            // An older GitLab, or no GraphQL for this token: REST is used.
            Err(error) if error.is_unknown_field() || error.is_absent() || error.is_forbidden() => {}
            Err(error) => return Err(error),
        }
    }
    let known = &counted.counts;
    let asked = projects.iter().map(|project| {
        let known = known.get(&project.id).copied().unwrap_or_default();
        by_rest(client, project.id, known, lists)
    });
    let asked: Vec<_> = stream::iter(asked).buffer_unordered(SIDE_BY_SIDE).collect().await;
    for told in asked {
        let (project_id, counts, requests) = told?;
        counted.requests += requests;
        counted.counts.insert(project_id, counts);
    }
    Ok(counted)
}

async fn by_graphql(
    client: &Client,
    projects: &[Owner],
    fields: &[&str],
    counted: &mut Counted,
) -> Result<(), FetchError> {
    let mut at_once = AT_ONCE;
    let mut left = projects;
    while !left.is_empty() {
        let (now, later) = left.split_at(at_once.min(left.len()));
        counted.requests += 1;
        let data = match client.graphql(&query(now.len(), fields), variables(now)).await {
            Err(error) if error.is_too_complex() && at_once > 1 => {
                at_once /= 2;
                continue;
            }
            data => data?,
        };
        let told: BTreeMap<String, Option<Told>> = serde_json::from_str(data.get())
            .map_err(|_| FetchError::Shape { expected: "counts of projects" })?;
        for (index, project) in now.iter().enumerate() {
            // REST may show what GraphQL does not.
            let Some(Some(told)) = told.get(&format!("p{index}")) else { continue };
            let number = |count: &Option<Count>| count.as_ref().and_then(|count| count.count);
            let counts = Counts {
                merge_requests: number(&told.merge_requests),
                issues: number(&told.issues),
                pipelines: number(&told.pipelines),
                jobs: number(&told.jobs),
                deployments: None,
            };
            counted.counts.insert(project.id, counts);
        }
        left = later;
    }
    Ok(())
}

/// `p0: project(fullPath: $p0) { issues { count } }`, and so on.
fn query(projects: usize, fields: &[&str]) -> String {
    let counts: Vec<String> = fields.iter().map(|field| format!("{field} {{ count }}")).collect();
    let counts = counts.join(" ");
    let names: Vec<String> = (0..projects).map(|index| format!("$p{index}: ID!")).collect();
    let asked: Vec<String> =
        (0..projects).map(|index| format!("p{index}: project(fullPath: $p{index}) {{ {counts} }}")).collect();
    format!("query({}) {{ {} }}", names.join(", "), asked.join(" "))
}

fn variables(projects: &[Owner]) -> Value {
    let paths = projects.iter().enumerate();
    Value::Object(Map::from_iter(
        paths.map(|(index, project)| (format!("p{index}"), project.path.as_str().into())),
    ))
}

/// Counts with REST what is not known yet.
async fn by_rest(
    client: &Client,
    project_id: u64,
    mut counts: Counts,
    lists: &[List],
) -> Result<(u64, Counts, u64), FetchError> {
    let wanted = [
        (List::MergeRequests, &mut counts.merge_requests),
        (List::Issues, &mut counts.issues),
        (List::Pipelines, &mut counts.pipelines),
        (List::Jobs, &mut counts.jobs),
        (List::Deployments, &mut counts.deployments),
    ];
    let mut requests = 0;
    for (list, count) in wanted {
        let leads_to = |other: &List| *other == list || other.sources().contains(&list);
        if count.is_none() && lists.iter().any(leads_to) {
            requests += 1;
            *count = length(client, project_id, list).await?;
        }
    }
    Ok((project_id, counts, requests))
}

/// The length of a list, from a page of one row; `None` if GitLab does not report it.
async fn length(client: &Client, project_id: u64, list: List) -> Result<Option<u64>, FetchError> {
    // GitLab does not count a list that is paged by keys.
    let paging = ["pagination", "order_by", "sort", "per_page"];
    let mut query: Vec<_> = list.query().into_iter().filter(|(name, _)| !paging.contains(name)).collect();
    query.push(("per_page", "1".to_owned()));
    match client.list(list.limit(), &list.path(project_id, 0), &query).await {
        Ok(page) => Ok(page.total.or_else(|| page.next.map(|_| COUNTED_UP_TO))),
        // It will be skipped.
        Err(error) if error.is_absent() || error.is_forbidden() => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_query_counts_several_projects() {
        assert_eq!(
            query(2, &["issues", "jobs"]),
            "query($p0: ID!, $p1: ID!) { p0: project(fullPath: $p0) { issues { count } jobs { count } } \
             p1: project(fullPath: $p1) { issues { count } jobs { count } } }"
        );
    }
}
