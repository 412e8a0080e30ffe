//! Commits and branches of a sprint. In: who pushes or merges what, and when. Out: commits in a graph, pushes, and the pipelines that follow. Never
//! loses a commit: commits replaced by a rebase stay in the graph.

use super::super::dice::{DAY, Dice, HOUR, MINUTE, Millis, Sha};
use super::super::merge_request::{Story, What};
use super::super::people::Person;
use super::super::sprint::{Commit, Happened, Push, Ref};
use super::graph::Head;
use super::{Growth, Happening, base};

/// Branches that are pushed at once: more than three, which GitLab reports as one
/// (<https://docs.gitlab.com/administration/settings/push_event_activities_limit/>).
const MANY: u32 = 5;
/// What people work on.
const SUBJECTS: [&str; 8] = [
    "Retry card payments after a gateway timeout",
    "Show delivery slots in the basket",
    "Remove the old voucher table",
    "Round basket totals half to even",
    "Sort delivery slots by price",
    "Read stock levels once",
    "Wait longer before the second attempt",
    "Log the warehouse feed in order",
];

/// The title of a piece of work.
pub(in crate::gitlab) fn subject(number: u32) -> &'static str {
    SUBJECTS[number as usize % SUBJECTS.len()]
}

impl Growth<'_> {
    pub(super) fn root(&mut self, at: Millis) {
        let by = Person::human(&mut Dice::at(self.config.seed, &[0x726f]), self.people);
        let sha = base(self.config, self.project.index, 0);
        self.add_commit(Some(sha), Vec::new(), by, at, at, "Begin\n".to_owned());
        self.main_head = Sha::NOWHERE;
        self.advance_main(at, by, sha, None);
    }

    /// Pushes the branch of a merge request for the first time.
    pub(super) fn branch(&mut self, at: Millis, request: u32, by: Person, commits: u32) {
        // A stacked branch starts from the branch below it, a hotfix from its target.
        let plan = &self.plans[request as usize];
        let onto = match (plan.onto, self.release_head) {
            (Some(below), _) => self.branches[below as usize].0,
            (None, Some(head)) if plan.story == Story::Hotfix => head,
            _ => self.main_head,
        };
        let (head, numbers) = self.write(at, request, onto, by, commits);
        self.branches[request as usize] = (head, numbers.clone());
        let is_of_fork = self.plans[request as usize].story == Story::OfFork;
        self.lives[request as usize].first_push_at = (!is_of_fork).then_some(at);
        self.push_topic(at, request, by, Sha::NOWHERE, head, numbers);
        if is_of_fork {
            self.meet("32");
        }
        if commits > 20 {
            self.meet("35");
        }
    }

    /// Pushes commits on top of a branch.
    pub(super) fn push_more(&mut self, at: Millis, request: u32, by: Person, commits: u32) -> What {
        let (before, _) = self.branches[request as usize];
        let (head, numbers) = self.write(at, request, before, by, commits);
        let branch = &mut self.branches[request as usize];
        branch.0 = head;
        branch.1.extend(&numbers);
        self.push_topic(at, request, by, before, head, numbers.clone());
        What::Pushed { commits: numbers, before, head, rewritten: false }
    }

    /// Pushes commits in place of those of a branch.
    pub(super) fn rewrite(&mut self, at: Millis, request: u32, by: Person, commits: u32) -> What {
        let (before, _) = self.branches[request as usize];
        let (head, numbers) = self.write(at, request, self.main_head, by, commits);
        self.branches[request as usize] = (head, numbers.clone());
        self.push_topic(at, request, by, before, head, numbers.clone());
        What::Pushed { commits: numbers, before, head, rewritten: true }
    }

    /// When the oldest of some commits was written.
    pub(super) fn oldest(&self, commits: &[u32]) -> Option<Millis> {
        let commits = commits.iter().filter_map(|commit| self.sprint.commits.get(*commit as usize));
        commits.map(|commit| commit.authored_at).min()
    }

    pub(super) fn push_topic(
        &mut self,
        at: Millis,
        request: u32,
        by: Person,
        before: Sha,
        head: Sha,
        commits: Vec<u32>,
    ) {
        let oldest = self.oldest(&commits);
        self.lives[request as usize].pushed(oldest);
        // The branch of a fork is pushed there.
        if self.plans[request as usize].story != Story::OfFork {
            self.push_ref(at, by, Ref::Topic(request), before, head, commits);
        }
        self.topic_pipeline(at, request, head, before, by);
    }

    /// Writes commits of a merge request, one on top of the other.
    fn write(&mut self, at: Millis, request: u32, onto: Sha, by: Person, commits: u32) -> (Sha, Vec<u32>) {
        let story = self.plans[request as usize].story;
        let (mut head, mut numbers) = (onto, Vec::new());
        for place in 0..commits {
            let written_at = at - Millis::from(commits - place) * 17 * MINUTE;
            // One clock in a team runs a month behind, another two hours ahead.
            let skew = match (request + self.sprint.number) % 12 {
                7 => -30 * DAY,
                9 => 2 * HOUR,
                _ => 0,
            };
            let message = match story {
                Story::Reverting => self.revert(request),
                Story::Hotfix => self.pick(request),
                _ => format!("{}, part {}\n", subject(request), place + 1),
            };
            let at = written_at + skew;
            let number = self.add_commit(None, vec![head], by, at, at, message);
            self.sprint.commits[number as usize].pushed_at = written_at.max(at);
            head = self.sprint.commits[number as usize].sha;
            numbers.push(number);
        }
        (head, numbers)
    }

    fn revert(&mut self, request: u32) -> String {
        match self.last_landed {
            Some((landed, sha)) => {
                self.lives[request as usize].reverts = Some(landed);
                format!("Revert \"{}\"\n\nThis reverts commit {sha}.\n", subject(landed))
            }
            None => format!("{}\n", subject(request)),
        }
    }

    fn pick(&mut self, request: u32) -> String {
        match self.last_landed {
            Some((landed, sha)) => {
                self.lives[request as usize].picks = Some(landed);
                format!("{}\n\n(cherry picked from commit {sha})\n", subject(landed))
            }
            None => format!("{}\n", subject(request)),
        }
    }

    pub(super) fn direct_push(&mut self, at: Millis) {
        let place = [0x6469, u64::from(self.project.index), at.unsigned_abs()];
        let by = Person::human(&mut Dice::at(self.config.seed, &place), self.people);
        let message = "Correct a typing error in the handbook\n".to_owned();
        // One clock runs weeks behind: with `since`, git hides everything that only its commit leads to.
        let is_behind = self.project.index % 5 == 2 && at > self.starts_at + 8 * DAY;
        let written_at = if is_behind { at - 20 * DAY } else { at - MINUTE };
        let number = self.add_commit(None, vec![self.main_head], by, written_at, written_at, message);
        self.sprint.commits[number as usize].pushed_at = at;
        let sha = self.sprint.commits[number as usize].sha;
        self.advance_main(at, by, sha, None);
        self.meet("26");
    }

    pub(super) fn silent_push(&mut self, at: Millis) {
        let by = Person::TRANSLATOR;
        let message = "Update translations [ci skip]\n".to_owned();
        let number = self.add_commit(None, vec![self.main_head], by, at, at, message);
        let (sha, before) = (self.sprint.commits[number as usize].sha, self.main_head);
        self.extend_main(at, by, sha, None);
        self.meet("66");
        self.skipped_pipeline(at, sha, before, by);
    }

    /// The last commit has the SHA with which the next sprint begins.
    pub(super) fn close(&mut self, at: Millis) {
        let by = Person::TRANSLATOR;
        let sha = base(self.config, self.project.index, self.sprint.number + 1);
        let message = "Update translations\n".to_owned();
        self.add_commit(Some(sha), vec![self.main_head], by, at, at, message);
        let before = self.main_head;
        self.is_closing = true;
        self.extend_main(at, by, sha, None);
        self.last_pipeline(at, sha, before, by);
    }

    pub(super) fn push_of_many(&mut self, at: Millis) {
        let place = [0x6d61, u64::from(self.project.index), u64::from(self.sprint.number)];
        let by = Person::human(&mut Dice::at(self.config.seed, &place), self.people);
        for number in 0..MANY {
            let (before, after) = (Sha::NOWHERE, self.main_head);
            let to = Ref::Many(number);
            self.sprint.pushes.push(Push {
                at,
                by,
                to,
                before,
                after,
                commits: Vec::new(),
                is_one_of_many: true,
            });
        }
        self.activity(at, by, Happened::PushedMany(MANY));
    }

    pub(super) fn cut_release(&mut self, at: Millis) {
        let place = [0x6375, u64::from(self.project.index), u64::from(self.sprint.number)];
        let by = Person::human(&mut Dice::at(self.config.seed, &place), self.people);
        self.release_head = Some(self.main_head);
        self.push_ref(at, by, Ref::Release, Sha::NOWHERE, self.main_head, Vec::new());
        let commit = self.number(self.main_head);
        self.heads.push(Head { on: Ref::Release, sha: self.main_head, commit, landed: None, begins: true });
        if self.project.deploys_cuts() && !self.project.has_production_branch() {
            self.release_pipeline(at, self.main_head, Sha::NOWHERE, by);
        }
    }

    pub(super) fn cut_production(&mut self, at: Millis) {
        self.production_head = self.main_head;
        self.push_ref(at, Person(3), Ref::Production, Sha::NOWHERE, self.main_head, Vec::new());
        let commit = self.number(self.main_head);
        self.heads.push(Head {
            on: Ref::Production,
            sha: self.main_head,
            commit,
            landed: None,
            begins: true,
        });
    }

    /// Moves `main`, and starts its pipeline.
    pub(super) fn advance_main(&mut self, at: Millis, by: Person, head: Sha, landed: Option<u32>) {
        let before = self.main_head;
        self.extend_main(at, by, head, landed);
        self.main_pipeline(at, head, before, by);
    }

    pub(super) fn extend_main(&mut self, at: Millis, by: Person, head: Sha, landed: Option<u32>) {
        let commits = self.between(self.main_head, head);
        for number in &commits {
            if let Some(commit) = self.sprint.commits.get_mut(*number as usize) {
                (commit.on_main_at, commit.left_main_at) = (Some(at), None);
            }
        }
        self.push_ref(at, by, Ref::Main, self.main_head, head, commits);
        let commit = self.number(head);
        self.heads.push(Head { on: Ref::Main, sha: head, commit, landed, begins: false });
        self.main_head = head;
    }

    /// Removes the last landing from `main` by a force push. Waits for a moment in which nothing else depends on it, and no deployment of it is
    /// planned.
    pub(super) fn rewrite_main(&mut self, at: Millis) {
        let heads: Vec<Head> = self.heads.iter().filter(|head| head.on == Ref::Main).copied().collect();
        let alone = match heads.as_slice() {
            [.., before, last] => self.stands_alone(at, *last).then_some((before.sha, *last)),
            _ => None,
        };
        let Some((before, last)) = alone else {
            if at < self.starts_at + 11 * DAY {
                self.later(at + HOUR, Happening::RewriteMain);
            }
            return;
        };
        for number in self.between(before, last.sha) {
            if let Some(commit) = self.sprint.commits.get_mut(number as usize) {
                commit.left_main_at = Some(at);
            }
        }
        if let Some(landed) = last.landed {
            self.lives[landed as usize].is_rewritten = true;
        }
        self.last_landed = None;
        let by = Person(4);
        let message = "Take back what broke the build\n".to_owned();
        let number = self.add_commit(None, vec![before], by, at, at, message);
        let sha = self.sprint.commits[number as usize].sha;
        self.meet("24");
        self.advance_main(at, by, sha, None);
    }

    fn stands_alone(&self, at: Millis, last: Head) -> bool {
        let landed_at = last.landed.and_then(|request| self.lives[request as usize].merged);
        let is_settled = landed_at.is_some_and(|(merged_at, _)| at - merged_at > HOUR);
        let stands_on = |sha: Sha| self.is_among(last.sha, &self.contained(sha));
        let open = self.lives.iter().zip(&self.branches).filter(|(life, _)| life.merged.is_none());
        is_settled
            && !self.played.contains(&last.sha)
            && !open.map(|(_, (head, _))| *head).chain(self.release_head).any(stands_on)
            && !stands_on(self.production_head)
            && self.sprint.tags.iter().all(|tag| tag.sha != last.sha)
    }

    pub(super) fn push_ref(
        &mut self,
        at: Millis,
        by: Person,
        to: Ref,
        before: Sha,
        after: Sha,
        commits: Vec<u32>,
    ) {
        let number = self.sprint.pushes.len() as u32;
        self.sprint.pushes.push(Push { at, by, to, before, after, commits, is_one_of_many: false });
        self.activity(at, by, Happened::Pushed(number));
    }

    pub(super) fn add_commit(
        &mut self,
        sha: Option<Sha>,
        parents: Vec<Sha>,
        author: Person,
        authored_at: Millis,
        committed_at: Millis,
        message: String,
    ) -> u32 {
        let number = self.sprint.commits.len() as u32;
        let place = [0x636f, u64::from(self.project.index), u64::from(self.sprint.number), u64::from(number)];
        let mut dice = Dice::at(self.config.seed, &place);
        let sha = sha.unwrap_or_else(|| dice.sha());
        // Git keeps whole seconds.
        let (authored_at, committed_at) = (authored_at / 1_000 * 1_000, committed_at / 1_000 * 1_000);
        self.sprint.commits.push(Commit {
            sha,
            parents: parents.clone(),
            author,
            authored_at,
            committed_at,
            pushed_at: committed_at,
            message,
            additions: dice.below(120) as u32,
            deletions: dice.below(40) as u32,
            on_main_at: None,
            left_main_at: None,
        });
        self.sprint.places.insert(sha, number);
        let mut known = parents.into_iter().map(|parent| self.sprint.places.get(&parent).copied());
        let pair = [known.next().flatten(), known.next().flatten()];
        self.sprint.parents.push(pair);
        number
    }
}
