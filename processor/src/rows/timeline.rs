//! What people do to a merge request besides changing its state: comments, drafts, reviews. In: the changes of an update, or a note. Out: rows of
//! `merge_request_event_facts`. Webhooks and the API report each action within seconds, which the view unites; a comment is identified by its id.
//! Never uses the content of an internal note.

use schemas::event::User;
use schemas::event::merge_request::{Attributes, Change, MergeRequest, Reviewer};
use schemas::event::note;
use schemas::time::whole_seconds;

use super::merge_request::{MergeRequestEventRow, observation, when};
use super::version::Version;
use crate::decode::Event;

/// How long after the opening GitLab may still process it, in seconds: a body from this period describes the opening.
const OPENING: i64 = 5;

/// The changes reported by an event. GitLab sends the changes of an update; for an opening, all values with nothing before them.
pub(super) fn of_update(
    event: &Event,
    merge_request: &MergeRequest,
    attributes: &Attributes,
    iid: u64,
    certainty: Version,
    rows: &mut Vec<MergeRequestEventRow>,
) {
    let at = when(attributes);
    let user = merge_request.user.get();
    let happened = |action| observation(event, iid, action, user, &at, certainty);
    if attributes.action.text() == "open" {
        rows.extend(requested_by_opening(event, merge_request, attributes, iid));
    }
    let Some(changes) = merge_request.changes.get() else { return };
    let draft = changes.draft.get().or(changes.work_in_progress.get()).and_then(Change::both);
    match draft {
        Some((true, false)) => rows.push(happened("ready")),
        Some((false, true)) => rows.push(happened("drafted")),
        Some(_) | None => (),
    }
    if changes.target_branch.get().and_then(Change::both).is_some_and(|(before, after)| before != after) {
        rows.push(happened("retargeted"));
    }
    let (before, after) = (&changes.reviewers.previous, &changes.reviewers.current);
    let known = |reviewer: &Reviewer| before.iter().find(|other| other.id.get() == reviewer.id.get());
    // Submitting a review can make somebody a reviewer.
    let is_asked = |reviewer: &&Reviewer| match known(reviewer) {
        Some(before) => reviewer.re_requested.get() == Some(true) && before.re_requested.get() != Some(true),
        None => !matches!(reviewer.state.text(), "reviewed" | "requested_changes" | "approved"),
    };
    if after.iter().any(|reviewer| is_asked(&reviewer)) {
        rows.push(happened("review_requested"));
    }
    for reviewer in after {
        let action = match reviewer.state.text() {
            "reviewed" => "reviewed",
            "requested_changes" => "changes_requested",
            _ => continue,
        };
        if known(reviewer).is_some_and(|before| before.state.text() == reviewer.state.text()) {
            continue;
        }
        let by = User { id: reviewer.id.clone(), username: reviewer.username.clone(), ..User::default() };
        rows.push(observation(event, iid, action, Some(&by), &at, certainty));
    }
}

/// A review request made at the opening. A Test delivery reports an opening too, with today's reviewers, so only a body from the time of the
/// opening counts.
fn requested_by_opening(
    event: &Event,
    merge_request: &MergeRequest,
    attributes: &Attributes,
    iid: u64,
) -> Option<MergeRequestEventRow> {
    let (created_at, updated_at) = (attributes.created_at.get()?, attributes.updated_at.get()?);
    let is_of_opening = whole_seconds(updated_at) - whole_seconds(created_at) <= OPENING;
    let user = merge_request.user.get();
    let is_author = user.and_then(|user| user.id.get()) == attributes.author_id.get();
    let has_reviewers = merge_request.reviewers.value().is_some_and(|reviewers| !reviewers.is_empty());
    (is_of_opening && is_author && has_reviewers)
        .then(|| observation(event, iid, "review_requested", user, &attributes.created_at, Version::EXACT))
}

/// The action reported by a note. In the list of notes, GitLab's system notes record what people did.
pub(super) fn of_note(
    event: &Event,
    attributes: &note::Attributes,
    iid: u64,
    author: &User,
) -> Option<MergeRequestEventRow> {
    let id = attributes.id.get()?;
    attributes.created_at.get()?;
    let seen = |action| observation(event, iid, action, Some(author), &attributes.created_at, Version::EXACT);
    match attributes.system.get() {
        Some(true) => written_down(attributes.note.text()).map(seen),
        Some(false) | None => Some(MergeRequestEventRow { oldrev: id.to_string(), ..seen("commented") }),
    }
}

/// The action recorded by a system note. The words are those of GitLab's pages; notes are stored in English
/// (<https://docs.gitlab.com/user/project/system_notes/>).
fn written_down(words: &str) -> Option<&'static str> {
    match words {
        "marked this merge request as **ready**" | "unmarked as a **Work In Progress**" => Some("ready"),
        "marked this merge request as **draft**" | "marked as a **Work In Progress**" => Some("drafted"),
        "requested changes" => Some("changes_requested"),
        "left review comments" => Some("reviewed"),
        words if words.starts_with("requested review from ") => Some("review_requested"),
        words
            if words.starts_with("changed target branch from ")
                || words.starts_with("changed automatically target branch to ") =>
        {
            Some("retargeted")
        }
        _ => None,
    }
}
