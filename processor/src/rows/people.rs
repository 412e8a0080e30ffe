//! People in bodies. In: the fields of any GitLab version that name them. Out: their ids and names for columns.

use schemas::Origin;
use schemas::event::User;
use schemas::field::{Embedded, Field};

use crate::decode::Event;

/// The actor, if the body names one: old versions send no id.
pub(super) fn actor(user: Option<&User>) -> String {
    match user.map(|user| (user.id.get(), user.username.text())) {
        Some((Some(id), _)) => id.to_string(),
        Some((None, username)) if !username.is_empty() => format!("@{username}"),
        Some((None, _)) | None => String::new(),
    }
}

/// The assignees: the list of ids, else the ids of the users, else the single id of old versions. Old versions send users without ids, which does
/// not mean that nobody is assigned.
pub(super) fn assignees(
    assignee_ids: &Field<Vec<Field<u64>>>,
    people: &Field<Vec<Embedded<User>>>,
    only: &Field<u64>,
) -> Field<Vec<u64>> {
    let is_somebody = people.value().is_some_and(|people| !people.is_empty());
    let only = match only {
        Field::Null if is_somebody => Field::Absent,
        only => only.as_ref().map(|id| vec![*id]),
    };
    ids(assignee_ids).or(users(people)).or(only)
}

/// Ids of users; 0 is nobody.
pub(super) fn ids(field: &Field<Vec<Field<u64>>>) -> Field<Vec<u64>> {
    field.as_ref().map(|ids| ids.iter().filter_map(Field::get).filter(|id| *id > 0).collect())
}

/// The ids of the users in a list; absent if one of them has no id.
pub(super) fn users(field: &Field<Vec<Embedded<User>>>) -> Field<Vec<u64>> {
    match field {
        Field::Value(people) => {
            let ids: Option<Vec<u64>> = people.iter().map(|person| person.get()?.id.get()).collect();
            ids.map_or(Field::Absent, Field::Value)
        }
        field => field.as_ref().map(|_| Vec::new()),
    }
}

/// The review state of each reviewer, from a webhook: in the API, `state` belongs to the account.
pub(super) fn reviewer_states(
    event: &Event,
    reviewers: &Field<Vec<Embedded<User>>>,
) -> Field<Vec<(u64, String, bool)>> {
    let told = |reviewer: &Embedded<User>| {
        let reviewer = reviewer.get()?;
        let state = reviewer.state.value()?.clone();
        Some((reviewer.id.get()?, state, reviewer.re_requested.get().unwrap_or(false)))
    };
    match reviewers {
        Field::Value(_) if event.origin == Origin::Api => Field::Absent,
        // Old versions send it for no reviewer.
        Field::Value(reviewers) => {
            let states: Option<Vec<_>> = reviewers.iter().map(told).collect();
            states.map_or(Field::Absent, Field::Value)
        }
        _ => Field::Absent,
    }
}
