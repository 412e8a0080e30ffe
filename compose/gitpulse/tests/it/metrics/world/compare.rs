//! Compares rows of a view with the truth. In: rows of both by key. Out: one line for each cell that differs, and for each row that is missing or too
//! many.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expected::Judged;
use super::stored::Face;
use super::untold::is_untold;

/// A comparison: a view of one world, as reported by one source.
pub(super) struct Case<'c> {
    pub(super) judged: &'c Judged,
    pub(super) seed: u64,
    pub(super) face: Face,
}

/// How many cells and rows were compared, and what differs.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) rows: u64,
    pub(super) cells: u64,
    pub(super) wrong: Vec<String>,
}

/// Whether a source reports a row at all.
fn is_told(row: &Value, face: Face) -> bool {
    let (by_api, by_webhooks) = (row["told_by_api"] == true, row["told_by_webhooks"] == true);
    match face {
        Face::Webhooks => by_webhooks,
        Face::Api => by_api,
        Face::Both => by_api || by_webhooks,
    }
}

/// Compares all rows of a view.
pub(super) fn compare(
    case: &Case<'_>,
    expected: &BTreeMap<String, Value>,
    found: &[Value],
    verdict: &mut Verdict,
) {
    let Case { judged, seed, face } = case;
    let mut by_key: BTreeMap<String, &Value> = BTreeMap::new();
    for row in found {
        let key = judged.key_of(row);
        match expected.get(&key) {
            Some(_) if by_key.insert(key.clone(), row).is_none() => (),
            Some(_) => {
                verdict.wrong.push(format!("{} of {seed}, {face:?}: {key} is there twice", judged.view))
            }
            None => {
                verdict.wrong.push(format!("{} of {seed}, {face:?}: {key} is not true: {row}", judged.view))
            }
        }
    }
    for (key, row) in expected.iter().filter(|(_, row)| is_told(row, *face)) {
        verdict.rows += 1;
        let Some(found) = by_key.get(key) else {
            verdict.wrong.push(format!("{} of {seed}, {face:?}: {key} is missing: {row}", judged.view));
            continue;
        };
        for (column, value) in row.as_object().unwrap() {
            if column.starts_with("told_by_") || is_untold(case, column, row) {
                continue;
            }
            verdict.cells += 1;
            if !is_same(value, &found[column]) {
                let shown = &found[column];
                verdict.wrong.push(format!(
                    "{} of {seed}, {face:?}: {column} of {key} is {shown}, not {value}",
                    judged.view
                ));
            }
        }
    }
}

/// Numbers are equal whether they are written as whole or not.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|one| other.as_f64() == Some(one))
}
