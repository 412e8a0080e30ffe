//! Cases of how merge requests reach the deployed branch: merged, squashed, picked, promoted, rewritten.

use serde_json::json;

use super::answers::{MAIN, PRODUCTION, assert_lead_times, changes, column, five, lead_times, merged};
use super::measure::measure;
use super::story::{Landing, MergeRequest, NONE, Story, commit};

#[tokio::test(flavor = "multi_thread")]
async fn case_7_a_promotion_carries_what_it_promotes() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.merged(
        &MergeRequest::new(2, "03-01 09:30").from("main").to("production").head("A"),
        "03-01 09:40",
        &Landing::Merge("P1"),
    );
    story.deployed_from(501, PRODUCTION, "production", "P1", "03-01 10:00", "success");
    merged(&mut story, 3, "B", "03-02 09:00", "03-02 10:00");
    story.merged(
        &MergeRequest::new(4, "03-02 14:00").from("main").to("production").head("B"),
        "03-02 15:00",
        &Landing::Merge("P2"),
    );
    story.deployed_from(502, PRODUCTION, "production", "P2", "03-02 15:10", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 promotion", "3 502 310", "4 promotion"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_8_a_release_branch_has_what_it_was_cut_from() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    // Cut at C, and deployed after a direct push to it.
    story.pushed("03-02 14:30", "refs/heads/release", NONE, "C", &[]);
    let fix = commit("R1", "C", "Raise the version", "03-02 14:40");
    story.pushed("03-02 14:45", "refs/heads/release", "C", "R1", &[fix]);
    story.deployed_from(502, PRODUCTION, "release", "R1", "03-02 15:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 240", "3 502 180", "4 awaiting", "5 awaiting"]);
}

/// What is deployed from a release branch is beyond the point where the branch was cut, so that an older commit of main is a rollback.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_behind_a_release_branch_is_a_rollback() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed(502, PRODUCTION, "B", "03-02 11:30", "success");
    story.pushed("03-02 14:30", "refs/heads/release", NONE, "D", &[]);
    story.merged(&MergeRequest::new(6, "03-02 14:40").to("release"), "03-02 14:50", &Landing::Merge("H"));
    story.deployed_from(503, PRODUCTION, "release", "H", "03-02 15:00", "success");
    story.deployed(504, PRODUCTION, "B", "03-02 15:30", "success");
    for (face, measured) in measure(&story).await.all() {
        assert_eq!(changes(measured, PRODUCTION.0), ["first", "change", "change", "rollback"], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_9_a_tag_is_found_by_its_commit() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed_from(502, PRODUCTION, "v1.2", "C", "03-02 12:30", "success");
    assert_lead_times(
        &measure(&story).await,
        &["1 baseline", "2 502 90", "3 502 30", "4 awaiting", "5 awaiting"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_a_hotfix_from_a_release_branch_hides_nothing_of_main() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.pushed("03-01 11:00", "refs/heads/release", NONE, "A", &[]);
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 09:00");
    story.merged(&MergeRequest::new(3, "03-03 08:00").to("release"), "03-03 09:00", &Landing::Merge("H"));
    story.deployed_from(502, PRODUCTION, "release", "H", "03-03 09:10", "success");
    story.merged(
        &MergeRequest::new(4, "03-03 10:00").from("release").head("H"),
        "03-03 11:00",
        &Landing::Merge("M"),
    );
    story.deployed(503, PRODUCTION, "M", "03-09 09:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 503 10080", "3 502 10", "4 promotion"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_11_a_cherry_pick_with_its_trailer_delivers_the_picked() {
    for (trailer, expected) in [(true, "2 502 150"), (false, "2 503 4320")] {
        let mut story = Story::default();
        merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
        story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
        story.pushed("03-01 11:00", "refs/heads/release", NONE, "A", &[]);
        merged(&mut story, 2, "B", "03-02 08:00", "03-02 09:00");
        let message = format!("Fix it\n\n(cherry picked from commit {})", super::story::sha("B"));
        let message = if trailer { message.as_str() } else { "Fix it" };
        story.pushed(
            "03-02 10:30",
            "refs/heads/pick",
            NONE,
            "K",
            &[commit("K", "A", message, "03-02 10:20")],
        );
        let request = MergeRequest::new(3, "03-02 10:30").from("pick").to("release").head("K");
        story.merged(&request, "03-02 11:00", &Landing::Merge("L"));
        story.deployed_from(502, PRODUCTION, "release", "L", "03-02 11:30", "success");
        story.deployed(503, PRODUCTION, "B", "03-05 09:00", "success");
        assert_lead_times(&measure(&story).await, &["1 baseline", expected, "3 502 30"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_squash_and_merge_commit_land_by_either() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.merged(&MergeRequest::new(2, "03-02 08:00"), "03-02 09:00", &Landing::SquashMerge("S", "B"));
    story.deployed(502, PRODUCTION, "B", "03-02 10:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 502 60"]);
}

/// Webhooks without `squash_commit_sha`, from before GitLab sent it, do not show whether a merge was squashed.
#[tokio::test(flavor = "multi_thread")]
async fn case_13_squash_and_fast_forward_is_known_by_the_squash_commit_alone() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    let request = MergeRequest::new(2, "03-02 08:00");
    story.merged(&request, "03-02 09:00", &Landing::Squash("S"));
    story.deployed(502, PRODUCTION, "S", "03-02 10:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 502 60"]);
    story.forget_squash(2);
    let faces = measure(&story).await;
    assert_eq!(lead_times(&faces.webhooks, "production"), ["1 baseline", "2 landing_unknown"]);
    assert_eq!(lead_times(&faces.both, "production"), ["1 baseline", "2 502 60"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_14_fast_forward_lands_by_its_head() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.merged(&MergeRequest::new(2, "03-02 08:00").head("F5"), "03-02 09:00", &Landing::FastForward);
    story.pushed("03-02 09:00", MAIN, "A", "F5", &[commit("F5", "F4", "The last of five", "03-02 07:50")]);
    story.deployed(502, PRODUCTION, "F5", "03-02 10:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 502 60"]);
}

/// The pipelines of a train run on commits that never reach the branch.
#[tokio::test(flavor = "multi_thread")]
async fn case_16_each_car_of_a_train_lands_by_its_own_commit() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    for (iid, name, car, at) in
        [(2, "B", "t1", "03-02 09:00"), (3, "C", "t2", "03-02 09:01"), (4, "D", "t3", "03-02 09:02")]
    {
        let reference = format!("refs/merge-requests/{iid}/train");
        let pipeline = json!({"object_attributes": {"id": 7000 + iid, "iid": iid, "ref": reference, "sha": super::story::sha(car)}});
        story.webhook(
            at,
            &super::story::with(crate::law::records::body("pipeline/success.webhook"), pipeline),
        );
        merged(&mut story, iid, name, "03-02 08:00", at);
    }
    story.deployed(502, PRODUCTION, "C", "03-02 10:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 502 60", "3 502 59", "4 awaiting"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_two_merges_of_one_second_are_put_in_order_by_their_pushes() {
    for is_told in [true, false] {
        let mut story = Story::default();
        merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
        story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
        merged(&mut story, 3, "B", "03-02 08:00", "03-02 09:00");
        merged(&mut story, 2, "C", "03-02 08:00", "03-02 09:00");
        if is_told {
            story.pushed("03-02 09:00", MAIN, "A", "B", &[]);
            story.pushed("03-02 09:00:01", MAIN, "B", "C", &[]);
        }
        story.deployed(502, PRODUCTION, "B", "03-02 10:00", "success");
        let second = if is_told { "2 awaiting" } else { "2 tie" };
        assert_lead_times(&measure(&story).await, &["1 baseline", second, "3 502 60"]);
        story.deployed(503, PRODUCTION, "C", "03-02 12:00", "success");
        assert_lead_times(
            &measure(&story).await,
            &["1 baseline", if is_told { "2 503 180" } else { "2 tie" }, "3 502 60"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_18_the_target_is_that_of_the_merge() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.opened(&MergeRequest::new(2, "03-02 08:00"));
    story.merge(&MergeRequest::new(2, "03-02 08:00").to("release"), "03-02 09:00", &Landing::Merge("B"));
    merged(&mut story, 3, "C", "03-02 08:00", "03-02 10:00");
    story.deployed(502, PRODUCTION, "C", "03-02 11:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 branch_not_deployed", "3 502 60"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_19_and_20_a_revert_delivers_too_and_the_first_delivery_stands() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 09:00");
    let revert = format!("revert-{}", &super::story::sha("B")[..8]);
    story.merged(&MergeRequest::new(3, "03-02 09:10").from(&revert), "03-02 09:30", &Landing::Merge("C"));
    story.deployed(502, PRODUCTION, "C", "03-02 10:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 60", "3 502 30"]);
    for (face, measured) in faces.all() {
        assert!(lead_times(measured, "production").len() == 3, "{face}");
        assert_eq!(column(measured, 502, "failed_by_rework"), false, "{face}");
    }
    // 20: delivered, then reverted by a later deployment.
    merged(&mut story, 4, "D", "03-03 08:00", "03-03 09:00");
    story.deployed(503, PRODUCTION, "D", "03-03 10:00", "success");
    let message = format!("Revert it\n\nThis reverts commit {}", super::story::sha("D"));
    let back = commit("V", "D", &message, "03-03 10:30");
    story.pushed("03-03 10:31", "refs/heads/back", NONE, "V", &[back]);
    story.merged(
        &MergeRequest::new(5, "03-03 10:35").from("back").head("V"),
        "03-03 11:00",
        &Landing::Merge("E"),
    );
    story.deployed(504, PRODUCTION, "E", "03-03 12:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 60", "3 502 30", "4 503 60", "5 504 60"]);
    for (face, measured) in faces.all() {
        let failed = measured.find("deployment_metrics", json!({"failed_by_rework": true}));
        assert_eq!(failed.iter().map(|row| &row["deployment_id"]).collect::<Vec<_>>(), [503], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_24_a_force_push_takes_what_was_not_deployed_yet() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.pushed("03-01 09:00", MAIN, "Z", "A", &[]);
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    for (iid, before, name, at) in
        [(2, "A", "B", "03-02 09:00"), (3, "B", "C", "03-02 11:00"), (4, "C", "D", "03-02 12:00")]
    {
        merged(&mut story, iid, name, "03-02 08:00", at);
        story.pushed(at, MAIN, before, name, &[]);
    }
    story.deployed(502, PRODUCTION, "B", "03-02 10:00", "success");
    // Back to B: what was merged after it is gone; what was deployed stays deployed.
    story.pushed("03-02 13:00", MAIN, "D", "B", &[]);
    merged(&mut story, 5, "E", "03-02 13:30", "03-02 14:00");
    story.pushed("03-02 14:00", MAIN, "B", "E", &[]);
    story.deployed(503, PRODUCTION, "E", "03-02 15:00", "success");
    assert_lead_times(
        &measure(&story).await,
        &["1 baseline", "2 502 60", "3 rewritten", "4 rewritten", "5 503 60"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn case_25_a_stacked_merge_request_is_part_of_the_one_below() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.merged(
        &MergeRequest::new(2, "03-02 08:00").from("b2").to("b1"),
        "03-02 09:00",
        &Landing::Merge("K"),
    );
    story.merged(
        &MergeRequest::new(3, "03-02 08:30").from("b1").head("K"),
        "03-02 10:00",
        &Landing::Merge("B"),
    );
    story.deployed(502, PRODUCTION, "B", "03-02 11:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 branch_not_deployed", "3 502 60"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_26_a_direct_push_stands_behind_the_merge_before_it() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    for (at, before, after) in [
        ("03-02 10:00", "Z", "A"),
        ("03-02 11:00", "A", "B"),
        ("03-02 11:10", "B", "X"),
        ("03-02 11:20", "X", "Y"),
        ("03-02 12:00", "Y", "C"),
    ] {
        let commits = if after.len() == 1 && "XY".contains(after) {
            vec![commit(after, before, "Direct", at_text(after))]
        } else {
            Vec::new()
        };
        story.pushed(at, MAIN, before, after, &commits);
    }
    story.deployed(502, PRODUCTION, "Y", "03-02 11:30", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 30", "3 awaiting", "4 awaiting", "5 awaiting"]);
    for (face, measured) in faces.all() {
        assert_eq!(column(measured, 502, "evidence"), "walk", "{face}");
    }
}

fn at_text(name: &str) -> &'static str {
    if name == "X" { "03-02 11:10" } else { "03-02 11:20" }
}

/// Old webhooks have eight characters of the SHA; the API has all.
#[tokio::test(flavor = "multi_thread")]
async fn case_27_part_of_a_sha_is_enough_where_it_fits_one_commit() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed(502, PRODUCTION, "C", "03-02 12:30", "success");
    story.forget_commit_urls();
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 90", "3 502 30", "4 awaiting", "5 awaiting"]);
    assert_eq!(column(&faces.webhooks, 502, "evidence"), "short_sha");
    assert_eq!(column(&faces.api, 502, "evidence"), "sha");
    // Two commits with the same beginning of their SHAs.
    story.merged(&MergeRequest::new(6, "03-02 08:00"), "03-02 12:10", &Landing::Merge("Cfff2"));
    story.merged(&MergeRequest::new(7, "03-02 08:00"), "03-02 12:11", &Landing::Merge("Cfff3"));
    story.deployed(503, PRODUCTION, "Cfff3", "03-02 13:00", "success");
    story.forget_commit_urls();
    let faces = measure(&story).await;
    assert_eq!(column(&faces.webhooks, 503, "place_reason"), "deployment_sha_unknown");
    assert_eq!(column(&faces.api, 503, "place_reason"), "");
}
