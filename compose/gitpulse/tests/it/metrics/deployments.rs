//! Cases of deployments: which of them delivered a merge request, how long that took, and what each changed.

use serde_json::{Value, json};

use super::measure::{Faces, Measured, measure};
use super::story::{Landing, MergeRequest, NONE, Story, commit};

const PRODUCTION: (&str, &str) = ("production", "production");
const STAGING: (&str, &str) = ("staging", "staging");
const MAIN: &str = "refs/heads/main";

/// The lead times of a project, as `iid deployment minutes` or `iid reason`, in order.
fn lead_times(measured: &Measured, tier: &str) -> Vec<String> {
    let rows = measured.find("lead_times", json!({"tier": tier}));
    rows.iter()
        .map(|row| match row["reason"].as_str().unwrap() {
            "" => format!(
                "{} {} {}",
                row["iid"],
                row["deployment_id"],
                row["lead_time_seconds"].as_i64().unwrap() / 60
            ),
            reason => format!("{} {reason}", row["iid"]),
        })
        .collect()
}

/// What the deployments of an environment changed, in the order of their ids.
fn changes(measured: &Measured, environment: &str) -> Vec<String> {
    let rows = measured.find("deployment_metrics", json!({"environment": environment}));
    rows.iter().map(|row| row["change"].as_str().unwrap().to_owned()).collect()
}

/// One column of a deployment.
#[track_caller]
fn column<'m>(measured: &'m Measured, deployment: u64, column: &str) -> &'m Value {
    &measured.one("deployment_metrics", json!({"deployment_id": deployment}))[column]
}

/// All three faces show these lead times in production.
#[track_caller]
fn assert_lead_times(faces: &Faces, expected: &[&str]) {
    for (face, measured) in faces.all() {
        assert_eq!(lead_times(measured, "production"), expected, "{face}");
    }
}

/// Merged with the merge commit `name`.
fn merged(story: &mut Story, iid: u64, name: &'static str, opened: &'static str, merged: &str) {
    story.merged(&MergeRequest::new(iid, opened), merged, &Landing::Merge(name));
}

/// Five merge requests of 02 March at 10:00, 11:00, ... with the merge commits A to E.
fn five() -> Story {
    let mut story = Story::default();
    for (iid, name, at) in [
        (1, "A", "03-02 10:00"),
        (2, "B", "03-02 11:00"),
        (3, "C", "03-02 12:00"),
        (4, "D", "03-02 13:00"),
        (5, "E", "03-02 14:00"),
    ] {
        merged(&mut story, iid, name, "03-02 08:00", at);
    }
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn case_1_the_first_deployment_is_a_baseline() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "01-02 08:00", "01-05 10:00");
    merged(&mut story, 2, "B", "02-02 08:00", "02-05 10:00");
    merged(&mut story, 3, "C", "04-09 08:00", "04-11 10:00");
    story.deployed(501, PRODUCTION, "B", "04-10 10:00", "success");
    // GitLab links whatever was merged before.
    story.linked(501, &[1, 2]);
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 baseline", "3 awaiting"]);
    for (face, measured) in faces.all() {
        let row = measured.one("deployment_metrics", json!({"deployment_id": 501}));
        let shown = (&row["change"], &row["is_successful"], &row["merge_requests"]);
        assert_eq!(shown, (&json!("first"), &json!(true), &json!(0)), "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_2_a_rollback_attributes_nothing_and_moves_no_frontier() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed(502, PRODUCTION, "C", "03-02 12:30", "success");
    story.deployed(503, PRODUCTION, "A", "03-02 12:45", "success");
    story.deployed(504, PRODUCTION, "E", "03-02 15:00", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 90", "3 502 30", "4 504 120", "5 504 60"]);
    for (face, measured) in faces.all() {
        assert_eq!(changes(measured, "production"), ["first", "change", "rollback", "change"], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_3_the_same_commit_again_is_a_repeat() {
    let mut story = five();
    for (id, name, at) in [(501, "A", "03-02 10:30"), (502, "C", "03-02 12:30"), (503, "C", "03-02 12:50")] {
        story.deployed(id, PRODUCTION, name, at, "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 90", "3 502 30", "4 awaiting", "5 awaiting"]);
    for (face, measured) in faces.all() {
        assert_eq!(changes(measured, "production"), ["first", "change", "repeat"], "{face}");
        assert_eq!(column(measured, 503, "merge_requests"), 0, "{face}");
        assert_eq!(column(measured, 503, "is_first_of_tier"), false, "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_4_a_failed_deployment_delivers_nothing() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.deployed(502, PRODUCTION, "B", "03-02 10:00", "failed");
    story.deployed(503, PRODUCTION, "B", "03-02 10:20", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 503 80"]);
    for (face, measured) in faces.all() {
        assert_eq!(column(measured, 502, "is_failed"), true, "{face}");
        assert_eq!(column(measured, 502, "retry_recovery_seconds"), 1200, "{face}");
        assert_eq!(changes(measured, "production"), ["first", "", "change"], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_5_two_environments_of_a_tier_are_one_lead_time() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 09:00");
    for (id, environment, name, at) in [
        (501, "prod-eu", "A", "03-01 10:00"),
        (502, "prod-us", "A", "03-01 12:00"),
        (503, "prod-eu", "B", "03-02 10:00"),
        (504, "prod-us", "B", "03-02 12:00"),
    ] {
        story.deployed(id, (environment, "production"), name, at, "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 503 60"]);
    for (face, measured) in faces.all() {
        assert_eq!(changes(measured, "prod-us"), ["first", "change"], "{face}");
        let distinct =
            measured.find("deployment_metrics", json!({"tier": "production", "is_first_of_tier": true}));
        assert_eq!(distinct.len(), 2, "{face}");
        let by_environment =
            measured.find("environment_lead_times", json!({"environment": "prod-us", "iid": 2}));
        assert_eq!(by_environment[0]["lead_time_seconds"], 3 * 3600, "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_6_each_tier_has_its_lead_time() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 08:30");
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 08:30");
    for (id, environment, name, at) in [
        (501, STAGING, "A", "03-01 09:00"),
        (502, PRODUCTION, "A", "03-01 17:00"),
        (503, STAGING, "B", "03-02 09:00"),
        (504, PRODUCTION, "B", "03-02 17:00"),
    ] {
        story.deployed(id, environment, name, at, "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 504 510"]);
    for (face, measured) in faces.all() {
        assert_eq!(lead_times(measured, "staging"), ["1 baseline", "2 503 30"], "{face}");
    }
}

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

/// Webhooks before GitLab sent `squash_commit_sha` do not say whether it was squashed.
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

/// The API tells of it; a link is taken where no place is known.
#[tokio::test(flavor = "multi_thread")]
async fn case_21_a_merge_request_from_before_the_installation_is_placed_as_others_are() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-01 08:00", "03-01 09:00");
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    story.merged(&MergeRequest::new(2, "03-02 08:00").to("unknown"), "03-02 09:00", &Landing::Merge("B"));
    story.deployed_from(502, PRODUCTION, "elsewhere", "Z", "03-02 10:00", "success");
    story.linked(502, &[2]);
    let faces = measure(&story).await;
    assert_eq!(lead_times(&faces.webhooks, "production"), ["1 baseline", "2 branch_not_deployed"]);
    assert_eq!(lead_times(&faces.api, "production"), ["1 baseline", "2 502 60"]);
    assert_eq!(faces.both.one("lead_times", json!({"iid": 2}))["evidence"], "link");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_22_and_23_what_is_told_late_corrects_what_depends_on_it() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "B", "03-02 11:30", "success");
    story.deployed(503, PRODUCTION, "D", "03-02 13:30", "success");
    assert_lead_times(
        &measure(&story).await,
        &["1 baseline", "2 baseline", "3 503 90", "4 503 30", "5 awaiting"],
    );
    story.deployed(502, PRODUCTION, "C", "03-02 12:30", "success");
    assert_lead_times(
        &measure(&story).await,
        &["1 baseline", "2 baseline", "3 502 30", "4 503 30", "5 awaiting"],
    );
    story.deployed(500, PRODUCTION, "A", "03-02 10:30", "success");
    assert_lead_times(
        &measure(&story).await,
        &["1 baseline", "2 501 30", "3 502 30", "4 503 30", "5 awaiting"],
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

/// Old webhooks have eight characters of it; the API has all.
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
    // Two commits with one beginning.
    story.merged(&MergeRequest::new(6, "03-02 08:00"), "03-02 12:10", &Landing::Merge("Cfff2"));
    story.merged(&MergeRequest::new(7, "03-02 08:00"), "03-02 12:11", &Landing::Merge("Cfff3"));
    story.deployed(503, PRODUCTION, "Cfff3", "03-02 13:00", "success");
    story.forget_commit_urls();
    let faces = measure(&story).await;
    assert_eq!(column(&faces.webhooks, 503, "place_reason"), "deployment_sha_unknown");
    assert_eq!(column(&faces.api, 503, "place_reason"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_30_review_apps_are_of_their_own_tier() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    for id in 600..620 {
        story.deployed_from(id, ("review/topic", "development"), "topic-4", "h4", "03-02 12:30", "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 awaiting", "3 awaiting", "4 awaiting", "5 awaiting"]);
    for (face, measured) in faces.all() {
        assert_eq!(measured.find("deployment_metrics", json!({"tier": "production"})).len(), 1, "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_41_a_rollback_says_that_the_one_before_failed() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.deployed(502, PRODUCTION, "C", "03-02 12:30", "success");
    story.deployed(503, PRODUCTION, "A", "03-02 12:42", "success");
    let faces = measure(&story).await;
    for (face, measured) in faces.all() {
        let failed = measured.find("deployment_metrics", json!({"failed_by_rollback": true}));
        let failed: Vec<_> =
            failed.iter().map(|row| (&row["deployment_id"], &row["rollback_recovery_seconds"])).collect();
        assert_eq!(failed, [(&json!(502), &json!(720))], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n4_two_merges_and_a_deployment_at_the_second() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "03-02 07:00", "03-02 08:00");
    story.deployed(501, PRODUCTION, "A", "03-02 09:00", "success");
    merged(&mut story, 2, "B", "03-02 08:00", "03-02 10:00");
    merged(&mut story, 3, "C", "03-02 08:00", "03-02 11:00");
    story.deployed(502, PRODUCTION, "C", "03-02 12:00", "success");
    assert_lead_times(&measure(&story).await, &["1 baseline", "2 502 120", "3 502 60"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n5_back_and_forth_is_a_rollback_and_a_repeat() {
    let mut story = five();
    story.deployed(500, PRODUCTION, "A", "03-02 10:30", "success");
    for (id, name, at) in [(501, "C", "03-02 12:10"), (502, "B", "03-02 13:00"), (503, "C", "03-02 14:00")] {
        story.deployed(id, PRODUCTION, name, at, "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 501 70", "3 501 10", "4 awaiting", "5 awaiting"]);
    for (face, measured) in faces.all() {
        assert_eq!(changes(measured, "production"), ["first", "change", "rollback", "repeat"], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_cancelled_deployment_is_neither_success_nor_failure() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "canceled");
    for (face, measured) in measure(&story).await.all() {
        let row = measured.one("deployment_metrics", json!({"deployment_id": 501}));
        assert_eq!(
            (&row["is_successful"], &row["is_failed"], &row["change"]),
            (&json!(false), &json!(false), &json!("")),
            "{face}"
        );
    }
}
