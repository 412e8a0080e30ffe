//! Events of a project since a time (<https://docs.gitlab.com/api/events/>). In: a filter. Out: pages, newest first. Never requests a page on which
//! everything is older.

use chrono::{DateTime, TimeDelta, Utc};
use gitlab::{Limit, Next, Page};

use super::error::ReconcileError;
use super::run::Step;

/// The first page of the filtered events.
pub(super) async fn since_day(
    step: &Step<'_>,
    path: &str,
    (name, value): (&'static str, &str),
    since: DateTime<Utc>,
) -> Result<Page, ReconcileError> {
    // The filter has days in the instance's time zone, and excludes the day itself.
    let after = (since - TimeDelta::days(2)).format("%Y-%m-%d").to_string();
    let query = [(name, value.to_owned()), ("after", after), ("per_page", "100".to_owned())];
    step.asking.list(Limit::General, path, &query).await
}

/// The next page, unless the last event of this page happened before the time.
pub(super) fn older(page: &Page, last: Option<DateTime<Utc>>, since: DateTime<Utc>) -> Option<&Next> {
    page.next.as_ref().filter(|_| last.is_none_or(|at| at >= since))
}
