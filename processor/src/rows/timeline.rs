//! What people do to a merge request besides changing its state: comments, drafts, reviews. In: what an update changed, or a note. Out: rows of
//! `merge_request_event_facts`. Both faces tell of each within seconds, which the view unites; a comment is one by its id.
//! Never tells of what an internal note says.

use schemas::event::User;
use schemas::event::merge_request::{Attributes, Change, MergeRequest, Reviewer};
use schemas::event::note;
use schemas::time::whole_seconds;

use super::merge_request::{MergeRequestEventRow, observation, when};
use super::version::Version;
use crate::decode::Event;

/// How long after its opening GitLab may still be at work on it, in seconds: a body that is as of then tells of the opening.
const OPENING: i64 = 5;

/// What an event says that it changed. GitLab sends the changes of an update, and of an opening all values with nothing before them.
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
    // Who submits a review may become a reviewer by that.
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

/// That whoever opened it asked for reviews at once. The test of a hook tells of an opening too, with the reviewers of today: only a body that is as
/// of the opening is believed.
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

/// What a note tells. Whoever reads the list of notes finds in it what GitLab wrote down of what people did.
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

/// What a note of GitLab itself says that somebody did; the words are those of GitLab's own pages, in its language of the database, English
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
