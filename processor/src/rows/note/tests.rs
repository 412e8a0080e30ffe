use schemas::EventKind;

use super::*;
use crate::rows::tests::{newest, rows_of, rows_of_object};

fn webhook(rest: &str, attributes: &str) -> NoteRow {
    let payload = format!(
        r#"{{"object_kind":"note","project_id":42,"user":{{"id":8,"username":"grace"}}{rest},"object_attributes":{{"id":6100041{attributes}}}}}"#
    );
    rows_of(&payload, rest).notes.remove(0)
}

fn object(json: &str) -> NoteRow {
    rows_of_object(json, EventKind::Note, "project/42/note/6100041").notes.remove(0)
}

#[test]
fn both_faces_tell_the_same_of_one_revision() {
    let hook = rows_of(include_str!("../../../../schemas/fixtures/note/edited.webhook.json"), "1");
    let api = object(include_str!("../../../../schemas/fixtures/note/on_merge_request.api.json"));
    let told = |row: &NoteRow| {
        let row = row.clone();
        (
            (row.project_id, row.id, row.noteable_type, row.noteable_id, row.noteable_iid, row.note_type),
            (row.body, row.system, row.internal, row.author_id, row.author_username, row.resolvable),
            (row.resolved, row.resolved_at, row.created_at, row.updated_at, row.deleted_at),
        )
    };
    assert_eq!(told(&hook.notes[0]), told(&api));
}

#[test]
fn the_api_opens_no_note_on_a_confidential_issue() {
    let hook =
        rows_of(include_str!("../../../../schemas/fixtures/note/on_confidential_issue.webhook.json"), "1");
    let api = object(include_str!("../../../../schemas/fixtures/note/on_confidential_issue.api.json"));
    assert_eq!(newest(&hook.notes[0].confidential, &api.confidential), Some(true));
    assert_eq!((hook.notes[0].internal.value, api.internal.value), (Some(false), Some(false)));
}

#[test]
fn a_note_is_withheld_by_any_sign_of_it() {
    let confidential = |rest: &str, attributes: &str| webhook(rest, attributes).confidential.value;
    assert_eq!(confidential("", r#","internal":true"#), Some(true));
    assert_eq!(confidential(r#","event_type":"note""#, r#","internal":true"#), Some(true));
    assert_eq!(confidential(r#","event_type":"confidential_note""#, ""), Some(true));
    assert_eq!(confidential(r#","event_type":"note","issue":{"confidential":true}"#, ""), Some(true));
    assert_eq!(confidential(r#","event_type":"note""#, r#","internal":false"#), Some(false));
    assert_eq!(confidential("", r#","internal":false"#), None);
    let design = r#","internal":false,"noteable_type":"DesignManagement::Design""#;
    assert_eq!(confidential(r#","event_type":"note""#, design), Some(true));
    assert_eq!(object(r#"{"id":6100041,"confidential":true}"#).confidential.value, Some(true));
}

#[test]
fn a_thread_can_be_resolved_and_opened_again() {
    let thread = r#","type":"DiscussionNote","noteable_type":"MergeRequest""#;
    let opened = webhook("", &format!(r#"{thread},"updated_at":"2026-11-03T08:00:00Z","resolved_at":null"#));
    let resolved = object(
        r#"{"id":6100041,"updated_at":"2026-11-03T09:00:00Z","resolvable":true,"resolved":true,"resolved_at":"2026-11-03T09:00:00Z","resolved_by":{"id":7}}"#,
    );
    let again = object(
        r#"{"id":6100041,"updated_at":"2026-11-03T10:00:00Z","resolvable":true,"resolved":false,"resolved_at":null,"resolved_by":null}"#,
    );
    assert_eq!((opened.resolvable.value, opened.resolved.value), (Some(true), Some(false)));
    assert_eq!(newest(&opened.resolved, &resolved.resolved), Some(true));
    assert_eq!(newest(&resolved.resolved, &again.resolved), Some(false));
    assert_eq!(newest(&resolved.resolved_by_id, &again.resolved_by_id), None);
    let comment = webhook("", r#","type":null,"noteable_type":"MergeRequest","resolved_at":null"#);
    assert_eq!((comment.resolvable.value, comment.resolved), (Some(false), Columns::absent()));
}

#[test]
fn who_edits_a_note_is_not_its_author() {
    let author = |attributes: &str| webhook("", attributes).author_username;
    assert_eq!(author(r#","author_id":8,"action":"update""#).value.as_deref(), Some("grace"));
    assert_eq!(author(r#","author_id":7,"action":"update""#), Columns::absent());
}

#[test]
fn the_number_is_that_of_whatever_the_note_is_on() {
    let iid = |rest: &str| webhook(rest, "").noteable_iid.value;
    assert_eq!(iid(r#","merge_request":{"id":90001,"iid":7}"#), Some(7));
    assert_eq!(iid(r#","issue":{"id":70001,"iid":21}"#), Some(21));
    assert_eq!(iid(r#","work_item":{"id":70001,"iid":21}"#), Some(21));
    assert_eq!(iid(r#","commit":{"id":"0c4c7f19"}"#), None);
    assert_eq!(object(r#"{"id":6100041,"noteable_iid":7}"#).noteable_iid.value, Some(7));
}

#[test]
fn a_note_of_a_group_has_no_project() {
    let payload = r#"{"object_kind":"note","project_id":null,"project":null,"object_attributes":{"id":6100090,"noteable_type":"Issue","noteable_id":70003}}"#;
    let rows = rows_of(payload, "1");
    assert_eq!((rows.notes[0].project_id, rows.notes[0].id), (0, 6_100_090));
}

#[test]
fn what_was_deleted_and_is_told_of_later_is_there_again() {
    let told = |updated_at: &str| webhook("", &format!(r#","updated_at":"{updated_at}""#)).deleted_at;
    let before = told("2026-11-03T08:00:00Z");
    // The row of a complete list without the thing, from its start.
    let seconds = before.version.seconds + 60;
    let version = Version { seconds, rank: u8::MAX, milliseconds: 0 };
    let deleted = Column { version, value: Some(seconds * 1000) };
    assert_eq!(newest(&before, &deleted), deleted.value);
    assert_eq!(newest(&deleted, &told("2026-11-03T08:02:00Z")), None);
    assert_eq!(newest(&deleted, &told("2026-11-03T08:01:00.999Z")), deleted.value);
}
