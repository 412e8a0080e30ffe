//! Cases of merge requests and their review.

mod coding;

use serde_json::{Value, json};

use super::measure::{Faces, Measured, measure};
use super::story::{MergeRequest, NONE, Story};
use super::work::REVIEWER;

/// A day in seconds.
const DAY: u64 = 86_400;

/// The values of some columns of a merge request.
#[track_caller]
fn columns<const N: usize>(measured: &Measured, iid: u64, names: [&str; N]) -> Value {
    let row = measured.one("merge_request_metrics", json!({"iid": iid}));
    Value::Array(names.map(|name| row[name].clone()).to_vec())
}

/// Checks columns of a merge request in every source.
#[track_caller]
fn check<const N: usize>(faces: &Faces, iid: u64, names: [&str; N], expected: &Value) {
    for (face, measured) in faces.all() {
        assert_eq!(&columns(measured, iid, names), expected, "{face}: !{iid}");
    }
}

/// Opened as a draft.
fn drafted(story: &mut Story, request: &MergeRequest) {
    story.opened(request);
}

/// A draft for five days, ready, reviewed after an hour.
#[tokio::test(flavor = "multi_thread")]
async fn case_42_draft_time_is_not_pickup() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    drafted(&mut story, &request);
    story.draft(&request, 501, "03-07 10:00", false);
    story.commented(&request, 601, REVIEWER, "03-07 11:00");
    story.lands(&request, "03-07 12:00");
    let names = ["ready_at", "pickup_seconds", "draft_seconds", "open_seconds"];
    check(&measure(&story).await, 1, names, &json!(["2026-03-07 10:00:00", 3600, 5 * DAY, 5 * DAY + 7200]));
}

/// Reviewed while it was a draft: there was no waiting.
#[tokio::test(flavor = "multi_thread")]
async fn case_43_reviewed_in_draft() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    drafted(&mut story, &request);
    story.commented(&request, 601, REVIEWER, "03-02 11:00");
    story.draft(&request, 501, "03-02 12:00", false);
    story.approved(&request, REVIEWER, "03-02 13:00", &[(REVIEWER, "03-02 13:00")]);
    story.lands(&request, "03-02 14:00");
    let faces = measure(&story).await;
    check(
        &faces,
        1,
        ["pickup_seconds", "review_seconds", "ready_at"],
        &json!([0, 7200, "2026-03-02 12:00:00"]),
    );
    for (face, measured) in faces.all() {
        let notes = &columns(measured, 1, ["notes"])[0];
        assert!(notes.as_array().unwrap().contains(&json!("reviewed_in_draft")), "{face}: {notes}");
    }
}

/// The author, a bot and GitLab itself are not reviewers. GitLab's own bots are known by their names, others only from the API.
#[tokio::test(flavor = "multi_thread")]
async fn case_44_who_is_a_reviewer() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.commented(&request, 601, request.author, "03-02 10:01");
    story.bot_commented(&request, 602, "03-02 10:02");
    story.noted(&request, 603, REVIEWER, "03-02 10:03", "added 1 commit");
    story.commented(&request, 604, REVIEWER, "03-02 10:30");
    story.lands(&request, "03-02 12:00");
    let faces = measure(&story).await;
    check(&faces, 1, ["first_reviewer", "pickup_seconds", "comments"], &json!(["8", 1800, 3]));
}

/// An approval without a comment is a review.
#[tokio::test(flavor = "multi_thread")]
async fn case_45_approved_without_a_comment() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.approved(&request, REVIEWER, "03-02 11:00", &[(REVIEWER, "03-02 11:00")]);
    story.lands(&request, "03-02 11:30");
    let names = ["pickup_seconds", "review_seconds", "merge_seconds", "rounds", "is_unreviewed"];
    check(&measure(&story).await, 1, names, &json!([3600, 0, 1800, 1, false]));
}

/// Without a comment or an approval there is no pickup: it is unreviewed.
#[tokio::test(flavor = "multi_thread")]
async fn case_46_merged_unreviewed() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.lands(&request, "03-02 11:30");
    let faces = measure(&story).await;
    check(
        &faces,
        1,
        ["pickup_seconds", "review_seconds", "merge_seconds", "is_unreviewed"],
        &json!([null, null, null, true]),
    );
    check(&faces, 1, ["notes"], &json!([["first_commit_unknown", "unreviewed"]]));
}

/// A comment after the merge is not a review.
#[tokio::test(flavor = "multi_thread")]
async fn case_47_comments_after_the_merge() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.lands(&request, "03-02 11:30");
    story.commented(&request, 603, request.author, "03-02 11:00");
    story.commented(&request, 604, REVIEWER, "03-02 12:30");
    check(
        &measure(&story).await,
        1,
        ["first_review_at", "is_unreviewed", "rounds", "comments"],
        &json!([null, true, 0, 1]),
    );
}

/// Approvals that a push reset: two, by one person. The API does not have the reset: there the first approval is valid too, and the last one counts
/// all the same.
#[tokio::test(flavor = "multi_thread")]
async fn case_48_approvals_that_were_reset() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.approved(&request, REVIEWER, "03-02 11:00", &[]);
    story.pushed_again(&request, "03-02 12:00", "h1", ("i1", "03-02 11:50"));
    story.reset(&request, request.author, "03-02 12:00");
    story.approved(&request, REVIEWER, "03-02 13:00", &[(REVIEWER, "03-02 13:00")]);
    story.lands(&request, "03-02 14:00");
    let names = ["approvals", "approvers", "approved_at", "review_seconds", "merge_seconds"];
    check(&measure(&story).await, 1, names, &json!([2, 1, "2026-03-02 13:00:00", 7200, 3600]));
}

/// An approval that was withdrawn before the merge does not end the review.
#[tokio::test(flavor = "multi_thread")]
async fn case_48_an_approval_that_no_longer_stood() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.approved(&request, 9, "03-02 11:00", &[(9, "03-02 11:00")]);
    story.approved(&request, REVIEWER, "03-02 12:00", &[(9, "03-02 11:00")]);
    story.unapproved(&request, REVIEWER, "03-02 13:00");
    story.lands(&request, "03-02 14:00");
    let faces = measure(&story).await;
    for measured in [&faces.webhooks, &faces.both] {
        assert_eq!(
            columns(measured, 1, ["approvals", "approvers", "approved_at"]),
            json!([2, 2, "2026-03-02 11:00:00"])
        );
    }
    // The API does not have the withdrawal.
    assert_eq!(columns(&faces.api, 1, ["approvals", "approved_at"]), json!([2, "2026-03-02 12:00:00"]));
}

/// One click, reported by two webhooks, an event and a list, moments apart.
#[tokio::test(flavor = "multi_thread")]
async fn case_49_one_click_is_one_approval() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.approved(&request, REVIEWER, "03-02 11:00:02", &[(REVIEWER, "03-02 11:00:00")]);
    story.lands(&request, "03-02 14:00");
    check(&measure(&story).await, 1, ["approvals", "approvers"], &json!([1, 1]));
}

/// A round begins with the first action of a reviewer after the opening or a push. The API has no pushes of a merge request: there everything is one
/// round.
#[tokio::test(flavor = "multi_thread")]
async fn case_50_rounds() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 09:00"));
    story.opened(&request);
    story.commented(&request, 601, REVIEWER, "03-02 10:00");
    story.commented(&request, 602, REVIEWER, "03-02 10:05");
    story.pushed_again(&request, "03-02 11:00", "h1", ("i1", "03-02 10:50"));
    story.commented(&request, 603, REVIEWER, "03-02 12:00");
    story.pushed_again(&request, "03-02 13:00", "i1", ("j1", "03-02 12:50"));
    story.approved(&request, REVIEWER, "03-02 14:00", &[(REVIEWER, "03-02 14:00")]);
    story.lands(&request, "03-02 15:00");
    let faces = measure(&story).await;
    let rounds = [&faces.webhooks, &faces.both].map(|measured| columns(measured, 1, ["rounds", "comments"]));
    assert_eq!(rounds, [json!([3, 3]), json!([3, 3])]);
    assert_eq!(columns(&faces.api, 1, ["rounds", "comments"]), json!([1, 3]));
}

/// A bot's merge request, and a person's that a bot merged. Only the API shows who is a bot, unless the name does.
#[tokio::test(flavor = "multi_thread")]
async fn case_51_bots() {
    let mut story = Story::default();
    story.is_bot(15);
    story.is_bot(8);
    for request in [
        MergeRequest { author: 15, ..MergeRequest::new(1, "03-02 10:00") },
        MergeRequest::new(2, "03-02 10:00"),
    ] {
        story.opened(&request);
        story.lands(&request, "03-02 10:10");
    }
    let faces = measure(&story).await;
    for measured in [&faces.api, &faces.both] {
        assert_eq!(columns(measured, 1, ["author_is_bot", "merged_by_bot"]), json!([true, true]));
        assert_eq!(columns(measured, 2, ["author_is_bot", "merged_by_bot"]), json!([false, true]));
    }
    assert_eq!(columns(&faces.webhooks, 1, ["author_is_bot", "merged_by_bot"]), json!([false, false]));
}

/// Closed for a week and reopened: one merge request, with the closed time.
#[tokio::test(flavor = "multi_thread")]
async fn case_52_closed_for_a_week() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.turned(&request, 901, "03-03 10:00", "closed");
    story.turned(&request, 902, "03-10 10:00", "reopened");
    story.lands(&request, "03-11 10:00");
    let faces = measure(&story).await;
    check(
        &faces,
        1,
        ["closed_seconds", "cycle_seconds", "open_seconds", "state"],
        &json!([7 * DAY, 9 * DAY, 9 * DAY, "merged"]),
    );
    for (face, measured) in faces.all() {
        let spans = measured.find("merge_request_open_spans", json!({"iid": 1}));
        let mut spans: Vec<_> =
            spans.iter().map(|row| json!([row["opened_at"], row["ended_at"], row["is_first"]])).collect();
        spans.sort_by_key(|span| span[0].to_string());
        let expected = [
            json!(["2026-03-02 10:00:00", "2026-03-03 10:00:00", true]),
            json!(["2026-03-10 10:00:00", "2026-03-11 10:00:00", false]),
        ];
        assert_eq!(spans, expected, "{face}");
    }
}

/// From Friday evening to Monday morning are 64 hours.
#[tokio::test(flavor = "multi_thread")]
async fn case_53_weekends_are_time() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-06 17:00"));
    story.opened(&request);
    story.commented(&request, 601, REVIEWER, "03-09 09:00");
    story.lands(&request, "03-09 10:00");
    check(&measure(&story).await, 1, ["pickup_seconds"], &json!([64 * 3600]));
}

/// What a complete list lacks was merged all the same.
#[tokio::test(flavor = "multi_thread")]
async fn case_54_deleted_after_the_merge() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.lands(&request, "03-02 11:00");
    let absent = json!({"resource": "merge_request", "id": 90_001, "iid": 1, "project_id": 42, "absent_since": super::story::iso("06-01 10:00")});
    let absent = crate::law::records::Record::object(
        schemas::EventKind::MergeRequest,
        "project/42/merge_request/1",
        &absent,
    );
    story.webhooks.push(absent.clone());
    story.objects.push(absent);
    check(&measure(&story).await, 1, ["state", "cycle_seconds"], &json!(["merged", 3600]));
}

/// What was open on a day in the past, asked for much later.
#[tokio::test(flavor = "multi_thread")]
async fn case_55_open_as_of_a_moment() {
    let mut story = Story::default();
    let requests = [1, 2, 3, 4].map(|iid| MergeRequest::new(iid, "05-20 10:00"));
    requests.iter().for_each(|request| story.opened(request));
    story.lands(&requests[0], "05-25 10:00");
    story.lands(&requests[1], "06-10 10:00");
    story.turned(&requests[2], 901, "05-30 10:00", "closed");
    story.turned(&requests[2], 902, "06-05 10:00", "reopened");
    story.is_still(&requests[2], "opened", "06-05 10:00", json!({}));
    story.is_still(&requests[3], "opened", "05-20 10:00", json!({}));
    let faces = measure(&story).await;
    let open = |measured: &Measured, moment: &str| {
        let is_open = |row: &&Value| {
            row["opened_at"].as_str().unwrap() <= moment
                && row["ended_at"].as_str().is_none_or(|ended| ended > moment)
        };
        let rows = measured.rows("merge_request_open_spans").iter().filter(is_open);
        let mut iids: Vec<u64> = rows.map(|row| row["iid"].as_u64().unwrap()).collect();
        iids.sort_unstable();
        iids
    };
    for (face, measured) in faces.all() {
        assert_eq!(open(measured, "2026-05-22 00:00:00"), [1, 2, 3, 4], "{face}");
        assert_eq!(open(measured, "2026-06-01 00:00:00"), [2, 4], "{face}");
        assert_eq!(open(measured, "2026-12-01 00:00:00"), [3, 4], "{face}");
    }
}

/// A bot and the author answer before the reviewer.
#[tokio::test(flavor = "multi_thread")]
async fn n9_the_first_response_is_a_persons() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    story.opened(&request);
    story.bot_commented(&request, 601, "03-02 10:00:20");
    story.commented(&request, 602, request.author, "03-02 10:05");
    story.commented(&request, 603, REVIEWER, "03-02 14:00");
    story.lands(&request, "03-02 15:00");
    check(&measure(&story).await, 1, ["pickup_seconds"], &json!([240 * 60]));
}

/// From ready, and from the request, are two numbers with two names.
#[tokio::test(flavor = "multi_thread")]
async fn n10_from_ready_and_from_the_request() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00"));
    drafted(&mut story, &request);
    story.draft(&request, 501, "03-02 13:00", false);
    story.asked(&request, 502, "03-02 13:30");
    story.commented(&request, 601, REVIEWER, "03-02 14:00");
    story.lands(&request, "03-02 15:00");
    check(&measure(&story).await, 1, ["pickup_seconds", "request_to_review_seconds"], &json!([3600, 1800]));
}
