//! Cases of coding: the time of the first commit, from pushes and lists.

use super::*;

/// The branch was pushed with a commit of 08:00, then forced to one of 11:00. Webhooks of pushes have the first; the API lists the last, and knows
/// when the first was pushed.
#[tokio::test(flavor = "multi_thread")]
async fn n6_a_forced_push_hides_no_first_commit() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00").head("new"));
    story.branch_pushed(&request, "03-02 08:05", NONE, &[("old", "03-02 08:00")]);
    story.opened(&request);
    story.pushed_again(&request, "03-02 11:05", "old", ("new", "03-02 11:00"));
    story.commits_are(&request, &[("new", "03-02 11:00")]);
    story.lands(&request, "03-02 12:00");
    let faces = measure(&story).await;
    for measured in [&faces.webhooks, &faces.both] {
        assert_eq!(
            columns(measured, 1, ["coding_seconds", "open_seconds", "cycle_seconds"]),
            json!([7200, 7200, 14_400])
        );
    }
    assert_eq!(
        columns(&faces.api, 1, ["coding_seconds", "cycle_seconds", "first_commit_at"]),
        json!([6900, 14_100, "2026-03-02 08:05:00"])
    );
}

/// The first commit is two years old, the first push an hour.
#[tokio::test(flavor = "multi_thread")]
async fn case_33_an_old_commit() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00").head("old"));
    story.branch_pushed(&request, "03-02 09:00", NONE, &[("old", "01-02 10:00")]);
    story.opened(&request);
    story.commits_are(&request, &[("old", "01-02 10:00")]);
    story.lands(&request, "03-02 12:00");
    let names = ["first_commit_at", "first_push_at", "cycle_seconds"];
    check(
        &measure(&story).await,
        1,
        names,
        &json!(["2026-01-02 10:00:00", "2026-03-02 09:00:00", 59 * DAY + 7200]),
    );
}

/// A commit from the future: no stage is negative, and the row has the reason.
#[tokio::test(flavor = "multi_thread")]
async fn case_34_a_clock_ahead() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00").head("ahead"));
    story.branch_pushed(&request, "03-02 09:00", NONE, &[("ahead", "03-02 13:00")]);
    story.opened(&request);
    story.commits_are(&request, &[("ahead", "03-02 13:00")]);
    story.lands(&request, "03-02 12:00");
    check(
        &measure(&story).await,
        1,
        ["coding_seconds", "cycle_seconds", "notes"],
        &json!([0, 7200, ["clock", "unreviewed"]]),
    );
}

/// A first push of more commits than a webhook lists: unknown, until the API lists them.
#[tokio::test(flavor = "multi_thread")]
async fn case_35_more_commits_than_a_webhook_lists() {
    let (mut story, request) = (Story::default(), MergeRequest::new(1, "03-02 10:00").head("last"));
    story.branch_pushed_with(&request, "03-02 09:00", NONE, &[("last", "03-02 08:00")], 35);
    story.opened(&request);
    story.commits_are(&request, &[("frst", "03-01 08:00"), ("last", "03-02 08:00")]);
    story.lands(&request, "03-02 12:00");
    let faces = measure(&story).await;
    assert_eq!(
        columns(&faces.webhooks, 1, ["first_commit_at", "notes"]),
        json!([null, ["first_commit_unknown", "unreviewed"]])
    );
    for measured in [&faces.api, &faces.both] {
        assert_eq!(
            columns(measured, 1, ["first_commit_at", "notes"]),
            json!(["2026-03-01 08:00:00", ["unreviewed"]])
        );
    }
}

/// A branch that was merged before contributes its own commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_was_used_before() {
    let mut story = Story::default();
    let (first, second) = (
        MergeRequest::new(1, "03-02 10:00").from("develop"),
        MergeRequest::new(2, "03-09 10:00").from("develop"),
    );
    story.branch_pushed(&first, "03-02 09:00", NONE, &[("a", "03-02 08:00")]);
    story.opened(&first);
    story.lands(&first, "03-02 12:00");
    story.branch_pushed(&second, "03-09 09:00", "a", &[("b", "03-09 08:00")]);
    story.opened(&second);
    story.lands(&second, "03-09 12:00");
    let faces = measure(&story).await;
    for measured in [&faces.webhooks, &faces.both] {
        assert_eq!(
            columns(measured, 1, ["first_commit_at", "first_push_at"]),
            json!(["2026-03-02 08:00:00", "2026-03-02 09:00:00"])
        );
        assert_eq!(
            columns(measured, 2, ["first_commit_at", "first_push_at"]),
            json!(["2026-03-09 08:00:00", "2026-03-09 09:00:00"])
        );
    }
}
