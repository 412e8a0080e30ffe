//! Missing pipelines. In: gaps in their numbers. Out: what GitLab lists around each gap. A pipeline cannot be requested by its number, only by its
//! id, which is unknown here; but it was created between its neighbours.

use chrono::{DateTime, TimeDelta, Utc};
use schemas::field::Field;
use serde::Deserialize;

use super::compare::{Compared, take};
use super::error::ReconcileError;
use super::numbers::{Numbers, Span};
use super::report::{Findings, What};
use super::run::Step;
use super::stored::Gap;
use super::watched::{PER_PAGE, Watched};
use crate::coverage::Cursor;
use crate::page;

/// Gaps this close together are searched together: a page has as many rows.
const TOGETHER: u64 = PER_PAGE as u64;
/// Margin for pipelines created within the same second.
const SLACK: TimeDelta = TimeDelta::seconds(2);
/// How much later than its neighbours a pipeline may be updated, where GitLab cannot filter by `created_at`.
const FINISHES_WITHIN: TimeDelta = TimeDelta::days(1);

/// Gaps that are searched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    span: Span,
    after: DateTime<Utc>,
    before: DateTime<Utc>,
}

/// Searches missing pipelines, newest first. A pipeline that is not listed where it has to be is gone.
pub(super) async fn find(
    step: &Step<'_>,
    project_id: u64,
    gaps: &[Gap],
    missing: &Numbers,
    compared: &mut Compared,
    absent: &mut Numbers,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    for region in regions(gaps, missing, step.now).into_iter().rev() {
        let wanted = missing.within(region.span);
        for watched in [Watched::Pipelines, Watched::ChildPipelines] {
            if wanted.without(&Numbers::of_list(compared.listed.iter().copied())).is_empty() {
                break;
            }
            list(step, project_id, watched, region, compared, findings).await?;
        }
        let gone = wanted.without(&Numbers::of_list(compared.listed.iter().copied()));
        findings.of(What::Missing(Watched::Pipelines)).gone += gone.count();
        *absent = absent.with(&gone);
    }
    Ok(())
}

/// Regions around the gaps with missing pipelines, in ascending order.
fn regions(gaps: &[Gap], missing: &Numbers, now: DateTime<Utc>) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for gap in gaps.iter().filter(|gap| missing.touches(gap.span)) {
        let one = gap.after.unwrap_or(DateTime::UNIX_EPOCH);
        let other = gap.before.unwrap_or(now);
        // Imported pipelines need not be in the order of their times.
        let (after, before) = (one.min(other) - SLACK, one.max(other) + SLACK);
        match regions.last_mut() {
            Some(last) if gap.span.last - last.span.first < TOGETHER => {
                last.span.last = gap.span.last;
                last.after = last.after.min(after);
                last.before = last.before.max(before);
            }
            Some(_) | None => regions.push(Region { span: gap.span, after, before }),
        }
    }
    regions
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    created_at: Field<String>,
}

/// Lists pipelines created in a region.
async fn list(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    region: Region,
    compared: &mut Compared,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = watched.path(project_id);
    let query = watched.created_between(region.after, region.before);
    let mut page = step.asking.targeted_list(watched.limit(), &path, &query).await?;
    loop {
        take(step, project_id, watched, &page.items, page.read_at, compared, findings).await?;
        // GitLab ignores an unknown filter, and then lists from the oldest on.
        let is_inside = |text: &str| {
            let created: Option<Created> = serde_json::from_str(text).ok();
            let at = created.and_then(|created| schemas::time::parse(created.created_at.text()));
            at.is_none_or(|at| at >= region.after - SLACK && at <= region.before + SLACK)
        };
        if !page.items.iter().all(|object| is_inside(object.get())) {
            return list_by_update(step, project_id, watched, region, compared, findings).await;
        }
        let Some(next) = &page.next else { return Ok(()) };
        page = step.asking.targeted_next(next).await?;
    }
}

/// Lists pipelines updated between the first moment of a region and a day after its last.
async fn list_by_update(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    region: Region,
    compared: &mut Compared,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = watched.path(project_id);
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mut cursor = Cursor { after: time(region.after), page: 1, seen: Vec::new() };
    loop {
        let mut query = watched.updated_since(&cursor);
        query.push(("updated_before", time(region.before + FINISHES_WITHIN)));
        let page = step.asking.targeted_list(watched.limit(), &path, &query).await?;
        take(step, project_id, watched, &page.items, page.read_at, compared, findings).await?;
        let listed = page.items.iter().map(|object| serde_json::from_str(object.get()));
        let listed: Vec<page::Listed> = listed
            .collect::<Result<_, _>>()
            .map_err(|source| ReconcileError::Object { path: path.clone(), source })?;
        match page::step(&cursor, &listed, page.next.is_none())?.next {
            Some(next) => cursor = next,
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_that_lie_near_each_other_are_looked_for_together() {
        let at = |second: i64| DateTime::from_timestamp(second, 0);
        let gap = |first, last, after, before| Gap { span: Span { first, last }, after, before };
        let gaps = [
            gap(1, 2, None, at(100)),
            gap(5, 5, at(200), at(190)),
            gap(300, 320, at(900), at(950)),
            gap(400, 400, at(990), None),
        ];
        let missing = Numbers::of_list([2, 5, 310, 400]);
        let now = at(5_000).unwrap();
        let found = regions(&gaps, &missing, now);
        let found: Vec<(u64, u64, i64, i64)> = found
            .iter()
            .map(|r| (r.span.first, r.span.last, r.after.timestamp(), r.before.timestamp()))
            .collect();
        assert_eq!(found, [(1, 5, -2, 202), (300, 320, 898, 952), (400, 400, 988, 5_002)]);
        // Numbers that are known to be gone are not searched.
        assert_eq!(regions(&gaps, &Numbers::of_list([310]), now).len(), 1);
    }
}
