//! What people do to a merge request besides changing its state: comments, drafts, reviews, by webhooks and API.

use std::time::Duration;

use processor::insert::{Destination, Store};
use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::{Tables, apply, ask, client};
use super::records::{Record, body, example};

/// An update of merge request 7 by Ada (7), with these changes, at this time of the morning.
fn update(clock: &str, changes: Value) -> Record {
    by(json!({"id": 7, "username": "ada"}), clock, changes)
}

fn by(user: Value, clock: &str, changes: Value) -> Record {
    let time = format!("2026-11-03T{clock}Z");
    let attributes = json!({"id": 90001, "iid": 7, "target_project_id": 42, "action": "update", "state": "opened",
        "updated_at": time, "actioned_at": time});
    Record::webhook(&json!({"object_kind": "merge_request", "project": {"id": 42}, "user": user,
        "object_attributes": attributes, "changes": changes}))
}

/// A note of merge request 7, as the API lists it.
fn listed(id: u64, clock: &str, author: (u64, &str), text: &str, fields: Value) -> Record {
    let mut note = json!({"id": id, "noteable_type": "MergeRequest", "noteable_iid": 7, "project_id": 42, "body": text,
        "system": true, "internal": false, "author": {"id": author.0, "username": author.1},
        "created_at": format!("2026-11-03T{clock}Z"), "updated_at": format!("2026-11-03T{clock}Z")});
    for (name, value) in fields.as_object().unwrap() {
        note[name] = value.clone();
    }
    Record::object(EventKind::Note, &format!("project/42/note/{id}"), &note)
}

const ADA: (u64, &str) = (7, "ada");
const GRACE: (u64, &str) = (8, "grace");

/// Time, action and actor of what happened besides updates.
fn told(tables: &Tables) -> Vec<(String, String, String)> {
    let rows = tables.rows("merge_request_events").iter();
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<_> = rows
        .filter(|row| row["action"] != "updated")
        .map(|row| {
            (text(row, "occurred_at")[11..].to_owned(), text(row, "action"), text(row, "actor_username"))
        })
        .collect();
    rows.sort();
    rows
}

fn row(clock: &str, action: &str, actor: &str) -> (String, String, String) {
    (clock.to_owned(), action.to_owned(), actor.to_owned())
}

/// Rule 10. A webhook has the changes of an update, and the list of notes has GitLab's own note of it some moments later: one row.
///
/// Guards against: changes unread; the words of GitLab's notes unread; `ready` opposite to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn both_faces_tell_of_a_draft_once() {
    let change = |before: Value, after: Value| json!({"previous": before, "current": after});
    let posted = [
        update("09:00:00.100", json!({"draft": change(json!(true), json!(false))})),
        update("09:30:00.000", json!({"draft": change(json!(false), json!(true))})),
        update("10:00:00.000", json!({"target_branch": change(json!("main"), json!("release"))})),
        // An opening has no earlier state; an equal value did not change.
        update(
            "11:00:00.000",
            json!({"target_branch": change(Value::Null, json!("main")), "draft": change(Value::Null, json!(true))}),
        ),
        update(
            "11:00:01.000",
            json!({"target_branch": change(json!("main"), json!("main")), "draft": change(json!(true), json!(true))}),
        ),
    ];
    let listed = [
        listed(1, "09:00:01.350", ADA, "marked this merge request as **ready**", json!({})),
        listed(2, "09:30:02.000", ADA, "marked this merge request as **draft**", json!({})),
        listed(3, "10:00:01.000", ADA, "changed target branch from `main` to `release`", json!({})),
        listed(4, "10:00:02.000", ADA, "added 1 commit", json!({})),
    ];
    let expected = [
        row("09:00:00.100", "ready", "ada"),
        row("09:30:00.000", "drafted", "ada"),
        row("10:00:00.000", "retargeted", "ada"),
    ];
    assert_eq!(told(&apply(&posted).await), expected);
    assert_eq!(told(&apply(&[posted.to_vec(), listed.to_vec()].concat()).await), expected);
    assert_eq!(told(&apply(&listed).await).len(), 3);
    let toggled = [
        update("09:00:00.000", json!({"draft": change(json!(true), json!(false))})),
        by(
            json!({"id": 8, "username": "grace"}),
            "09:00:01.000",
            json!({"draft": change(json!(false), json!(true))}),
        ),
        update("09:00:02.000", json!({"draft": change(json!(true), json!(false))})),
    ];
    assert_eq!(
        told(&apply(&toggled).await).len(),
        3,
        "ready, drafted by somebody else, and ready again within five seconds"
    );
}

/// Rule 10. Reviewers before and after, in both formats: new ones, and those asked again, are asked to review; those whose state changed have
/// reviewed. GitLab sends states since 19.3 (<https://gitlab.com/gitlab-org/gitlab/-/merge_requests/246562>).
///
/// Guards against: the shape of two lists unread; every reviewer of `current` asked; `reviewed` by the user of the body; states compared with
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn reviewers_are_asked_and_review() {
    let grace = |state: &str, again: bool| json!({"id": 8, "username": "grace", "state": state, "re_requested": again});
    let bot = json!({"id": 99, "username": "project_42_bot"});
    let posted = [
        update("09:00:00.000", json!({"reviewers": [[], [grace("unreviewed", false)]]})),
        by(
            json!({"id": 8, "username": "grace"}),
            "10:00:00.000",
            json!({"reviewers": {"previous": [grace("unreviewed", false)], "current": [grace("requested_changes", false)]}}),
        ),
        update(
            "11:00:00.000",
            json!({"reviewers": {"previous": [grace("requested_changes", false)], "current": [grace("unreviewed", true)]}}),
        ),
        by(
            bot,
            "12:00:00.000",
            json!({"reviewers": [[grace("unreviewed", false)], [grace("reviewed", false)]]}),
        ),
        // Somebody else is not asked any more: nothing happened to Grace.
        update(
            "13:00:00.000",
            json!({"reviewers": [[grace("reviewed", false), {"id": 9}], [grace("reviewed", false)]]}),
        ),
        update("14:00:00.000", json!({"reviewers": "unreadable"})),
    ];
    let listed = [
        listed(
            1,
            "09:00:01.000",
            ADA,
            "requested review from @grace and removed review request for @noor",
            json!({}),
        ),
        listed(2, "10:00:01.000", GRACE, "requested changes", json!({})),
        listed(3, "11:00:01.000", ADA, "requested review from @grace", json!({})),
        listed(4, "12:00:01.000", GRACE, "left review comments", json!({})),
    ];
    let expected = [
        row("09:00:00.000", "review_requested", "ada"),
        row("10:00:00.000", "changes_requested", "grace"),
        row("11:00:00.000", "review_requested", "ada"),
        row("12:00:00.000", "reviewed", "grace"),
    ];
    assert_eq!(told(&apply(&posted).await), expected);
    assert_eq!(told(&apply(&[posted.to_vec(), listed.to_vec()].concat()).await), expected);
    assert_eq!(told(&apply(&listed).await).len(), 4);
    // A body from before states were sent: new reviewers are asked.
    let old = update("09:00:00.000", json!({"reviewers": [[], [{"id": 8, "username": "grace"}]]}));
    assert_eq!(told(&apply(&[old]).await), [row("09:00:00.000", "review_requested", "ada")]);
}

/// An opening with reviewers asks them; the test of a hook, which also looks like an opening, asks nobody.
///
/// Guards against: every body of an opening asks.
#[tokio::test(flavor = "multi_thread")]
async fn an_opening_asks_its_reviewers_and_a_test_of_a_hook_nobody() {
    let opened = |user: u64, updated_at: &str| {
        let mut body = body("merge_request/open.webhook");
        body["user"]["id"] = json!(user);
        body["object_attributes"]["updated_at"] = json!(updated_at);
        body["reviewers"] = json!([{"id": 8, "username": "grace"}]);
        Record::webhook(&body)
    };
    let asked = async |record: Record| {
        let tables = apply(&[record]).await;
        told(&tables).iter().filter(|(_, action, _)| action == "review_requested").count()
    };
    assert_eq!(asked(opened(7, "2026-11-02T08:12:33.000Z")).await, 1);
    assert_eq!(asked(opened(1, "2026-11-02T08:12:33.000Z")).await, 0);
    assert_eq!(asked(opened(7, "2026-11-02T18:12:33.000Z")).await, 0);
}

/// Rule 9. A comment is identified by its id, whoever reports it and however often it is edited, even two of one second. Internal notes and GitLab's
/// own notes are not shown.
///
/// Guards against: comments keyed by second; internal and system notes shown; the editor taken for the author.
#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_told_once_and_an_internal_one_never() {
    let human = json!({"system": false});
    let internal = json!({"system": false, "internal": true});
    let told_of = [
        example("note/on_merge_request.webhook"),
        example("note/on_merge_request.api"),
        example("note/thread_on_merge_request.webhook"),
        example("note/edited.webhook"),
        listed(501, "09:00:00.100", GRACE, "Why?", human.clone()),
        listed(502, "09:00:00.900", GRACE, "And this?", human),
        listed(503, "09:00:02.000", GRACE, "Between us.", internal),
        listed(504, "09:00:03.000", GRACE, "mentioned in commit c2028db9", json!({})),
    ];
    let tables = apply(&told_of).await;
    let comments: Vec<&Value> =
        tables.rows("merge_request_events").iter().filter(|row| row["action"] == "commented").collect();
    let mut notes: Vec<u64> = comments.iter().map(|row| row["note_id"].as_u64().unwrap()).collect();
    notes.sort_unstable();
    let thread = body("note/edited.webhook")["object_attributes"]["id"].as_u64().unwrap();
    let first = body("note/on_merge_request.webhook")["object_attributes"]["id"].as_u64().unwrap();
    let mut expected = vec![501, 502, thread, first];
    expected.sort_unstable();
    assert_eq!(notes, expected);
    for row in &comments {
        assert!(row["oldrev"].is_null(), "{row}");
        let written = tables.rows("notes").iter().find(|note| note["id"] == row["note_id"]).unwrap();
        assert_eq!(row["occurred_at"], written["created_at"]);
        assert_eq!(
            [&row["actor_id"], &row["actor_username"]],
            [&written["author_id"], &written["author_username"]]
        );
    }
}

/// `merge_request_timeline` shows each observation: the first time of each action, the actors and the comments are those of `merge_request_events`.
///
/// Guards against: the timeline without comments; the head of an update for a comment.
#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_has_the_first_of_everything() {
    let names = [
        "open",
        "reviewer_assigned",
        "new_commits",
        "approval",
        "approved",
        "merge",
        "draft_toggle",
        "approvals_reset",
    ];
    let mut told = Vec::from_iter(names.map(|name| example(&format!("merge_request/{name}.webhook"))));
    told.push(example("note/on_merge_request.webhook"));
    told.extend(
        ["merged", "approvals_7", "state_merged_7"].map(|name| example(&format!("merge_request/{name}.api"))),
    );
    let again = told.iter().map(|record| record.clone().through("other", "labs"));
    told = told.iter().cloned().chain(again).collect();
    let client = client();
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let store = Store { client: &client, destination: Destination::Live, timeout, metrics: &metrics };
    for record in told {
        store.insert(&record.rows("https://timeline")).await.unwrap();
    }
    let of = async |time: &str, view: &str| -> Vec<String> {
        let query = format!(
            "SELECT concat(toString(merge_request_iid), ' ', toString(action), ' ', \
             toString(toUnixTimestamp(assumeNotNull(min({time})))), ' ', \
             arrayStringConcat(arraySort(groupUniqArray(ifNull(oldrev, '')))), ' ', toString(uniqExact(note_id))) AS row \
             FROM {view} WHERE instance = 'https://timeline' GROUP BY merge_request_iid, action ORDER BY row"
        );
        ask(&query).await
    };
    let (united, raw) =
        (of("occurred_at", "merge_request_events").await, of("at", "merge_request_timeline").await);
    assert_eq!(united, raw);
    assert!(raw.len() > 8, "{raw:?}");
}
