//! Who may read what, by schemas/clickhouse/roles.sql. In: readers with roles. Out: the rows that they see, and what is refused.
//!
//! The embedded engine enforces roles, grants and row policies, but cannot store them from SQL. So each reader has an engine whose users.xml has the
//! same rights (`users_file`) for `default`, the user of all its sessions. Not tested: that a server stores them from the statements, and their
//! effect on a cluster.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clickhouse::Client;
use embedded::supervisor::Supervisor;
use runtime::clickhouse::ClickHouse;
use runtime::migrate::{self, RolesError};
use schemas::access;
use schemas::migration::Target;
use schemas::view::METRICS;

use crate::deployment::Deployment;
use crate::engines::start_clickhouse;
use crate::users_file::Access;

/// The rights that the user of `gitpulse migrate --roles` needs, by docs/ACCESS.md.
const RIGHTS: [&str; 4] = [
    "GRANT SELECT ON gitpulse.* WITH GRANT OPTION",
    "GRANT INSERT, CREATE DATABASE, CREATE TABLE, ALTER ADD COLUMN, ALTER DROP INDEX, CREATE VIEW, DROP TABLE, DROP VIEW ON gitpulse.*",
    "GRANT ALTER VIEW MODIFY SQL SECURITY, CREATE ROW POLICY ON gitpulse.*",
    "GRANT CREATE ROLE, ALTER ROLE, ROLE ADMIN ON *.*",
];

/// Two tenants and what they reported. Issues 2 and 4 are confidential; 4 became so later, which only `other` reported, after events that were
/// public. Issue 9 is only known from what belongs to it. Both reported `b`.
const FACTS: &str = "\
INSERT INTO gitpulse.issue_facts (instance, project_id, id, title, confidential, tenants) VALUES
    ('x', 1, 1, (1, 0, 0, 't1'), (1, 0, 0, false), ['acme']), ('x', 1, 2, (1, 0, 0, 't2'), (1, 0, 0, true), ['acme']),
    ('x', 1, 3, (1, 0, 0, 't3'), (1, 0, 0, false), ['other']), ('x', 1, 4, (1, 0, 0, 't4'), (1, 0, 0, false), ['acme']),
    ('x', 1, 4, (2, 0, 0, 't4'), (2, 0, 0, true), ['other']);
INSERT INTO gitpulse.issue_event_facts (instance, project_id, issue_id, action, tenants) SELECT instance, project_id, id, 'opened', tenants FROM gitpulse.issue_facts;
INSERT INTO gitpulse.note_facts (instance, project_id, id, noteable_type, noteable_id, confidential, tenants)
    SELECT instance, project_id, 10 + id, (1, 0, 0, 'Issue'), (1, 0, 0, id), (1, 0, 0, NULL), tenants FROM gitpulse.issue_facts;
INSERT INTO gitpulse.note_facts (instance, project_id, id, noteable_type, noteable_id, confidential, tenants)
    VALUES ('x', 1, 20, (1, 0, 0, 'MergeRequest'), (1, 0, 0, 9), (1, 0, 0, true), ['acme']);
INSERT INTO gitpulse.emoji_event_facts (instance, project_id, id, event_type, awardable_type, awardable_id, tenants)
    SELECT instance, project_id, 30 + id, 'award', 'Issue', id, tenants FROM gitpulse.issue_facts;
INSERT INTO gitpulse.emoji_event_facts (instance, project_id, id, event_type, awardable_type, awardable_id, tenants)
    SELECT instance, project_id, 30 + id, 'award', 'Note', id, tenants FROM gitpulse.note_facts;
INSERT INTO gitpulse.push_facts (instance, project_id, ref, before, after, event_id, tenant, pushed_at)
    SELECT 'x', 1, r, '00', 'a1', generateUUIDv4(), t, '2026-11-02 08:00:00' FROM VALUES('r String, t String',
        ('refs/heads/a', 'acme'), ('refs/heads/b', 'acme'), ('refs/heads/b', 'other'), ('refs/heads/o', 'other'), ('refs/tags/v1', 'acme'));
INSERT INTO gitpulse.feature_flag_event_facts (instance, project_id, flag, name, event_id, tenant)
    SELECT 'x', 1, f, f, generateUUIDv4(), t FROM VALUES('f String, t String', ('a', 'acme'), ('b', 'acme'), ('b', 'other'), ('o', 'other'));
INSERT INTO gitpulse.event_facts (instance, project_id, kind, subject, id, origin, tenant, confidential, payload) SELECT 'x', 1, k, s, generateUUIDv4(), o, t, c, p FROM VALUES(
    'k String, s String, o String, t String, c Bool, p String',
    ('issue', 'project/1/issue/1', 'webhook', 'acme', false, 'e1'), ('issue', 'project/1/issue/2', 'webhook', 'acme', true, 'e2'),
    ('issue', 'project/1/issue/3', 'webhook', 'other', false, 'e3'), ('issue', 'project/1/issue/4', 'webhook', 'acme', false, 'e4'),
    ('note', 'project/1/note/12', 'api', 'acme', false, 'n2'), ('note', 'project/1/note/14', 'webhook', 'acme', false, 'n4'),
    ('emoji', 'project/1/emoji/34', 'webhook', 'acme', false, 'o4'),
    ('issue', 'project/1/issue/3', 'api', 'other', false, '{\"target_type\":\"Issue\"}'));
INSERT INTO gitpulse.issue_event_facts (instance, project_id, issue_id, action, tenants) VALUES ('x', 1, 9, 'closed', ['acme']);
INSERT INTO gitpulse.note_facts (instance, project_id, id, noteable_type, noteable_id, confidential, tenants) VALUES
    ('x', 1, 21, (1, 0, 0, 'Issue'), (1, 0, 0, 9), (1, 0, 0, NULL), ['acme']), ('x', 1, 22, (1, 0, 0, 'Issue'), (1, 0, 0, 9), (1, 0, 0, false), ['acme']),
    ('x', 1, 23, (1, 0, 0, 'DesignManagement::Design'), (1, 0, 0, 1), (1, 0, 0, NULL), ['acme']);
INSERT INTO gitpulse.emoji_event_facts (instance, project_id, id, event_type, awardable_type, awardable_id, confidential, tenants) VALUES
    ('x', 1, 61, 'award', 'Issue', 9, NULL, ['acme']), ('x', 1, 62, 'award', 'Issue', 9, true, ['acme']), ('x', 1, 63, 'award', 'Issue', 9, false, ['acme']),
    ('x', 1, 64, 'award', 'Note', 29, NULL, ['acme']), ('x', 1, 65, 'award', 'MergeRequest', 1, NULL, ['acme']);
INSERT INTO gitpulse.audit_log_facts (instance, run_id, number, tenant, path, called_at) VALUES
    ('x', 'r', 1, 'acme', 'c1', now()), ('x', 'r', 2, 'other', 'c2', now())";

/// The columns by which readers are compared: one of each view that has rows above.
const SEEN: &str = "issues.id issue_events.issue_id notes.id emoji_events.id pushes.name branches.name tags.name \
    feature_flag_events.name events.payload audit_log.path";

/// Every row of them.
const ALL: &str = "1 2 3 4|1 2 3 4 9|11 12 13 14 20 21 22 23|31 32 33 34 41 42 43 44 50 61 62 63 64 65|a b o v1|a b o|v1|a b o|e1 e2 e3 e4 n2 n4 o4 {\"target_type\":\"Issue\"}|c1 c2";

/// Roles, further grants, and what the reader sees; nothing if every view is refused.
const READERS: [(&str, &[&str], &str); 10] = [
    ("", &[], ""),
    ("confidential", &[], ""),
    // The processor, and any user without roles.
    ("", &["GRANT SELECT, INSERT ON gitpulse.*"], ALL),
    ("analyst", &[], "1 3|1 3|11 13 22|31 33 41 43 63 65|a b o v1|a b o|v1|a b o|e1 e3|c1 c2"),
    ("analyst confidential", &[], ALL),
    ("tenant_acme", &[], "1|1|11 22|31 41 63 65|a b v1|a b|v1|a b|e1|c1"),
    ("tenant_acme analyst", &[], "1|1|11 22|31 41 63 65|a b v1|a b|v1|a b|e1|c1"),
    ("tenant_other", &[], "3|3|13|33 43|b o|b o||b o|e3|c2"),
    (
        "tenant_acme tenant_other",
        &[],
        "1 3|1 3|11 13 22|31 33 41 43 63 65|a b o v1|a b o|v1|a b o|e1 e3|c1 c2",
    ),
    (
        "tenant_acme confidential",
        &[],
        "1 2 4|1 2 4 9|11 12 14 20 21 22 23|31 32 34 41 42 44 50 61 62 63 64 65|a b v1|a b|v1|a b|e1 e2 e4 n2 n4 o4|c1",
    ),
];

/// What a user with only roles may not do.
const REFUSED: &str = "\
INSERT INTO gitpulse.issue_facts (id) VALUES (9);
TRUNCATE TABLE gitpulse.issue_facts;
DROP VIEW gitpulse.issues;
ALTER TABLE gitpulse.issues MODIFY SQL SECURITY INVOKER;
CREATE VIEW gitpulse.mine DEFINER = owner SQL SECURITY DEFINER AS SELECT * FROM gitpulse.issue_facts;
CREATE TEMPORARY TABLE mine (a Int8);
SELECT * FROM file('users.xml', LineAsString);
SELECT count() FROM mergeTreeIndex('gitpulse', 'issue_facts');
GRANT SELECT ON gitpulse.issue_facts TO default;
DROP ROW POLICY gitpulse_tenant ON gitpulse.issues";

/// An engine on the tables, as one reader has it.
struct Reader {
    roles: &'static str,
    client: Client,
    engine: Supervisor,
}

impl Reader {
    async fn start(access: &Access, folder: &Path, roles: &'static str, grants: &[&str]) -> Reader {
        std::fs::create_dir_all(folder.join("tables")).unwrap();
        access.write(&folder.join("tables"), roles, grants);
        let (engine, url) = start_clickhouse(folder).await;
        // Without a database, because that would have to be one that the reader may see.
        let client = Client::default().with_url(url);
        Reader { roles, client, engine }
    }

    /// Releases the tables for the next one.
    async fn stop(self) {
        self.engine.stop(Duration::from_secs(20)).await.unwrap();
    }

    /// The code of ClickHouse's refusal, 0 if there is none.
    async fn code(&self, sql: &str) -> u32 {
        let Err(error) = self.client.query_raw(sql).execute().await else { return 0 };
        let text = error.to_string();
        let code = text.split_once("Code: ").and_then(|(_, rest)| rest.split_once('.')?.0.parse().ok());
        code.unwrap_or_else(|| panic!("{}: {sql}: {text}", self.roles))
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let texts = self.client.query_raw(sql).fetch_all::<String>().await;
        texts.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.roles))
    }

    async fn seen(&self) -> String {
        let mut seen = Vec::new();
        for (view, column) in SEEN.split(' ').map(|seen| seen.split_once('.').unwrap()) {
            let sql =
                format!("SELECT toString(assumeNotNull({column})) FROM gitpulse.{view} ORDER BY {column}");
            seen.push(self.texts(&sql).await.join(" "));
        }
        seen.join("|")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_what_their_roles_say_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target { database: "gitpulse".to_owned(), cluster: None };
    let access = Access::read(&target, &["acme", "other"]);
    assert_eq!((access.grants.len(), access.policies.len(), access.fixed.len()), (5, 5, 2));
    let storage = store(&access, &target, folder.path()).await;
    let views: BTreeSet<String> = access.policies.iter().flat_map(|policy| policy.views.clone()).collect();

    for (roles, grants, expected) in READERS {
        let reader = Reader::start(&access, folder.path(), roles, grants).await;
        let reads = !expected.is_empty();
        for view in &views {
            let code = reader.code(&format!("SELECT count() FROM gitpulse.{view}")).await;
            assert_eq!(code, if reads { 0 } else { 497 }, "{roles}: {view}");
        }
        if reads {
            assert_eq!(reader.seen().await, expected, "{roles}");
            // A number is over the rows that its reader may see: confidential issues are in none.
            let issues = "SELECT toString(issue_id) FROM gitpulse.issue_metrics ORDER BY issue_id";
            let measured = reader.texts(issues).await.join(" ");
            assert_eq!(Some(measured.as_str()), expected.split('|').next(), "{roles}: issue_metrics");
        }
        if matches!(roles, "confidential" | "analyst") {
            for metric in METRICS {
                let code = reader.code(&format!("SELECT count() FROM gitpulse.{}", metric.name)).await;
                assert_eq!(code, if reads { 0 } else { 497 }, "{roles}: {}", metric.name);
            }
        }
        if !grants.is_empty() {
            let writes = "INSERT INTO gitpulse.issue_facts (id) SELECT id FROM gitpulse.issue_facts WHERE 0";
            assert_eq!(reader.code(writes).await, 0);
            reader.stop().await;
            continue;
        }
        let of_storage = storage.iter().map(|table| format!("SELECT count() FROM gitpulse.{table}"));
        for sql in REFUSED.split(";\n").map(str::to_owned).chain(of_storage) {
            assert_eq!(reader.code(&sql).await, 497, "{roles}: {sql}");
        }
        let names = "SELECT name FROM system.tables WHERE database = 'gitpulse' ORDER BY name";
        let all = views.iter().cloned().chain(METRICS.iter().map(|metric| metric.name.to_owned()));
        let shown = Vec::from_iter(all.filter(|_| reads).collect::<BTreeSet<_>>());
        assert_eq!(reader.texts(names).await, shown, "{roles}: names");
        if reads {
            no_oracle(&reader).await;
        }
        reader.stop().await;
    }
}

/// Predicates are not evaluated on rows that a policy removes, and no setting changes that.
async fn no_oracle(reader: &Reader) {
    let count = "SELECT count() FROM gitpulse.issues";
    for setting in
        ["enable_analyzer = 0", "additional_table_filters = {'gitpulse.issue_facts': 'throwIf(id = 2) = 0'}"]
    {
        assert_eq!(
            reader.code(&format!("{count} SETTINGS {setting}")).await,
            452,
            "{}: {setting}",
            reader.roles
        );
    }
    let thrown = reader.code(&format!("{count} WHERE throwIf(title = 't2') = 0")).await;
    assert_eq!(thrown, if reader.roles.contains("confidential") { 395 } else { 0 }, "{}", reader.roles);
    let plan = format!("EXPLAIN indexes = 1 {count} WHERE instance = 'x' AND project_id = 1");
    let plan = reader.texts(&plan).await.concat();
    assert!(plan.contains("(project_id in [1, 1])"), "{}: the sorting key is not used: {plan}", reader.roles);
}

/// Creates the tables, applies what the engine accepts, stores facts. Returns the names that nobody may read.
async fn store(access: &Access, target: &Target, folder: &Path) -> Vec<String> {
    // The engine's own USE needs the first, this test's choice of a definer the second.
    let more = ["GRANT SHOW DATABASES ON default.*", "GRANT SET DEFINER ON owner"];
    let reader = Reader::start(access, folder, "", &[&RIGHTS[..], &more].concat()).await;
    let client = reader.client.clone().with_database(&target.database);
    let clickhouse = ClickHouse { client, target: target.clone() };
    migrate::tables(&clickhouse).await.unwrap();
    let refused = migrate::roles(&clickhouse, &[]).await.unwrap_err();
    assert!(matches!(refused, RolesError::NowhereToStore(_)), "{refused}");
    for statement in &access.statements {
        // Understood and allowed (497 would be a right that RIGHTS lacks), but there is nowhere to store it.
        let expected = match statement.split(' ').nth(1) {
            Some("TABLE") => 0,
            Some("ROW") => 514,
            _ => 495,
        };
        assert_eq!(reader.code(statement).await, expected, "{statement}");
        if expected == 0 {
            // Here the reader is the same user later on.
            assert_eq!(reader.code(&statement.replace("CURRENT_USER", "owner")).await, 0, "{statement}");
        }
    }
    let cluster = Target { cluster: Some("main".to_owned()), ..target.clone() };
    for statement in access::roles(&cluster) {
        assert_eq!(reader.code(&format!("EXPLAIN AST {statement}")).await, 0, "{statement}");
    }
    for statement in FACTS.split(";\n") {
        assert_eq!(reader.code(statement).await, 0, "{statement}");
    }
    let names = "SELECT name FROM system.tables WHERE database = 'gitpulse' AND (engine != 'View' OR definer = '') ORDER BY name";
    let is_metric = |name: &String| METRICS.iter().any(|metric| metric.name == name);
    let storage = reader.texts(names).await.into_iter().filter(|name| !is_metric(name)).collect::<Vec<_>>();
    reader.stop().await;
    assert!(
        storage.contains(&"issue_facts".to_owned()) && storage.contains(&"ref_heads".to_owned()),
        "{storage:?}"
    );
    storage
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_says_that_it_stores_no_roles() {
    let deployment = Deployment::new("roles");
    let output = deployment.command(&["migrate", "--roles", "--tenant", "acme"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("this ClickHouse stores no users and roles"), "{said}");
    let output = deployment.command(&["migrate", "--tenant", "acme"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a tenant's role is made with the others");
}
