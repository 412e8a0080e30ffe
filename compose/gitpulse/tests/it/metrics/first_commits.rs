//! Cases of the beginning of work: the first commit of a merge request, its first push, and the lead time from there.

use serde_json::{Value, json};

use super::answers::{MAIN, PRODUCTION, assert_lead_times, merged};
use super::around::hourly;
use super::measure::{Faces, Measured, measure};
use super::story::{Landing, MergeRequest, NONE, PROJECT, Story, commit};

const FORK: u64 = 77;

/// First commit and first push of a merge request, or why there is none, as `03-02 08:00`.
fn began(measured: &Measured, iid: u64) -> [String; 2] {
    let row = measured.one("first_commits", json!({"iid": iid}));
    let time =
        |column: &str| row[column].as_str().map_or_else(|| "-".to_owned(), |text| text[5..16].to_owned());
    let reason = row["reason"].as_str().unwrap();
    let first = time("first_commit_at");
    assert_eq!(first == "-", !reason.is_empty(), "{row}");
    [if reason.is_empty() { first } else { reason.to_owned() }, time("first_push_at")]
}

#[track_caller]
fn assert_began(faces: &Faces, iid: u64, expected: [&str; 2]) {
    for (face, measured) in faces.all() {
        assert_eq!(began(measured, iid), expected, "{face}");
    }
}

/// The lead time from the first commit, in minutes.
fn from_commit(measured: &Measured, iid: u64) -> Option<i64> {
    let row = measured.one("lead_times", json!({"iid": iid, "tier": "production"}));
    row["first_commit_lead_time_seconds"].as_i64().map(|seconds| seconds / 60)
}

/// A baseline, so that later merges are attributed.
fn story() -> Story {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story
}

/// For the rebased commit, a webhook has the time of the rebase; for the one before it, the right one.
#[tokio::test(flavor = "multi_thread")]
async fn case_15_a_rebase_before_the_merge_commit_moves_no_first_commit() {
    let mut story = story();
    let written = || commit("T", "A", "Work", "03-02 08:00");
    let rebased = || commit("T", "A", "Work", "03-02 08:00").rebased("U", "03-02 09:00");
    story.pushed("03-02 08:10", "refs/heads/topic-2", NONE, "T", &[written()]);
    story.pushed("03-02 09:00", "refs/heads/topic-2", "T", "U", &[rebased()]);
    story.merged(&MergeRequest::new(2, "03-02 08:30").head("U"), "03-02 09:30", &Landing::Merge("B"));
    story.commits_of(2, &[rebased()]);
    story.deployed(502, PRODUCTION, "B", "03-02 10:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 30"]);
    assert_began(&faces, 2, ["03-02 08:00", "03-02 08:10"]);
    for (face, measured) in faces.all() {
        assert_eq!(from_commit(measured, 2), Some(120), "{face}");
    }
}

/// Pushes to a fork without a webhook are not reported.
#[tokio::test(flavor = "multi_thread")]
async fn case_32_the_first_commit_of_a_fork_is_known_by_its_list_alone() {
    let mut story = story();
    let request = MergeRequest::new(2, "03-02 08:00").of_fork(FORK);
    story.merged(&request, "03-02 09:00", &Landing::Merge("B"));
    story.commits_of(2, &[commit("h2", "A", "Work", "03-02 07:00")]);
    story.deployed(502, PRODUCTION, "B", "03-02 10:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 60"]);
    assert_eq!(began(&faces.webhooks, 2), ["first_commit_unknown", "-"]);
    assert_eq!(from_commit(&faces.webhooks, 2), None);
    for measured in [&faces.api, &faces.both] {
        assert_eq!(began(measured, 2), ["03-02 07:00", "-"]);
        assert_eq!(from_commit(measured, 2), Some(180));
    }
}

/// A webhook does not have the time at which a commit was written.
#[tokio::test(flavor = "multi_thread")]
async fn case_33_a_commit_written_long_ago_is_as_old_as_its_author_says() {
    let mut story = story();
    let picked = || commit("K", "A", "Old work", "01-02 08:00").rebased("K", "03-02 09:00");
    story.pushed("03-02 09:10", "refs/heads/topic-2", NONE, "K", &[picked()]);
    story.merged(&MergeRequest::new(2, "03-02 09:30").head("K"), "03-02 10:00", &Landing::Merge("B"));
    story.commits_of(2, &[picked()]);
    let faces = measure(&story).await;
    assert_eq!(began(&faces.webhooks, 2), ["03-02 09:00", "03-02 09:10"]);
    for measured in [&faces.api, &faces.both] {
        assert_eq!(began(measured, 2), ["01-02 08:00", "03-02 09:10"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_34_a_commit_later_than_the_merge_has_no_lead_time() {
    let mut story = story();
    let ahead = || commit("T", "A", "Work", "03-02 12:00");
    story.pushed("03-02 08:30", "refs/heads/topic-2", NONE, "T", &[ahead()]);
    story.merged(&MergeRequest::new(2, "03-02 09:00").head("T"), "03-02 10:00", &Landing::Merge("B"));
    story.commits_of(2, &[ahead()]);
    story.deployed(502, PRODUCTION, "B", "03-02 13:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 180"]);
    assert_began(&faces, 2, ["03-02 12:00", "03-02 08:30"]);
    for (face, measured) in faces.all() {
        assert_eq!(from_commit(measured, 2), None, "{face}");
    }
}

/// Of 35 commits, a webhook lists 20.
#[tokio::test(flavor = "multi_thread")]
async fn case_35_commits_that_are_not_listed_leave_the_first_one_unknown() {
    let mut story = story();
    let commits = hourly(35, "03-01 00:00");
    story.pushed("03-02 12:00", "refs/heads/topic-2", NONE, "c34", &commits);
    story.merged(&MergeRequest::new(2, "03-02 13:00").head("c34"), "03-02 14:00", &Landing::Merge("B"));
    story.commits_of(2, &commits);
    let faces = measure(&story).await;
    assert_eq!(began(&faces.webhooks, 2), ["first_commit_unknown", "03-02 12:00"]);
    for measured in [&faces.api, &faces.both] {
        assert_eq!(began(measured, 2), ["03-01 00:00", "03-02 12:00"]);
    }
}

/// Commits of the target branch that were merged into the source branch do not belong to the merge request, whichever push lists them again.
#[tokio::test(flavor = "multi_thread")]
async fn commits_of_another_branch_are_not_first() {
    let mut story = story();
    let of_main = || commit("M", "A", "Of main", "03-01 12:00");
    story.pushed("03-01 12:10", MAIN, "A", "M", &[of_main()]);
    story.pushed("03-02 08:10", "refs/heads/topic-2", NONE, "T", &[commit("T", "A", "Work", "03-02 08:00")]);
    let union = commit("W", "T", "Merge main", "03-02 09:00");
    story.pushed("03-02 09:10", "refs/heads/topic-2", "T", "W", &[of_main(), union]);
    story.merged(&MergeRequest::new(2, "03-02 09:30").head("W"), "03-02 10:00", &Landing::Merge("B"));
    let faces = measure(&story).await;
    for measured in [&faces.webhooks, &faces.both] {
        assert_eq!(began(measured, 2), ["03-02 08:00", "03-02 08:10"]);
    }
    // Its push events list no commits.
    assert_eq!(began(&faces.api, 2), ["first_commit_unknown", "03-02 08:10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n6_what_a_force_push_took_away_was_first_where_the_push_is_known() {
    for is_told in [true, false] {
        let mut story = story();
        if is_told {
            let first = commit("T", "A", "Work", "03-02 08:00");
            story.pushed("03-02 08:00", "refs/heads/topic-2", NONE, "T", &[first]);
        }
        let forced = || commit("U", "A", "All of it", "03-02 11:00");
        story.pushed("03-02 11:00", "refs/heads/topic-2", "T", "U", &[forced()]);
        story.merged(&MergeRequest::new(2, "03-02 10:00").head("U"), "03-02 12:00", &Landing::Merge("B"));
        story.commits_of(2, &[forced()]);
        let faces = measure(&story).await;
        let expected = if is_told { ["03-02 08:00", "03-02 08:00"] } else { ["first_commit_unknown", "-"] };
        assert_began(&faces, 2, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n7_the_first_commit_of_a_squashed_fork_is_found_in_its_source_project() {
    let mut story = story();
    let first = || commit("T", "A", "Work", "03-02 08:00");
    story.pushed_in(FORK, "03-02 08:10", "refs/heads/topic-2", [NONE, "T"], &[first()]);
    // The same branch of the project itself is another one.
    let other = commit("X", "A", "Other work", "03-02 06:00");
    story.pushed_in(PROJECT, "03-02 06:10", "refs/heads/topic-2", [NONE, "X"], &[other]);
    let request = MergeRequest::new(2, "03-02 10:00").of_fork(FORK).head("T");
    story.merged(&request, "03-02 11:00", &Landing::Squash("S"));
    story.commits_of(2, &[first()]);
    assert_began(&measure(&story).await, 2, ["03-02 08:00", "03-02 08:10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_request_of_which_nothing_is_known_says_so() {
    let mut story = story();
    story.opened(&MergeRequest::new(2, "03-02 10:00"));
    let faces = measure(&story).await;
    let row = faces.webhooks.one("first_commits", json!({"iid": 2}));
    assert_eq!(
        [&row["commits_known"], &row["reason"], &row["first_commit_at"]],
        [&json!(false), &json!("first_commit_unknown"), &Value::Null]
    );
}
