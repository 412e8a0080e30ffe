//! Views `merge_request_metrics` and `merge_request_open_spans`, computed from the actions that the actors recorded.

use serde::Serialize;

use super::super::super::Millis;
use super::super::super::merge_request::{MergeRequest, Story};
use super::super::super::sprint::{Noteable, Ref, Sprint};
use super::{OfProject, Second, span};

/// A row of `merge_request_metrics`: one merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergeRequestMetric {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Number within the project.
    pub iid: u64,
    /// Who opened it.
    pub author_id: u64,
    /// Whether the author is a bot, as the API says.
    pub author_is_bot: bool,
    /// Whether a bot merged it.
    pub merged_by_bot: bool,
    /// Its target branch at the merge, or at the end if it is not merged.
    pub target_branch: String,
    /// State at the end.
    pub state: &'static str,
    /// When it was opened.
    pub opened_at: Second,
    /// When the oldest commit was written that was ever pushed to its branch, including those replaced later and those of other merge requests merged
    /// into it.
    pub first_commit_at: Option<Second>,
    /// When its branch was first pushed; unknown for a fork, and a promotion has no push of its own.
    pub first_push_at: Option<Second>,
    /// When it was opened, if it was no draft. Otherwise, when it last left draft before the first review, or first left it after a review in draft.
    pub ready_at: Option<Second>,
    /// When somebody was first asked for review.
    pub review_requested_at: Option<Second>,
    /// The first comment or approval by a person other than the author, not later than the merge.
    pub first_review_at: Option<Second>,
    /// User name of the first reviewer.
    pub first_reviewer: Option<String>,
    /// Id of the first reviewer. Not a column.
    pub first_reviewer_id: Option<u64>,
    /// The last approval that was valid at the merge, otherwise the last of all.
    pub approved_at: Option<Second>,
    /// When it was merged.
    pub merged_at: Option<Second>,
    /// When it was closed; none once it is reopened or merged.
    pub closed_at: Option<Second>,
    /// From the first commit until it was ready; 0 if a clock puts the commit later, which `notes` then says.
    pub coding_seconds: Option<i64>,
    /// From ready to the first review; 0 for a review in draft.
    pub pickup_seconds: Option<i64>,
    /// From the first review to the approval, or to the merge without one.
    pub review_seconds: Option<i64>,
    /// From the approval to the merge.
    pub merge_seconds: Option<i64>,
    /// From the first commit, but not later than the opening, to the merge.
    pub cycle_seconds: Option<i64>,
    /// From opening to merge.
    pub open_seconds: Option<i64>,
    /// From the first request for review to the first review; none if the request came later.
    pub request_to_review_seconds: Option<i64>,
    /// Time between closing and reopening.
    pub closed_seconds: i64,
    /// Time as a draft, until it was ready.
    pub draft_seconds: i64,
    /// Rounds of review: one begins with the first action of a reviewer after opening or after a push.
    pub rounds: u64,
    /// Approvals, including those taken back.
    pub approvals: u64,
    /// Number of people who approved.
    pub approvers: u64,
    /// Comments of anyone but GitLab itself, until it was merged or closed.
    pub comments: u64,
    /// Commits of its head at the end.
    pub commits: u64,
    /// Added lines, as the API counts them.
    pub additions: u64,
    /// Deleted lines.
    pub deletions: u64,
    /// Changed files.
    pub changed_files: u64,
    /// Whether it was merged without a review.
    pub is_unreviewed: bool,
    /// Whether it brings one branch to another.
    pub is_promotion: bool,
    /// Whether it is merged and reverts another merge request.
    pub is_revert: bool,
    /// Whether a merged one reverts it.
    pub is_reverted: bool,
    /// Those of `clock`, `first_commit_unknown`, `reviewed_in_draft` and `unreviewed` that apply, in this order.
    pub notes: Vec<&'static str>,
    /// When the oldest commit of its list at the end was written; commits that were replaced are not in that list. Not a column.
    pub first_listed_at: Option<Second>,
    /// Whether its oldest commit was committed at another time than it was written; webhooks only have the time of the commit. Not a column.
    pub is_committed_later: bool,
    /// Whether another merge request was merged into its branch. Not a column.
    pub is_stacked_on: bool,
    /// Comments that the API still lists at the end. Not a column.
    pub listed_comments: u64,
    /// Whether it comes from a fork, whose pushes are not reported. Not a column.
    pub is_of_fork: bool,
    /// Whether it was imported: its times in the API are then before its project. Not a column.
    pub is_imported: bool,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

/// A row of `merge_request_open_spans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenSpan {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Number within the project.
    pub iid: u64,
    /// When it was opened or reopened.
    pub opened_at: Second,
    /// When it was closed or merged; none while it is open.
    pub ended_at: Option<Second>,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether webhooks about it were sent.
    pub told_by_webhooks: bool,
}

impl OfProject<'_> {
    pub(super) fn merge_request_metrics(&self, sprint: &Sprint) -> (Vec<MergeRequestMetric>, Vec<OpenSpan>) {
        let (mut rows, mut spans) = (Vec::new(), Vec::new());
        for (request, number) in sprint.merge_requests.iter().zip(0..) {
            rows.extend(self.merge_request_metric(sprint, (request, number)));
            spans.extend(request.life.open_spans.iter().map(|(opened_at, ended_at)| OpenSpan {
                project_id: self.project.id,
                iid: self.world.merge_request_iid(sprint, number),
                opened_at: Second::of(*opened_at),
                ended_at: ended_at.map(Second::of),
                told_by_api: request.deleted_at.is_none(),
                told_by_webhooks: request.imported_before == 0,
            }));
        }
        (rows, spans)
    }

    fn merge_request_metric(
        &self,
        sprint: &Sprint,
        (request, number): (&MergeRequest, u32),
    ) -> Option<MergeRequestMetric> {
        let (life, state) = (&request.life, request.at(self.last_seen(request))?);
        let (merged_at, first_commit_at) = (life.merged.map(|(at, _)| at), life.first_commit_at);
        let opened_at = life.opened_at?;
        let first_review_at = life.first_review.map(|(at, _)| at);
        let between =
            |from: Option<i64>, until: Option<i64>| from.zip(until).map(|(from, until)| span(from, until));
        let begun_at = first_commit_at.map_or(opened_at, |at| at.min(opened_at));
        let is_ahead = first_commit_at
            .zip(life.ready_at)
            .is_some_and(|(first, ready)| Second::of(first) > Second::of(ready));
        let is_unreviewed = merged_at.is_some() && first_review_at.is_none();
        let commits = state.commits.iter().filter_map(|commit| sprint.commits.get(*commit as usize));
        let lines = commits.fold((0, 0, 0), |(additions, deletions, files), commit| {
            (additions + u64::from(commit.additions), deletions + u64::from(commit.deletions), files + 1)
        });
        let notes = [
            ("clock", is_ahead),
            ("first_commit_unknown", first_commit_at.is_none()),
            ("reviewed_in_draft", life.reviewed_in_draft),
            ("unreviewed", is_unreviewed),
        ];
        let own = || state.commits.iter().filter_map(|commit| sprint.commits.get(*commit as usize));
        let on = Noteable::MergeRequest(number);
        let ended = merged_at.or(state.closed.map(|(at, _)| at)).map(Second::of);
        let is_in_time = |at: Millis| ended.is_none_or(|ended| Second::of(at) <= ended);
        let comments = sprint.notes.iter().filter(|note| note.on == on && !note.system && !note.internal);
        let comments = comments.filter(|note| is_in_time(note.at));
        let asked = life.review_requested_at.filter(|asked| first_review_at.is_some_and(|at| at >= *asked));
        Some(MergeRequestMetric {
            project_id: self.project.id,
            iid: self.world.merge_request_iid(sprint, number),
            author_id: request.author.id(),
            author_is_bot: request.author.is_bot(),
            merged_by_bot: life.merged.is_some_and(|(_, by)| by.is_bot()),
            target_branch: state.target.name(sprint),
            state: state.state,
            opened_at: Second::of(opened_at),
            first_commit_at: first_commit_at.map(Second::of),
            first_push_at: life.first_push_at.map(Second::of),
            ready_at: life.ready_at.map(Second::of),
            review_requested_at: life.review_requested_at.map(Second::of),
            first_review_at: first_review_at.map(Second::of),
            first_reviewer: life.first_review.map(|(_, by)| by.username()),
            first_reviewer_id: life.first_review.map(|(_, by)| by.id()),
            approved_at: life.approved_at.map(Second::of),
            merged_at: merged_at.map(Second::of),
            closed_at: state.closed.map(|(at, _)| Second::of(at)),
            coding_seconds: between(first_commit_at, life.ready_at),
            pickup_seconds: between(life.ready_at, first_review_at),
            review_seconds: between(first_review_at, life.approved_at.or(merged_at)),
            merge_seconds: between(life.approved_at, merged_at),
            cycle_seconds: between(Some(begun_at), merged_at),
            open_seconds: between(Some(opened_at), merged_at),
            request_to_review_seconds: between(asked, first_review_at),
            closed_seconds: life.closed_seconds,
            draft_seconds: life.draft_seconds,
            rounds: u64::from(life.rounds),
            approvals: u64::from(life.approvals),
            approvers: life.approvers.len() as u64,
            comments: life.comments.iter().filter(|at| is_in_time(**at)).count() as u64,
            commits: state.commits.len() as u64,
            additions: lines.0,
            deletions: lines.1,
            changed_files: lines.2,
            is_unreviewed,
            is_promotion: request.story.promotes(),
            is_revert: merged_at.is_some() && life.reverts.is_some(),
            is_reverted: life.is_reverted,
            notes: notes.into_iter().filter(|(_, holds)| *holds).map(|(note, _)| note).collect(),
            first_listed_at: own().map(|commit| commit.authored_at).min().map(Second::of),
            is_committed_later: sprint.commits.iter().any(|commit| {
                Some(commit.authored_at) == first_commit_at && commit.committed_at != commit.authored_at
            }),
            is_stacked_on: sprint.merge_requests.iter().any(|other| {
                let target = other.at(self.last_seen(other)).map(|state| state.target);
                other.life.merged.is_some() && target == Some(Ref::Topic(number))
            }),
            listed_comments: comments.filter(|note| note.is_there(self.now())).count() as u64,
            is_of_fork: request.story == Story::OfFork,
            is_imported: request.imported_before > 0,
            told_by_api: request.deleted_at.is_none(),
            told_by_webhooks: request.imported_before == 0,
        })
    }
}
