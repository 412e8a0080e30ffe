//! Merges of merge requests. In: who merges which, and when. Out: commits by the project's method, the push of the branch, the pipeline that follows.
//! Never loses a commit: commits replaced by a rebase stay in the graph.

use super::super::dice::{DAY, Millis, Sha};
use super::super::merge_request::{Step, Story, What};
use super::super::people::Person;
use super::super::sprint::Ref;
use super::super::tree::MergeMethod;
use super::branch::subject;
use super::graph::Head;
use super::{Growth, promoted};

impl Growth<'_> {
    /// Merges by the project's method; a promotion always with a merge commit. A branch that only belongs to one merge request is deleted.
    pub(super) fn land(&mut self, at: Millis, request: u32, by: Person) -> What {
        let story = self.plans[request as usize].story;
        let (into, target) = self.landing_place(request);
        let method = if story.promotes() { MergeMethod::Merge } else { self.method() };
        if method.rebases() {
            self.rebase(at, request, target, by);
        }
        if story.promotes() {
            self.follow(at, request);
        }
        let (head, commits) = self.branches[request as usize].clone();
        let title = subject(request);
        let names = (self.source(request).name(&self.sprint), into.name(&self.sprint));
        let merge_message = format!("Merge branch '{}' into '{}'\n\n{title}\n", names.0, names.1);
        let squash_commit =
            (method == MergeMethod::Squash).then(|| self.squash(at, request, &commits, target));
        let merge_commit = (method != MergeMethod::FastForward).then(|| {
            let parents = vec![target, squash_commit.unwrap_or(head)];
            // The last promotion of a sprint has the SHA with which the next one begins.
            let is_last = story == Story::Promoting && at > self.starts_at + 13 * DAY;
            let sha = is_last.then(|| promoted(self.config, self.project.index, self.sprint.number + 1));
            let number = self.add_commit(sha, parents, by, at, at, merge_message);
            self.sprint.commits[number as usize].sha
        });
        let landing = merge_commit.unwrap_or(head);
        self.landings[request as usize] =
            [merge_commit, squash_commit, Some(head)].into_iter().flatten().collect();
        self.note_landing(at, request, by, landing);
        self.meet_landing(request, method);
        match into {
            Ref::Main => {
                self.plays_next = story == Story::TwinFirst;
                self.advance_main(at, by, landing, Some(request));
                if !story.promotes() {
                    self.last_landed = Some((request, landing));
                }
            }
            Ref::Topic(below) => self.land_on_topic(at, below, by, landing),
            into => {
                let commits = self.between(target, landing);
                self.push_ref(at, by, into, target, landing, commits);
                let commit = self.number(landing);
                self.heads.push(Head {
                    on: into,
                    sha: landing,
                    commit,
                    landed: Some(request),
                    begins: false,
                });
                if into == Ref::Release {
                    self.release_head = Some(landing);
                    self.release_pipeline(at, landing, target, by);
                } else {
                    self.production_head = landing;
                    self.production_pipeline(at, landing, target, by);
                }
            }
        }
        if story != Story::OfFork && !story.promotes() {
            self.push_ref(at, by, Ref::Topic(request), head, Sha::NOWHERE, Vec::new());
        }
        What::Merged { merge_commit, squash_commit, landing }
    }

    /// The branch on which a merge request lands, and its head.
    fn landing_place(&self, request: u32) -> (Ref, Sha) {
        match (self.targets[request as usize], self.release_head) {
            (Ref::Release, Some(head)) => (Ref::Release, head),
            (Ref::Production, _) => (Ref::Production, self.production_head),
            (Ref::Topic(below), _) => (Ref::Topic(below), self.branches[below as usize].0),
            _ => (Ref::Main, self.main_head),
        }
    }

    /// The branch of a merge request.
    pub(super) fn source(&self, request: u32) -> Ref {
        match self.plans[request as usize].story {
            Story::BackMerge => Ref::Release,
            Story::Promoting => Ref::Main,
            _ => Ref::Topic(request),
        }
    }

    /// The head of a promotion's branch, and its commits that the target does not have.
    pub(super) fn promotion(&self, request: u32) -> (Sha, Vec<u32>) {
        let (before, head) = match self.plans[request as usize].story {
            Story::BackMerge => (self.main_head, self.release_head.unwrap_or(self.main_head)),
            _ => (self.production_head, self.main_head),
        };
        (head, self.between(before, head))
    }

    /// Commits that came to a promotion's branch after it was opened are merged too.
    fn follow(&mut self, at: Millis, request: u32) {
        let (before, known) = self.branches[request as usize].clone();
        let (head, commits) = self.promotion(request);
        if head == before {
            return;
        }
        let new: Vec<u32> = commits.iter().copied().filter(|commit| !known.contains(commit)).collect();
        let by = self.plans[request as usize].author;
        self.branches[request as usize] = (head, commits);
        let oldest = self.oldest(&new);
        self.lives[request as usize].pushed(oldest);
        let what = What::Pushed { commits: new, before, head, rewritten: false };
        if let Some(request) = self.sprint.merge_requests.get_mut(request as usize) {
            request.steps.push(Step { at, by, what });
        }
    }

    /// One commit for all. GitLab keeps the message if it names a reverted or picked commit.
    fn squash(&mut self, at: Millis, request: u32, commits: &[u32], target: Sha) -> Sha {
        let first = commits.first().and_then(|first| self.sprint.commits.get(*first as usize));
        let base = first.and_then(|commit| commit.parents.first().copied()).unwrap_or(target);
        let life = &self.lives[request as usize];
        let message = match first {
            Some(commit) if life.reverts.is_some() || life.picks.is_some() => commit.message.clone(),
            _ => format!("{}\n", subject(request)),
        };
        let author = self.plans[request as usize].author;
        let number = self.add_commit(None, vec![base], author, at, at, message);
        self.sprint.commits[number as usize].sha
    }

    /// The branch of the merge request below gets the commits of the one on top.
    fn land_on_topic(&mut self, at: Millis, below: u32, by: Person, landing: Sha) {
        let before = self.branches[below as usize].0;
        let commits = self.between(before, landing);
        let branch = &mut self.branches[below as usize];
        branch.0 = landing;
        branch.1.extend(&commits);
        self.push_topic(at, below, by, before, landing, commits.clone());
        let what = What::Pushed { commits, before, head: landing, rewritten: false };
        if let Some(request) = self.sprint.merge_requests.get_mut(below as usize) {
            request.steps.push(Step { at, by, what });
        }
    }

    fn note_landing(&mut self, at: Millis, request: u32, by: Person, landing: Sha) {
        let told_at = at - self.imported_before(super::Noteable::MergeRequest(request));
        self.lives[request as usize].merged(told_at, by, landing);
        if let Some(reverted) = self.lives[request as usize].reverts {
            let reverted = &mut self.lives[reverted as usize];
            reverted.is_reverted = true;
            self.meet("19");
        }
    }

    fn meet_landing(&mut self, request: u32, method: MergeMethod) {
        let story = self.plans[request as usize].story;
        let life = &self.lives[request as usize];
        let mut met = vec![match method {
            MergeMethod::Merge => "16",
            MergeMethod::Squash => "12",
            MergeMethod::FastForward => "14",
            MergeMethod::SemiLinear => "15",
        }];
        if method == MergeMethod::Merge {
            met.clear();
        }
        if life.picks.is_some() {
            met.push("11");
        }
        let clock = life.first_commit_at.zip(life.ready_at).is_some_and(|(first, ready)| first > ready);
        met.extend(clock.then_some("34"));
        met.extend(
            life.first_commit_at
                .zip(life.opened_at)
                .is_some_and(|(first, at)| at - first > 25 * DAY)
                .then_some("33"),
        );
        met.extend(match story {
            Story::ReadyLater => vec!["42", "N10"],
            Story::Drafted => vec!["43"],
            Story::TalkedAbout => vec!["44", "47", "N9"],
            Story::Unreviewed => vec!["46"],
            Story::ChangedAfterApproval => vec!["45", "48"],
            Story::InRounds => vec!["50"],
            Story::OfBot => vec!["51"],
            Story::Reopened => vec!["52"],
            Story::Rebased => vec!["N6"],
            Story::Hotfix => vec!["18"],
            Story::Stacked => vec!["25"],
            Story::TwinSecond => vec!["17"],
            Story::OfFork if method == MergeMethod::Squash => vec!["N7"],
            _ => Vec::new(),
        });
        met.into_iter().for_each(|case| self.meet(case));
    }

    /// Rewrites the commits of a branch on top of its target, without merges: author and time of writing stay.
    fn rebase(&mut self, at: Millis, request: u32, target: Sha, by: Person) {
        let (before, commits) = self.branches[request as usize].clone();
        let (mut head, mut numbers) = (target, Vec::new());
        for number in commits {
            let commit = self.sprint.commits.get(number as usize).cloned();
            let Some(commit) = commit.filter(|commit| commit.parents.len() < 2) else {
                continue;
            };
            let rebased =
                self.add_commit(None, vec![head], commit.author, commit.authored_at, at, commit.message);
            head = self.sprint.commits[rebased as usize].sha;
            numbers.push(rebased);
        }
        self.branches[request as usize] = (head, numbers.clone());
        if self.plans[request as usize].story != Story::OfFork {
            self.push_ref(at, by, Ref::Topic(request), before, head, numbers.clone());
        }
        let what = What::Pushed { commits: numbers, before, head, rewritten: true };
        if let Some(request) = self.sprint.merge_requests.get_mut(request as usize) {
            request.steps.push(Step { at, by, what });
        }
    }
}
