//! Merge requests, issues, their notes and states. In: a query. Out: a page. Never shows what the token's role may not see: confidential issues are
//! dropped before paging, internal notes after it, so that pages are shorter.

use std::sync::Arc;

use super::super::page::{MAX_OFFSET, Next, Page};
use super::super::refusal::Refusal;
use super::super::write::merge_request::Stats;
use super::{Chosen, Listed, Lister, Sprints, is_within, select};
use crate::gitlab::{Millis, Noteable, Place, Sprint};

impl Lister<'_> {
    /// Merge requests of the project.
    pub(in crate::api) fn merge_requests(&self) -> Listed {
        let scribe = &self.scribe;
        let by_update = self.query.get("order_by") == Some("updated_at");
        let updated = self.updated();
        let sprints = Sprints::of(scribe.world, scribe.now, updated, self.query.is_ascending());
        let is_plain = self.is_every_merge_request();
        let known = |sprint| self.known(sprint, |sizes| sizes.merge_requests).filter(|_| is_plain);
        let selection = select(&sprints, (self.paging.skip(), self.paging.per_page), known, |sprint| {
            self.chosen_merge_requests(scribe.project.index, sprint, by_update)
        });
        Ok(selection.page(self.paging, |sprint, number| scribe.merge_request(sprint, number)))
    }

    /// Whether the query leaves none out.
    fn is_every_merge_request(&self) -> bool {
        let filters = ["updated_after", "updated_before", "created_after", "created_before", "merged_after"];
        let others = ["merged_before", "iids", "iids[]", "source_branch", "target_branch", "author_id"];
        let is_all = matches!(self.query.get("state"), None | Some("all"));
        is_all && filters.iter().chain(&others).all(|filter| self.query.get(filter).is_none())
    }

    /// Those of a sprint that the query selects, in ascending order.
    pub(in crate::api) fn chosen_merge_requests(
        &self,
        project: u32,
        sprint: u32,
        by_update: bool,
    ) -> Vec<Chosen> {
        let (world, now, query) = (self.scribe.world, self.scribe.now, self.query);
        let made = world.sprint(project, sprint);
        let (updated, created) =
            (self.updated(), (query.time("created_after"), query.time("created_before")));
        let has_merged = self.scribe.version.has_merged_filters();
        let merged = match has_merged {
            true => (query.time("merged_after"), query.time("merged_before")),
            false => (None, None),
        };
        let iids: Vec<u64> = query.all("iids").iter().filter_map(|iid| iid.parse().ok()).collect();
        let first_iid = world.merge_request_iid(&made, 0);
        let mut chosen: Vec<(Millis, u32)> = Vec::new();
        for (request, number) in made.merge_requests.iter().zip(0..) {
            let Some(updated_at) = request.updated_at(now).filter(|at| is_within(*at, updated)) else {
                continue;
            };
            if !iids.is_empty() && !iids.contains(&(first_iid + u64::from(number))) {
                continue;
            }
            let needs_state = created != (None, None)
                || merged != (None, None)
                || !matches!(query.get("state"), None | Some("all"))
                || query.get("target_branch").is_some()
                || query.get("source_branch").is_some();
            if needs_state {
                let Some(state) = request.at(now) else {
                    continue;
                };
                let is_merged_then = state.merged.is_some_and(|(at, _)| is_within(at, merged));
                let (target, source) = (state.target.name(&made), request.source.name(&made));
                let is_asked = is_within(state.created_at, created)
                    && (merged == (None, None) || is_merged_then)
                    && query.get("state").is_none_or(|asked| asked == "all" || asked == state.state)
                    && query.get("target_branch").is_none_or(|asked| asked == target)
                    && query.get("source_branch").is_none_or(|asked| asked == source);
                if !is_asked {
                    continue;
                }
            }
            chosen.push((updated_at, number));
        }
        if by_update {
            chosen.sort_unstable();
        }
        chosen.into_iter().map(|(_, number)| Chosen { sprint: made.clone(), number }).collect()
    }

    /// Issues of the project.
    pub(in crate::api) fn issues(&self) -> Listed {
        let scribe = &self.scribe;
        let by_update = self.query.get("order_by") == Some("updated_at");
        let is_keyset = self.query.get("pagination") == Some("keyset") && scribe.version.has_keyset_issues();
        let (skip, cursor) = match is_keyset {
            true => (0, self.cursor()),
            false if self.paging.skip() >= MAX_OFFSET && scribe.version.has_keyset_issues() => {
                return Err(Refusal::OffsetTooLarge("Issue"));
            }
            false => (self.paging.skip(), None),
        };
        let is_ascending = self.query.is_ascending();
        let mut updated = self.updated();
        // Rows before the cursor are skipped.
        match cursor {
            Some((at, _)) if by_update && is_ascending => {
                updated.0 = Some(updated.0.map_or(at, |after| after.max(at)))
            }
            Some((at, _)) if by_update => updated.1 = Some(updated.1.map_or(at, |before| before.min(at))),
            _ => (),
        }
        let sprints = Sprints::of(scribe.world, scribe.now, updated, is_ascending);
        let is_behind = |key: (Millis, u64)| match cursor {
            Some(cursor) if is_ascending => key > cursor,
            Some(cursor) => key < cursor,
            None => true,
        };
        let selection = select(
            &sprints,
            (skip, self.paging.per_page),
            |_| None,
            |sprint| self.chosen_issues(scribe.project.index, sprint, by_update, is_behind),
        );
        let last = selection.rows.last().map(|row| self.issue_key(&row.sprint, row.number, by_update));
        let is_more = selection.total > self.paging.per_page;
        let mut page = selection.page(self.paging, |sprint, number| scribe.issue(sprint, number));
        if is_keyset {
            page.next = match last {
                Some((at, id)) if is_more => Next::After(vec![("cursor", format!("{at}_{id}"))]),
                _ => Next::None,
            };
        }
        Ok(page)
    }

    /// The key of the last row of the previous page, for lists that are paged by keys.
    fn cursor(&self) -> Option<(Millis, u64)> {
        let (at, id) = self.query.get("cursor")?.split_once('_')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    }

    fn issue_key(&self, sprint: &Sprint, number: u32, by_update: bool) -> (Millis, u64) {
        let issue = sprint.issues.get(number as usize);
        let updated_at = issue.and_then(|issue| issue.updated_at(self.scribe.now)).filter(|_| by_update);
        (updated_at.unwrap_or(0), self.scribe.world.id_in(sprint, number))
    }

    /// Those of a sprint that the query selects and the token may see, in ascending order.
    pub(in crate::api) fn chosen_issues(
        &self,
        project: u32,
        sprint: u32,
        by_update: bool,
        is_behind: impl Fn((Millis, u64)) -> bool,
    ) -> Vec<Chosen> {
        let (now, query, updated) = (self.scribe.now, self.query, self.updated());
        let made = self.scribe.world.sprint(project, sprint);
        let first_iid = self.scribe.world.issue_iid(&made, 0);
        let iids: Vec<u64> = query.all("iids").iter().filter_map(|iid| iid.parse().ok()).collect();
        let mut chosen: Vec<((Millis, u64), u32)> = Vec::new();
        for (issue, number) in made.issues.iter().zip(0..) {
            let Some(state) = issue.at(now) else {
                continue;
            };
            let kind = if state.is_incident { "incident" } else { "issue" };
            let key = self.issue_key(&made, number, by_update);
            let is_asked = is_within(state.updated_at, updated)
                && is_within(state.created_at, (query.time("created_after"), query.time("created_before")))
                && (iids.is_empty() || iids.contains(&(first_iid + u64::from(number))))
                && query.get("state").is_none_or(|asked| asked == "all" || asked == state.state)
                && query.get("issue_type").is_none_or(|asked| asked == kind)
                && (!issue.confidential || self.sees_confidential());
            if is_asked && is_behind(key) {
                chosen.push((key, number));
            }
        }
        chosen.sort_unstable();
        chosen.into_iter().map(|(_, number)| Chosen { sprint: made.clone(), number }).collect()
    }

    /// A merge request by its number, if it exists.
    pub(in crate::api) fn merge_request_place(&self, iid: u64) -> Result<(Arc<Sprint>, u32), Refusal> {
        let (world, now) = (self.scribe.world, self.scribe.now);
        let place = world.numbered(self.scribe.project.index, iid, now, |sizes| sizes.made.merge_requests);
        let place = place.ok_or(Refusal::NotFound("404 Not found"))?;
        let sprint = world.sprint(place.project, place.sprint);
        match sprint.has(Noteable::MergeRequest(place.number), now) {
            true => Ok((sprint, place.number)),
            false => Err(Refusal::NotFound("404 Not found")),
        }
    }

    /// An issue by its number, if it exists and may be seen.
    pub(in crate::api) fn issue_place(&self, iid: u64) -> Result<(Arc<Sprint>, u32), Refusal> {
        let (world, now) = (self.scribe.world, self.scribe.now);
        let place = world.numbered(self.scribe.project.index, iid, now, |sizes| sizes.made.issues);
        let place: Place = place.ok_or(Refusal::NotFound("404 Not found"))?;
        let sprint = world.sprint(place.project, place.sprint);
        let is_hidden = sprint.issues.get(place.number as usize).is_none_or(|issue| issue.confidential);
        let is_there = sprint.has(Noteable::Issue(place.number), now);
        match is_there && (!is_hidden || self.sees_confidential()) {
            true => Ok((sprint, place.number)),
            false => Err(Refusal::NotFound("404 Not found")),
        }
    }

    /// Notes on a merge request or an issue.
    pub(in crate::api) fn notes(&self, sprint: &Arc<Sprint>, on: Noteable) -> Listed {
        let only_comments = self.query.get("activity_filter") == Some("only_comments");
        let mut numbers: Vec<u32> = (sprint.notes.iter().zip(0..))
            .filter(|(note, _)| {
                note.on == on && note.is_there(self.scribe.now) && !(only_comments && note.system)
            })
            .map(|(_, number)| number)
            .collect();
        if !self.query.is_ascending() {
            numbers.reverse();
        }
        let is_more = self.paging.skip() + self.paging.per_page < numbers.len() as u64;
        let total = numbers.len() as u64;
        let rows = (numbers.into_iter().skip(self.paging.skip() as usize))
            .take(self.paging.per_page as usize)
            .filter(|number| {
                let note = sprint.notes.get(*number as usize);
                self.sees_confidential() || note.is_some_and(|note| !note.internal)
            })
            .filter_map(|number| self.scribe.note(sprint, number))
            .collect();
        Ok(Page { rows, text: None, total: Some(total), next: if is_more { Next::Page } else { Next::None } })
    }

    /// Changes of the state of a merge request or an issue.
    pub(in crate::api) fn state_events(&self, sprint: &Arc<Sprint>, of: Noteable) -> Listed {
        let rows = (sprint.state_events.iter().zip(0..))
            .filter(|(event, _)| event.of == of && event.at <= self.scribe.now)
            .filter_map(|(_, number)| self.scribe.state_event(sprint, number))
            .collect();
        Ok(Page::cut(rows, self.paging))
    }

    /// Commits of a merge request, newest first.
    pub(in crate::api) fn merge_request_commits(&self, sprint: &Arc<Sprint>, number: u32) -> Listed {
        let request = sprint.merge_requests.get(number as usize);
        let state = request.and_then(|request| request.at(self.scribe.now));
        let state = state.ok_or(Refusal::NotFound("404 Not found"))?;
        let rows = (state.commits.iter().rev())
            .filter_map(|commit| sprint.commits.get(*commit as usize))
            .map(|commit| self.scribe.commit(commit, Stats::Absent))
            .collect();
        Ok(Page::cut(rows, self.paging))
    }
}
