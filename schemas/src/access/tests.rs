use std::collections::BTreeSet;

use super::*;
use crate::migration::MIGRATIONS;

/// Views that nobody is granted: records of anybody, and what `branches` and `tags` are made from.
const WITHHELD: [&str; 2] = ["dead_letters", "ref_heads"];

fn target(cluster: Option<&str>) -> Target {
    Target { database: "gitpulse".to_owned(), cluster: cluster.map(str::to_owned) }
}

/// The analysts' views, each with its definition.
fn views() -> Vec<(String, String)> {
    let all = MIGRATIONS.iter().flat_map(|migration| migration.statements(&target(None)));
    let views = all.filter_map(|statement| {
        let (_, view) = statement.split_once("CREATE VIEW IF NOT EXISTS `gitpulse`.")?;
        let name = view.split_whitespace().next()?.to_owned();
        Some((name, view.to_owned()))
    });
    views.filter(|(name, _)| !WITHHELD.contains(&name.as_str())).collect()
}

/// The names of the views whose definition holds.
fn names(holds: impl Fn(&str) -> bool) -> BTreeSet<String> {
    views().into_iter().filter(|(_, view)| holds(view)).map(|(name, _)| name).collect()
}

/// What the statements that contain `mark` name in the database.
fn named(mark: &str) -> BTreeSet<String> {
    let statements = roles(&target(None)).into_iter().filter(|statement| statement.contains(mark));
    let text = statements.collect::<String>();
    let after = text.split("`gitpulse`.").skip(1);
    after
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_view_is_granted_under_a_definer_and_has_its_policies() {
    let all = names(|_| true);
    assert!(all.len() > 20, "{all:?}");
    for mark in ["DEFINER = CURRENT_USER", "USING 1 TO ALL EXCEPT `gitpulse_tenant`", "SELECT ON"] {
        assert_eq!(named(mark), all, "{mark}");
    }
    assert_eq!(named("USING hasAny("), names(|view| view.contains("\n    tenants Array(String) ")));
    assert_eq!(named("USING has("), names(|view| !view.contains("\n    tenants Array(String) ")));
    assert_eq!(named("RESTRICTIVE"), names(|view| view.contains("\n    confidential Bool ")));
}

#[test]
fn no_storage_table_is_granted() {
    assert!(!roles(&target(None)).concat().contains("_facts"));
}

#[test]
fn policies_come_before_grants() {
    let all = roles(&target(None));
    let at = |mark: &str| all.iter().position(|statement| statement.contains(mark)).unwrap();
    let last = all.iter().rposition(|statement| statement.contains("CREATE ROW POLICY")).unwrap();
    assert!(last < at("SELECT ON"));
}

#[test]
fn every_placeholder_is_filled() {
    for cluster in [None, Some("main")] {
        let target = target(cluster);
        for statement in roles(&target).into_iter().chain(tenant_role(&target, "acme")) {
            assert!(!statement.contains("${"), "{statement}");
            assert_eq!(statement.contains("ON CLUSTER `main`"), cluster.is_some(), "{statement}");
        }
    }
}

#[test]
fn names_are_quoted() {
    let target = Target { database: "it's".to_owned(), cluster: None };
    assert!(roles(&target).concat().contains(r"concat('it\'s_tenant_', name)"));
    assert!(tenant_role(&target, "a`b").concat().contains(r"`it's_tenant_a\`b`"));
}
