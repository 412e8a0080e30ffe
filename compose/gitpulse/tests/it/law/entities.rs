//! Entities: random histories of every kind of them, against the model of the law.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::apply::{apply, chance};
use super::kinds::{ENTITIES, Entity, Shape};
use super::model::{Fact, Plain, shown};
use super::records::{NOON, Record};

/// A field: missing, null, unreadable, or one of few values.
fn field(shape: Shape, random: &mut StdRng) -> (Option<Value>, Option<Plain>) {
    let (a, b) = (random.random_range(1..4_u64), random.random_range(4..7_u64));
    let list = [vec![], vec![a], vec![b, a]][random.random_range(0..3)].clone();
    let mut sorted = list.clone();
    sorted.sort_unstable();
    let texts: Vec<String> = list.iter().map(u64::to_string).collect();
    let none = match shape {
        Shape::Text | Shape::Number | Shape::Flag => Plain::None,
        Shape::Ids => Plain::Numbers(Vec::new()),
        Shape::Labels | Shape::Texts => Plain::Texts(Vec::new()),
    };
    match (random.random_range(0..10), shape) {
        (0..3, _) => (None, None),
        (3..5, _) => (Some(Value::Null), Some(none)),
        (5, Shape::Text) => (Some(json!(["unreadable"])), None),
        (5, _) => (Some(json!("unreadable")), None),
        (_, Shape::Text) => (Some(json!(format!("text {a}"))), Some(Plain::Text(format!("text {a}")))),
        (_, Shape::Number) => (Some(json!(a)), Some(Plain::Number(a))),
        (_, Shape::Flag) => (Some(json!(a == 1)), Some(Plain::Flag(a == 1))),
        (_, Shape::Ids) => (Some(json!(list)), Some(Plain::Numbers(sorted))),
        (_, Shape::Texts) => {
            (Some(json!(texts)), Some(Plain::Texts(sorted.iter().map(u64::to_string).collect())))
        }
        (_, Shape::Labels) => {
            let labels: Vec<Value> = texts.iter().map(|title| json!({"title": title})).collect();
            (Some(json!(labels)), Some(Plain::Texts(sorted.iter().map(u64::to_string).collect())))
        }
    }
}

/// More milliseconds than there are from 1900 to 9999, which separate undated bodies from dated ones.
const BEFORE_ALL_TIMES: i64 = (1 << 40) * 1000;

/// One body about an entity, within three seconds of all others, and its content.
fn observe(entity: &Entity, id: u64, random: &mut StdRng) -> (Record, Fact) {
    let start: DateTime<Utc> = "2026-11-02T08:00:00Z".parse().unwrap();
    let later = random.random_range(0..3) * 60;
    let received_at = NOON.parse::<DateTime<Utc>>().unwrap().timestamp_millis() + later * 1000;
    let mut as_of = start.timestamp_millis() + random.random_range(0..3) * 1000;
    let mut fields = json!({});
    match (entity.dated_by, random.random_range(0..10)) {
        (None, _) => as_of = received_at,
        (Some(dated_by), 0) => {
            fields[dated_by] = json!("2250-01-01T00:00:00Z");
            as_of = "2250-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_millis();
        }
        (Some(dated_by), 1) => {
            // An unreadable time counts as none, and is older than any other; but for names it is as of then.
            fields[dated_by] = json!("soon");
            as_of = match entity.view {
                "projects" | "groups" | "users" => received_at,
                _ => received_at - BEFORE_ALL_TIMES,
            };
        }
        (Some(dated_by), 2..5) => {
            // Before GitLab 19, webhooks have no milliseconds.
            let time = DateTime::from_timestamp_millis(as_of).unwrap();
            fields[dated_by] = json!(time.format("%Y-%m-%d %H:%M:%S UTC").to_string());
        }
        (Some(dated_by), _) => {
            as_of += [0, 250, 900][random.random_range(0..3)];
            let time = DateTime::from_timestamp_millis(as_of).unwrap();
            fields[dated_by] = json!(time.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
    let mut says = BTreeMap::new();
    let (state, column, states) = entity.states;
    let mut rank = 0;
    if !states.is_empty() && random.random_bool(0.8) {
        let (name, its_rank) = states[random.random_range(0..states.len())];
        fields[state] = json!(name);
        says.insert(column, Plain::Text(name.to_owned()));
        rank = its_rank;
    }
    for (column, name, shape) in entity.columns {
        let (value, plain) = field(*shape, random);
        value.into_iter().for_each(|value| fields[name] = value);
        plain.into_iter().for_each(|plain| drop(says.insert(column, plain)));
    }
    let record = (entity.record)(id, fields).later(later);
    (record, Fact { as_of, received_at, rank, says })
}

/// Rules 1 to 5. Each column shows the value of the newest body that has one: null clears, `[]` clears, absent and unreadable say nothing; newest is
/// by whole seconds, then by the state's rank, then by milliseconds, then by value, and no body is newer than a day after its receipt. One row per
/// entity, whatever changes.
///
/// Seen to fail: no rank; milliseconds before rank; absent clears; unreadable clears; null says nothing; an empty list says nothing; lists unsorted;
/// no clamp; version by receipt.
#[tokio::test(flavor = "multi_thread")]
async fn each_column_shows_what_the_newest_body_says_of_it() {
    const EACH: u64 = 40;
    let mut random = chance();
    let mut records = Vec::new();
    let mut histories: BTreeMap<(&str, u64), Vec<Fact>> = BTreeMap::new();
    for entity in ENTITIES {
        for id in 1..=EACH {
            for _ in 0..random.random_range(1..=6) {
                let (record, fact) = observe(entity, id, &mut random);
                records.push(record);
                histories.entry((entity.view, id)).or_default().push(fact);
            }
        }
    }
    let tables = apply(&records).await;
    for entity in ENTITIES {
        let rows = tables.rows(entity.view);
        let ids = rows.iter().map(|row| row[entity.identity.0].to_string());
        let (rows_of, ids) = (rows.len(), ids.collect::<BTreeSet<_>>().len());
        assert_eq!((rows_of, ids >= EACH as usize), (ids, true), "{}: one row an entity", entity.view);
        for id in 1..=EACH {
            let (column, identity) = (entity.identity.0, (entity.identity.1)(id));
            let row = rows.iter().find(|row| row[column] == identity).unwrap();
            let facts = &histories[&(entity.view, id)];
            let state = Some(entity.states.1).filter(|_| !entity.states.2.is_empty());
            for (name, shape) in entity
                .columns
                .iter()
                .map(|column| (column.0, column.2))
                .chain(state.map(|state| (state, Shape::Text)))
            {
                let expected = match (shown(facts, name), shape) {
                    (Plain::None, Shape::Ids | Shape::Labels | Shape::Texts) => json!([]),
                    (plain, _) => plain.shown(),
                };
                assert_eq!(row[name], expected, "{}.{name} of {id}: {facts:#?}", entity.view);
            }
        }
    }
}
