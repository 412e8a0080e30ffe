//! Rereads what may have changed unseen. In: things that the tables have as unfinished, or finished without their parts. Out: their current state in
//! GitLab. Never rereads one thing twice within a week.
//!
//! A job that ends need not move its pipeline's `updated_at`, nor an approval that of its merge request, so lists filtered by `updated_at` miss both.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use gitlab::Limit;
use schemas::api::resource::Resource;
use schemas::api::subject::{Context, Owner};
use serde_json::value::RawValue;

use super::error::ReconcileError;
use super::report::{Findings, What};
use super::run::{Mode, Step};
use super::state::ProjectState;
use super::watched::Watched;

/// Time after which a thing may be reread.
const REST: TimeDelta = TimeDelta::days(7);
/// How long after its merge or close a merge request is reread. Shorter than [`REST`], so that it is reread once.
const FINISHED_DAYS: i64 = 6;
/// Limit of things per kind, project and run.
const AT_MOST: u64 = 1_000;

/// Things found in this run, which may not be in the tables yet.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Pipelines that are finished, by their ids.
    pub(super) pipelines: BTreeSet<u64>,
    /// Merge requests that were merged or closed, by their numbers.
    pub(super) merge_requests: BTreeSet<u64>,
}

/// Rereads pipelines and merge requests of a project.
pub(super) async fn look(
    step: &Step<'_>,
    project_id: u64,
    found: Found,
    state: &mut ProjectState,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    state.looked_at.retain(|_, at| *at > step.now - REST);
    let pipelines = step.stored.unfinished_pipelines(project_id, step.now, AT_MOST).await?;
    for id in unseen(&state.looked_at, "pipelines", found.pipelines, pipelines) {
        let looked = match step.plan.mode {
            Mode::Mend => pipeline(step, project_id, id).await,
            Mode::Look => Err(ReconcileError::Spent),
        };
        settle(step.now, What::Unfinished, format!("pipelines/{id}"), looked, state, findings)?;
    }
    let days = FINISHED_DAYS;
    let merge_requests = step.stored.finished_merge_requests(project_id, step.now, days, AT_MOST).await?;
    for iid in unseen(&state.looked_at, "merge_requests", found.merge_requests, merge_requests) {
        let looked = match step.plan.mode {
            Mode::Mend => approvals(step, project_id, iid).await,
            Mode::Look => Err(ReconcileError::Spent),
        };
        settle(step.now, What::Approvals, format!("merge_requests/{iid}"), looked, state, findings)?;
    }
    Ok(())
}

/// Those that were not reread lately, newest first.
fn unseen(
    looked_at: &BTreeMap<String, DateTime<Utc>>,
    list: &str,
    found: BTreeSet<u64>,
    stored: Vec<u64>,
) -> Vec<u64> {
    let all: BTreeSet<u64> = stored.into_iter().chain(found).collect();
    all.into_iter().rev().filter(|key| !looked_at.contains_key(&format!("{list}/{key}"))).collect()
}

/// Records the result of rereading one thing; returns an error that ends the step.
fn settle(
    now: DateTime<Utc>,
    what: What,
    name: String,
    looked: Result<(), ReconcileError>,
    state: &mut ProjectState,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    match looked {
        // Nothing was known to be missing: approvals are read because no list shows them.
        Ok(()) if what == What::Approvals => findings.read_again += 1,
        Ok(()) => findings.of(what).mended += 1,
        Err(error) if error.is_hidden() => findings.of(what).gone += 1,
        Err(ReconcileError::Spent) => {
            findings.of(what).left += 1;
            return Ok(());
        }
        Err(error) => {
            findings.of(what).left += 1;
            return Err(error);
        }
    }
    state.looked_at.insert(name, now);
    Ok(())
}

/// A pipeline with all of its jobs.
async fn pipeline(step: &Step<'_>, project_id: u64, id: u64) -> Result<(), ReconcileError> {
    let context = Context::project(project_id);
    let path = Watched::Pipelines.path_of(project_id, id);
    let object = step.asking.targeted_object(Limit::General, &path).await?;
    step.publish(Resource::Pipeline, context, &[&object], step.now).await?;
    let query = [("include_retried", "true".to_owned()), ("per_page", "100".to_owned())];
    let mut page = step.asking.targeted_list(Limit::General, &format!("{path}/jobs"), &query).await?;
    loop {
        let jobs: Vec<&RawValue> = page.items.iter().map(|object| &**object).collect();
        step.publish(Resource::Job, context, &jobs, page.read_at).await?;
        let Some(next) = &page.next else { return Ok(()) };
        page = step.asking.targeted_next(next).await?;
    }
}

/// Who approved a merge request.
async fn approvals(step: &Step<'_>, project_id: u64, iid: u64) -> Result<(), ReconcileError> {
    let path = format!("{}/approvals", Watched::MergeRequests.path_of(project_id, iid));
    let object = step.asking.targeted_object(Limit::General, &path).await?;
    let context = Context { owner: Owner::Project(project_id), parent: Some(iid) };
    step.publish(Resource::Approvals, context, &[&object], step.now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_left_alone_and_what_was_not_is_not() {
        let now = DateTime::from_timestamp(1_795_766_400, 0).unwrap();
        let (mut state, mut findings) = (ProjectState::default(), Findings::default());
        let mut ended = |key: u64, looked| {
            let name = format!("pipelines/{key}");
            settle(now, What::Unfinished, name, looked, &mut state, &mut findings).is_ok()
        };
        let absent = || gitlab::FetchError::Absent { token: "t".to_owned(), message: "404".to_owned() };
        assert!(ended(1, Ok(())));
        assert!(ended(2, Err(absent().into())));
        assert!(ended(3, Err(ReconcileError::Spent)));
        assert!(!ended(4, Err(ReconcileError::Stopped)));
        let found = || BTreeSet::from([2, 5]);
        assert_eq!(unseen(&state.looked_at, "pipelines", found(), vec![4, 3, 2, 1]), [5, 4, 3]);
        assert_eq!(unseen(&state.looked_at, "merge_requests", BTreeSet::new(), vec![1]), [1]);
        let tally = findings.tallies[&What::Unfinished];
        assert_eq!((tally.mended, tally.gone, tally.left), (1, 1, 2));
        assert_eq!(findings.read_again, 0);
    }

    #[test]
    fn approvals_that_were_read_again_were_not_missing() {
        let now = DateTime::from_timestamp(1_795_766_400, 0).unwrap();
        let (mut state, mut findings) = (ProjectState::default(), Findings::default());
        let name = "merge_requests/7".to_owned();
        settle(now, What::Approvals, name, Ok(()), &mut state, &mut findings).unwrap();
        assert_eq!((findings.read_again, findings.of(What::Approvals).found()), (1, 0));
        assert_eq!(state.looked_at.len(), 1);
    }
}
