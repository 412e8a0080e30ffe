//! Compares a list with its table. In: the things that GitLab lists as updated since the last run, the newest thing, and their number. Out: what the
//! table lacked or had in an older state, in Kafka. Never publishes what the table has already.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use schemas::api::presence::{Key, Shown, presence};
use schemas::api::subject::Context;
use serde_json::value::RawValue;

use super::error::ReconcileError;
use super::report::{Findings, What};
use super::run::Step;
use super::stored::StoredRow;
use super::watched::{Listed, Watched};
use crate::coverage::Cursor;
use crate::page::{self, step as next_step};

/// The content of a list.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many things GitLab lists, if it counts them.
    pub(super) total: Option<u64>,
    /// The greatest number within the project that was listed; 0 for none.
    pub(super) highest: u64,
    /// Numbers within the project that were listed.
    pub(super) listed: BTreeSet<u64>,
    /// Keys of things that the table lacked and that are now in Kafka.
    pub(super) added: BTreeSet<u64>,
    /// Keys of things that the table had as deleted and that are listed.
    pub(super) revived: BTreeSet<u64>,
    /// Keys of finished things that are now in Kafka: their parts may be missing too.
    pub(super) finished: BTreeSet<u64>,
}

/// Compares a list of a project with its table.
pub(super) async fn list(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    since: DateTime<Utc>,
    findings: &mut Findings,
) -> Result<Compared, ReconcileError> {
    let path = watched.path(project_id);
    let mut compared = Compared::default();
    let newest = step.asking.list(watched.limit(), &path, &watched.newest(1)).await?;
    compared.total = newest.total;
    take(step, project_id, watched, &newest.items, newest.read_at, &mut compared, findings).await?;

    let after = since.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut cursor = Cursor { after, page: 1, seen: Vec::new() };
    loop {
        let page = step.asking.list(watched.limit(), &path, &watched.updated_since(&cursor)).await?;
        take(step, project_id, watched, &page.items, page.read_at, &mut compared, findings).await?;
        let listed = page.items.iter().map(|object| serde_json::from_str(object.get()));
        let listed: Vec<page::Listed> = listed
            .collect::<Result<_, _>>()
            .map_err(|source| ReconcileError::Object { path: path.clone(), source })?;
        match next_step(&cursor, &listed, page.next.is_none())?.next {
            Some(next) => cursor = next,
            None => return Ok(compared),
        }
    }
}

/// Publishes those of the listed objects that the table lacks, has in an older state, or has as deleted. Returns how many it lacked.
pub(super) async fn take(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    objects: &[Box<RawValue>],
    read_at: DateTime<Utc>,
    compared: &mut Compared,
    findings: &mut Findings,
) -> Result<u64, ReconcileError> {
    let path = watched.path(project_id);
    let listed = objects.iter().map(|object| serde_json::from_str(object.get()));
    let listed: Vec<Listed> =
        listed.collect::<Result<_, _>>().map_err(|source| ReconcileError::Object { path, source })?;
    let keys: Vec<u64> = listed.iter().map(|listed| listed.key(watched)).collect();
    let rows = step.stored.rows(watched, project_id, &keys).await?;
    let (mut chosen, mut back, mut missing, mut behind) = (Vec::new(), Vec::new(), 0, 0);
    for (object, listed) in objects.iter().zip(&listed) {
        let number = listed.iid.get().unwrap_or(0);
        compared.highest = compared.highest.max(number);
        compared.listed.insert(number);
        let key = listed.key(watched);
        match rows.get(&key) {
            None if compared.added.insert(key) => missing += 1,
            Some(row) if is_behind(row, listed, watched) => {
                behind += 1;
                back.extend((row.is_deleted && compared.revived.insert(key)).then_some(key));
            }
            None | Some(_) => continue,
        }
        if matches!(listed.state(watched), "merged" | "closed" | "success" | "failed" | "canceled") {
            compared.finished.insert(key);
        }
        chosen.push(&**object);
    }
    step.publish(watched.resource(), Context::project(project_id), &chosen, read_at).await?;
    // All of it was listed after the run began.
    revive(step, project_id, watched, back, step.now).await?;
    *step.outcome(findings.of(What::Missing(watched))) += missing;
    *step.outcome(findings.of(What::Behind(watched))) += behind;
    Ok(missing)
}

/// Revives things that a table has as deleted and that a listing which began at this time has: their own objects need not be newer than the deletion.
pub(super) async fn revive(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    keys: impl IntoIterator<Item = u64>,
    began_at: DateTime<Utc>,
) -> Result<(), ReconcileError> {
    let context = Context::project(project_id);
    let shown = Shown::ListedAt(began_at);
    let keys = keys.into_iter().map(Key::Number);
    let objects: Vec<Box<RawValue>> =
        keys.filter_map(|key| presence(watched.resource(), context, key, shown)).collect();
    let objects: Vec<&RawValue> = objects.iter().map(|object| &**object).collect();
    step.publish(watched.resource(), context, &objects, began_at).await
}

/// Whether the table has an older state of it, or has it as deleted. In whole seconds: webhooks before GitLab 19 have no fractions.
fn is_behind(row: &StoredRow, listed: &Listed, watched: Watched) -> bool {
    let updated_at = listed.updated_at.value().and_then(|text| schemas::time::parse(text));
    let is_newer =
        |at: DateTime<Utc>| row.updated_at != 0 && schemas::time::whole_seconds(at) > row.updated_at;
    row.is_deleted || row.state != listed.state(watched) || updated_at.is_some_and(is_newer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_behind_if_its_state_or_its_second_is_another() {
        let check_row = |state: &str, updated_at: i64, is_deleted: bool, expected: bool| {
            let row = StoredRow { key: 7, state: state.to_owned(), updated_at, is_deleted };
            let listed = r#"{"id":1,"iid":7,"state":"merged","updated_at":"2026-11-27T08:00:00.900Z"}"#;
            let listed: Listed = serde_json::from_str(listed).unwrap();
            assert_eq!(is_behind(&row, &listed, Watched::MergeRequests), expected, "{state} {updated_at}");
        };
        let check = |state: &str, updated_at, expected| check_row(state, updated_at, false, expected);
        check("merged", 1_795_766_400, false);
        check("merged", 1_795_766_399, true);
        check("opened", 1_795_766_400, true);
        // A webhook arrived meanwhile.
        check("merged", 1_795_766_401, false);
        // Nobody reported the time.
        check("merged", 0, false);
        // The table has it as deleted, but it is listed.
        check_row("merged", 1_795_766_400, true, true);
        check_row("merged", 1_795_766_401, true, true);
    }
}
