//! Captured payloads of other projects, if they are stored beside this one: the result for each file. Only the number of rows per table is kept
//! here, none of their values.

use testing::skipped;

use super::*;

fn captured(face: &str) -> Vec<(String, serde_json::Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(face);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files = Vec::new();
    for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        files.push((name, serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// The number of rows per table, and of unreadable fields.
fn counts(rows: &Rows) -> BTreeMap<String, u64> {
    let serde_json::Value::Object(tables) = serde_json::to_value(rows).unwrap() else { unreachable!() };
    let rows_of = |rows: &serde_json::Value| rows.as_array().map_or(0, |rows| rows.len() as u64);
    let counts = tables.iter().map(|(table, rows)| (table.clone(), rows_of(rows)));
    counts.chain([("unreadable".to_owned(), rows.unreadable)]).filter(|(_, count)| *count > 0).collect()
}

fn line(name: &str, all: &[Rows]) -> String {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (table, count) in all.iter().flat_map(counts) {
        *sums.entry(table).or_default() += count;
    }
    let sums: Vec<String> = sums.iter().map(|(table, count)| format!("{table} {count}")).collect();
    format!("{name}: {}\n", sums.join(", "))
}

#[test]
fn every_captured_webhook_becomes_rows() {
    let files = captured("webhooks");
    if files.is_empty() {
        return skipped("there are no payloads of other projects beside this one");
    }
    let lines: String =
        files.iter().map(|(name, body)| line(name, &[rows_of(&body.to_string(), name)])).collect();
    insta::assert_snapshot!("captured_webhooks", lines);
}

#[test]
fn every_captured_object_of_the_api_becomes_rows_or_is_left_out_for_a_reason() {
    let files = captured("api");
    if files.is_empty() {
        return skipped("there are no payloads of other projects beside this one");
    }
    let listed =
        include_str!("captured_api.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeMap<&str, &str> = listed.map(|line| line.split_once(' ').unwrap()).collect();
    let mut lines = String::new();
    for (name, body) in &files {
        let kind = listed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not on the list"));
        let Ok(kind) = kind.parse::<EventKind>() else {
            assert!(kind.starts_with("- "), "{name}: {kind}");
            continue;
        };
        let one = std::slice::from_ref(body);
        let objects = body.as_array().map_or(one, Vec::as_slice);
        let rows = objects.iter().map(|object| {
            let context = Context { parent: Some(1), ..Context::project(42) };
            let rows = rows_of_listed(&object.to_string(), kind, context);
            assert_eq!(rows.events.len(), 1, "{name}");
            rows
        });
        let rows: Vec<Rows> = rows.collect();
        // A list may contain an issue of another tracker, which has no rows.
        assert!(rows.iter().any(|rows| rows.len() > 1), "{name}: no row but those of the events");
        lines.push_str(&line(name, &rows));
    }
    let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let gone: Vec<&&str> = listed.keys().filter(|name| !names.contains(**name)).collect();
    assert!(gone.is_empty(), "listed, but not there: {gone:?}");
    insta::assert_snapshot!("captured_api", lines);
}
