use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::super::{Column, EventId, ProjectRow, Version, Versioned};
use super::*;

/// Few values and few versions, so that many rows share a key, a second or even a version.
fn column<T: Clone + fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Versioned<T>> {
    (
        prop::sample::select(vec![i64::MIN, 1, 2]),
        0_u8..3,
        0_u16..3,
        prop::option::of(prop::sample::select(values)),
    )
        .prop_map(|(seconds, rank, milliseconds, value)| Column {
            version: Version { seconds, rank, milliseconds },
            value,
        })
}

fn names() -> Vec<String> {
    ["a", "b", "a/b"].map(str::to_owned).to_vec()
}

fn row() -> impl Strategy<Value = ProjectRow> {
    let texts = (column(names()), column(names()), column(names()), column(names()), column(names()));
    let times = (column(vec![1, 2]), column(vec![1, 2]), column(vec![1, 2]), column(vec![1, 2]));
    let rest = (column(vec![5_u64, 12]), column(vec![false, true]));
    let event = (column(vec![0_u8]), any::<u128>())
        .prop_map(|(Column { version, .. }, id)| Column { version, value: EventId(Uuid::from_u128(id)) });
    let told = (prop::sample::select(names()), prop::sample::select(names()), 0_i64..5);
    (prop::sample::select(names()), 41_u64..44, texts, times, rest, event, told).prop_map(
        |(instance, project_id, texts, times, rest, event, (tenant, origin, first_received_at))| ProjectRow {
            instance,
            project_id,
            path: texts.0,
            name: texts.1,
            namespace_id: rest.0,
            visibility: texts.2,
            default_branch: texts.3,
            url: texts.4,
            archived: rest.1,
            created_at: times.0,
            updated_at: times.1,
            last_activity_at: times.2,
            deleted_at: times.3,
            last_event_id: event,
            tenants: vec![tenant],
            origins: vec![origin],
            first_received_at,
        },
    )
}

fn greatest<T: PartialOrd + Clone>(rows: &[&ProjectRow], choose: impl Fn(&ProjectRow) -> &T) -> T {
    rows.iter().map(|row| choose(row)).fold(choose(rows[0]).clone(), |best, column| match *column > best {
        true => column.clone(),
        false => best,
    })
}

fn united(rows: &[&ProjectRow], choose: impl Fn(&ProjectRow) -> &Vec<String>) -> Vec<String> {
    let mut elements: Vec<String> = rows.iter().flat_map(|row| choose(row).clone()).collect();
    elements.sort();
    elements.dedup();
    elements
}

/// The result of ClickHouse if each row is inserted.
fn inserted(rows: &[ProjectRow]) -> Vec<ProjectRow> {
    let mut keys: BTreeMap<(u64, &str), Vec<&ProjectRow>> = BTreeMap::new();
    for row in rows {
        keys.entry((row.project_id, &row.instance)).or_default().push(row);
    }
    let merge = |((project_id, instance), rows): ((u64, &str), Vec<&ProjectRow>)| ProjectRow {
        instance: instance.to_owned(),
        project_id,
        path: greatest(&rows, |row| &row.path),
        name: greatest(&rows, |row| &row.name),
        namespace_id: greatest(&rows, |row| &row.namespace_id),
        visibility: greatest(&rows, |row| &row.visibility),
        default_branch: greatest(&rows, |row| &row.default_branch),
        url: greatest(&rows, |row| &row.url),
        archived: greatest(&rows, |row| &row.archived),
        created_at: greatest(&rows, |row| &row.created_at),
        updated_at: greatest(&rows, |row| &row.updated_at),
        last_activity_at: greatest(&rows, |row| &row.last_activity_at),
        deleted_at: greatest(&rows, |row| &row.deleted_at),
        last_event_id: greatest(&rows, |row| &row.last_event_id),
        tenants: united(&rows, |row| &row.tenants),
        origins: united(&rows, |row| &row.origins),
        first_received_at: rows.iter().map(|row| row.first_received_at).min().unwrap(),
    };
    keys.into_iter().map(merge).collect()
}

fn text(rows: Vec<ProjectRow>) -> String {
    let mut rows = rows;
    rows.sort_by(|a, b| (a.project_id, &a.instance).cmp(&(b.project_id, &b.instance)));
    for row in &mut rows {
        row.tenants.sort();
        row.origins.sort();
    }
    format!("{rows:#?}")
}

proptest! {
    #[test]
    fn merged_rows_are_what_all_rows_would_become(
        rows in prop::collection::vec(row(), 0..40),
        other in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        batch in 1_usize..10,
    ) {
        let mut in_order = Merged::default();
        rows.iter().cloned().for_each(|row| in_order.add(row));
        prop_assert_eq!(in_order.len(), in_order.iter().count());
        prop_assert_eq!(text(in_order.iter().cloned().collect()), text(inserted(&rows)));

        // Any order, with repeated rows, in batches that are merged separately.
        let again: Vec<ProjectRow> = match rows.is_empty() {
            true => Vec::new(),
            false => other.iter().map(|index| index.get(&rows).clone()).chain(rows.iter().rev().cloned()).collect(),
        };
        let mut batches = Merged::default();
        for rows in again.chunks(batch) {
            let mut merged = Merged::default();
            rows.iter().cloned().for_each(|row| merged.add(row));
            batches.append(&mut merged);
        }
        prop_assert_eq!(text(batches.iter().cloned().collect()), text(in_order.iter().cloned().collect()));
    }
}

#[test]
fn ids_of_events_are_in_the_order_of_clickhouse() {
    let id = |text: &str| EventId(text.parse().unwrap());
    assert!(id("00000000-0000-0001-0000-000000000002") > id("00000000-0000-0002-0000-000000000001"));
    assert!(id("00000000-0000-0002-8000-000000000001") > id("80000000-0000-0001-7000-000000000002"));
    assert!(id("00000000-0000-0002-0000-000000000001") > id("00000000-0000-0001-0000-000000000001"));
}
