//! View `contributions`.

use serde::Serialize;

use super::super::super::sprint::{Commit, Ref, Sprint};
use super::{OfProject, Second};

/// A row: one commit that was ever on the default branch, also if a force push removed it later, which only webhooks report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// GitLab id of the project.
    pub project_id: u64,
    /// Its SHA.
    pub sha: String,
    /// Email address of its author, in lower case.
    pub author: String,
    /// Whether the part of the address before the `@` is the name of one of GitLab's bots. A commit names no account, so the API does not show it.
    pub author_is_bot: bool,
    /// When it was written.
    pub authored_at: Second,
    /// When it was committed.
    pub committed_at: Second,
    /// Added lines.
    pub additions: u64,
    /// Deleted lines.
    pub deletions: u64,
    /// Whether the API lists it at the end.
    pub told_by_api: bool,
    /// Whether the webhook of a push to that branch lists it: it lists the last twenty commits of a push, without their lines.
    pub told_by_webhooks: bool,
}

/// How many commits the webhook of a push lists.
const LISTED: usize = 20;

impl OfProject<'_> {
    pub(super) fn contributions(&self, sprint: &Sprint) -> Vec<Contribution> {
        let listed: Vec<u32> =
            (sprint.pushes.iter().filter(|push| !push.is_one_of_many && push.to == Ref::Main))
                .flat_map(|push| push.commits.iter().rev().take(LISTED).copied())
                .collect();
        let commits = sprint.commits.iter().zip(0..).filter(|(commit, _)| commit.on_main_at.is_some());
        let row = |(commit, number): (&Commit, u32)| {
            let author = commit.author.email().to_lowercase();
            Contribution {
                project_id: self.project.id,
                sha: commit.sha.to_string(),
                author_is_bot: is_bot(&author),
                author,
                authored_at: Second::of(commit.authored_at),
                committed_at: Second::of(commit.committed_at),
                additions: u64::from(commit.additions),
                deletions: u64::from(commit.deletions),
                told_by_api: commit.is_on_main(self.now()),
                told_by_webhooks: listed.contains(&number),
            }
        };
        commits.map(row).collect()
    }
}

/// Names such as `project_N_bot…` and `group_N_bot…` (<https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects>).
fn is_bot(email: &str) -> bool {
    let name = email.split('@').next().unwrap_or_default();
    let rest = name.strip_prefix("project_").or_else(|| name.strip_prefix("group_"));
    let rest = rest.map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    rest.is_some_and(|rest| rest.starts_with("_bot"))
}
