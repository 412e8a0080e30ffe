//! Projects, groups and people, and lists of a group. In: a query. Out: a page. Never a project or group that the token cannot see.

use serde_json::Value;

use super::super::page::{MAX_OFFSET, Next, Page};
use super::super::refusal::Refusal;
use super::super::token::Token;
use super::super::write::Scribe;
use super::super::write::project::{group, user};
use super::{Listed, Lister, Sprints, select};
use crate::gitlab::{Group, Project, Special, World, everybody, last_activity, people, shared_with};

/// Whether the token can see a group.
pub(in crate::api) fn sees_group(world: &World, token: &Token, group: &Group) -> bool {
    match token.group.and_then(|id| world.group_of_id(id)) {
        Some(seen) => seen.index == group.index || group.is_within(world.config(), seen.index),
        None => token.group.is_none(),
    }
}

/// Whether the token can see a project: as a member of its group, or of one it is shared with.
pub(in crate::api) fn sees_project(world: &World, token: &Token, project: &Project) -> bool {
    let shared = shared_with(world, project).is_some_and(|group| sees_group(world, token, &group));
    shared || sees_group(world, token, &world.group(project.group))
}

/// Projects of a list, in the order of their numbers.
fn written(lister: &Lister<'_>, projects: Vec<Project>) -> Listed {
    let (query, paging) = (lister.query, lister.paging);
    let mut projects = projects;
    // GitLab lists the newest first unless it is asked otherwise.
    if !query.is_ascending() {
        projects.reverse();
    }
    let write = |project: &Project| Scribe { project, ..lister.scribe }.project();
    if query.get("pagination") != Some("keyset") {
        if paging.skip() >= MAX_OFFSET {
            return Err(Refusal::OffsetTooLarge("Project"));
        }
        return Ok(Page::cut(projects.iter().map(write).collect(), paging));
    }
    if query.get("order_by") != Some("id") {
        return Err(Refusal::KeysetNotAvailable);
    }
    let (name, after) = match query.is_ascending() {
        true => ("id_after", query.number("id_after")),
        false => ("id_before", query.number("id_before")),
    };
    let is_behind = |project: &Project| match (name, after) {
        (_, None) => true,
        ("id_after", Some(after)) => project.id > after,
        (_, Some(before)) => project.id < before,
    };
    projects.retain(is_behind);
    let is_more = projects.len() as u64 > paging.per_page;
    projects.truncate(paging.per_page as usize);
    let next = match projects.last() {
        Some(last) if is_more => Next::After(vec![(name, last.id.to_string())]),
        _ => Next::None,
    };
    Ok(Page { rows: projects.iter().map(write).collect(), text: None, total: None, next })
}

/// All projects that the token can see.
pub(in crate::api) fn projects(lister: &Lister<'_>) -> Listed {
    let world = lister.scribe.world;
    let is_asked = |project: &Project| {
        let archived = lister.query.says("archived");
        let last_activity = || last_activity(world, project, lister.scribe.now);
        archived.is_none_or(|archived| archived == (project.special == Special::Archived))
            && lister.query.time("last_activity_after").is_none_or(|after| last_activity() >= after)
            && lister.query.time("last_activity_before").is_none_or(|before| last_activity() <= before)
    };
    let seen = (0..world.projects()).map(|index| world.project(index));
    written(
        lister,
        seen.filter(|project| sees_project(world, lister.token, project) && is_asked(project)).collect(),
    )
}

/// Groups that the token can see.
pub(in crate::api) fn groups(lister: &Lister<'_>) -> Listed {
    let world = lister.scribe.world;
    let seen = (0..world.groups()).map(|index| world.group(index));
    let top_level = lister.query.says("top_level_only") == Some(true);
    let seen =
        seen.filter(|group| sees_group(world, lister.token, group) && !(top_level && group.parent.is_some()));
    Ok(Page::cut(seen.map(|seen| group(world, &seen)).collect(), lister.paging))
}

/// Everybody.
pub(in crate::api) fn users(lister: &Lister<'_>) -> Listed {
    let world = lister.scribe.world;
    let rows: Vec<Value> = everybody(people(world.config())).map(|person| user(world, person)).collect();
    Ok(Page::cut(rows, lister.paging))
}

/// What a list of a group lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum OfGroup {
    Projects,
    Groups,
    MergeRequests,
    Issues,
    Milestones,
}

/// A list of a group.
pub(in crate::api) fn group_list(lister: &Lister<'_>, of: &Group, what: OfGroup) -> Listed {
    let (world, query) = (lister.scribe.world, lister.query);
    let config = world.config();
    let is_below = |index: u32| index == of.index || world.group(index).is_within(config, of.index);
    let group_of = |project: &Project| project.group_at(config, lister.scribe.now);
    let is_archived = |project: &Project| project.special == Special::Archived;
    let below = || {
        (0..world.projects()).map(|index| world.project(index)).filter(|project| is_below(group_of(project)))
    };
    match what {
        OfGroup::Projects => {
            // Shared projects are listed unless they are excluded, those of subgroups only if they are requested.
            let with_subgroups = query.says("include_subgroups") == Some(true);
            let with_shared = query.says("with_shared") != Some(false);
            let listed = (0..world.projects()).map(|index| world.project(index)).filter(|project| {
                let group = group_of(project);
                let is_own = group == of.index || (with_subgroups && is_below(group));
                let is_shared =
                    with_shared && shared_with(world, project).is_some_and(|with| with.index == of.index);
                let archived = query.says("archived").is_none_or(|asked| asked == is_archived(project));
                (is_own || is_shared) && archived
            });
            written(lister, listed.collect())
        }
        OfGroup::Groups => {
            let listed = (0..world.groups()).filter(|index| *index != of.index && is_below(*index));
            Ok(Page::cut(listed.map(|index| group(world, &world.group(index))).collect(), lister.paging))
        }
        OfGroup::Milestones => lister.group_milestones(of),
        OfGroup::MergeRequests | OfGroup::Issues => {
            let hides_archived = query.says("non_archived") != Some(false);
            let projects: Vec<Project> =
                below().filter(|project| !(hides_archived && is_archived(project))).collect();
            let sprints = Sprints::of(world, lister.scribe.now, lister.updated(), query.is_ascending());
            let by_update = query.get("order_by") == Some("updated_at");
            let selection = select(
                &sprints,
                (lister.paging.skip(), lister.paging.per_page),
                |_| None,
                |sprint| {
                    let mut chosen = Vec::new();
                    for project in &projects {
                        let rows = match what {
                            OfGroup::Issues => {
                                lister.chosen_issues(project.index, sprint, by_update, |_| true)
                            }
                            _ => lister.chosen_merge_requests(project.index, sprint, by_update),
                        };
                        chosen.extend(rows);
                    }
                    if by_update {
                        chosen.sort_by_key(|row| {
                            let place = row.number as usize;
                            let at = match what {
                                OfGroup::Issues => row.sprint.issues[place].updated_at(lister.scribe.now),
                                _ => row.sprint.merge_requests[place].updated_at(lister.scribe.now),
                            };
                            (at, world.id_in(&row.sprint, row.number))
                        });
                    }
                    chosen
                },
            );
            Ok(selection.page(lister.paging, |sprint, number| {
                let project = world.project(sprint.project);
                let scribe = Scribe { project: &project, ..lister.scribe };
                match what {
                    OfGroup::Issues => scribe.issue(sprint, number),
                    _ => scribe.merge_request(sprint, number),
                }
            }))
        }
    }
}
