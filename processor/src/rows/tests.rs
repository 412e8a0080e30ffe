use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use schemas::api::resource::ObjectHead;
use schemas::api::subject::{Context, Owner, address};
use schemas::envelope::{Parts, body_event_id, delivery_event_id};
use schemas::head::Head;
use schemas::migration::{MIGRATIONS, Target};
use schemas::view::VIEWS;
use schemas::{Envelope, Origin, Payload, TopicPrefix};

use super::*;
use crate::decode::decode;

mod access_token;
mod captured;
mod emoji;
mod feature_flag;
mod milestone;
mod people;
mod release;
mod runs;
mod versions;
mod vulnerability;
mod wiki_page;

/// The example payloads, by their path below the folder of examples.
fn examples() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/fixtures");
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.clone()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Some(name) = path.to_str().unwrap().strip_suffix(".json") {
            let name = name.strip_suffix(".webhook").unwrap_or(name);
            let name = Path::new(name).strip_prefix(&root).unwrap().to_str().unwrap().replace('/', "__");
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The rows of a webhook received at noon on 22 November 2026.
pub(super) fn rows_of(payload: &str, delivery_id: &str) -> Rows {
    let head = Head::read(payload).unwrap();
    let kind = head.kind();
    rows_of_envelope(payload, delivery_id, kind, head.subject(kind, "fallback"), Origin::Webhook)
}

/// The rows of an API object read at the same time. `subject` is the entity, as `project/42/merge_request/7`.
pub(super) fn rows_of_object(payload: &str, kind: EventKind, subject: &str) -> Rows {
    rows_of_envelope(payload, "", kind, subject.to_owned(), Origin::Api)
}

/// The rows of an example: `merge_request__open`, `merge_request__merged.api`. API objects are listed by project 42, or by group 5 if their case
/// begins with `group_`; the number of a list's parent is in the name, as in `merge_request__approvals_7.api`.
fn rows_of_example(name: &str, payload: &str) -> Rows {
    let Some(case) = name.strip_suffix(".api") else { return rows_of(payload, name) };
    let (kind, case) = case.split_once("__").unwrap();
    let context = Context {
        owner: if case.starts_with("group_") { Owner::Group(5) } else { Owner::Project(42) },
        parent: case.rsplit('_').next().unwrap().parse().ok(),
    };
    rows_of_listed(payload, kind.parse().unwrap(), context)
}

/// The rows of an API object, addressed as its producer does.
fn rows_of_listed(payload: &str, kind: EventKind, context: Context) -> Rows {
    let resource = ObjectHead::read(payload).unwrap().resource(kind).unwrap();
    let address = address("https://gitlab.example.com", resource, payload, context);
    rows_of_object(payload, address.kind, &address.subject)
}

/// The rows of one example, by its name.
fn example(name: &str) -> Rows {
    let (_, payload) = examples().into_iter().find(|(example, _)| example == name).unwrap();
    rows_of_example(name, &payload)
}

fn rows_of_envelope(
    payload: &str,
    delivery_id: &str,
    kind: EventKind,
    subject: String,
    origin: Origin,
) -> Rows {
    let source = "https://gitlab.example.com";
    let envelope = Envelope::stored(Parts {
        id: match delivery_id {
            "" => body_event_id(source, payload.as_bytes()),
            delivery_id => delivery_event_id(source, delivery_id),
        },
        source: source.to_owned(),
        kind,
        subject,
        time: DateTime::from_timestamp(1_795_348_800, 0).unwrap(),
        origin,
        tenant: "default".to_owned(),
        delivery_id: Some(delivery_id.to_owned()).filter(|id| !id.is_empty()),
        traceparent: None,
        payload: Payload::Json(payload.to_owned()),
    });
    rows_for(decode(&envelope.to_record(&TopicPrefix::default()).unwrap().value).unwrap())
}

/// The rows as text, one column per line, without empty tables.
fn reviewable(rows: &Rows) -> String {
    let (mut text, mut open) = (String::new(), 0);
    for line in format!("{rows:#?}").lines() {
        let inner = line.trim_start();
        // A table for which the example has no rows.
        if line.starts_with("    ") && !line.starts_with("     ") && line.ends_with(": [],") {
            continue;
        }
        open -= usize::from(inner.starts_with(')'));
        let opens = usize::from(line.ends_with('('));
        // Everything within parentheses stays on the first line.
        text.push_str(if text.ends_with('\n') || text.is_empty() { line } else { inner });
        open += opens;
        match (open, opens) {
            (0, _) => text.push('\n'),
            (_, 1) => (),
            (_, _) => text.push(' '),
        }
    }
    text
}

#[test]
fn the_rows_of_every_example_are_as_reviewed() {
    let mut names = BTreeSet::new();
    for (name, payload) in examples() {
        let mut rows = rows_of_example(&name, &payload);
        assert_eq!(rows.events.len(), 1, "{name}");
        rows.events[0].payload = format!("{} bytes", payload.len());
        insta::assert_snapshot!(name.as_str(), reviewable(&rows));
        names.insert(format!("processor__rows__tests__{name}.snap"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rows/snapshots");
    let files =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let orphans: Vec<String> =
        files.filter(|file| file.ends_with(".snap") && !names.contains(file)).collect();
    assert!(orphans.is_empty(), "snapshots without an example: {orphans:?}");
}

#[test]
fn every_table_of_facts_is_in_the_list_and_every_view_is_made_of_some() {
    let target = Target { database: "gitpulse".to_owned(), cluster: None };
    let statements = MIGRATIONS.iter().flat_map(|migration| migration.statements(&target));
    let made = statements.filter_map(|statement| {
        let (_, table) = statement.split_once("CREATE TABLE IF NOT EXISTS `gitpulse`.")?;
        table.split_whitespace().next().filter(|table| table.ends_with("_facts")).map(str::to_owned)
    });
    let listed = TABLES.iter().map(|table| table.name.to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), made.collect());

    // Tables that are not rebuilt, and the one that `branches` and `tags` read.
    let others = [
        "events",
        "dead_letters",
        "audit_log",
        "ref_heads",
        "ref_moves",
        "merge_request_places",
        "sha_places",
    ];
    let views = VIEWS.iter().map(|view| view.name).filter(|view| !others.contains(view));
    let made_of_facts = TABLES.iter().flat_map(|table| table.views.iter().copied());
    assert_eq!(made_of_facts.collect::<BTreeSet<_>>(), views.collect());

    for table in TABLES {
        for name in table.views {
            // The view itself, and the views that it reads.
            let own = VIEWS.iter().find(|view| view.name == *name).unwrap();
            let mut read = VIEWS.iter().filter(|view| view.name == *name || own.reads(view.name));
            assert!(read.any(|view| view.reads(table.name)), "{name} does not read {}", table.name);
        }
    }
}

/// How ClickHouse merges two rows of one key: each column keeps its greatest value.
pub(super) fn newest<V: PartialOrd + Clone>(a: &Column<V>, b: &Column<V>) -> V {
    if a > b { a.value.clone() } else { b.value.clone() }
}

#[test]
fn texts_that_every_row_would_repeat_are_bounded() {
    let long = "x".repeat(crate::decode::MAX_NAME_BYTES + 1);
    let payload = format!(
        r#"{{"object_kind":"pipeline","object_attributes":{{"id":31,"ref":"{long}"}},"builds":[{{"id":1}}]}}"#
    );
    let rows = rows_of(&payload, "1");
    assert_eq!((rows.events.len(), rows.pipelines.len(), rows.jobs.len()), (1, 0, 0));
}

#[test]
fn what_nobody_can_read_is_counted() {
    let payload =
        r#"{"object_kind":"pipeline","object_attributes":{"id":31,"created_at":"soon","tag":"perhaps"}}"#;
    assert_eq!(rows_of(payload, "1").unreadable, 2);
    let payload = r#"{"object_kind":"pipeline","object_attributes":{"id":31},"builds":[{"name":"nobody"},null,{"id":1,"user":7}]}"#;
    // Two jobs without an id, and a user without a readable id and name.
    assert_eq!(rows_of(payload, "1").unreadable, 4);
}

#[test]
fn a_job_that_is_played_opens_a_finished_pipeline_again() {
    let pipeline = |status: &str, finished_at: &str, deploy: &str| {
        let payload = format!(
            r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":31,"status":"{status}","created_at":"2026-11-02T10:00:00Z","finished_at":{finished_at}}},
            "builds":[{{"id":1,"status":"success","created_at":"2026-11-02 10:00:00 UTC","finished_at":"2026-11-02 10:01:00 UTC"}},
            {{"id":2,"status":"{deploy}","created_at":"2026-11-02 10:00:00 UTC"}}]}}"#
        );
        rows_of(&payload, status)
    };
    let finished = pipeline("success", r#""2026-11-02T10:01:01Z""#, "manual");
    let played = pipeline("pending", "null", "pending");
    let (before, after) = (&finished.pipelines[0], &played.pipelines[0]);
    assert_eq!(newest(&before.status, &after.status).as_deref(), Some("pending"));
    assert_eq!(newest(&before.finished_at, &after.finished_at), None);
    assert_eq!(newest(&finished.jobs[1].status, &played.jobs[1].status).as_deref(), Some("pending"));
    // An older event of the same second does not win.
    let payload = r#"{"object_kind":"pipeline","project":{"id":42},"object_attributes":{"id":31,"status":"running","created_at":"2026-11-02T10:00:00Z"},
        "builds":[{"id":1,"status":"running","started_at":"2026-11-02 10:01:00 UTC"},{"id":2,"status":"created","created_at":"2026-11-02 10:00:00 UTC"}]}"#;
    let running = rows_of(payload, "running").pipelines.remove(0);
    assert_eq!(newest(&running.status, &before.status).as_deref(), Some("success"));
}

#[test]
fn whoever_is_asked_to_review_is_known() {
    let payload = r#"{"object_kind":"merge_request","user":{"id":7,"username":"ada"},"object_attributes":{"iid":7,"target_project_id":42},
        "assignees":[{"id":8,"username":"grace","name":"Grace"}],"reviewers":[{"id":9,"username":"mika"},{"id":8,"username":"grace"}]}"#;
    let users: Vec<u64> = rows_of(payload, "1").users.iter().map(|user| user.user_id).collect();
    assert_eq!(users, [7, 8, 9]);
}

/// A project is marked by its events, so no row of an event may belong to another project. `projects` are the exception: any event may mention
/// them, and no metric uses these rows.
#[test]
fn all_rows_of_an_event_are_about_its_project() {
    let mut rows_seen = 0;
    for (name, payload) in examples() {
        let rows = rows_of_example(&name, &payload);
        let of_events: BTreeSet<u64> = rows.projects().into_iter().map(|(_, project)| project).collect();
        let serde_json::Value::Object(tables) = serde_json::to_value(&rows).unwrap() else { unreachable!() };
        for (table, rows) in tables.iter().filter(|(table, _)| *table != "projects") {
            for row in rows.as_array().unwrap() {
                let project = row.get("project_id").and_then(serde_json::Value::as_u64).unwrap_or(0);
                assert!(
                    project == 0 || of_events.contains(&project),
                    "{name}: {table} of {project}, {of_events:?}"
                );
                rows_seen += usize::from(project != 0);
            }
        }
    }
    assert!(rows_seen > 200, "{rows_seen}");
}
