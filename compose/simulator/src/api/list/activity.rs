//! Events, commits, branches, tags, releases and milestones. In: a query. Out: a page. Never a total of commits, and none of more than 10,000 events.

use super::super::graph;
use super::super::page::{Next, Page};
use super::super::query::Query;
use super::super::refusal::Refusal;
use super::super::write::merge_request::Stats;
use super::{Chosen, Listed, Lister, Sprints, select};
use crate::gitlab::text::read_time;
use crate::gitlab::{DAY, Group, Happened, Millis, Noteable, Sha, Special, Sprint, branches};

/// The span that `after` and `before` mean: days, both excluded.
fn date_window(query: &Query) -> (Option<Millis>, Option<Millis>) {
    (query.time("after").map(|day| day + DAY), query.time("before").map(|day| day - 1))
}

impl Lister<'_> {
    /// Events of the project. What the token may not see is dropped after paging.
    pub(in crate::api) fn events(&self) -> Listed {
        let (scribe, query) = (&self.scribe, self.query);
        let window = date_window(query);
        let mut sprints = Sprints::of(scribe.world, scribe.now, window, query.is_ascending());
        // Imported events happened before the project existed.
        if scribe.project.special == Special::Imported && !sprints.numbers.contains(&0) {
            let end = if query.is_ascending() { 0 } else { sprints.numbers.len() };
            sprints.numbers.insert(end, 0);
        }
        let selection = select(
            &sprints,
            (self.paging.skip(), self.paging.per_page),
            |_| None,
            |sprint| {
                let made = scribe.world.sprint(scribe.project.index, sprint);
                let numbers = made.activities.iter().zip(0..).filter(|(activity, _)| {
                    made.is_listed(activity, scribe.now)
                        && super::is_within(activity.created_at(), window)
                        && query.get("action").is_none_or(|asked| is_action(activity.what, asked))
                        && query.get("target_type").is_none_or(|asked| is_target(activity.what, asked))
                });
                numbers.map(|(_, number)| Chosen { sprint: made.clone(), number }).collect()
            },
        );
        let mut selection = selection;
        selection.rows.retain(|row| self.sees_confidential() || !is_hidden(&row.sprint, row.number));
        Ok(selection.page(self.paging, |sprint, number| scribe.event(sprint, number)))
    }

    /// Commits that a ref contains.
    pub(in crate::api) fn commits(&self) -> Listed {
        let (scribe, query) = (&self.scribe, self.query);
        let (world, project) = (scribe.world, scribe.project.index);
        let stats = if query.says("with_stats") == Some(true) { Stats::Given } else { Stats::Absent };
        let name = query.get("ref_name").unwrap_or("main");
        let head = match name {
            "main" => Some((world.main_head(project, scribe.now), world.config().sprint_at(scribe.now))),
            name => {
                let heads = branches(world, project, scribe.now);
                let head = heads.into_iter().find(|head| head.name == name);
                head.map(|head| (head.sha, head.sprint)).or_else(|| self.commit_named(name))
            }
        };
        let head = head.ok_or(Refusal::NotFound("404 Not found"))?;
        let log = graph::log(world, project, head, query.time("since"), query.time("until"));
        // For all refs, GitLab ignores the page: every page is the first.
        let skip = if query.says("all") == Some(true) { 0 } else { self.paging.skip() };
        let take = self.paging.per_page as usize;
        let rows = log.slice(skip as usize, take).map(|commit| scribe.commit(commit, stats)).collect();
        let next = if skip + self.paging.per_page < log.len() as u64 { Next::Page } else { Next::None };
        Ok(Page { rows, text: None, total: None, next })
    }

    /// A commit by its SHA, which GitLab accepts in place of a ref, and its sprint.
    fn commit_named(&self, sha: &str) -> Option<(Sha, u32)> {
        let scribe = &self.scribe;
        Sprints::of(scribe.world, scribe.now, (None, None), false).numbers.into_iter().find_map(|number| {
            let sprint = scribe.world.sprint(scribe.project.index, number);
            let commit = sprint.commits.iter().find(|commit| commit.sha.to_string() == sha)?;
            Some((commit.sha, number))
        })
    }

    /// Branches of the project, by name.
    pub(in crate::api) fn branches(&self) -> Listed {
        let heads = branches(self.scribe.world, self.scribe.project.index, self.scribe.now);
        let names = heads.iter().map(|head| head.name.clone()).collect();
        self.named(names, |place| heads.get(place).map(|head| self.scribe.branch(head)))
    }

    /// Tags of the project: newest first, by name where they are paged by keys or asked for so.
    pub(in crate::api) fn tags(&self) -> Listed {
        let (scribe, query) = (&self.scribe, self.query);
        let mut tags: Vec<(String, Chosen)> = Vec::new();
        for sprint in Sprints::of(scribe.world, scribe.now, (None, None), true).numbers {
            let made = scribe.world.sprint(scribe.project.index, sprint);
            let there = made.tags.iter().zip(0..).filter(|(tag, _)| tag.at <= scribe.now);
            tags.extend(
                there.map(|(tag, number)| (tag.name.clone(), Chosen { sprint: made.clone(), number })),
            );
        }
        let by_name = query.get("pagination") == Some("keyset") || query.get("order_by") == Some("name");
        if by_name {
            tags.sort_by(|(one, _), (other, _)| one.cmp(other));
        } else if !query.is_ascending() {
            tags.reverse();
        }
        let names = tags.iter().map(|(name, _)| name.clone()).collect();
        self.named(names, |place| {
            let (_, row) = tags.get(place)?;
            scribe.tag(&row.sprint, row.number)
        })
    }

    /// A page of named things, by keys or by numbers.
    fn named(&self, names: Vec<String>, write: impl Fn(usize) -> Option<serde_json::Value>) -> Listed {
        let count = names.len() as u64;
        if self.query.get("pagination") != Some("keyset") {
            let (skip, take) = (self.paging.skip(), self.paging.per_page);
            let rows = (skip..count.min(skip + take)).filter_map(|place| write(place as usize)).collect();
            let next = if skip + take < count { Next::Page } else { Next::None };
            return Ok(Page { rows, text: None, total: Some(count), next });
        }
        let start = match self.query.get("page_token") {
            None => 0,
            Some(token) => match names.iter().position(|name| name == token) {
                Some(place) => place + 1,
                None => return Err(Refusal::InvalidPageToken),
            },
        };
        let end = names.len().min(start + self.paging.per_page as usize);
        let next = match names.get(end.saturating_sub(1)) {
            Some(name) if end < names.len() => Next::After(vec![("page_token", name.clone())]),
            _ => Next::None,
        };
        Ok(Page { rows: (start..end).filter_map(write).collect(), text: None, total: None, next })
    }

    /// Releases of the project.
    pub(in crate::api) fn releases(&self) -> Listed {
        let (scribe, query) = (&self.scribe, self.query);
        let by_creation = query.get("order_by") == Some("created_at");
        let mut releases: Vec<(Millis, Chosen)> = Vec::new();
        for sprint in Sprints::of(scribe.world, scribe.now, (None, None), true).numbers {
            let made = scribe.world.sprint(scribe.project.index, sprint);
            for (tag, number) in made.tags.iter().zip(0..) {
                let created_at = tag.at + 60_000;
                let Some(released_at) = tag.released_at.filter(|_| created_at <= scribe.now) else {
                    continue;
                };
                if super::is_within(created_at, self.updated()) {
                    let key = if by_creation { created_at } else { released_at };
                    releases.push((key, Chosen { sprint: made.clone(), number }));
                }
            }
        }
        releases.sort_by_key(|(at, _)| *at);
        if !query.is_ascending() {
            releases.reverse();
        }
        let rows = releases.iter().filter_map(|(_, row)| scribe.release(&row.sprint, row.number)).collect();
        Ok(Page::cut(rows, self.paging))
    }

    /// Milestones of the project, and of the groups above it if they are requested.
    pub(in crate::api) fn milestones(&self) -> Listed {
        let (world, query) = (self.scribe.world, self.query);
        let last = world.config().sprint_at(self.scribe.now);
        let mut rows: Vec<_> = (0..=last).map(|sprint| self.scribe.milestone(sprint)).collect();
        let includes = ["include_ancestors", "include_parent_milestones"];
        if includes.iter().any(|name| query.says(name) == Some(true)) {
            let mut above = Some(self.scribe.project.group_at(world.config(), self.scribe.now));
            while let Some(index) = above {
                let group = world.group(index);
                rows.extend(self.scribe.group_milestones(&group));
                above = group.parent;
            }
        }
        self.milestone_page(rows)
    }

    /// Milestones of a group.
    pub(in crate::api) fn group_milestones(&self, group: &Group) -> Listed {
        self.milestone_page(self.scribe.group_milestones(group))
    }

    fn milestone_page(&self, mut rows: Vec<serde_json::Value>) -> Listed {
        let query = self.query;
        let (after, before) = self.updated();
        rows.retain(|row| {
            let updated_at = row["updated_at"].as_str().and_then(read_time);
            query.get("state").is_none_or(|asked| asked == "all" || row["state"] == asked)
                && updated_at.is_none_or(|at| super::is_within(at, (after, before)))
        });
        rows.sort_by_key(|row| std::cmp::Reverse(row["due_date"].as_str().map(ToOwned::to_owned)));
        Ok(Page::cut(rows, self.paging))
    }
}

/// Whether an event is of an action, as the query names actions.
fn is_action(what: Happened, asked: &str) -> bool {
    match what {
        Happened::Pushed(_) | Happened::PushedMany(_) => asked == "pushed",
        Happened::MergeRequest(_, action) | Happened::Issue(_, action) => match action {
            "opened" => asked == "created",
            "accepted" => asked == "merged",
            action => asked == action,
        },
        Happened::Noted(_) => asked == "commented",
    }
}

fn is_target(what: Happened, asked: &str) -> bool {
    match what {
        Happened::Pushed(_) | Happened::PushedMany(_) => false,
        Happened::MergeRequest(_, _) => asked == "merge_request",
        Happened::Issue(_, _) => asked == "issue",
        Happened::Noted(_) => asked == "note",
    }
}

/// Whether an event is about something that only members with a role see.
fn is_hidden(sprint: &Sprint, number: u32) -> bool {
    let confidential = |issue: u32| sprint.issues.get(issue as usize).is_some_and(|issue| issue.confidential);
    match sprint.activities.get(number as usize).map(|activity| activity.what) {
        Some(Happened::Issue(issue, _)) => confidential(issue),
        Some(Happened::Noted(note)) => sprint.notes.get(note as usize).is_some_and(|note| {
            let on_confidential = matches!(note.on, Noteable::Issue(issue) if confidential(issue));
            note.internal || on_confidential
        }),
        _ => false,
    }
}
