//! Lists that are read by the time of updates. In: an open window. Out: its next page, with GraphQL where GitLab has it, else with REST.

use gitlab::{Page, Walk as Pages};
use serde_json::json;

use super::{Batch, Goal, Walk, WalkError, found, read};
use crate::checkpoint::{Outcome, Progress};
use crate::coverage::{Cursor, OVERLAP, Order, Place, Window};
use crate::graphql::{self, TellError, Told};
use crate::list::List;
use crate::page::{Listed, step};
use crate::scope::{self, Owner};
use crate::state::State;

impl Walk {
    pub(super) async fn updated(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        goal: &Goal,
    ) -> Result<bool, WalkError> {
        let list = progress.list;
        let by_graphql = self.face.has_graphql() && graphql::tells(list);
        if list == List::MergeRequestDetails && !by_graphql {
            return Ok(false);
        }
        let State::Updated(coverage) = &mut progress.state else { return Ok(false) };
        let read_until = coverage.span.map(|span| span.until);
        let order = if by_graphql { Order::Descending } else { Order::Ascending };
        let Some(window) = coverage.next(goal.since, goal.until, order) else { return Ok(false) };
        let window = window.clone();
        let (mut batch, next, pages) = match by_graphql {
            true => match self.told(owner, progress, &window).await? {
                Some((batch, Some((row, pages)))) => (batch, Some(Place::Behind(row)), Some(pages)),
                Some((batch, None)) => (batch, None, None),
                // To be repeated with another path, or for fewer rows.
                None => return Ok(true),
            },
            false => {
                let (batch, next) = self.listed(progress, &window).await?;
                (batch, next, None)
            }
        };
        found::add(list, by_graphql, goal.now, &mut batch)?;
        if list == List::MergeRequests && !self.face.has_graphql() {
            found::add_notes(&mut batch)?;
        }
        if let Some(read_until) = read_until {
            // Their jobs are older than the newest ones that were read, or were read before they ended.
            found::add_changed(list, read_until + OVERLAP, &mut batch)?;
        }
        self.keep(progress, batch).await?;
        if let State::Updated(coverage) = &mut progress.state {
            coverage.advance(next);
            if let Some(window) = &mut coverage.open {
                window.walk = pages;
            }
        }
        self.checkpoints.save(progress, Outcome::Reading, "").await?;
        Ok(true)
    }

    /// A page of REST.
    async fn listed(
        &self,
        progress: &mut Progress,
        window: &Window,
    ) -> Result<(Batch, Option<Place>), WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let cursor = match &window.place {
            Place::At(cursor) => cursor.clone(),
            _ => Cursor { after: window.from(), page: 1, seen: Vec::new() },
        };
        let path = list.path(owner_id, 0);
        let mut query = list.query();
        query.extend([
            ("order_by", "updated_at".to_owned()),
            ("sort", "asc".to_owned()),
            ("updated_after", cursor.after.clone()),
            ("updated_before", window.until()),
        ]);
        if cursor.page > 1 {
            query.push(("page", cursor.page.to_string()));
        }
        let page: Page = self.client.list(list.limit(), &path, &query).await?;
        self.asked(progress);
        let listed: Vec<Listed> = read(&path, &page.items)?;
        let step = step(&cursor, &listed, page.next.is_none())?;
        let items = found::items(list, owner_id, page.items, &step.new);
        Ok((Batch { items, parts: Vec::new(), read_at: page.read_at }, step.next.map(Place::At)))
    }

    /// A page of GraphQL, and the position of the next one; `None` if it has to be requested again.
    async fn told(
        &self,
        owner: &Owner,
        progress: &mut Progress,
        window: &Window,
    ) -> Result<Option<(Batch, Option<(String, Pages)>)>, WalkError> {
        let list = progress.list;
        let after = match &window.place {
            Place::Behind(row) => Some(row),
            _ => None,
        };
        let (rows, path) = (self.face.rows(list), self.face.path(owner.id, &owner.path));
        let variables = json!({
            "path": path, "first": rows, "after": after, "from": window.from(), "until": window.until(),
        });
        let read_at = clock();
        let data = self.client.graphql(&graphql::query(list), variables).await;
        self.asked(progress);
        let data = match data {
            Ok(data) => data,
            Err(error) if error.is_too_complex() || error.is_too_much() => {
                return if self.face.fewer_rows(list) { Ok(None) } else { Err(error.into()) };
            }
            Err(error) => return Err(error.into()),
        };
        match graphql::read(list, owner.id, self.client.base_url(), &data) {
            Ok(Told { items, parts, next }) => {
                self.face.more_rows(list);
                let asked = after.map_or("", String::as_str);
                let pages = window.walk.clone().unwrap_or_else(|| Pages::new(asked));
                let next = match next {
                    Some(row) => {
                        let objects = items.iter().map(|item| &*item.object);
                        let pages = pages.step(asked, objects, &row)?;
                        Some((row, pages))
                    }
                    None => None,
                };
                Ok(Some((Batch { items, parts, read_at }, next)))
            }
            // The project may have been renamed or moved: its id still leads to it.
            Err(TellError::NoProject) => {
                let now = scope::project(&self.client, owner.id).await?;
                self.asked(progress);
                match self.face.moved(owner.id, &path, now.path) {
                    true => Ok(None),
                    false => Err(TellError::NoProject.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: when a list was read")]
fn clock() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
