//! Rows of the other entities in a body: its project, its actor, its group. In: an event, with the rows of its own kind. Out: rows of `projects`,
//! `users` and `groups`, as of the body's time, not of the last change of the project or user.

use schemas::event::user::User;
use schemas::field::{Embedded, Field};
use schemas::{Origin, event};

use crate::decode::{Event, EventBody};

use super::existence::Existence;
use super::version::Version;
use super::{Rows, group, project, user};

/// Adds them.
pub(super) fn add(event: &Event, rows: &mut Rows) {
    // A body without a time counts from its receipt, even if GitLab sends it again: it can rename, but not undo a deletion. An API object names the
    // project and the users as of its reading, however old it is itself; and they may be gone by then.
    let as_of = rows.as_of.filter(|_| event.origin != Origin::Api);
    let existence = Existence::as_of(as_of);
    let version = Version::new(as_of.unwrap_or(event.received_at), 0, event.received_at);
    let snapshots = &event.snapshots;
    // Things in a project are deleted with it, so an event of another project does not say that it exists.
    let told = [(&snapshots.project, &existence), (&snapshots.source_project, &Existence::Unsaid)];
    for (snapshot, existence) in told {
        if let Some((snapshot, id)) = snapshot.as_deref().and_then(|it| Some((it, it.project_id.get()?))) {
            project::add(event, id, snapshot, existence, version, rows);
        }
    }
    if let Some((snapshot, id)) = snapshots.user.as_deref().and_then(|it| Some((it, it.user_id.get()?))) {
        user::add(event, id, snapshot, &existence, version, rows);
    }
    for named in named(event) {
        if let Some(id) = named.id.get() {
            let (username, name) = (named.username.clone(), named.name.clone());
            let snapshot = User { username, name, ..User::default() };
            user::add(event, id, &snapshot, &existence, version, rows);
        }
    }
    if let Some((snapshot, id)) = snapshots.group.as_deref().and_then(|it| Some((it, it.group_id.get()?))) {
        group::add(event, id, snapshot, &existence, version, rows);
    }
}

/// The people in a body besides the actor: assignees, reviewers, the approver of a deployment.
fn named(event: &Event) -> impl Iterator<Item = &event::User> {
    let lists: [&Field<Vec<Embedded<event::User>>>; 2] = match &event.body {
        Ok(EventBody::MergeRequest(merge_request)) => [&merge_request.assignees, &merge_request.reviewers],
        Ok(EventBody::Issue(issue)) => [&issue.assignees, &Field::Absent],
        _ => [&Field::Absent, &Field::Absent],
    };
    let deployment = match &event.body {
        Ok(EventBody::Deployment(deployment)) => Some(deployment),
        _ => None,
    };
    let approvals = deployment.into_iter().filter_map(|deployment| deployment.approvals.value()).flatten();
    let approvers = approvals.filter_map(|approval| approval.get()?.user.get());
    lists
        .into_iter()
        .filter_map(Field::value)
        .flatten()
        .filter_map(Embedded::get)
        .chain(deployment.and_then(|deployment| deployment.approver.get()))
        .chain(approvers)
}
