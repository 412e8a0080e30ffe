//! A merge request: the steps of its life, and its state at a moment. In: its steps and a time. Out: its state. Never looks at what comes after that
//! time.

use super::dice::{Millis, Sha};
use super::life::Life;
use super::people::Person;
use super::sprint::Ref;

/// A kind of life. A sprint has each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Story {
    /// Opened, commented, approved, merged.
    Plain,
    /// A draft at first, reviewed as a draft.
    Drafted,
    /// Approved, changed so that GitLab resets the approval, and approved again.
    ChangedAfterApproval,
    /// Closed, reopened, merged.
    Reopened,
    /// Closed for good.
    Closed,
    /// Still open.
    LeftOpen,
    /// Its approval is withdrawn, and somebody else approves.
    Unapproved,
    /// Opened and merged by a bot, without a review.
    OfBot,
    /// Its branch is rewritten before it is merged.
    Rebased,
    /// Opened against `main`, then retargeted to the release branch, merged and deployed from there.
    Hotfix,
    /// Reverts the last merge.
    Reverting,
    /// Comes from a fork.
    OfFork,
    /// Reviewed in three rounds.
    InRounds,
    /// Its author and a bot comment first, and somebody comments after the merge.
    TalkedAbout,
    /// Merged by somebody else without a word.
    Unreviewed,
    /// A draft for more than a day, reviewed once it was ready.
    ReadyLater,
    /// 35 commits, pushed twice within minutes.
    Large,
    /// Another one is merged into its branch.
    StackBase,
    /// Merged into the branch of another one.
    Stacked,
    /// Merged in the same second as the next one; this one is deployed.
    TwinFirst,
    /// Merged in the same second as the one before it.
    TwinSecond,
    /// Brings the release branch back to `main`.
    BackMerge,
    /// Merges `main` into the branch from which production is deployed.
    Promoting,
}

impl Story {
    /// The stories in rotation. Back-merges and promotions are added in projects that have them.
    pub const ALL: [Story; 21] = [
        Story::Plain,
        Story::Drafted,
        Story::ChangedAfterApproval,
        Story::Reopened,
        Story::Closed,
        Story::LeftOpen,
        Story::Unapproved,
        Story::OfBot,
        Story::Rebased,
        Story::Hotfix,
        Story::Reverting,
        Story::OfFork,
        Story::InRounds,
        Story::TalkedAbout,
        Story::Unreviewed,
        Story::ReadyLater,
        Story::Large,
        Story::StackBase,
        Story::Stacked,
        Story::TwinFirst,
        Story::TwinSecond,
    ];

    /// Whether it merges one branch into another, without work of its own.
    pub fn promotes(self) -> bool {
        matches!(self, Story::BackMerge | Story::Promoting)
    }
}

/// A step of its life.
#[derive(Debug, Clone)]
pub struct Step {
    /// When.
    pub at: Millis,
    /// Who.
    pub by: Person,
    /// What.
    pub what: What,
}

/// What somebody did to a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Opened it; as a draft or not.
    Opened(Draft),
    /// Pushed to its branch.
    Pushed {
        /// Numbers of the commits.
        commits: Vec<u32>,
        /// Where the branch was.
        before: Sha,
        /// Where it is.
        head: Sha,
        /// Whether its commits replace those before them.
        rewritten: bool,
    },
    /// Took the draft mark away.
    Ready,
    /// Asked somebody for review.
    ReviewRequested,
    /// Wrote a comment.
    Commented,
    /// Approved it. GitLab then writes a note, which moves `updated_at`, unless writing it fails.
    Approved(Noted),
    /// Withdrew the approval.
    Unapproved,
    /// GitLab reset all approvals because of a push.
    ApprovalsReset,
    /// Gave it a label.
    Labelled,
    /// Retargeted it to the release branch.
    Retargeted,
    /// Work in the background wrote the row, as when a label is removed everywhere. No webhook reports it.
    Touched,
    /// Closed it.
    Closed,
    /// Reopened it.
    Reopened,
    /// Merged it.
    Merged {
        /// The merge commit; none of a fast-forward.
        merge_commit: Option<Sha>,
        /// The squashed commit.
        squash_commit: Option<Sha>,
        /// The commit by which the branch came to contain it.
        landing: Sha,
    },
}

/// Whether it is a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// Whether GitLab's note of an approval was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It was, two seconds later.
    Later,
    /// Writing it failed.
    Never,
}

/// A merge request.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// How its life goes.
    pub story: Story,
    /// Who opened it.
    pub author: Person,
    /// Who is asked for review, from the step that asks.
    pub reviewer: Person,
    /// Its branch.
    pub source: Ref,
    /// The branch that it was opened against.
    pub target: Ref,
    /// The commit that its branch began at.
    pub base: Sha,
    /// What happened to it, in order. The first opens it.
    pub steps: Vec<Step>,
    /// Numbers of the commits that were pushed before it was opened.
    pub first_commits: Vec<u32>,
    /// The head as it was opened.
    pub first_head: Sha,
    /// Number of the newest pipeline of its head, at the end.
    pub head_pipeline: Option<u32>,
    /// How long before the times of its steps it was opened and merged, if it was imported.
    pub imported_before: Millis,
    /// When it was deleted: GitLab does not report that, and does not list it any more.
    pub deleted_at: Option<Millis>,
    /// What its actors noted.
    pub life: Life,
}

/// The state of a merge request at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequestState {
    /// `opened`, `closed` or `merged`.
    pub state: &'static str,
    /// Whether it is a draft.
    pub draft: bool,
    /// The branch that it is aimed at.
    pub target: Ref,
    /// Whether it has its label.
    pub labelled: bool,
    /// Whether its reviewer was asked.
    pub review_requested: bool,
    /// Head of its branch.
    pub head: Sha,
    /// Numbers of its commits, oldest first.
    pub commits: Vec<u32>,
    /// When it was opened.
    pub created_at: Millis,
    /// When it changed last.
    pub updated_at: Millis,
    /// When it was merged, and by whom.
    pub merged: Option<(Millis, Person)>,
    /// When it was closed, and by whom; nothing once reopened.
    pub closed: Option<(Millis, Person)>,
    /// The merge commit.
    pub merge_commit: Option<Sha>,
    /// The squashed commit.
    pub squash_commit: Option<Sha>,
    /// Valid approvals: who, and when.
    pub approvals: Vec<(Person, Millis)>,
    /// Comments by people.
    pub comments: u64,
}

impl MergeRequest {
    /// When GitLab created the row.
    pub fn opened_at(&self) -> Millis {
        self.steps.first().map_or(Millis::MAX, |step| step.at)
    }

    /// Whether it exists at `now`.
    pub fn is_there(&self, now: Millis) -> bool {
        self.opened_at() <= now && self.deleted_at.is_none_or(|at| at > now)
    }

    /// Its state at `now`; `None` if it does not exist.
    pub fn at(&self, now: Millis) -> Option<MergeRequestState> {
        let opened_at = self.opened_at();
        if !self.is_there(now) {
            return None;
        }
        let mut state = MergeRequestState {
            state: "opened",
            draft: false,
            target: self.target,
            labelled: false,
            review_requested: false,
            head: self.first_head,
            commits: self.first_commits.clone(),
            created_at: opened_at - self.imported_before,
            updated_at: opened_at,
            merged: None,
            closed: None,
            merge_commit: None,
            squash_commit: None,
            approvals: Vec::new(),
            comments: 0,
        };
        for step in self.steps.iter().take_while(|step| step.at <= now) {
            self.take(&mut state, step, now);
        }
        Some(state)
    }

    /// When it last changed before `now`; `None` if it does not exist. Cheaper than its whole state.
    pub fn updated_at(&self, now: Millis) -> Option<Millis> {
        if !self.is_there(now) {
            return None;
        }
        let passed = self.steps.iter().take_while(|step| step.at <= now);
        passed.filter_map(|step| moved_at(step, now)).max()
    }

    fn take(&self, state: &mut MergeRequestState, step: &Step, now: Millis) {
        if let Some(at) = moved_at(step, now) {
            state.updated_at = state.updated_at.max(at);
        }
        let happened_at = step.at - self.imported_before;
        match &step.what {
            What::Opened(draft) => state.draft = *draft == Draft::Yes,
            What::Pushed { commits, head, rewritten, .. } => {
                if *rewritten {
                    state.commits.clear();
                }
                state.commits.extend(commits);
                state.head = *head;
            }
            What::Ready => state.draft = false,
            What::ReviewRequested => state.review_requested = true,
            What::Commented => state.comments += 1,
            What::Approved(_) => state.approvals.push((step.by, happened_at)),
            What::Unapproved => state.approvals.retain(|(by, _)| *by != step.by),
            What::ApprovalsReset => state.approvals.clear(),
            What::Labelled => state.labelled = true,
            What::Retargeted => state.target = Ref::Release,
            What::Touched => (),
            What::Closed => {
                state.state = "closed";
                state.closed = Some((happened_at, step.by));
            }
            What::Reopened => {
                state.state = "opened";
                state.closed = None;
            }
            What::Merged { merge_commit, squash_commit, .. } => {
                state.state = "merged";
                state.merged = Some((happened_at, step.by));
                state.merge_commit = *merge_commit;
                state.squash_commit = *squash_commit;
            }
        }
    }
}

/// The time to which a step moves `updated_at`, if it does by `now`.
fn moved_at(step: &Step, now: Millis) -> Option<Millis> {
    match step.what {
        What::Approved(Noted::Later) => Some(step.at + 2_000).filter(|at| *at <= now),
        What::Approved(Noted::Never) => None,
        // GitLab writes the row a moment after the time that it stores in it.
        What::Merged { .. } => Some(step.at + 32),
        _ => Some(step.at),
    }
}

#[cfg(test)]
mod tests;
