//! Rows of an event of a project. In: an event from the API about a merge request or an issue. Out: a row that it happened. The views unite it with
//! reports from webhooks and state events. Never more: the event does not describe the state of the thing.

use schemas::EventKind;
use schemas::api::project_event::{Happened, ProjectEvent};

use super::Rows;
use super::issue::{IssueEventRow, state_change};
use super::merge_request::{MergeRequestEventRow, observation};
use super::version::Version;
use crate::decode::Event;

/// GitLab records an event moments after it happened, so any other source of its time is preferred.
pub(super) fn rows(event: &Event, told: &ProjectEvent) -> Rows {
    let mut rows = Rows { as_of: told.created_at.get(), ..Rows::default() };
    let Some(happened) = told.happened() else { return rows };
    match event.kind {
        EventKind::MergeRequest => rows.merge_request_events.extend(of_merge_request(event, told, happened)),
        EventKind::Issue => rows.issue_events.extend(of_issue(event, told, happened)),
        _ => (),
    }
    rows
}

fn of_merge_request(event: &Event, told: &ProjectEvent, happened: Happened) -> Option<MergeRequestEventRow> {
    let iid = told.target_iid.get()?;
    let actor = told.actor();
    let seen = |action| observation(event, iid, action, Some(&actor), &told.created_at, Version::DERIVED);
    Some(match happened {
        // Its second is part of the key, unlike the opening dated by the merge request itself: the view decides whether it was opened or reopened.
        Happened::Opened => MergeRequestEventRow { actor: String::new(), ..seen("opened") },
        Happened::Reopened => seen("reopened"),
        Happened::Closed => seen("closed"),
        Happened::Merged => MergeRequestEventRow { actor: String::new(), second: 0, ..seen("merged") },
        Happened::Approved => seen("approved"),
    })
}

fn of_issue(event: &Event, told: &ProjectEvent, happened: Happened) -> Option<IssueEventRow> {
    let id = told.target_id.get()?;
    let action = match happened {
        Happened::Opened => "opened",
        Happened::Reopened => "reopened",
        Happened::Closed => "closed",
        Happened::Merged | Happened::Approved => return None,
    };
    Some(state_change(event, id, action, Some(&told.actor()), &told.created_at, Version::DERIVED))
}
