//! Confidential things, and what users may see who may not see them. In: bodies that quote something. Out: the column `confidential`, by which roles
//! hide rows.

use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::apply;
use super::records::{Record, body, changed, example, with};

/// An emoji quotes the object that it is on, and nothing else needs to report that object.
///
/// Guards against: what is confidential looked up in issues and notes alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_emoji_is_as_confidential_as_its_body_says() {
    let on = |name: &str, place: &str, confidential: bool| changed(name, &[(place, json!(confidential))]);
    let cases = [
        ("emoji/award.webhook", "/work_item/confidential"),
        ("emoji/before_gitlab_19.webhook", "/issue/confidential"),
        ("emoji/award_note.webhook", "/note/internal"),
    ];
    for (name, place) in cases {
        for confidential in [true, false] {
            let tables = apply(&[on(name, place, confidential)]).await;
            for view in ["emoji_events", "events"] {
                assert_eq!(tables.one(view)["confidential"], confidential, "{name}: {view}");
            }
        }
    }
    // The API only names the object it is on: if nobody reported that it is public, it is not.
    let listed = example("emoji/listed.api");
    assert_eq!(apply(std::slice::from_ref(&listed)).await.one("emoji_events")["confidential"], true);
    let told = apply(&[listed, example("issue/opened.webhook")]).await;
    assert_eq!(told.one("emoji_events")["confidential"], false);
    assert_eq!(
        apply(&[example("emoji/on_merge_request.api")]).await.one("emoji_events")["confidential"],
        false
    );
}

/// An issue that was opened to all by mistake becomes confidential, and so do its earlier rows, including those in `events`.
///
/// Guards against: events as confidential as they were when they came.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_before_becomes_confidential_too() {
    let id = body("note/on_issue.webhook")["object_attributes"]["noteable_id"].clone();
    let issue = |confidential: bool, at: &str| {
        let places = [
            ("/object_attributes/id", id.clone()),
            ("/object_attributes/confidential", json!(confidential)),
            ("/object_attributes/updated_at", json!(at)),
        ];
        changed("issue/opened.webhook", &places)
    };
    let opened = issue(false, "2026-11-02T10:00:00.000Z");
    let told = [opened, example("note/on_issue.webhook")];
    let tables = apply(&told).await;
    assert_eq!(tables.column("events", "confidential"), [false, false]);
    let tables = apply(&[&told[..], &[issue(true, "2026-11-05T10:00:00.000Z")]].concat()).await;
    for view in ["events", "issues", "issue_events", "notes"] {
        assert!(tables.column(view, "confidential").iter().all(|shown| *shown == true), "{view}");
    }
}

/// What nobody reported as public is not public.
///
/// Guards against: null taken for public; a comment on a design as public as its `event_type` says; titles of issues in a vulnerability.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_to_be_public_is_confidential() {
    let bare = |fields: Value| {
        Record::webhook(&json!({"object_kind": "issue", "project": {"id": 42}, "object_attributes": fields}))
    };
    let tables =
        apply(&[bare(json!({"id": 1, "iid": 1, "title": "t", "created_at": "2026-11-02T10:00:00Z"}))]).await;
    for view in ["issues", "issue_events", "events"] {
        assert_eq!(tables.one(view)["confidential"], true, "{view}");
    }
    // An event of the project belongs to an issue that nobody else reported.
    let event = example("issue/event_closed.api");
    let tables = apply(&[event]).await;
    for view in ["issue_events", "events"] {
        assert_eq!(tables.one(view)["confidential"], true, "{view}");
    }
    let tables = apply(&[example("note/on_design.webhook")]).await;
    for view in ["notes", "events"] {
        assert_eq!(tables.one(view)["confidential"], true, "{view}");
    }
    // Comments listed by the API: on an unknown issue, on a known one, and on a merge request.
    let listed =
        |name: &str| Record::object(EventKind::Note, "project/42/note/6100055", &with(body(name), &[]));
    assert_eq!(apply(&[listed("note/on_issue.api")]).await.one("notes")["confidential"], true);
    assert_eq!(apply(&[listed("note/on_merge_request.api")]).await.one("notes")["confidential"], false);
    for (name, confidential) in
        [("vulnerability/confirmed.webhook", true), ("vulnerability/detected_dependency.webhook", false)]
    {
        let told = with(
            body(name),
            &[("/object_attributes/issues", if confidential { json!([{"title": "t"}]) } else { json!([]) })],
        );
        assert_eq!(
            apply(&[Record::webhook(&told)]).await.one("events")["confidential"],
            confidential,
            "{name}"
        );
    }
    assert_eq!(apply(&[example("other/custom_template.webhook")]).await.one("events")["confidential"], true);
}
