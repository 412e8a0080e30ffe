//! Marks what was deleted. In: everything that GitLab lists of a project. Out: a tombstone for each row whose thing is not listed any more, which is
//! an event like any other and can be replayed. Only after a complete listing, only for things whose own request GitLab answers with 404, and never
//! if the token sees only a part.
//!
//! GitLab reports these deletions neither by webhook nor by its API.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use gitlab::Limit;
use schemas::api::presence::{Key, Shown, presence};
use schemas::api::subject::Context;
use schemas::field::{Embedded, Field};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::compare::{Compared, revive, take};
use super::error::ReconcileError;
use super::report::{Findings, What};
use super::run::{Mode, Step};
use super::watched::{Listed, PER_PAGE, Watched};
use crate::coverage::Cursor;
use crate::page;
use crate::scope::Owner;

/// Planner, the lowest role that sees confidential issues (<https://docs.gitlab.com/user/permissions/>).
const SEES_CONFIDENTIAL: u64 = 15;
/// What GitLab appends to the path of a project that it will delete.
const DELETION_SCHEDULED: &str = "-deletion_scheduled-";
/// A time before anything in GitLab.
const BEGINNING: &str = "1970-01-01T00:00:00.000Z";

/// The fields of a project that decide whether a listing is complete.
#[derive(Debug, Deserialize)]
struct Described {
    #[serde(default)]
    path_with_namespace: String,
    #[serde(default)]
    marked_for_deletion_at: Field<String>,
    #[serde(default)]
    marked_for_deletion_on: Field<String>,
    #[serde(default)]
    permissions: Embedded<Permissions>,
}

#[derive(Debug, Default, Deserialize)]
struct Permissions {
    #[serde(default)]
    project_access: Embedded<Access>,
    #[serde(default)]
    group_access: Embedded<Access>,
}

#[derive(Debug, Default, Deserialize)]
struct Access {
    #[serde(default)]
    access_level: Field<u64>,
}

/// How much of a project's issues a token sees. It depends on the role alone: a lower role sees the confidential issues that its user wrote or is
/// assigned to, and gets 404 for all others (<https://docs.gitlab.com/user/project/issues/confidential_issues/>). Administrators need the role too:
/// in Admin Mode a token may see no more than its user's memberships, and nothing shows that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sees {
    Confidential,
    Open,
}

/// Marks rows of things of a project that GitLab no longer has.
pub(super) async fn find(
    step: &Step<'_>,
    project: &Owner,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = &project.path;
    let Some(sees) = is_whole(step, project.id).await? else {
        findings.note(format!("{path} is scheduled for deletion: no row of it is marked as deleted"));
        return Ok(());
    };
    if step.plan.mode == Mode::Look {
        let mut requests = 0;
        for watched in Watched::ALL {
            let known = step.stored.known(watched, project.id).await?;
            requests += known.rows / PER_PAGE as u64 + 1;
        }
        findings.note(format!("{path}: looking for deletions takes {requests} requests, and one more for each row that is not listed"));
        return Ok(());
    }
    for watched in Watched::ALL {
        if let Err(error) = find_in(step, project, watched, sees, findings).await {
            findings.ended(&format!("deletions among {} of {path}", watched.as_str()), error)?;
        }
    }
    Ok(())
}

/// What a listing of the project shows; `None` if GitLab is about to delete the whole project.
async fn is_whole(step: &Step<'_>, project_id: u64) -> Result<Option<Sees>, ReconcileError> {
    let path = format!("projects/{project_id}");
    let object = step.asking.object(Limit::Project, &path).await?;
    let project: Described =
        serde_json::from_str(object.get()).map_err(|source| ReconcileError::Object { path, source })?;
    Ok(project.sees())
}

impl Described {
    fn sees(&self) -> Option<Sees> {
        let is_marked = self.marked_for_deletion_at.value().is_some()
            || self.marked_for_deletion_on.value().is_some()
            || self.path_with_namespace.contains(DELETION_SCHEDULED);
        if is_marked {
            return None;
        }
        let access = self
            .permissions
            .get()
            .map(|permissions| [&permissions.project_access, &permissions.group_access]);
        let levels = access.into_iter().flatten().filter_map(|access| access.get()?.access_level.get());
        Some(match levels.max() {
            Some(level) if level >= SEES_CONFIDENTIAL => Sees::Confidential,
            Some(_) | None => Sees::Open,
        })
    }
}

impl Sees {
    /// Whether GitLab shows the complete list, so that what is not listed is gone.
    fn all_of(self, watched: Watched) -> bool {
        match self {
            Sees::Confidential => true,
            Sees::Open => watched != Watched::Issues,
        }
    }
}

async fn find_in(
    step: &Step<'_>,
    project: &Owner,
    watched: Watched,
    sees: Sees,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let deleted = step.stored.deleted(watched, project.id).await?;
    let listing = list(step, project.id, watched, &deleted).await?;
    if !listing.back.is_empty() {
        let began_at = listing.began_at;
        let objects: Vec<&RawValue> = listing.back.values().map(|object| &**object).collect();
        step.publish(watched.resource(), Context::project(project.id), &objects, began_at).await?;
        revive(step, project.id, watched, listing.back.keys().copied(), began_at).await?;
        findings.of(What::Behind(watched)).mended += objects.len() as u64;
    }
    // An issue that became confidential looks like a deleted one.
    if !sees.all_of(watched) {
        findings.note(format!(
            "{}: the token may not see confidential issues, so no issue is marked as deleted; that needs the role Planner or Reporter",
            project.path
        ));
        return Ok(());
    }
    let mut gone = Vec::new();
    for row in step.stored.there(watched, project.id, listing.began_at).await? {
        if listing.keys.contains(&row.key) {
            continue;
        }
        // A thing that moved while the list was read may have been missed.
        match step.asking.targeted_object(watched.limit(), &watched.path_of(project.id, row.number)).await {
            Ok(object) => {
                let mut compared = Compared::default();
                take(step, project.id, watched, &[object], step.now, &mut compared, findings).await?;
            }
            Err(error) if error.is_absent() => gone.push(row.key),
            Err(ReconcileError::Spent) => findings.of(What::Deleted).left += 1,
            Err(error) => return Err(error),
        }
    }
    // GitLab also answers 404 for everything in a project that the token no longer sees.
    if gone.is_empty() || is_whole(step, project.id).await?.is_none() {
        return Ok(());
    }
    let context = Context::project(project.id);
    let shown = Shown::AbsentSince(listing.began_at);
    let tombstones = gone.iter().map(|key| presence(watched.resource(), context, Key::Number(*key), shown));
    let tombstones: Vec<Box<RawValue>> = tombstones.flatten().collect();
    let objects: Vec<&RawValue> = tombstones.iter().map(|object| &**object).collect();
    step.publish(watched.resource(), context, &objects, listing.began_at).await?;
    findings.of(What::Deleted).mended += objects.len() as u64;
    Ok(())
}

/// All that GitLab lists.
struct Listing {
    /// What was deleted before this time is not listed.
    began_at: DateTime<Utc>,
    keys: BTreeSet<u64>,
    /// Things that a table has as deleted and that are listed, by key.
    back: BTreeMap<u64, Box<RawValue>>,
}

/// Lists all things of a project by the time of updates: what changes meanwhile moves to the end, and nothing takes its place unseen.
async fn list(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    deleted: &BTreeSet<u64>,
) -> Result<Listing, ReconcileError> {
    let path = watched.path(project_id);
    let unreadable = |source| ReconcileError::Object { path: path.clone(), source };
    let mut listing = Listing { began_at: step.now, keys: BTreeSet::new(), back: BTreeMap::new() };
    let mut cursor = Cursor { after: BEGINNING.to_owned(), page: 1, seen: Vec::new() };
    loop {
        let page = step.asking.list(watched.limit(), &path, &watched.updated_since(&cursor)).await?;
        let mut walked: Vec<page::Listed> = Vec::with_capacity(page.items.len());
        for object in page.items {
            let listed: Listed = serde_json::from_str(object.get()).map_err(unreadable)?;
            walked.push(serde_json::from_str(object.get()).map_err(unreadable)?);
            let key = listed.key(watched);
            listing.keys.insert(key);
            if deleted.contains(&key) {
                listing.back.insert(key, object);
            }
        }
        match page::step(&cursor, &walked, page.next.is_none())?.next {
            Some(next) => cursor = next,
            None => return Ok(listing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_taken_for_deleted_by_its_role_alone() {
        for watched in Watched::ALL {
            assert!(Sees::Confidential.all_of(watched), "{watched:?}");
            assert_eq!(Sees::Open.all_of(watched), watched != Watched::Issues, "{watched:?}");
        }
    }

    #[test]
    fn a_project_says_whether_what_it_lacks_is_deleted() {
        let check = |json: &str, expected: Option<Sees>| {
            let project: Described = serde_json::from_str(json).unwrap();
            assert_eq!(project.sees(), expected, "{json}");
        };
        let of = |rest: &str| format!(r#"{{"path_with_namespace":"shop/checkout"{rest}}}"#);
        check(&of(""), Some(Sees::Open));
        check(&of(r#","permissions":{"project_access":null,"group_access":null}"#), Some(Sees::Open));
        check(
            &of(
                r#","permissions":{"project_access":{"access_level":10},"group_access":{"access_level":20}}"#,
            ),
            Some(Sees::Confidential),
        );
        check(
            &of(r#","permissions":{"project_access":{"access_level":10},"group_access":null}"#),
            Some(Sees::Open),
        );
        check(&of(r#","marked_for_deletion_at":"2026-12-01""#), None);
        check(&of(r#","marked_for_deletion_on":"2026-12-01""#), None);
        check(r#"{"path_with_namespace":"shop/checkout-deletion_scheduled-42"}"#, None);
    }
}
