use super::*;

fn change(rest: &str, delivery_id: &str) -> WikiPageEventRow {
    let payload = format!(
        r#"{{"object_kind":"wiki_page","project":{{"path_with_namespace":"shop/checkout"}},"object_attributes":{{"slug":"home","action":"update"{rest}}}}}"#
    );
    rows_of(&payload, delivery_id).wiki_page_events.remove(0)
}

fn key(row: &WikiPageEventRow) -> (u64, &str, &str, &str) {
    (row.project_id, &row.slug, &row.action, &row.version)
}

#[test]
fn two_hooks_tell_of_one_change() {
    let commit = r#","version_id":"5ce9d1f0","content":"a""#;
    assert_eq!(key(&change(commit, "1")), key(&change(commit, "2")));
    let old = r#","title":"Home","content":"a""#;
    assert_eq!(key(&change(old, "1")), key(&change(old, "2")));
}

#[test]
fn without_a_commit_the_content_tells_changes_apart() {
    let (one, other) = (change(r#","content":"a""#, "1"), change(r#","content":"b""#, "1"));
    assert_ne!(one.version, other.version);
    // Moving text from the end of one field to the start of the next gives another version.
    let (one, other) =
        (change(r#","title":"a","content":"b""#, "1"), change(r#","title":"ab","content":"""#, "1"));
    assert_ne!(one.version, other.version);
    assert!(one.version.starts_with("sha256:"));
}

#[test]
fn a_page_without_a_slug_is_dead_lettered() {
    let rows = rows_of(r#"{"object_kind":"wiki_page","object_attributes":{"action":"create"}}"#, "1");
    assert_eq!((rows.events.len(), rows.wiki_page_events.len()), (1, 0));
}
