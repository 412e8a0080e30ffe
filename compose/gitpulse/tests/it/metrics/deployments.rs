//! Cases of deployments: which of them delivered a merge request, how long that took, and what each changed.

use serde_json::json;

use super::answers::{PRODUCTION, STAGING, assert_lead_times, changes, column, five, lead_times, merged};
use super::measure::measure;
use super::story::{Landing, MergeRequest, Story};

#[tokio::test(flavor = "multi_thread")]
async fn case_1_the_first_deployment_is_a_baseline() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "01-02 08:00", "01-05 10:00");
    merged(&mut story, 2, "B", "02-02 08:00", "02-05 10:00");
    merged(&mut story, 3, "C", "04-09 08:00", "04-11 10:00");
    story.deployed(501, PRODUCTION, "B", "04-10 10:00", "success");
    // GitLab links everything that was merged before.
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

/// Only the API has links; one is used where no place is known.
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

/// Webhooks have the tier that the environment had at the deployment, the API the current one.
#[tokio::test(flavor = "multi_thread")]
async fn case_29_an_environment_keeps_what_was_there_when_its_tier_changes() {
    let mut story = Story::default();
    merged(&mut story, 1, "A", "05-01 08:00", "05-01 09:00");
    story.deployed(501, ("live", "staging"), "A", "05-01 10:00", "success");
    merged(&mut story, 2, "B", "06-02 08:00", "06-02 09:00");
    story.deployed(502, ("live", "production"), "B", "06-02 10:00", "success");
    let faces = measure(&story).await;
    // What was there before it was production is its baseline.
    assert_lead_times(&faces, &["1 baseline", "2 502 60"]);
    for (face, measured) in faces.all() {
        assert_eq!(changes(measured, "live"), ["first", "change"], "{face}");
    }
    for (measured, tier) in
        [(&faces.webhooks, "staging"), (&faces.api, "production"), (&faces.both, "staging")]
    {
        assert_eq!(column(measured, 501, "tier"), tier);
    }
    assert_eq!(lead_times(&faces.webhooks, "staging"), ["1 baseline", "2 awaiting"]);
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

/// Nobody reports which of them a change affects: the first counts.
#[tokio::test(flavor = "multi_thread")]
async fn case_31_of_a_monorepo_the_first_environment_counts() {
    let mut story = five();
    for (id, environment, name, at) in [
        (501, "prod-a", "A", "03-02 10:10"),
        (502, "prod-b", "A", "03-02 10:20"),
        (503, "prod-a", "B", "03-02 11:30"),
        (504, "prod-b", "C", "03-02 12:30"),
    ] {
        story.deployed(id, (environment, "production"), name, at, "success");
    }
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 503 30", "3 504 30", "4 awaiting", "5 awaiting"]);
    for (face, measured) in faces.all() {
        let of_b = measured.find("environment_lead_times", json!({"environment": "prod-b", "iid": 2}));
        assert_eq!(of_b[0]["lead_time_seconds"], 90 * 60, "{face}");
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
