//! The expected tables. In: the facts of the deliveries that are in `events`. Out: where a table differs. The model is simple: a thing has the state
//! of its last revision, and what happened, happened once.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::stored::{CheckError, Stored, projects};
use super::verdict::Verdict;
use crate::expected::{Expected, Fact, Kind};
use crate::history::History;

/// Where the tables show things of a kind.
struct Shown {
    kind: Kind,
    /// The table with one row per thing.
    table: &'static str,
    entity: &'static str,
    value: &'static str,
    /// The table of its history, with the column of the thing and the column of the event.
    history: Option<(&'static str, &'static str, &'static str)>,
}

const SHOWN: [Shown; 8] = [
    Shown {
        kind: Kind::Push,
        table: "branches",
        entity: "name",
        value: "assumeNotNull(head_sha)",
        history: Some(("pushes WHERE ref_type = 'branch' AND", "name", "'push'")),
    },
    Shown {
        kind: Kind::TagPush,
        table: "tags",
        entity: "name",
        value: "assumeNotNull(target_sha)",
        history: Some(("pushes WHERE ref_type = 'tag' AND", "name", "'push'")),
    },
    Shown {
        kind: Kind::MergeRequest,
        table: "merge_requests",
        entity: "toString(iid)",
        value: "concat(assumeNotNull(state), ' ', assumeNotNull(title))",
        // Comments belong to notes, which are compared separately.
        history: Some((
            "merge_request_events WHERE action != 'commented' AND",
            "toString(merge_request_iid)",
            "toString(action)",
        )),
    },
    Shown {
        kind: Kind::Issue,
        table: "issues",
        entity: "toString(id)",
        value: "concat(assumeNotNull(state), ' ', assumeNotNull(title))",
        history: Some(("issue_events WHERE", "toString(issue_id)", "toString(action)")),
    },
    Shown {
        kind: Kind::Note,
        table: "notes",
        entity: "toString(id)",
        value: "assumeNotNull(body)",
        history: None,
    },
    Shown {
        kind: Kind::Pipeline,
        table: "pipelines",
        entity: "toString(id)",
        value: "assumeNotNull(status)",
        history: Some(("pipeline_events WHERE", "toString(pipeline_id)", "toString(status)")),
    },
    Shown {
        kind: Kind::Job,
        table: "jobs",
        entity: "toString(id)",
        value: "assumeNotNull(status)",
        history: None,
    },
    Shown {
        kind: Kind::Deployment,
        table: "deployments",
        entity: "toString(id)",
        value: "assumeNotNull(status)",
        history: Some(("deployment_events WHERE", "toString(deployment_id)", "toString(status)")),
    },
];

/// A thing: its project, and its name there.
type Thing = (u64, String);

/// A row of a table, or of a history, with its number of occurrences.
#[derive(Row, Deserialize)]
struct Found {
    project_id: u64,
    entity: String,
    value: String,
    rows: u64,
}

/// Compares every table with the facts of stored events.
pub(crate) async fn compare(
    client: &Client,
    history: &History,
    stored: &Stored,
    verdict: &mut Verdict,
) -> Result<(), CheckError> {
    let facts = history.told.iter().filter_map(|(number, told)| match &told.expected {
        Expected::Fact(fact) if stored.events.contains_key(number) => Some(fact),
        _ => None,
    });
    let facts: Vec<&Fact> = facts.collect();
    for shown in &SHOWN {
        let facts = facts.iter().copied().filter(|fact| fact.kind == shown.kind);
        let mut things: BTreeMap<Thing, BTreeMap<u32, &Fact>> = BTreeMap::new();
        for fact in facts {
            things.entry((fact.project, fact.entity.clone())).or_default().insert(fact.revision, fact);
        }
        let of_run = projects(&history.run);
        let query = format!(
            "SELECT project_id, {} AS entity, {} AS value, count() AS rows FROM {} WHERE {of_run} GROUP BY 1, 2, 3",
            shown.entity, shown.value, shown.table
        );
        let states = found(client, shown.table, &query).await?;
        compare_states(shown, &things, &states, verdict);
        if let Some((from, entity, event)) = shown.history {
            let table = from.split(' ').next().unwrap_or(from);
            let query = format!(
                "SELECT project_id, {entity} AS entity, {event} AS value, count() AS rows FROM {from} {of_run} GROUP BY 1, 2, 3"
            );
            compare_histories(shown, table, &things, &found(client, table, &query).await?, verdict);
        }
    }
    Ok(())
}

async fn found(client: &Client, table: &'static str, query: &str) -> Result<Vec<Found>, CheckError> {
    client.query(query).fetch_all().await.map_err(|source| CheckError { table, source })
}

/// Checks that there is one row per thing, with the state of the last revision.
fn compare_states(
    shown: &Shown,
    things: &BTreeMap<Thing, BTreeMap<u32, &Fact>>,
    rows: &[Found],
    verdict: &mut Verdict,
) {
    let table = shown.table;
    let mut by_thing: BTreeMap<Thing, Vec<&Found>> = BTreeMap::new();
    for row in rows {
        by_thing.entry((row.project_id, row.entity.clone())).or_default().push(row);
    }
    for (thing, found) in &by_thing {
        let (project, entity) = thing;
        verdict.rows += 1;
        if found.iter().map(|row| row.rows).sum::<u64>() > 1 {
            verdict.doubled.add(|| format!("{table} {project} {entity} has several rows"));
        }
        let Some(revisions) = things.get(thing) else {
            verdict.phantom.add(|| format!("{table} {project} {entity}: nothing told of it"));
            continue;
        };
        if let (Some(expected), Some(row)) = (last(shown.kind, revisions), found.first())
            && row.value != expected
        {
            verdict
                .wrong
                .add(|| format!("{table} {project} {entity} is {:?} and not {expected:?}", row.value));
        }
    }
    for (project, entity) in things.keys().filter(|thing| !by_thing.contains_key(*thing)) {
        verdict.wrong.add(|| format!("{table} {project} {entity} is missing"));
    }
}

/// The expected row of a thing; `None` if it cannot be known: a branch with an unknown push in between.
fn last<'f>(kind: Kind, revisions: &BTreeMap<u32, &'f Fact>) -> Option<&'f str> {
    let (revision, fact) = revisions.last_key_value()?;
    let has_gap = *revision as usize + 1 != revisions.len();
    match kind {
        Kind::Push if has_gap => None,
        _ => Some(&fact.value),
    }
}

/// Checks that each event is in the history of a thing as often as it happened.
fn compare_histories(
    shown: &Shown,
    table: &str,
    things: &BTreeMap<Thing, BTreeMap<u32, &Fact>>,
    rows: &[Found],
    verdict: &mut Verdict,
) {
    let mut expected: BTreeMap<(&Thing, &str), u64> = BTreeMap::new();
    for (thing, revisions) in things {
        let once: BTreeSet<&str> = revisions
            .values()
            .map(|fact| fact.event.as_str())
            .filter(|event| is_once(shown.kind, event))
            .collect();
        for event in once {
            expected.insert((thing, event), 1);
        }
        for fact in revisions.values().filter(|fact| !is_once(shown.kind, &fact.event)) {
            if !fact.event.is_empty() {
                *expected.entry((thing, &fact.event)).or_default() += 1;
            }
        }
        // Any event of a merge request or an issue implies that it was opened.
        if matches!(shown.kind, Kind::MergeRequest | Kind::Issue) {
            expected.insert((thing, "opened"), 1);
        }
    }
    let rows: BTreeMap<(Thing, &str), u64> = rows
        .iter()
        .map(|row| (((row.project_id, row.entity.clone()), row.value.as_str()), row.rows))
        .collect();
    for ((thing, event), found) in &rows {
        let (project, entity) = thing;
        verdict.rows += 1;
        let expected = expected.get(&(thing, *event)).copied().unwrap_or(0);
        if *found > expected {
            verdict
                .doubled
                .add(|| format!("{table} {project} {entity}: {event} {found} times, not {expected}"));
        }
    }
    for ((thing, event), expected) in expected {
        let (project, entity) = thing;
        let found = rows.get(&(thing.clone(), event)).copied().unwrap_or(0);
        if found < expected {
            verdict
                .wrong
                .add(|| format!("{table} {project} {entity}: {event} {found} times, not {expected}"));
        }
    }
}

/// Whether it can happen to a thing only once.
fn is_once(kind: Kind, event: &str) -> bool {
    match kind {
        Kind::MergeRequest | Kind::Issue => matches!(event, "opened" | "merged"),
        Kind::Pipeline | Kind::Deployment => true,
        Kind::Push | Kind::TagPush | Kind::Note | Kind::Job => false,
    }
}
