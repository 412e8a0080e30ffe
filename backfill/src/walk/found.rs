//! Finds things for further requests. In: objects of a list. Out: things to ask about one by one.

use chrono::{DateTime, TimeDelta, Utc};
use schemas::api::resource::Resource;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Batch, WalkError};
use crate::list::List;
use crate::pending::Part;
use crate::publish::Item;

/// How long GitLab keeps a project's events: three years (<https://docs.gitlab.com/user/profile/contributions_calendar/#event-time-period-limit>),
/// minus a month as a margin.
const EVENTS_LAST: TimeDelta = TimeDelta::days(3 * 365 - 30);

/// The fields of any list that lead to further requests.
#[derive(Debug, Deserialize)]
struct Leads {
    id: u64,
    #[serde(default)]
    iid: u64,
    #[serde(default)]
    sha: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    created_at: Option<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Option<DateTime<Utc>>,
}

/// The objects of a page at some indexes, as items of a list.
pub(super) fn items(list: List, owner_id: u64, objects: Vec<Box<RawValue>>, places: &[usize]) -> Vec<Item> {
    let context = list.context(owner_id);
    let mut places = places.iter().peekable();
    let kept = objects.into_iter().enumerate().filter(|(place, _)| places.next_if_eq(&place).is_some());
    kept.map(|(_, object)| Item { resource: list.resource(), context, object }).collect()
}

/// Adds the things that the objects of a list lead to.
///
/// GitLab links merge requests to a deployment when it succeeds. A pipeline has trigger jobs if it started others. GraphQL shows that; REST does not,
/// but there pipelines are requested one by one anyway.
pub(super) fn add(
    list: List,
    by_graphql: bool,
    now: DateTime<Utc>,
    batch: &mut Batch,
) -> Result<(), WalkError> {
    let events_begin = now - EVENTS_LAST;
    let Batch { items, parts, .. } = batch;
    for item in items.iter().filter(|item| item.resource == list.resource()) {
        let Some((leads, changed_at)) = leads(list, &item.object)? else { continue };
        let updated = || changed_at.to_rfc3339();
        let mut part =
            |list: List, id: u64, version: String| parts.push(Part { list, id, version, changed_at });
        match list {
            List::MergeRequests => {
                if let Some(sha) = leads.sha.filter(|sha| !sha.is_empty()) {
                    part(List::MergeRequestCommits, leads.iid, sha);
                }
            }
            List::Issues if leads.created_at.is_some_and(|created_at| created_at < events_begin) => {
                part(List::IssueNotes, leads.iid, updated());
            }
            List::Deployments if leads.status.as_deref() == Some("success") => {
                part(List::DeploymentMergeRequests, leads.id, "success".to_owned());
            }
            List::Pipelines | List::ChildPipelines if !by_graphql => {
                part(List::PipelineDetails, leads.id, updated());
                part(List::TriggerJobs, leads.id, updated());
            }
            _ => (),
        }
    }
    Ok(())
}

/// Adds the things whose notes GraphQL does not give.
pub(super) fn add_notes(batch: &mut Batch) -> Result<(), WalkError> {
    let Batch { items, parts, .. } = batch;
    for item in items.iter().filter(|item| item.resource == Resource::MergeRequest) {
        if let Some((leads, changed_at)) = leads(List::MergeRequests, &item.object)? {
            let version = changed_at.to_rfc3339();
            parts.push(Part { list: List::MergeRequestNotes, id: leads.iid, version, changed_at });
        }
    }
    Ok(())
}

/// Adds the jobs of pipelines that existed `before`, and have changed since the list was last read.
pub(super) fn add_changed(list: List, before: DateTime<Utc>, batch: &mut Batch) -> Result<(), WalkError> {
    if !matches!(list, List::Pipelines | List::ChildPipelines) {
        return Ok(());
    }
    let Batch { items, parts, .. } = batch;
    for item in items.iter() {
        let Some((leads, changed_at)) = leads(list, &item.object)? else { continue };
        if leads.created_at.is_some_and(|created_at| created_at < before) {
            let version = changed_at.to_rfc3339();
            parts.push(Part { list: List::PipelineJobs, id: leads.id, version, changed_at });
        }
    }
    Ok(())
}

fn leads(list: List, object: &RawValue) -> Result<Option<(Leads, DateTime<Utc>)>, WalkError> {
    let leads: Leads = serde_json::from_str(object.get())
        .map_err(|source| WalkError::Object { path: list.as_str().to_owned(), source })?;
    let changed_at = leads.updated_at.or(leads.created_at);
    Ok(changed_at.map(|changed_at| (leads, changed_at)))
}
