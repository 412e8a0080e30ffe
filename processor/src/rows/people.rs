//! People in bodies. In: the fields that name them, as this version of GitLab sends them. Out: who it is, as columns hold it.

use schemas::Origin;
use schemas::event::User;
use schemas::field::{Embedded, Field};

use crate::decode::Event;

/// Who did it, as far as the body says: old versions send no id.
pub(super) fn actor(user: Option<&User>) -> String {
    match user.map(|user| (user.id.get(), user.username.text())) {
        Some((Some(id), _)) => id.to_string(),
        Some((None, username)) if !username.is_empty() => format!("@{username}"),
        Some((None, _)) | None => String::new(),
    }
}

/// Who is assigned: the ids, else those of the people, else the only one that old versions know. Old versions name people without ids, which
/// does not say that there is nobody.
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

/// Ids of people; 0 is nobody.
pub(super) fn ids(field: &Field<Vec<Field<u64>>>) -> Field<Vec<u64>> {
    field.as_ref().map(|ids| ids.iter().filter_map(Field::get).filter(|id| *id > 0).collect())
}

/// The ids of people in a list; a list with somebody of whom it is not said names nobody.
pub(super) fn users(field: &Field<Vec<Embedded<User>>>) -> Field<Vec<u64>> {
    match field {
        Field::Value(people) => {
            let ids: Option<Vec<u64>> = people.iter().map(|person| person.get()?.id.get()).collect();
            ids.map_or(Field::Absent, Field::Value)
        }
        field => field.as_ref().map(|_| Vec::new()),
    }
}

/// How far each reviewer is, as a webhook says: in the API the state is that of the account.
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
        // Old versions say nothing of it, of anybody.
        Field::Value(reviewers) => {
            let states: Option<Vec<_>> = reviewers.iter().map(told).collect();
            states.map_or(Field::Absent, Field::Value)
        }
        _ => Field::Absent,
    }
}
