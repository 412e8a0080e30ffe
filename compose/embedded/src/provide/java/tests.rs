use super::*;

#[track_caller]
fn check(printed: &str, expected: Option<(&str, u32)>) {
    let found = version(printed).and_then(|version| Some((version, feature(version)?)));
    assert_eq!(found, expected, "{printed}");
}

#[test]
fn versions_are_read_in_all_their_forms() {
    check("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime ...", Some(("17.0.15", 17)));
    check("openjdk version \"25\" 2025-09-16", Some(("25", 25)));
    check("openjdk version \"26-ea\" 2026-03-17", Some(("26-ea", 26)));
    check("java version \"1.8.0_392\"", Some(("1.8.0_392", 8)));
    check("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"21.0.2\" 2024-01-16", Some(("21.0.2", 21)));
    check("command not found", None);
    check("openjdk version \"\"", None);
}

#[test]
fn a_named_java_that_does_not_run_is_named_with_a_remedy() {
    let error = Java::find(Some(Path::new("/nowhere/java"))).unwrap_err().to_string();
    assert!(error.contains("/nowhere/java") && error.contains("GITPULSE_JAVA"), "{error}");
}
