use schemas::EventKind;

use super::*;
use crate::rows::tests::{newest, rows_of, rows_of_object};

const SUBJECT: &str = "project/42/issue/70001";

fn webhook(updated_at: &str, rest: &str) -> Rows {
    let payload = format!(
        r#"{{"object_kind":"work_item","project":{{"id":42}},"user":{{"id":8,"username":"grace"}},"object_attributes":{{"id":70001,"updated_at":"{updated_at}"{rest}}}}}"#
    );
    rows_of(&payload, updated_at)
}

fn issue(updated_at: &str, rest: &str) -> IssueRow {
    webhook(updated_at, rest).issues.remove(0)
}

/// What distinguishes one thing that happened from another.
fn keys(rows: &Rows) -> Vec<(&'static str, String, i64)> {
    rows.issue_events.iter().map(|row| (row.action, row.actor.clone(), row.second)).collect()
}

#[test]
fn both_faces_tell_the_same_of_one_revision() {
    let hook =
        rows_of(include_str!("../../../../schemas/fixtures/issue/closed_by_status.webhook.json"), "1").issues;
    let object = include_str!("../../../../schemas/fixtures/issue/closed.api.json");
    let api = rows_of_object(object, EventKind::Issue, SUBJECT).issues;
    let told = |row: &IssueRow| {
        let row = row.clone();
        (
            (row.project_id, row.id, row.iid, row.item_type, row.title, row.state, row.confidential),
            (row.author_id, row.assignee_ids, row.labels, row.milestone_id, row.weight, row.severity),
            (row.due_date, row.time_estimate_seconds, row.time_spent_seconds, row.moved_to_id, row.url),
            (row.created_at, row.updated_at, row.closed_at, row.closed_by_id, row.deleted_at),
        )
    };
    assert_eq!(told(&hook[0]), told(&api[0]));
}

#[test]
fn a_closing_has_one_key_whoever_tells_of_it() {
    let hook = rows_of(include_str!("../../../../schemas/fixtures/issue/closed.webhook.json"), "1");
    let object = include_str!("../../../../schemas/fixtures/issue/state_closed_70001.api.json");
    let event = rows_of_object(object, EventKind::Issue, SUBJECT);
    assert_eq!(keys(&hook)[1], keys(&event)[0]);
    assert_eq!((hook.issue_events[1].issue_id, event.issue_events[0].issue_id), (70001, 70001));
    // The issue's own closing time outranks that of the state event.
    let (hook, event) = (&hook.issue_events[1].occurred_at, &event.issue_events[0].occurred_at);
    assert_eq!(newest(event, hook), hook.value);
    // Any later event of the closed issue reports the closing again, without the actor.
    let closed = r#","state":"closed","closed_at":"2026-11-03T13:22:12.004Z","action":"update""#;
    let labelled = webhook("2026-11-03T14:00:00Z", closed);
    assert_eq!(
        keys(&labelled),
        [("closed", String::new(), 1_793_712_132), ("updated", "8".into(), 1_793_714_400)]
    );
    assert_eq!(labelled.issue_events[0].actor_id, Columns::absent());
}

#[test]
fn closing_by_status_is_no_update() {
    let by_status = |rest: &str, previous: u64, current: u64| {
        let payload = format!(
            r#"{{"object_kind":"work_item","project":{{"id":42}},"user":{{"id":8}},"object_attributes":{{"id":70001,"updated_at":"2026-11-03T13:22:12Z"{rest}}},"changes":{{"state_id":{{"previous":{previous},"current":{current}}}}}}}"#
        );
        let rows = rows_of(&payload, rest);
        keys(&rows).into_iter().map(|key| key.0).collect::<Vec<_>>()
    };
    let closed = r#","state_id":2,"closed_at":"2026-11-03T13:22:12.004Z""#;
    assert_eq!(by_status(&format!(r#"{closed},"action":"update""#), 1, 2), ["closed"]);
    assert_eq!(by_status(closed, 1, 2), ["closed"]);
    assert_eq!(by_status(r#","state_id":1,"closed_at":null,"action":"update""#, 2, 1), ["reopened"]);
    assert_eq!(by_status(r#","state_id":1,"action":"update""#, 1, 1), ["updated"]);
}

#[test]
fn reopening_clears_when_and_by_whom_it_was_closed() {
    let closed = issue("2026-11-03T08:00:00Z", r#","state":"closed","action":"close""#);
    let labelled = issue("2026-11-03T08:30:00Z", r#","state":"closed","action":"update""#);
    let reopened = issue("2026-11-03T09:00:00Z", r#","state":"opened","action":"reopen""#);
    assert!(newest(&closed.closed_at, &labelled.closed_at).is_some());
    assert_eq!(newest(&closed.closed_by_id, &labelled.closed_by_id), Some(8));
    assert_eq!(newest(&closed.closed_at, &reopened.closed_at), None);
    assert_eq!(newest(&closed.closed_by_id, &reopened.closed_by_id), None);
}

#[test]
fn states_of_one_second_are_ordered_by_rank() {
    let opened = issue("2026-11-03T08:00:00.900Z", r#","state_id":1"#);
    let closed = issue("2026-11-03 08:00:00 UTC", r#","state_id":2"#);
    assert_eq!(newest(&opened.state, &closed.state).as_deref(), Some("closed"));
    let again = issue("2026-11-03T09:00:00Z", r#","state":"reopened","state_id":1"#);
    assert_eq!(newest(&closed.state, &again.state).as_deref(), Some("opened"));
}

#[test]
fn silence_opens_a_confidential_issue_to_nobody() {
    let withheld = issue("2026-11-03T08:00:00Z", r#","confidential":true"#);
    let silent = issue("2026-11-03T09:00:00Z", "");
    let null = issue("2026-11-03T09:00:00Z", r#","confidential":null"#);
    let open = issue("2026-11-03T09:00:00Z", r#","confidential":false"#);
    assert_eq!(newest(&withheld.confidential, &silent.confidential), Some(true));
    assert_eq!(newest(&withheld.confidential, &null.confidential), Some(true));
    assert_eq!(newest(&withheld.confidential, &open.confidential), Some(false));
    let by_name = r#"{"object_kind":"issue","event_type":"confidential_issue","project":{"id":42},"object_attributes":{"id":1}}"#;
    assert_eq!(rows_of(by_name, "1").issues[0].confidential.value, Some(true));
}

#[test]
fn a_work_item_is_the_issue_it_later_comes_as() {
    let opened =
        rows_of(include_str!("../../../../schemas/fixtures/issue/incident_opened.webhook.json"), "1");
    let closed =
        rows_of(include_str!("../../../../schemas/fixtures/issue/incident_closed.webhook.json"), "2");
    let (opened, closed) = (&opened.issues[0], &closed.issues[0]);
    assert_eq!((opened.project_id, opened.id), (closed.project_id, closed.id));
    assert_eq!(newest(&opened.state, &closed.state).as_deref(), Some("closed"));
    assert_eq!(
        (opened.item_type.value.as_deref(), closed.item_type.value.as_deref()),
        (Some("incident"), Some("incident"))
    );
}

#[test]
fn an_epic_is_known_by_the_id_of_its_work_item() {
    let hook = rows_of(include_str!("../../../../schemas/fixtures/issue/epic_closed.webhook.json"), "1");
    let object = include_str!("../../../../schemas/fixtures/issue/epic_70003.api.json");
    let api = rows_of_object(object, EventKind::Issue, "project/0/issue/70003");
    let told = |row: &IssueRow| {
        let row = row.clone();
        (row.project_id, row.id, row.iid, row.group_path, row.item_type, row.state, row.url, row.closed_at)
    };
    assert_eq!(told(&hook.issues[0]), told(&api.issues[0]));
    assert_eq!(keys(&hook), keys(&api));
    let old = r#"{"id":915,"iid":4,"group_id":5,"title":"Checkout in two steps"}"#;
    let rows = rows_of_object(old, EventKind::Issue, "project/0/issue/915");
    assert_eq!((rows.issues.len(), rows.events.len()), (0, 1));
    let state = r#"{"id":1,"created_at":"2026-11-12T16:30:55.087Z","resource_type":"Epic","resource_id":915,"state":"closed"}"#;
    let rows = rows_of_object(state, EventKind::Issue, "project/0/issue/70003");
    assert_eq!((rows.issue_events[0].issue_id, keys(&rows)), (70003, keys(&hook)[1..].to_vec()));
}

#[test]
fn what_was_deleted_and_is_told_of_later_is_there_again() {
    let before = issue("2026-11-03T08:00:00Z", "").deleted_at;
    // The row of a complete list without the thing, from its start.
    let seconds = before.version.seconds + 60;
    let version = Version { seconds, rank: u8::MAX, milliseconds: 0 };
    let deleted = Column { version, value: Some(seconds * 1000) };
    let after = issue("2026-11-03T08:02:00Z", "").deleted_at;
    assert_eq!(newest(&before, &deleted), deleted.value);
    assert_eq!(newest(&deleted, &after), None);
    let same_second = issue("2026-11-03T08:01:00.999Z", r#","state":"closed""#).deleted_at;
    assert_eq!(newest(&deleted, &same_second), deleted.value);
}

#[test]
fn labels_of_the_api_are_titles_or_whole() {
    let labels = |labels: &str| {
        let object = format!(r#"{{"id":1,"labels":{labels}}}"#);
        rows_of_object(&object, EventKind::Issue, "project/42/issue/1").issues[0].labels.value.clone()
    };
    assert_eq!(labels(r#"["security","checkout"]"#), ["checkout", "security"]);
    assert_eq!(
        labels(r#"[{"id":2,"name":"security"},{"id":1,"name":"checkout"}]"#),
        ["checkout", "security"]
    );
}
