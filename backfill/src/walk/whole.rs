//! Lists that are read whole. In: an unfinished reading. Out: its next page. Of commits, only new ones.

use gitlab::Page;
use serde::Deserialize;

use super::{Batch, Goal, Walk, WalkError, found, read};
use crate::checkpoint::{Outcome, Progress};
use crate::list::List;
use crate::scope::Owner;
use crate::state::State;

/// A commit of a list.
#[derive(Deserialize)]
struct Commit {
    id: String,
}

impl Walk {
    pub(super) async fn whole(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        goal: &Goal,
    ) -> Result<bool, WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let State::Whole(whole) = &mut progress.state else { return Ok(false) };
        let head = whole.first.clone();
        let Some(open) = whole.next(goal.now) else { return Ok(false) };
        let page = match open.next.clone() {
            Some(next) => self.client.next(&next).await?,
            None if list == List::Commits => self.commits(owner, head).await?,
            None => self.client.list(list.limit(), &list.path(owner_id, 0), &list.query()).await?,
        };
        self.asked(progress);
        let first = match list {
            List::Commits => {
                let commits: Vec<Commit> =
                    read("repository/commits", page.items.get(..1).unwrap_or_default())?;
                commits.into_iter().next().map(|commit| commit.id)
            }
            _ => None,
        };
        let all: Vec<usize> = (0..page.items.len()).collect();
        let items = found::items(list, owner_id, page.items, &all);
        self.keep(progress, Batch { items, parts: Vec::new(), read_at: page.read_at }).await?;
        if let State::Whole(whole) = &mut progress.state {
            whole.advance(first, page.next);
        }
        self.checkpoints.save(progress, Outcome::Reading, "").await?;
        Ok(true)
    }

    /// The first page of commits that the default branch has now and did not have when its head was `head`. Git sorts commits by their own dates,
    /// which may run backwards: a filter by time would miss some.
    async fn commits(&self, owner: &Owner, head: Option<String>) -> Result<Page, WalkError> {
        let path = List::Commits.path(owner.id, 0);
        let branch = owner.default_branch.as_deref();
        if let (Some(head), Some(branch)) = (head, branch) {
            let mut query = List::Commits.query();
            query.push(("ref_name", format!("{head}..{branch}")));
            match self.client.list(List::Commits.limit(), &path, &query).await {
                // A force push has removed that head.
                Err(error) if error.is_absent() => (),
                page => return Ok(page?),
            }
        }
        let mut query = List::Commits.query();
        query.extend(branch.map(|branch| ("ref_name", branch.to_owned())));
        Ok(self.client.list(List::Commits.limit(), &path, &query).await?)
    }
}
