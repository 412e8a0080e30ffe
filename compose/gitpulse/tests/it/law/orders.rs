//! Order, repetition and receipt: the examples of every kind, from webhooks and API, inserted in all ways.

use rand::Rng;

use super::apply::{Life, Tables, apply, apply_lives, assert_same, chance, receipt_derived, shuffled, split};
use super::records::{Record, examples};

/// Promise 2. The same records, in any order, any number of times, in batches of any size: nothing changes, receipt columns and `events`
/// included.
///
/// Seen to fail: `last_event_id` or `first_received_at` merged by `anyLast`, `origins` by `max`; a time in the key of pushes.
#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_repetition_of_the_same_records_gives_the_same_tables() {
    let mut random = chance();
    let late = |(_, record): (String, Record)| record.later(random.random_range(0..3600));
    let records: Vec<Record> = examples().into_iter().map(late).collect();
    // A resend keeps the id, and comes later.
    let resent: Vec<Record> = records.iter().map(|record| record.clone().later(86_400)).collect();
    let tables = apply(&[records.clone(), resent].concat()).await;
    assert_eq!(tables.rows("events").len(), records.len(), "an event is one, however often it is sent");
    for (view, rows) in &tables.0 {
        assert!(!rows.is_empty(), "no example tells of {view}");
    }
}

/// Every record, received within ten minutes by each of these hooks.
fn heard(records: &[Record], hooks: &[(&str, &str)], random: &mut impl Rng) -> Vec<Record> {
    let each = records.iter().flat_map(|record| hooks.iter().map(move |hook| (record, hook)));
    each.map(|(record, (hook, tenant))| {
        record.clone().through(hook, tenant).later(random.random_range(0..500))
    })
    .collect()
}

/// Rules 9 and 13. Deliveries of other hooks, at other times within minutes, in another order: only columns that say so depend on it. What
/// happened once is there once.
///
/// Seen to fail: merge request events keyed by delivery; every delivery of a push, or of a switch of a flag, shown; statuses
/// of pipelines and deployments keyed by receipt; version by receipt; tenants of a branch from the first delivery of each push alone.
#[tokio::test(flavor = "multi_thread")]
async fn other_hooks_and_receipts_change_only_what_is_said_to_depend_on_them() {
    let mut random = chance();
    let records: Vec<Record> = examples().into_iter().map(|(_, record)| record).collect();
    let one = [("one", "shop")];
    let three = [("one", "shop"), ("two", "shop"), ("three", "labs")];
    let mut lives: Vec<Life> = Vec::new();
    for hooks in [one.as_slice(), &one, &one, &three, &three, &three] {
        let order = shuffled(&heard(&records, hooks, &mut random), &mut random);
        lives.push(split(order, &mut random));
    }
    let receipt = receipt_derived().await;
    let told = apply_lives(&lives).await;
    let counts = told.iter().map(|tables| tables.rows("events").len());
    let expected: Vec<usize> = [1, 1, 1, 3, 3, 3].iter().map(|hooks| hooks * records.len()).collect();
    assert_eq!(counts.collect::<Vec<_>>(), expected, "every delivery is an event");
    let told: Vec<Tables> = told.into_iter().map(|tables| tables.of_things(&receipt)).collect();
    for other in [1, 2] {
        assert_same(&told[0], &told[other], &format!("one hook, life {other}"));
        assert_same(&told[3], &told[3 + other], &format!("three hooks, life {other}"));
    }
    // Who reported a thing is a fact about the hooks.
    let once = told[0].clone().without_everywhere("tenants");
    let often = told[3].clone().without_everywhere("tenants");
    assert_same(&once, &often, "one hook and three");
    for row in told[3].rows("merge_requests") {
        assert_eq!(row["tenants"], serde_json::json!(["labs", "shop"]), "both tenants told of it: {row}");
    }
}
