//! Rows of an event of a project. In: what the API says that happened to a merge request or an issue. Out: that it happened, united in the views
//! with what webhooks and state events tell of the same. Never more than that: the event says nothing of how the thing is.

use schemas::EventKind;
use schemas::api::project_event::{Happened, ProjectEvent};

use super::Rows;
use super::issue::{IssueEventRow, state_change};
use super::merge_request::{MergeRequestEventRow, observation};
use super::version::Version;
use crate::decode::Event;

/// GitLab writes an event down moments after what it tells of, so that whoever else dates it is believed before.
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
        // Its second is part of the key, unlike that of the opening which the merge request itself dates: the view tells whether it was
        // opened or opened again.
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
