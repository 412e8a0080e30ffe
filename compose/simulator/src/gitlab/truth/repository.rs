//! Rows of commits, pushes, tags and releases.

use serde_json::json;

use super::super::sprint::{Happened, Sprint};
use super::{Row, Truth, at, at_of, row, second};

impl Truth<'_> {
    /// Commits of `main`, pushes that the API lists, tags and releases.
    pub(super) fn repository(&self, sprint: &Sprint, rows: &mut Vec<Row>) {
        for commit in sprint.commits.iter().filter(|commit| commit.is_on_main(self.now)) {
            let parents: Vec<String> = commit.parents.iter().map(ToString::to_string).collect();
            rows.push(row(
                "commits",
                [
                    self.project_id(),
                    ("sha", json!(commit.sha.to_string())),
                    ("title", json!(commit.title())),
                    ("message", json!(commit.message)),
                    ("author_name", json!(commit.author.name())),
                    ("author_email", json!(commit.author.email())),
                    ("committed_at", at(commit.committed_at)),
                    ("authored_at", at(commit.authored_at)),
                    ("parents", json!(parents)),
                    ("additions", json!(commit.additions)),
                    ("deletions", json!(commit.deletions)),
                ],
            ));
        }
        for activity in sprint.activities.iter().filter(|activity| activity.at <= self.now) {
            let Happened::Pushed(push) = activity.what else {
                continue;
            };
            let Some(push) = sprint.pushes.get(push as usize) else {
                continue;
            };
            let folder = if push.to.is_tag() { "refs/tags/" } else { "refs/heads/" };
            rows.push(row(
                "pushes",
                [
                    self.project_id(),
                    ("ref", json!(format!("{folder}{}", push.to.name(sprint)))),
                    ("before", json!(push.before.to_string())),
                    ("after", json!(push.after.to_string())),
                    ("pushed_at", at(push.at)),
                    ("user_id", json!(push.by.id())),
                    ("commits_count", json!(push.commits.len())),
                ],
            ));
        }
        for tag in sprint.tags.iter().filter(|tag| tag.at <= self.now) {
            let mut columns = row(
                "tags",
                [
                    self.project_id(),
                    ("name", json!(tag.name)),
                    ("target_sha", json!(tag.annotated.unwrap_or(tag.sha).to_string())),
                    ("commit_sha", json!(tag.sha.to_string())),
                ],
            );
            columns.columns.insert("created_at", at_of(tag.annotated.map(|_| second(tag.at))));
            rows.push(columns);
            if let Some(released_at) = tag.released_at.filter(|_| tag.at + 60_000 <= self.now) {
                rows.push(row(
                    "releases",
                    [
                        self.project_id(),
                        ("tag", json!(tag.name)),
                        ("name", json!(format!("Release {}", tag.name))),
                        ("commit_sha", json!(tag.sha.to_string())),
                        ("author_id", json!(tag.by.id())),
                        ("created_at", at(tag.at + 60_000)),
                        ("released_at", at(released_at)),
                    ],
                ));
            }
        }
    }
}
