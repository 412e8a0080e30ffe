//! Commits and branches of a sprint. In: who pushes or merges what, and when. Out: commits in a graph, pushes, and the pipelines that follow.
//! Never loses a commit: what a rebase replaces stays where it was.

use super::super::dice::{DAY, Dice, HOUR, MINUTE, Millis, Sha};
use super::super::merge_request::{Step, Story, What};
use super::super::people::Person;
use super::super::sprint::{Commit, Happened, Push, Ref};
use super::super::tree::MergeMethod;
use super::{Growth, base};

/// Branches that are pushed at once: more than three, of which GitLab tells as one (<https://docs.gitlab.com/administration/settings/push_event_activities_limit/>).
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
        self.advance_main(at, by, sha, vec![0], None);
    }

    /// Pushes the branch of a merge request for the first time.
    pub(super) fn branch(&mut self, at: Millis, request: u32, by: Person, commits: u32) {
        let (head, numbers) = self.write(at, request, self.main_head, by, commits);
        self.branches[request as usize] = (head, numbers);
        self.push_topic(at, request, by, Sha::NOWHERE, head, Vec::new());
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

    fn push_topic(
        &mut self,
        at: Millis,
        request: u32,
        by: Person,
        before: Sha,
        head: Sha,
        commits: Vec<u32>,
    ) {
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
                Story::Hotfix => self.picked(request),
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

    fn revert(&self, request: u32) -> String {
        match self.last_landed {
            Some((landed, sha)) => {
                format!("Revert \"{}\"\n\nThis reverts commit {sha}.\n", subject(landed))
            }
            None => format!("{}\n", subject(request)),
        }
    }

    fn picked(&self, request: u32) -> String {
        match self.last_landed {
            Some((landed, sha)) => format!("{}\n\n(cherry picked from commit {sha})\n", subject(landed)),
            None => format!("{}\n", subject(request)),
        }
    }

    /// Merges, by the project's method. The branch is removed.
    pub(super) fn land(&mut self, at: Millis, request: u32, by: Person) -> What {
        let is_hotfix = self.plans[request as usize].story == Story::Hotfix;
        let target = match self.release_head {
            Some(head) if is_hotfix => head,
            _ => self.main_head,
        };
        if self.method().rebases() {
            self.rebase(at, request, target, by);
        }
        let (head, commits) = self.branches[request as usize].clone();
        let title = subject(request);
        let into = if is_hotfix { format!("release/{}", self.sprint.number + 1) } else { "main".to_owned() };
        let merge_message = format!("Merge branch '{}' into '{into}'\n\n{title}\n", self.topic_name(request));
        let mut landed = commits.clone();
        let squash_commit = (self.method() == MergeMethod::Squash).then(|| {
            let base = self.sprint.commits.get(commits.first().copied().unwrap_or_default() as usize);
            let base = base.and_then(|commit| commit.parents.first().copied()).unwrap_or(target);
            let author = self.plans[request as usize].author;
            let number = self.add_commit(None, vec![base], author, at, at, format!("{title}\n"));
            landed = vec![number];
            self.sprint.commits[number as usize].sha
        });
        let merge_commit = (self.method() != MergeMethod::FastForward).then(|| {
            let parents = vec![target, squash_commit.unwrap_or(head)];
            let number = self.add_commit(None, parents, by, at, at, merge_message);
            landed.push(number);
            self.sprint.commits[number as usize].sha
        });
        let landing = merge_commit.unwrap_or(head);
        if is_hotfix && self.release_head.is_some() {
            self.push_ref(at, by, Ref::Release, target, landing, landed);
            self.release_head = Some(landing);
            self.hotfixes.push(request);
            self.release_pipeline(at, landing, target, by);
        } else {
            self.advance_main(at, by, landing, landed, Some(request));
            self.last_landed = Some((request, landing));
        }
        if self.plans[request as usize].story != Story::OfFork {
            self.push_ref(at, by, Ref::Topic(request), head, Sha::NOWHERE, Vec::new());
        }
        What::Merged { merge_commit, squash_commit, landing }
    }

    /// Writes the commits of a branch once more on top of its target: who wrote them and when stays.
    fn rebase(&mut self, at: Millis, request: u32, target: Sha, by: Person) {
        let (before, commits) = self.branches[request as usize].clone();
        let (mut head, mut numbers) = (target, Vec::new());
        for number in commits {
            let Some(commit) = self.sprint.commits.get(number as usize).cloned() else {
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

    pub(super) fn direct_push(&mut self, at: Millis) {
        let place = [0x6469, u64::from(self.project.index), at.unsigned_abs()];
        let by = Person::human(&mut Dice::at(self.config.seed, &place), self.people);
        let message = "Correct a typing error in the handbook\n".to_owned();
        // One clock runs weeks behind: with `since`, git shows nothing that only its commit leads to.
        let is_behind = self.project.index % 5 == 2 && at > self.starts_at + 8 * DAY;
        let written_at = if is_behind { at - 20 * DAY } else { at - MINUTE };
        let number = self.add_commit(None, vec![self.main_head], by, written_at, written_at, message);
        self.sprint.commits[number as usize].pushed_at = at;
        let sha = self.sprint.commits[number as usize].sha;
        self.advance_main(at, by, sha, vec![number], None);
    }

    pub(super) fn silent_push(&mut self, at: Millis) {
        let by = Person::TRANSLATOR;
        let message = "Update translations [ci skip]\n".to_owned();
        let number = self.add_commit(None, vec![self.main_head], by, at, at, message);
        let (sha, before) = (self.sprint.commits[number as usize].sha, self.main_head);
        self.extend_main(at, by, sha, vec![number], None);
        self.skipped_pipeline(at, sha, before, by);
    }

    /// The last commit has the SHA with which the next sprint begins.
    pub(super) fn close(&mut self, at: Millis) {
        let by = Person::TRANSLATOR;
        let sha = base(self.config, self.project.index, self.sprint.number + 1);
        let message = "Update translations\n".to_owned();
        let number = self.add_commit(Some(sha), vec![self.main_head], by, at, at, message);
        let before = self.main_head;
        self.extend_main(at, by, sha, vec![number], None);
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
    }

    /// Moves `main`, and starts its pipeline.
    fn advance_main(&mut self, at: Millis, by: Person, head: Sha, commits: Vec<u32>, landed: Option<u32>) {
        let before = self.main_head;
        self.extend_main(at, by, head, commits, landed);
        self.main_pipeline(at, head, before, by);
    }

    fn extend_main(&mut self, at: Millis, by: Person, head: Sha, commits: Vec<u32>, landed: Option<u32>) {
        for number in &commits {
            if let Some(commit) = self.sprint.commits.get_mut(*number as usize) {
                commit.on_main_at = Some(at);
            }
        }
        self.push_ref(at, by, Ref::Main, self.main_head, head, commits);
        self.main.push(landed);
        self.main_head = head;
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

    fn add_commit(
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
            parents,
            author,
            authored_at,
            committed_at,
            pushed_at: committed_at,
            message,
            additions: dice.below(120) as u32,
            deletions: dice.below(40) as u32,
            on_main_at: None,
        });
        number
    }

    fn topic_name(&self, request: u32) -> String {
        super::super::names::topic(self.sprint.number, request)
    }
}
