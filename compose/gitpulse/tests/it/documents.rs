//! The documents are correct. In: the pages, the examples, the database. Out: where they disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use processor::decode::decode_envelope;
use processor::rows::{Rows, rows_for};
use schemas::api::resource::ObjectHead;
use schemas::api::subject::{Context, Owner, address};
use schemas::envelope::{Parts, body_event_id};
use schemas::head::Head;
use schemas::view::VIEWS;
use schemas::{Envelope, EventKind, Origin, Payload};
use serde_json::Value;

use crate::delivery::{examples, payloads};
use crate::deployment::Deployment;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The rows of the table whose first heading is `heading`, cell by cell.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let start = format!("| {heading} |");
    let lines = page.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The sort keys that the law gives to the tables.
pub(crate) fn identities() -> BTreeSet<String> {
    table(&page("docs/LAW.md"), "table").iter().filter_map(|row| quoted(&row[1]).into_iter().next()).collect()
}

/// Each query of a page with the `text` block after it: a `sql` block, or a shell's here-document up to `SQL`.
fn queries(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks: Vec<(&str, &str)> = blocks.filter_map(|block| block.split_once('\n')).collect();
    let mut found = Vec::new();
    for (index, (language, block)) in blocks.iter().enumerate() {
        let query = match *language {
            "sql" => *block,
            "sh" => match block.split_once("<<'SQL'\n") {
                Some((_, rest)) => rest.split("SQL\n").next().unwrap(),
                None => continue,
            },
            _ => continue,
        };
        let output = blocks.get(index + 1).filter(|(language, _)| *language == "text");
        let (_, output) = output.unwrap_or_else(|| panic!("no output after:\n{query}"));
        found.push((query.trim().to_owned(), output.trim_end().to_owned()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_documents_gives_the_output_beside_it() {
    let deployment = Deployment::new("queries");
    let (ingest, _processor) = (deployment.ingest(), deployment.processor());
    let folder = root().join("schemas/fixtures");
    deployment.output(&["send", folder.to_str().unwrap(), "--url", &ingest.webhooks(), "--concurrency", "1"]);
    deployment.until_count("SELECT count() FROM events", examples().len() as u64).await;

    let (own, readme) = (queries(&page("docs/SQL.md")), queries(&page("README.md")));
    assert!(own.len() >= 20 && readme.len() >= 3, "{} and {} queries", own.len(), readme.len());
    let mut wrong = String::new();
    for (query, expected) in own.into_iter().chain(readme) {
        // The client treats a question mark as a placeholder.
        let request = deployment.client.query(&query.replace('?', "??"));
        let output = match request.fetch_bytes("PrettyCompactMonoBlock") {
            Ok(mut rows) => match rows.collect().await {
                Ok(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        if output.trim_end() != expected {
            wrong.push_str(&format!("{query}\n\ngives\n{output}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// `toDate` ends in 2149 and wraps: a token that expires in 2150 would have expired in 1971.
#[test]
fn no_query_of_the_documents_wraps_a_date() {
    let (own, readme) = (queries(&page("docs/SQL.md")), queries(&page("README.md")));
    let wrapping = own.iter().chain(&readme).find(|(query, _)| query.contains("toDate("));
    assert!(wrapping.is_none(), "use toDate32 in:\n{}", wrapping.unwrap().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_law_is_that_of_the_database() {
    let deployment = Deployment::new("law");
    let law = table(&page("docs/LAW.md"), "table");
    // Places are computed from other tables.
    let names = VIEWS.iter().filter(|view| !view.reads("project_places")).map(|view| view.name.to_owned());
    let named: Vec<String> = law.iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(named.len(), named.iter().collect::<BTreeSet<_>>().len(), "a name stands there twice");
    assert_eq!(BTreeSet::from_iter(named), names.collect(), "the names of the law, and the views");

    for row in law {
        let [ref names, ref identity, .., ref deleted_by] = row[..] else { panic!("{row:?}") };
        let identity = quoted(identity).into_iter().next().unwrap();
        let mut has_deletion = false;
        for name in quoted(names) {
            // The tables of facts that the view reads.
            let keys = "SELECT DISTINCT facts.sorting_key FROM system.tables AS facts, system.tables AS view \
                        WHERE facts.database = currentDatabase() AND view.database = currentDatabase() AND view.name = ? \
                        AND endsWith(facts.name, '_facts') AND match(view.as_select, concat('\\\\b', facts.name, '\\\\b'))";
            let keys: Vec<String> = deployment.client.query(keys).bind(&name).fetch_all().await.unwrap();
            assert!(
                keys.contains(&identity),
                "{name}: its identity is said to be {identity}, but is {keys:?}"
            );
            let deletion = "SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = ? AND name = 'deleted_at'";
            let deletion: u64 = deployment.client.query(deletion).bind(&name).fetch_one().await.unwrap();
            has_deletion |= deletion > 0;
        }
        assert_eq!(has_deletion, !deleted_by.starts_with("never"), "{names}: deleted by {deleted_by:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_identity_has_a_time_and_nothing_expires() {
    let deployment = Deployment::new("keys");
    let times = "SELECT concat(table, '.', name) FROM system.columns WHERE database = currentDatabase() \
                 AND table LIKE '%\\_facts' AND is_in_sorting_key AND type LIKE '%Date%' ORDER BY table";
    let times: Vec<String> = deployment.client.query(times).fetch_all().await.unwrap();
    // A pipeline can reach a status again: the second distinguishes them. A job finishes on one day, once.
    assert_eq!(times, ["job_run_facts.day", "pipeline_event_facts.as_of"]);
    let expiring = "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(engine_full, '\\\\bTTL\\\\b') ORDER BY name";
    let expiring: Vec<String> = deployment.client.query(expiring).fetch_all().await.unwrap();
    // Bookkeeping, from which nothing is built.
    assert_eq!(expiring, ["audit_log_facts", "consumed_ranges"]);
}

/// An example of each table whose states are ranked, and the field that holds the state.
const RANKED: [(&str, &str, &str); 7] = [
    ("merge_requests", "merge_request/open", "/object_attributes/state"),
    ("issues", "issue/closed", "/object_attributes/state"),
    ("pipelines", "pipeline/running", "/object_attributes/status"),
    ("jobs", "job/running", "/build_status"),
    ("deployments", "deployment/running", "/status"),
    ("milestones", "milestone/close", "/object_attributes/state"),
    ("vulnerabilities", "vulnerability/confirmed", "/object_attributes/state"),
];

#[test]
fn states_rank_as_the_law_says() {
    let examples: BTreeMap<String, Vec<u8>> = examples().into_iter().collect();
    let mut checked = BTreeSet::new();
    for row in table(&page("docs/LAW.md"), "table") {
        let (names, ranks) = (quoted(&row[0]), &row[3]);
        let states: Vec<Vec<String>> =
            ranks.split(" > ").map(quoted).filter(|states| !states.is_empty()).collect();
        if states.is_empty() {
            continue;
        }
        let (name, example, place) = *RANKED.iter().find(|(name, ..)| names[0] == *name).unwrap();
        let rank = |state: &String| {
            let mut payload: Value =
                serde_json::from_slice(&examples[&format!("{example}.webhook.json")]).unwrap();
            *payload.pointer_mut(place).unwrap() = Value::String(state.clone());
            let rows = serde_json::to_value(rows_of_webhook(&payload.to_string())).unwrap();
            rows[name][0]["last_event_id"][1].as_u64().unwrap()
        };
        let ranked: Vec<(u64, &String)> =
            states.iter().flat_map(|equal| equal.iter().map(|state| (rank(state), state))).collect();
        let mut expected = Vec::new();
        for equal in &states {
            let first = rank(&equal[0]);
            assert!(expected.last().is_none_or(|(last, _)| first < *last), "{name}: {equal:?}: {ranked:?}");
            expected.extend(equal.iter().map(|state| (first, state)));
        }
        assert_eq!(ranked, expected, "{name}");
        checked.insert(name);
    }
    assert_eq!(checked.len(), RANKED.len(), "{checked:?}");
}

#[test]
fn examples_are_as_of_what_the_law_says() {
    let law = table(&page("docs/LAW.md"), "table");
    let as_of: BTreeMap<String, &String> =
        law.iter().flat_map(|row| quoted(&row[0]).into_iter().map(|name| (name, &row[2]))).collect();
    let mut checked = BTreeSet::new();
    for (example, body) in payloads(&root().join("schemas/fixtures"), ".json") {
        let rows = rows_of_example(&example, &String::from_utf8(body).unwrap());
        for name in tables_of(&example, &rows) {
            let has_a_time = match as_of[&name].split(&[',', ':'][..]).next().unwrap() {
                "`updated_at`" => true,
                "receipt" | "first receipt" => false,
                _ => continue,
            };
            assert_eq!(rows.as_of.is_some(), has_a_time, "{example}, {name}: {}", as_of[&name]);
            checked.insert(name);
        }
    }
    assert!(checked.len() > 6, "{checked:?}");
}

#[test]
fn every_example_fills_the_tables_of_its_line() {
    let page = page("docs/EVENTS.md");
    let mut filled: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folder = root().join("schemas/fixtures");
    for (name, body) in payloads(&folder, ".json") {
        let rows = rows_of_example(&name, &String::from_utf8(body).unwrap());
        filled.insert(name.clone(), tables_of(&name, &rows));
    }
    let mut named = BTreeMap::new();
    for row in table(&page, "kind") {
        let [kind, _, face, tables, files, _] = row.as_slice() else { panic!("{row:?}") };
        let ending = match face.as_str() {
            "webhook" => ".webhook.json",
            "API" => ".api.json",
            face => panic!("no face of GitLab: {face}"),
        };
        assert!(kind.parse::<EventKind>().is_ok(), "no kind: {kind}");
        let tables: BTreeSet<String> = quoted(tables).into_iter().collect();
        let links: Vec<&str> = files.split("](../schemas/fixtures/").skip(1).collect();
        assert_eq!(links.is_empty(), files == "GitLab does not send it", "{row:?}");
        for link in links {
            let file = link.split(')').next().unwrap();
            assert!(file.starts_with(&format!("{kind}/")) && file.ends_with(ending), "{file} in {row:?}");
            let first = named.insert(file.to_owned(), tables.clone());
            assert!(first.is_none(), "{file} stands there twice");
        }
    }
    assert_eq!(named, filled, "what the page says on the left, what the examples fill on the right");
}

/// The analysts' names that the rows fill, except what a body of another kind reports in passing.
fn tables_of(example: &str, rows: &Rows) -> BTreeSet<String> {
    let kind = example.split('/').next().unwrap();
    let own = matches!(kind, "project" | "group" | "user");
    let refs = if kind == "tag_push" { "tags" } else { "branches" };
    let mut tables = BTreeSet::new();
    for (name, rows) in serde_json::to_value(rows).unwrap().as_object().unwrap() {
        match (name.as_str(), rows.as_array().unwrap().is_empty()) {
            // Of a retried job alone its status depends on it.
            (_, true) | ("events" | "job_retries" | "namespace_renames", _) => continue,
            ("projects" | "groups" | "users", _) if !own => continue,
            ("ref_heads", _) => (),
            (name, _) => drop(tables.insert(name.to_owned())),
        }
        // A push of many refs names none.
        let names_a_ref = rows.as_array().unwrap().iter().any(|row| row["ref_count"].is_null());
        if matches!(name.as_str(), "pushes" | "ref_heads") && names_a_ref {
            tables.insert(refs.to_owned());
        }
    }
    tables
}

fn rows_of_webhook(payload: &str) -> Rows {
    let head = Head::read(payload).unwrap();
    let kind = head.kind();
    rows_of(payload, kind, head.subject(kind, "fallback"), Origin::Webhook)
}

/// The rows of an example. Objects of the API are listed by project 42, or by group 5 where their case begins with `group_`; those of a
/// list that hangs on something have its number at the end of their file's name, as `approvals_7`.
fn rows_of_example(name: &str, payload: &str) -> Rows {
    let Some(name) = name.strip_suffix(".api.json") else { return rows_of_webhook(payload) };
    let (kind, case) = name.split_once('/').unwrap();
    let context = Context {
        owner: if case.starts_with("group_") { Owner::Group(5) } else { Owner::Project(42) },
        parent: case.rsplit('_').next().unwrap().parse().ok(),
    };
    let resource = ObjectHead::read(payload).unwrap().resource(kind.parse().unwrap()).unwrap();
    let address = address("https://gitlab.example.com", resource, payload, context);
    rows_of(payload, address.kind, address.subject, Origin::Api)
}

fn rows_of(payload: &str, kind: EventKind, subject: String, origin: Origin) -> Rows {
    let source = "https://gitlab.example.com";
    let envelope = Envelope::stored(Parts {
        id: body_event_id(source, payload.as_bytes()),
        source: source.to_owned(),
        kind,
        subject,
        // After everything in the examples.
        time: DateTime::from_timestamp(1_795_348_800, 0).unwrap(),
        origin,
        tenant: "default".to_owned(),
        delivery_id: None,
        traceparent: None,
        payload: Payload::Json(payload.to_owned()),
    });
    rows_for(decode_envelope(envelope).unwrap())
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let mut sources = String::new();
    for folder in ["processor/src", "compose/gitpulse/tests", "ingest/tests"] {
        for (_, body) in payloads(&root().join(folder), ".rs") {
            sources.push_str(&String::from_utf8(body).unwrap());
        }
    }
    let page = page("docs/EVENTS.md");
    let rows = table(&page, "kind");
    let in_text = page.lines().filter(|line| !line.starts_with('|')).flat_map(quoted);
    let sentences = in_text.filter(|name| name.matches('_').count() > 3);
    let named: BTreeSet<String> = rows.iter().flat_map(|row| quoted(&row[5])).chain(sentences).collect();
    assert!(named.len() > 30, "{named:?}");
    let missing: Vec<&String> =
        named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_client_of_the_documents_is_run_by_a_test_or_dated() {
    let mut sources = String::new();
    for (_, body) in payloads(&root().join("compose/gitpulse/tests/it"), ".rs") {
        sources.push_str(&String::from_utf8(body).unwrap());
    }
    let rows = table(&page("docs/CLIENTS.md"), "client");
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let [client, version, _, proof] = &row[..] else { panic!("{row:?}") };
        let tested = quoted(proof).iter().any(|name| sources.contains(&format!("fn {name}(")));
        assert!(tested || proof.starts_with("by hand, 20"), "{client}: {proof}");
        let pinned = version.rsplit(' ').next().unwrap();
        let is_named = ["client_programs.rs", "clients/go/go.mod"].iter().any(|path| {
            let file = root().join("compose/gitpulse/tests/it").join(path);
            std::fs::read_to_string(file).unwrap().contains(pinned)
        });
        // Clients that those two files do not install.
        let elsewhere = ["clickhouse (Rust)", "curl", "kcat", "Kafka's own tools", "Prometheus"];
        assert!(is_named || elsewhere.contains(&client.as_str()), "{client} {version}");
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let pages = ["", "docs"]
        .map(|folder| root().join(folder))
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    for path in pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
