//! Notes that the actors on a merge request make for metrics. In: what somebody does, and when. Out: times and counts. Never derived from steps or
//! events afterwards: GitLab's reports of those are an independent account of the same life.

use std::collections::BTreeSet;

use super::dice::{Millis, Sha};
use super::people::Person;

/// The life of a merge request, as its actors noted it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// When the oldest commit that was ever pushed to its branch was written.
    pub first_commit_at: Option<Millis>,
    /// When its branch was first pushed; pushes to a fork's branch are not reported.
    pub first_push_at: Option<Millis>,
    /// When it was opened.
    pub opened_at: Option<Millis>,
    /// Since when it is a draft, while it is one.
    pub draft_since: Option<Millis>,
    /// Whole seconds that it was a draft, from opening to ready.
    pub draft_seconds: i64,
    /// When it could be reviewed: when it was opened; for a draft, when it last left draft before the first review, or first after a review in draft.
    pub ready_at: Option<Millis>,
    /// When a review was first requested.
    pub review_requested_at: Option<Millis>,
    /// The first comment or approval by another person who is not a bot.
    pub first_review: Option<(Millis, Person)>,
    /// Whether that review was made while it was a draft.
    pub reviewed_in_draft: bool,
    /// Rounds of review: one begins with the first action of a reviewer after opening or after a push.
    pub rounds: u32,
    /// Whether a reviewer acted since the last push.
    in_round: bool,
    /// Approvals, including those that were withdrawn.
    pub approvals: u32,
    /// Who approved it at any time.
    pub approvers: BTreeSet<Person>,
    /// Approvals that stand.
    standing: Vec<(Person, Millis)>,
    /// The last approval that was valid at the merge, else the last of all.
    pub approved_at: Option<Millis>,
    /// Times of comments, without internal notes.
    pub comments: Vec<Millis>,
    /// When it was merged, and by whom.
    pub merged: Option<(Millis, Person)>,
    /// Spans in which it was open, each with its end if it has one.
    pub open_spans: Vec<(Millis, Option<Millis>)>,
    /// When it was closed; nothing once reopened or merged.
    pub closed_at: Option<Millis>,
    /// Whole seconds between closing and reopening.
    pub closed_seconds: i64,
    /// The commit by which its branch came to contain it.
    pub landing: Option<Sha>,
    /// The merge request that it reverts.
    pub reverts: Option<u32>,
    /// Whether a revert of it was merged.
    pub is_reverted: bool,
    /// The merge request of `main` that it brings to another branch.
    pub picks: Option<u32>,
    /// Whether a force push removed its landing.
    pub is_rewritten: bool,
}

/// Whole seconds between two times, each cut to the second first.
pub(crate) fn seconds_between(from: Millis, until: Millis) -> i64 {
    until.div_euclid(1_000) - from.div_euclid(1_000)
}

impl Life {
    /// A push of commits, the oldest of which was written then. A push begins a new round.
    pub(super) fn pushed(&mut self, oldest_at: Option<Millis>) {
        self.first_commit_at = self.first_commit_at.into_iter().chain(oldest_at).min();
        self.in_round = false;
    }

    pub(super) fn opened(&mut self, at: Millis, draft: bool) {
        self.opened_at = Some(at);
        self.open_spans.push((at, None));
        self.draft_since = draft.then_some(at);
        self.ready_at = (!draft).then_some(at);
    }

    pub(super) fn ready(&mut self, at: Millis) {
        if let Some(since) = self.draft_since.take() {
            self.draft_seconds += seconds_between(since, at);
        }
        if self.first_review.is_none() || self.ready_at.is_none() {
            self.ready_at = Some(at);
        }
    }

    pub(super) fn review_requested(&mut self, at: Millis) {
        self.review_requested_at.get_or_insert(at);
    }

    /// A comment, by somebody or by its author.
    pub(super) fn commented(&mut self, at: Millis, by: Person, author: Person) {
        self.comments.push(at);
        self.reviewed(at, by, author);
    }

    pub(super) fn approved(&mut self, at: Millis, by: Person, author: Person) {
        self.approvals += 1;
        self.approvers.insert(by);
        self.standing.retain(|(one, _)| *one != by);
        self.standing.push((by, at));
        self.approved_at = Some(at);
        self.reviewed(at, by, author);
    }

    fn reviewed(&mut self, at: Millis, by: Person, author: Person) {
        if by == author || by.is_bot() || self.merged.is_some() {
            return;
        }
        if self.first_review.is_none() {
            self.first_review = Some((at, by));
            self.reviewed_in_draft = self.draft_since.is_some();
        }
        if !self.in_round {
            self.in_round = true;
            self.rounds += 1;
        }
    }

    pub(super) fn unapproved(&mut self, by: Person) {
        self.standing.retain(|(one, _)| *one != by);
    }

    pub(super) fn approvals_reset(&mut self) {
        self.standing.clear();
    }

    pub(super) fn closed(&mut self, at: Millis) {
        self.closed_at = Some(at);
        self.end_span(at);
    }

    fn end_span(&mut self, at: Millis) {
        if let Some((_, end)) = self.open_spans.last_mut() {
            end.get_or_insert(at);
        }
    }

    pub(super) fn reopened(&mut self, at: Millis) {
        self.open_spans.push((at, None));
        if let Some(closed_at) = self.closed_at.take() {
            self.closed_seconds += seconds_between(closed_at, at);
        }
    }

    pub(super) fn merged(&mut self, at: Millis, by: Person, landing: Sha) {
        self.merged = Some((at, by));
        self.end_span(at);
        self.landing = Some(landing);
        let stood = self.standing.iter().map(|(_, at)| *at).max();
        self.approved_at = stood.or(self.approved_at);
    }
}
