use std::collections::BTreeSet;

use super::*;

fn target(cluster: Option<&str>) -> Target {
    Target { database: "gitpulse".to_owned(), cluster: cluster.map(str::to_owned) }
}

/// The names of the views for analysts for which `holds` is true.
fn names(holds: impl Fn(&View) -> bool) -> BTreeSet<String> {
    readable().filter(|view| holds(view)).map(|view| view.name.to_owned()).collect()
}

/// The names in the database that the statements with `mark` contain.
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
    for mark in ["DEFINER = CURRENT_USER", "USING 1 TO ALL EXCEPT `gitpulse_tenant`"] {
        assert_eq!(named(mark), all, "{mark}");
    }
    let metrics = METRICS.iter().map(|metric| metric.name.to_owned());
    assert_eq!(named("SELECT ON"), all.into_iter().chain(metrics).collect());
    assert_eq!(named("USING hasAny("), names(|view| view.has("tenants")));
    assert_eq!(named("USING has("), names(|view| !view.has("tenants") && view.has("tenant")));
    assert_eq!(named("RESTRICTIVE"), names(|view| view.has("confidential")));
}

#[test]
fn what_is_withheld_is_a_view_and_is_in_no_statement() {
    for name in WITHHELD {
        assert!(VIEWS.iter().any(|view| view.name == name), "{name}");
        assert!(!named("").contains(name), "{name}");
    }
}

#[test]
fn no_view_has_lost_the_column_that_hides_its_confidential_rows() {
    for name in ["emoji_events", "events", "issue_events", "issues", "notes"] {
        assert!(names(|view| view.has("confidential")).contains(name), "{name}");
    }
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
